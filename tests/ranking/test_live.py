import numpy as np
import pytest
from vote_tables import columns, duel

from fairtrial.core import BadInput, NoConclusion
from fairtrial.ranking import LiveBoard, rank
from fairtrial.ranking.live import PROVISIONAL


def table(votes=1200):
    rng = np.random.default_rng(3)
    return columns(4, votes=votes, prompts=90) | {"rater": [f"r{k}" for k in rng.integers(0, 50, votes)]}


def part(made, start, stop):
    return {name: values[start:stop] for name, values in made.items()}


def rows(made, start, stop):
    return [dict(zip(made, line, strict=True)) for line in zip(*part(made, start, stop).values(), strict=True)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_votes_one_by_one_give_the_board_of_all_votes():
    made = table()
    live = LiveBoard(part(made, 0, 700))
    for vote in rows(made, 700, 1200):
        live.add(**vote)
    whole = rank(made)
    assert len(live) == 1200
    for row in whole.models:
        rating, error = live.ratings[row.name]
        assert rating == pytest.approx(row.rating, abs=0.1)
        assert error == pytest.approx((row.ci[1] - row.ci[0]) / 2 / 2.01, rel=0.05)  # t with about 48 df


def test_a_refit_brings_back_the_exact_ratings():
    made = table()
    live = LiveBoard(part(made, 0, 1180), refit_every=20)
    for vote in rows(made, 1180, 1200):
        live.add(**vote)
    for row in rank(made).models:
        assert live.ratings[row.name][0] == pytest.approx(row.rating, abs=1e-6)


def test_a_known_rater_stays_one_cluster_and_a_new_one_opens_another():
    made = table()
    live = LiveBoard(part(made, 0, 1100))
    for vote in rows(made, 1100, 1200):
        live.add(**vote)
    assert len(np.unique(live._votes.battles().rater)) == len(set(made["rater"]))
    live.add("m0", "m1", "model_a", rater="someone new", question_id="q1")
    assert len(np.unique(live._votes.battles().rater)) == len(set(made["rater"])) + 1


def test_rank_sets_are_refreshed_once_a_second_and_say_after_how_many_votes():
    made, clock = table(), Clock()
    live = LiveBoard(part(made, 0, 1190), clock=clock)
    first = live.board()
    for vote in rows(made, 1190, 1200):
        live.add(**vote)
    assert live.board() is first
    clock.now = 1.5
    second = live.board()
    assert (first.fit["votes"], second.fit["votes"]) == (1190, 1200)
    assert second.snapshot == rank(made).snapshot


def test_a_live_board_is_provisional_and_more_careful_than_one_look():
    made = table()
    live, whole = LiveBoard(made).board(), rank(made)
    assert live.fit["provisional"] is True
    assert PROVISIONAL in live.refusals
    assert [row.name for row in live.models] == [row.name for row in whole.models]
    for one, other in zip(live.models, whole.models, strict=True):
        assert one.ci[0] < other.ci[0] < other.ci[1] < one.ci[1]
        assert one.rank_set[0] <= other.rank_set[0] <= other.rank_set[1] <= one.rank_set[1]


def test_looking_after_every_vote_orders_no_equal_models():
    # A peer whose board is redrawn after every vote crowns one of eight equal models sooner or later.
    wrong = 0
    for seed in range(20):
        made = columns(seed, theta=np.zeros(4), votes=600, prompts=200)
        clock = Clock()
        live = LiveBoard(part(made, 0, 60), clock=clock)
        ever = False
        for k, vote in enumerate(rows(made, 60, 600)):
            live.add(**vote)
            if k % 20 == 0:
                clock.now += 2
                ever |= any(d.verdict in ("better", "worse") for d in live.board().differences)
        wrong += ever
    assert wrong <= 3


def test_a_new_model_waits_for_its_first_wins_and_losses():
    live = LiveBoard(table())
    live.add("new", "m0", "model_a", rater="r1", question_id="q1")
    board = live.board()
    assert live.ratings == {}
    assert any("'new'" in text for text in board.refusals)
    assert all(row.rank_set == (1, 5) for row in board.models)
    for k in range(4):
        live.add("new", "m1", "model_b", rater=f"r{k}", question_id=f"q{k}")
        live.add("new", "m2", "model_a", rater=f"r{k}", question_id=f"q{k}")
    assert "new" in live.ratings


def test_votes_that_name_no_winner_are_counted_and_move_nothing():
    live = LiveBoard(table())
    before = dict(live.ratings)
    live.add("m0", "m1", "both_bad", rater="r1")
    assert live.ratings == before
    assert live.board().excluded["both_bad"] == 1


@pytest.mark.parametrize("vote", [("m0", "m1", "Model_A"), ("m0", "m0", "tie"), ("", "m1", "tie")])
def test_a_bad_vote_is_refused_and_changes_nothing(vote):
    live = LiveBoard(table())
    before, count = dict(live.ratings), len(live)
    with pytest.raises(BadInput):
        live.add(*vote)
    assert (live.ratings, len(live)) == (before, count)


def test_no_vote_is_no_board():
    live = LiveBoard({"model_a": [], "model_b": [], "winner": []})
    with pytest.raises(NoConclusion):
        live.board()
    live.add("a", "b", "model_a", rater="r", question_id="q")
    assert live.board().models[0].rating is None


def test_one_sided_boards_have_no_ratings():
    assert LiveBoard(duel(*["model_a"] * 9)).ratings == {}


def test_a_new_model_with_a_both_bad_vote_breaks_nothing():
    live = LiveBoard(table())
    phi = live._running.point[-1]
    live.add("new", "m0", "tie (bothbad)", rater="r1", question_id="q1")
    assert "new" not in live.ratings
    board = live.board()
    assert "'new' has no decided votes: no evidence." in board.refusals
    assert [row.name for row in board.models] == [row.name for row in rank(table()).models]
    assert live._running.point[-1] == phi
    live.add("new", "m0", "model_a", rater="r1", question_id="q1")
    assert live.ratings == {}  # undefeated: on no common scale


def test_a_vote_that_is_not_text_is_refused_before_anything_is_kept():
    live = LiveBoard(table())
    before, names = len(live), list(live._votes.names)
    for vote, more in (
        (("x", "m0", None), {}),
        (("x", "m0", ["tie"]), {}),
        ((7, "m0", "tie"), {}),
        (("\ud800", "m0", "tie"), {}),
        (("x", "m0", "tie"), {"rater": ["r"]}),
    ):
        with pytest.raises(BadInput):
            live.add(*vote, **more)
    assert (len(live), live._votes.names) == (before, names)


def test_votes_without_prompts_stay_their_own_clusters():
    made = {name: values for name, values in table(300).items() if name != "question_id"}
    live = LiveBoard(made)
    for vote in rows(made, 0, 10):
        live.add(**vote)
    assert live._votes.next["prompt"] == 310
    assert len(np.unique(live._votes.columns["prompt"][:310])) == 310


def test_raters_named_later_count_from_then_on():
    made = {name: values for name, values in table(300).items() if name != "rater"}
    live = LiveBoard(made)
    assert live.board().fit["cluster"] == ["prompt"]
    live.add("m0", "m1", "model_a", rater="first", question_id="q1")
    assert live._votes.battles().rater.tolist() == [0] * 300 + [1]


def test_few_raters_are_as_careful_as_one_look_and_more():
    made = table(600)
    made["rater"] = [f"r{k % 6}" for k in range(600)]
    whole, board = rank(made), LiveBoard(made).board()
    for row in board.models:
        other = next(one for one in whole.models if one.name == row.name)
        assert row.ci[0] < other.ci[0] < other.ci[1] < row.ci[1]
    made["rater"] = [f"r{k % 3}" for k in range(600)]
    assert all(row.ci == (None, None) and row.rank_set == (1, 4) for row in LiveBoard(made).board().models)


def test_a_small_board_is_fitted_often_enough():
    made = table(60)
    live = LiveBoard(part(made, 0, 40))
    for k, vote in enumerate(rows(made, 40, 60), 41):
        live.add(**vote)
        exact = LiveBoard(part(made, 0, k)).ratings
        for name, (rating, error) in exact.items():
            assert abs(live.ratings[name][0] - rating) < 0.1 * error


def test_a_judges_votes_alone_are_a_judges_board():
    live = LiveBoard(table() | {"evaluator_kind": ["judge"] * 1200})
    assert live.board().evidence == "judge"
    with pytest.raises(BadInput):
        LiveBoard(table(), evidence="bogus")
