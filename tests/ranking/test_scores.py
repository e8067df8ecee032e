import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput, NoConclusion
from fairtrial.ranking import score_board
from fairtrial.ranking.scores import implied_battles

NAMES = ["direct", "few-shot", "persona"]


def table(seed=0, items=60, rates=(0.5, 0.9, 0.1)):
    rng = np.random.default_rng(seed)
    return (rng.random((items, len(rates))) < np.array(rates)).astype(float)


def test_a_scorers_board():
    scores = table()
    board = score_board(NAMES, scores, 60)
    assert [m.name for m in board.models] == ["few-shot", "direct", "persona"]
    assert board.evidence == "scorer"
    assert board.scope == "population"
    for model in board.models:
        column = scores[:, NAMES.index(model.name)]
        assert model.score == pytest.approx(column.mean())
        assert model.score_ci[0] < model.score < model.score_ci[1]
        assert model.score_n == 60
        assert model.votes == 120
    assert [m.rank_set for m in board.models] == [(1, 1), (2, 2), (3, 3)]
    assert [m.tier for m in board.models] == [1, 2, 3]
    first = board.differences[0]
    assert (first.a, first.b, first.unit, first.verdict, first.n) == ("few-shot", "direct", "score", "better", 60)
    assert first.estimate == pytest.approx(scores[:, 1].mean() - scores[:, 0].mean())
    assert board.models[0].rating > board.models[1].rating > board.models[2].rating
    assert board.fit["cross_check"]["largest_gap"] < 0.05


def test_no_significant_difference_is_not_equality():
    board = score_board(["a", "b"], table(rates=(0.5, 0.5)), 60)
    said = board.differences[0]
    assert said.verdict == "inconclusive"
    assert said.more_items > 0
    assert [m.rank_set for m in board.models] == [(1, 2), (1, 2)]


def test_equivalence_needs_a_margin_and_enough_items():
    rng = np.random.default_rng(1)
    same = (rng.random((800, 1)) < 0.6).astype(float) * np.ones((1, 2))
    same[:4, 0] = 1 - same[:4, 0]
    assert score_board(["a", "b"], same, 800, margin=0.05).differences[0].verdict == "equivalent"
    assert score_board(["a", "b"], same[:30], 30, margin=0.05).differences[0].verdict == "inconclusive"
    assert score_board(["a", "b"], same, 800, margin=0.0).differences[0].verdict == "inconclusive"


@pytest.mark.parametrize(("value", "word"), [(0.0, "too hard"), (1.0, "too easy")])
def test_all_at_an_edge_is_no_evidence(value, word):
    board = score_board(NAMES, np.full((40, 3), value), 40)
    assert any("No evidence" in text and word in text for text in board.refusals)
    assert all(m.rating is None and m.rank_set == (1, 3) for m in board.models)
    assert all(m.score_ci[0] < m.score_ci[1] for m in board.models)
    assert all(d.verdict == "inconclusive" for d in board.differences)


def test_a_contestant_that_is_always_best_has_a_score_and_no_rating():
    scores = table(rates=(0.5, 0.4))
    board = score_board(["good", "fair", "perfect"], np.column_stack([scores * 0.9, np.ones(60)]), 60)
    perfect = board.models[0]
    assert perfect.name == "perfect"
    assert perfect.rating is None
    assert perfect.ci[1] is None
    assert perfect.score == 1.0
    assert perfect.rank_set == (1, 1)


def test_few_items_speak_for_themselves_only():
    assert score_board(NAMES, table(items=12), 12).scope == "these prompts"


def test_missing_items_and_contestants_without_any():
    scores = np.column_stack([table(), np.full(60, np.nan)])
    scores[:20, 0] = np.nan
    board = score_board([*NAMES, "absent"], scores, repeats=3)
    by_name = {m.name: m for m in board.models}
    assert by_name["direct"].score_n == 120
    assert by_name["absent"].score is None
    assert by_name["absent"].rank_set == (1, 4)
    assert by_name["absent"].tier is None
    assert any("'absent'" in text and "no item" in text for text in board.refusals)
    assert {(d.a, d.b): d.n for d in board.differences}["few-shot", "direct"] == 40


def test_one_contestant_alone_gets_a_score():
    board = score_board(["only"], table(rates=(0.5,)), 60)
    assert board.models[0].score is not None
    assert board.models[0].rating is None
    assert board.models[0].rank_set == (1, 1)
    assert board.differences == ()


def test_bad_tables_are_refused():
    with pytest.raises(BadInput, match="named twice: a"):
        score_board(["a", "a"], table(rates=(0.5, 0.5)), 60)
    with pytest.raises(BadInput, match="does not fit 3 contestants"):
        score_board(NAMES, table(rates=(0.5, 0.5)), 60)
    with pytest.raises(NoConclusion, match="no evidence"):
        score_board(NAMES, np.full((5, 3), np.nan), 0)


def test_implied_battles_ignore_rounding():
    mean = np.array([[0.1 + 0.2, 0.3]])
    assert implied_battles(["a", "b"], mean).outcome.tolist() == [1]


@settings(max_examples=10)
@given(st.integers(0, 200), st.permutations(range(3)))
def test_order_of_contestants_and_items_does_not_matter(seed, turn):
    scores = table(seed, items=30)
    one = score_board(NAMES, scores, 30)
    other = score_board([NAMES[k] for k in turn], scores[::-1, turn], 30)
    twins = {m.name: m for m in other.models}
    for model in one.models:
        twin = twins[model.name]
        assert twin.score == pytest.approx(model.score)
        assert twin.score_ci == pytest.approx(model.score_ci)
        assert (twin.rating is None) == (model.rating is None)
        if model.rating is not None:
            assert twin.rating == pytest.approx(model.rating, abs=1e-6)
