from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vote_tables import columns, duel, joined

from fairtrial import rank, rank_by
from fairtrial.core import BadInput, NoConclusion
from fairtrial.ranking import as_battles
from fairtrial.ranking.bounds import strength_bound, strength_bounds, win_bound
from fairtrial.stats import Battles


def row(board, name):
    return next(model for model in board.models if model.name == name)


def gap(board, a, b):
    for d in board.differences:
        if (d.a, d.b) == (a, b):
            return d.estimate, d.ci
        if (d.a, d.b) == (b, a):
            return -d.estimate, tuple(None if end is None else -end for end in reversed(d.ci))
    return None


def test_a_board_of_enough_votes():
    board = rank(columns(votes=2000, prompts=200) | {"rater": [f"r{k % 50}" for k in range(2000)]})
    assert [model.name for model in board.models] == ["m0", "m1", "m2", "m3"]
    assert board.scope == "population"
    assert board.refusals == ()
    assert sum(model.votes for model in board.models) == 4000
    assert np.mean([model.rating for model in board.models]) == pytest.approx(1000)
    for model in board.models:
        assert model.ci[0] < model.rating < model.ci[1]
        assert 1 <= model.rank_set[0] <= model.rank_set[1] <= 4
    assert row(board, "m3").rank_set == (4, 4)
    assert row(board, "m3").tier > 1
    assert len(board.differences) == 6
    assert {d.unit for d in board.differences} == {"rating"}
    assert board.fit["groups"][0]["converged"]
    assert np.array(board.matrix).sum() == sum(
        outcome != "tie" for outcome in columns(votes=2000, prompts=200)["winner"]
    )


def test_disconnected_groups_get_no_joint_rating():
    # A peer puts both islands on one scale (1095 ± 11 for a pair that never met the rest).
    table = joined(columns(votes=300), duel("model_a", "model_b", "tie", "model_a", a="x", b="y"))
    board = rank(table)
    assert all(model.rating is None and model.ci == (None, None) for model in board.models)
    refusal = next(text for text in board.refusals if "No joint rating" in text)
    assert "'m0', 'm1', 'm2', 'm3'; 'x', 'y'" in refusal
    assert row(board, "x").rank_set == (1, 6)
    assert row(board, "x").tier is None
    assert row(board, "m3").rank_set[0] > 1  # within its group it still stands behind
    assert gap(board, "m0", "m3") is not None
    assert gap(board, "m0", "x") is None


def test_an_undefeated_model_has_a_one_sided_interval():
    # A peer prints 2752 ± 0.0.
    votes = [duel(*["model_a"] * 12, a="champ", b=f"m{k}") for k in range(4)]
    board = rank(joined(columns(votes=600), *votes))
    champ = board.models[0]
    assert champ.name == "champ"
    assert champ.rating is None
    assert champ.ci[0] > 1000
    assert champ.ci[1] is None
    assert any("'champ' never lost nor tied" in text for text in board.refusals)
    assert row(board, "m0").rating is not None
    assert champ.rank_set[0] == 1


def test_a_winless_model_has_an_upper_bound_only():
    votes = [duel(*["model_b"] * 12, a="last", b=f"m{k}") for k in range(4)]
    board = rank(joined(columns(votes=600), *votes))
    last = board.models[-1]
    assert (last.name, last.rating, last.ci[0]) == ("last", None, None)
    assert last.ci[1] < 1000
    assert any("'last' never won nor tied" in text for text in board.refusals)


def test_the_bound_of_an_undefeated_model_is_honest():
    # A true gap of 150 points: 8 wins in a row happen; the lower bound must not exceed the truth more often than 2.5 %.
    truth = 150 * np.log(10) / 400
    chance = 1 / (1 + np.exp(-truth))
    for n in (3, 8, 20, 60):
        if win_bound(n, 0.025) > truth:
            assert chance**n <= 0.025
        votes = Battles.from_columns(duel(*["model_a"] * n))
        one = strength_bound(
            0, votes, votes.prompt, np.array([np.nan, 0.0]), win_chance=lambda d: 1 / (1 + np.exp(-d)), error=0.025
        )
        assert one == pytest.approx(win_bound(n, 0.025), abs=1e-9)


def test_two_models_and_only_wins():
    board = rank(duel(*["model_a"] * 30))
    assert [(m.name, m.rating, m.rank_set) for m in board.models] == [("a", None, (1, 1)), ("b", None, (2, 2))]
    assert board.models[0].ci[0] > 1000 > board.models[1].ci[1]
    assert board.differences[0].verdict == "better"
    assert board.differences[0].ci[1] is None
    few = rank(duel(*["model_a"] * 3))
    assert few.models[0].rank_set == (1, 2)  # three wins in a row happen to equals one time in four
    assert few.differences[0].verdict == "inconclusive"


def test_twenty_wins_on_one_prompt_are_one_win():
    table = duel(*["model_a"] * 20)
    table["question_id"] = ["same"] * 20
    assert rank(table).models[0].rank_set == (1, 2)


def test_nothing_but_ties_is_no_evidence():
    board = rank(duel(*["tie"] * 50))
    assert [model.rating for model in board.models] == [None, None]
    assert [model.ci for model in board.models] == [(None, None), (None, None)]
    assert [model.rank_set for model in board.models] == [(1, 2), (1, 2)]
    assert any("every vote is a tie" in text for text in board.refusals)


def test_one_way_wins_among_ties_are_refused_by_davidson_and_rated_as_half_wins():
    table = duel("model_a", *["tie"] * 30)
    assert rank(table).models[0].rating is None
    assert any("every win goes one way" in text for text in rank(table).refusals)
    assert rank(table, ties="half").models[0].rating > 1000


def test_a_model_on_a_single_prompt_gets_no_interval():
    table = columns(votes=400)
    new = duel("model_a", "model_b", a="new", b="m1")
    new["question_id"] = ["q1", "q1"]
    board = rank(joined(table, new))
    assert row(board, "new").rating is None
    assert row(board, "new").ci == (None, None)
    assert row(board, "new").rank_set == (1, 5)
    assert row(board, "m0").rating is not None
    assert any("No interval for 'new'" in text for text in board.refusals)


def test_a_single_prompt_supports_no_interval_at_all():
    table = duel("model_a", "model_b", "tie", "model_a")
    table["question_id"] = ["only"] * 4
    board = rank(table)
    assert all(model.rating is None and model.rank_set == (1, 2) for model in board.models)


@pytest.mark.parametrize(
    ("prompts", "raters", "evidence", "scope"),
    [
        (60, 30, "human", "population"),
        (15, 30, "human", "these prompts"),
        (60, 4, "human", "panel"),
        (60, None, "human", "panel"),
        (None, 30, "human", "these prompts"),
        (None, None, "scorer", "these prompts"),
        (None, None, "judge", "judge opinion"),
        (60, None, "judge", "judge opinion"),
        (15, None, "judge", "judge opinion"),
        (60, None, "scorer", "population"),
        (15, None, "scorer", "these prompts"),
    ],
)
def test_scope(prompts, raters, evidence, scope):
    table = columns(votes=600, prompts=prompts or 60)
    if prompts is None:
        del table["question_id"]
    if raters:
        table["rater"] = [f"r{k % raters}" for k in range(600)]
    board = rank(table, evidence=evidence)
    assert board.scope == scope
    assert any("fewer than 20" in text for text in board.refusals) == ((prompts or 60) < 20)
    assert any("judge's opinion" in text for text in board.refusals) == (evidence == "judge")


def test_one_rater_with_most_votes_is_no_population():
    table = columns(votes=600)
    table["rater"] = ["busy" if k % 4 else f"r{k}" for k in range(600)]
    board = rank(table)
    assert board.scope == "panel"
    assert any("effective raters" in text for text in board.refusals)


def test_every_excluded_vote_is_counted_and_the_board_shown_with_and_without():
    table = columns(votes=600)
    for k, label in enumerate(["tie (bothbad)"] * 40 + ["invalid"] * 3 + ["abstain"] * 2):
        table["winner"][k] = label
    board = rank(table)
    assert board.excluded == {"both_bad": 40, "abstain": 2, "invalid": 3}
    assert sum(model.votes for model in board.models) == 2 * 555
    also = board.fit["ratings_with_both_bad_as_tie"]
    assert set(also) == {"m0", "m1", "m2", "m3"}
    assert also["m0"] != pytest.approx(row(board, "m0").rating)


def test_kinds_of_evidence_are_never_pooled():
    table = columns(votes=600)
    table["evaluator_kind"] = ["judge" if k % 3 else "human" for k in range(600)]
    human, judge = rank(table), rank(table, evidence="judge")
    assert sum(m.votes for m in human.models) == 400
    assert human.excluded == {"evaluator_kind judge": 400}
    assert judge.excluded == {"evaluator_kind human": 200}


def test_no_votes_is_no_conclusion():
    for table in (duel(), duel("invalid", "both_bad"), duel("tie") | {"evaluator_kind": ["judge"]}):
        with pytest.raises(NoConclusion, match="no votes to rank by") as caught:
            rank(table, evidence="human")
        assert caught.value.exit_code == 3


def test_options_are_checked():
    for wrong, field in (
        ({"ties": "davison"}, "ties"),
        ({"alpha": 1.5}, "alpha"),
        ({"cluster": ("person",)}, "cluster"),
    ):
        with pytest.raises(BadInput) as caught:
            rank(columns(votes=50), **wrong)
        assert caught.value.where == field
    for wrong, field in (
        ({"evidence": "people"}, "evidence"),
        ({"cluster": ()}, "cluster"),
        ({"margin": -1}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": "35"}, "margin"),
        ({"alpha": "0.05"}, "alpha"),
        ({"alpha": True}, "alpha"),
        ({"ties": None}, "ties"),
        ({"ties": ["half"]}, "ties"),
        ({"draws": 99}, "draws"),
        ({"draws": 1e4}, "draws"),
        ({"draws": 10**7}, "draws"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"cluster": "rater,rater"}, "cluster"),
        ({"cluster": (1,)}, "cluster"),
        ({"control": (1,)}, "control"),
    ):
        with pytest.raises(BadInput) as caught:
            rank(columns(votes=50), **wrong)
        assert caught.value.where == field


def test_names_in_one_text_are_those_of_a_list():
    table = columns(votes=600) | {"rater": [f"r{k % 12}" for k in range(600)], "order": ["ab", "ba"] * 300}
    assert rank(table, cluster="rater, prompt") == rank(table, cluster=("rater", "prompt"))
    assert rank(table, control="position") == rank(table, control=("position",))


def test_both_clusters_are_at_least_as_wide_as_either():
    table = columns(votes=600)
    table["rater"] = [f"r{k % 12}" for k in range(600)]
    widths = [
        row(rank(table, cluster=cluster), "m0").ci[1] - row(rank(table, cluster=cluster), "m0").ci[0]
        for cluster in (("prompt",), ("rater",), ("prompt", "rater"))
    ]
    assert widths[2] > max(widths[:2])


def test_a_seed_gives_the_same_board_and_another_hardly_differs():
    table = columns()
    assert rank(table, seed=3) == rank(table, seed=3)
    assert rank(table, seed=3).models[0].rating == rank(table, seed=4).models[0].rating
    assert rank(table, seed=3).snapshot == rank(table, seed=4).snapshot
    assert rank(table).snapshot != rank(columns(2)).snapshot


@settings(max_examples=15)
@given(st.integers(0, 300), st.permutations(range(4)))
def test_relabelling_models_only_relabels_the_board(seed, turn):
    table = columns(seed, votes=150)
    renamed = {f"m{k}": f"m{turn[k]}" for k in range(4)}
    other = table | {name: [renamed[m] for m in table[name]] for name in ("model_a", "model_b")}
    one, two = rank(table), rank(other)
    for model in one.models:
        twin = row(two, renamed[model.name])
        assert (twin.votes, twin.win_rate) == (model.votes, model.win_rate)
        assert (twin.rating is None) == (model.rating is None)
        if model.rating is not None:
            assert twin.rating == pytest.approx(model.rating, abs=1e-6)
            assert twin.ci == pytest.approx(model.ci, abs=1e-6)


@settings(max_examples=15)
@given(st.integers(0, 300))
def test_showing_a_and_b_the_other_way_round_changes_nothing(seed):
    table = columns(seed, votes=150)
    swap = {"model_a": "model_b", "model_b": "model_a", "tie": "tie"}
    other = table | {
        "model_a": table["model_b"],
        "model_b": table["model_a"],
        "winner": [swap[w] for w in table["winner"]],
    }
    one, two = rank(table), rank(other)
    assert [m.name for m in one.models] == [m.name for m in two.models]
    for a, b in zip(one.differences, two.differences, strict=True):
        assert a.estimate == pytest.approx(b.estimate, abs=1e-6)
        assert a.verdict == b.verdict


@settings(max_examples=15)
@given(st.integers(0, 300))
def test_reversing_every_vote_turns_the_board_upside_down(seed):
    table = columns(seed, votes=150)
    swap = {"model_a": "model_b", "model_b": "model_a", "tie": "tie"}
    one, two = rank(table), rank(table | {"winner": [swap[w] for w in table["winner"]]})
    for model in one.models:
        twin = row(two, model.name)
        assert twin.rank_set == (5 - model.rank_set[1], 5 - model.rank_set[0])
        if model.rating is not None:
            assert twin.rating == pytest.approx(2000 - model.rating, abs=1e-6)


def test_rank_sets_never_separate_equals_more_often_than_declared():
    # Intervals that do not overlap, the usual rule, separate some pair of ten equal models in a third of boards.
    false = 0
    for seed in range(60):
        board = rank(columns(seed, theta=(0.0,) * 6, votes=600, prompts=100), evidence="scorer")
        false += any(model.rank_set != (1, 6) for model in board.models)
    assert false <= 8  # 5 % of 60 is 3; more than 8 has probability 0.2 %


@pytest.mark.parametrize("size", [20, 300])
def test_one_sided_bounds_fall_on_the_pair_that_met_however_many_models_there_are(size):
    # Codes of models are as narrow as they fit: a pair's place in a K x K table needs more room than they have.
    names = [f"m{k:03d}" for k in range(size)]
    rng = np.random.default_rng(np.random.SeedSequence([size, 3]))
    first = rng.integers(0, size - 1, 30 * size)
    second = (first + 1 + rng.integers(0, size - 2, 30 * size)) % (size - 1)
    winner = rng.choice(["model_a", "model_b"], 30 * size)
    open_field = {
        "model_a": [names[k] for k in first],
        "model_b": [names[k] for k in second],
        "winner": winner.tolist(),
        "question_id": [f"p{k}" for k in range(30 * size)],
    }
    board = rank(joined(open_field, duel(*["model_a"] * 40, a=names[-1], b=names[0])))
    lower, upper = gap(board, names[-1], names[0])[1]
    assert lower > 300
    assert upper is None
    bounded = [d for d in board.differences if None in d.ci]
    assert [(d.a, d.b) for d in bounded] == [(names[-1], names[0])]
    for d in board.differences:
        assert None in d.ci or d.ci[0] <= d.ci[1]
    assert all(row.rank_set[0] <= row.rank_set[1] for row in board.models)


def split_table():
    rng = np.random.default_rng(8)
    table = columns(votes=900)
    length = rng.normal(size=900)
    category = np.repeat(["code", "math", "art"], 300)
    return table | {
        "category": category.tolist(),
        "lang": ["en" if k % 3 else "ko" for k in range(900)],
        "feature_length_a": np.where(category == "art", 0.0, length),
        "feature_length_b": np.zeros(900),
    }


def test_a_control_that_is_constant_in_one_part_refuses_that_board_alone():
    boards = rank_by(split_table(), "category", control=("length",))
    by_name = {board.view["category"]: board for board in boards}
    assert set(by_name) == {"all", "code", "math", "art"}
    assert by_name["art"].models == ()
    assert any("'length'" in text for text in by_name["art"].refusals)
    for name in ("all", "code", "math"):
        assert by_name[name].controls["length"]
    with pytest.raises(BadInput) as caught:  # of all the votes it is still an error
        rank_by(split_table() | {"feature_length_a": np.zeros(900)}, "category", control=("length",))
    assert caught.value.where == "control"


def test_the_board_of_all_votes_says_which_they_are():
    boards = rank_by(split_table(), "category", where={"lang": "ko"})
    assert boards[0].view == {"category": "all", "lang": "ko"}
    assert {board.view["lang"] for board in boards[1:]} == {"ko"}
    with pytest.raises(BadInput, match="view of its own"):
        rank_by(split_table(), "category", view={"category": "mine"})


def test_which_evidence_leads_is_decided_once():
    table = split_table()
    table["evaluator_kind"] = ["judge" if c == "art" or k % 2 else "human" for k, c in enumerate(table["category"])]
    boards = {board.view["category"]: board for board in rank_by(table, "category")}
    assert {board.evidence for board in boards.values()} == {"human"}
    assert boards["art"].models == ()
    assert "evaluator_kind judge" in boards["art"].refusals[0]


def test_rows_that_were_no_votes_are_counted_on_the_board_of_all_alone():
    votes = as_battles(split_table(), by=("category",))
    boards = rank_by(replace(votes, passed_over={"turn 2": 7}), "category")
    assert boards[0].excluded == {"turn 2": 7}
    assert [board.excluded for board in boards[1:]] == [{}, {}, {}]


def test_one_way_that_names_are_encoded_is_not_another_model():
    for one, two in (("Caf\u00e9", "Cafe\u0301"), ("gpt", "gp\u200bt"), ("m 1", "M\u00a01"), ("\ufb01t", "fit")):
        text = next(text for text in rank(duel("model_a", "model_b", a=one, b=two)).refusals if "different" in text)
        assert "are ranked as 2 different models" in text
    assert "'Caf\\xe9'" in next(
        text for text in rank(duel("tie", a="Caf\u00e9", b="Cafe\u0301")).refusals if "different" in text
    )  # which could not be told apart as they look
    assert not any("different models" in text for text in rank(duel("tie", a="gpt-4", b="gpt-40")).refusals)


def test_bounds_of_several_models_are_those_of_each():
    votes = Battles.from_columns(
        joined(columns(votes=300), duel(*["model_a"] * 9, a="x", b="m0"), duel(*["model_b"] * 4, a="m2", b="y"))
    )
    floor = np.array([0.4, 0.1, -0.2, -0.9, np.nan, np.nan])
    how = {"win_chance": lambda d: 1 / (1 + np.exp(-d)), "error": 0.025}
    together = strength_bounds([4, 5], votes, votes.prompt, floor, **how)
    assert together.tolist() == [strength_bound(k, votes, votes.prompt, floor, **how) for k in (4, 5)]
    assert together == pytest.approx([floor[0] + win_bound(9, 0.025), floor[2] + win_bound(4, 0.025)])
    assert strength_bounds([4], votes, votes.prompt, np.full(6, np.nan), **how).tolist() == [-np.inf]
