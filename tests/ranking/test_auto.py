from dataclasses import replace

import numpy as np
import pytest
from oracles import best, log_chance, rich
from vote_tables import columns

from fairtrial import rank
from fairtrial.core import BadInput
from fairtrial.ranking import LiveBoard, auto
from fairtrial.ranking.auto import choose_ties
from fairtrial.stats import TIE_MODELS, Battles, fit


def drawn(kind, votes, seed=1):
    """Votes from one of the tie models, far enough apart that their ties differ."""
    rng = np.random.default_rng(seed)
    theta = np.array([2.0, 0.5, -0.5, -2.0])
    a = rng.integers(0, 4, votes)
    b = (a + 1 + rng.integers(0, 3, votes)) % 4
    none = replace(rich(1, size=4, votes=2), a=a, b=b, grade=np.full(votes, 9), features={}, order=np.full(votes, -1))
    chance = np.stack(
        [
            np.exp(log_chance(kind, replace(none, outcome=np.full(votes, outcome)), np.append(theta, 0.7)))
            for outcome in range(3)
        ]
    )
    outcome = (rng.random(votes) > np.cumsum(chance, axis=0)[:2]).sum(axis=0)
    return replace(none, outcome=outcome, rater=rng.integers(0, 50, votes), prompt=rng.integers(0, 60, votes))


@pytest.mark.parametrize("kind", ["davidson", "rao-kupper"])
def test_the_model_that_made_the_ties_is_chosen(kind):
    chosen, facts = choose_ties(drawn(kind, 40_000), seed=0)
    assert chosen == kind
    losses = facts["ties_auto"]["loss"]
    assert max(losses, key=losses.get) == "half"  # which knows only the share of ties, not that equals tie more
    assert facts["ties_auto"]["votes"] == 40_000
    assert "exploratory" in facts["ties_auto"]["note"]


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_those_of_fits_by_hand(weighted):
    votes = rich(2, votes=900, weighted=weighted)
    chosen, facts = choose_ties(votes, seed=3)
    losses = dict.fromkeys(TIE_MODELS, 0.0)
    for train, test in auto._folds(votes, 3):
        fitted, tested = votes.take(train), votes.take(test)
        weight = fitted.vote_weights()
        for ties in TIE_MODELS:
            point = best(ties, fitted)
            lost = -log_chance(ties, tested, point)
            if ties == "half":
                share = (weight * (fitted.outcome == 1)).sum() / weight.sum()
                win = 1 / (1 + np.exp(point[tested.b] - point[tested.a]))
                chance = np.choose(tested.outcome, [(1 - share) * (1 - win), share, (1 - share) * win])
                lost = -np.log(chance)
            losses[ties] += (lost * tested.vote_weights()).sum()
    want = {ties: loss / votes.vote_weights().sum() for ties, loss in losses.items()}
    assert facts["ties_auto"]["loss"] == pytest.approx(want, rel=1e-9)
    assert chosen == min(want, key=want.get)


@pytest.mark.parametrize(("known", "count"), [(("prompt", "rater"), 9), (("prompt",), 5), (("rater",), 5), ((), 5)])
def test_a_vote_held_out_shares_no_prompt_and_no_rater_with_those_that_predict_it(known, count):
    votes = rich(3)
    votes = replace(votes, **{name: None for name in ("prompt", "rater") if name not in known})
    folds = auto._folds(votes, seed=1)
    assert len(folds) == count
    for train, test in folds:
        assert not (train & test).any()
        for name in known:
            code = votes.clusters(name)
            assert not set(code[train]) & set(code[test])
    assert (np.sum([test for _, test in folds], axis=0) == 1).all()  # each vote is predicted once
    for train, test in folds:
        assert train.sum() > 0.3 * len(votes)
        assert test.any()


def test_folds_are_seeded():
    votes = rich(3)
    one, two, three = (auto._folds(votes, seed=seed) for seed in (1, 1, 2))
    assert all((a == c).all() for (a, _), (c, _) in zip(one, two, strict=True))
    assert any((a != c).any() for (a, _), (c, _) in zip(one, three, strict=True))


def test_too_few_votes_are_no_choice():
    chosen, facts = choose_ties(rich(4, votes=12), seed=0)
    assert chosen == "davidson"
    assert facts["ties_auto"]["loss"] is None
    assert "too few votes" in facts["ties_auto"]["note"]


def test_a_board_names_the_model_chosen_and_the_losses():
    table = columns(votes=2000, prompts=200)
    board = rank(table, ties="auto")
    chosen = min(board.fit["ties_auto"]["loss"], key=board.fit["ties_auto"]["loss"].get)
    assert board.fit["ties"] == chosen
    assert board.fit["groups"][0]["outcomes"] == chosen
    same = rank(table, ties=chosen)
    assert [m.ci for m in same.models] == [m.ci for m in board.models]


def test_grades_leave_nothing_to_choose():
    table = columns(votes=500)
    table["grade"] = [{"model_a": 1, "model_b": -2, "tie": 0}[w] for w in table["winner"]]
    with pytest.raises(BadInput, match="grades have their own model of ties") as caught:
        rank(table, ties="auto", graded=True)
    assert caught.value.where == "ties"


def test_a_fold_whose_fit_did_not_converge_is_not_counted(monkeypatch):
    votes, fitted = rich(2, votes=900), []

    def fails_once(comparisons, *, ties):
        fitted.append(ties)
        return replace(fit(comparisons, ties=ties), converged=len(fitted) != 2)

    monkeypatch.setattr(auto, "fit", fails_once)
    first = int(auto._folds(votes, 3)[0][1].sum())
    assert choose_ties(votes, seed=3)[1]["ties_auto"]["votes"] == len(votes) - first


def test_only_a_finished_board_can_choose():
    with pytest.raises(BadInput, match="unknown tie model 'auto'") as caught:
        LiveBoard(columns(votes=50), ties="auto")
    assert "'auto'" not in caught.value.next_step
    with pytest.raises(BadInput, match="unknown tie model 'aut'") as caught:
        rank(columns(votes=50), ties="aut")
    assert "'auto'" in caught.value.next_step


def test_no_ties_at_all_are_no_choice():
    votes = Battles.from_columns(columns(votes=500))
    chosen, facts = choose_ties(votes.take(votes.outcome != 1), seed=0)
    assert (chosen, facts["ties_auto"]["loss"]) == ("davidson", None)
