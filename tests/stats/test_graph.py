import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vote_tables import battles, duel, joined

from fairtrial.core import BadInput
from fairtrial.stats import Battles, connectivity, fit_bradley_terry, tie_weight_bounded


def graph_of(*parts):
    return connectivity(Battles.from_columns(joined(*parts)).cells())


def test_a_cycle_of_wins_is_connected():
    graph = graph_of(duel("model_a", a="x", b="y"), duel("model_a", a="y", b="z"), duel("model_a", a="z", b="x"))
    assert graph.connected
    assert not graph.undefeated
    assert not graph.winless


def test_a_tie_links_both_ways():
    assert graph_of(duel("tie")).connected


def test_undefeated_and_winless_are_named():
    graph = graph_of(
        duel("model_a", "tie", a="x", b="y"), duel("model_a", a="best", b="x"), duel("model_b", a="worst", b="y")
    )
    assert graph.components == ((2, 3), (0,), (1,))  # x, y; best; worst
    assert graph.undefeated == (0,)
    assert graph.winless == (1,)
    assert graph.reach[0, 1]
    assert not graph.reach[1, 0]


def test_islands_are_separate_components():
    graph = graph_of(duel("tie", a="a", b="b"), duel("tie", a="c", b="d"))
    assert graph.components == ((0, 1), (2, 3))
    assert not graph.undefeated


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), max_size=14))
def test_components_agree_with_a_library(votes):
    from scipy.sparse.csgraph import connected_components

    cells = np.zeros((5, 5, 3))
    for a, b, outcome in votes:
        if a != b:
            cells[a, b, outcome] += 1
    beaten = (cells[:, :, 2] + cells[:, :, 0].T + cells[:, :, 1] + cells[:, :, 1].T) > 0
    count, label = connected_components(beaten, connection="strong")
    want = {tuple(np.flatnonzero(label == part).tolist()) for part in range(count)}
    assert set(connectivity(cells).components) == want


@pytest.mark.parametrize(
    ("votes", "bounded"),
    [
        (duel("model_a", "tie"), False),  # one never loses: ever stronger beside an ever heavier tie fits ever better
        (duel("model_a", "tie", "model_b"), True),
        (joined(duel("model_a", a="x", b="y"), duel("model_a", a="y", b="z"), duel("tie", a="x", b="z")), True),
        (joined(duel("model_a", "tie", a="x", b="y"), duel("tie", a="y", b="z"), duel("tie", a="x", b="z")), False),
    ],
)
def test_davidsons_maximum_may_be_infinite_though_all_are_linked_by_ties(votes, bounded):
    table = Battles.from_columns(votes)
    assert connectivity(table.cells()).connected
    assert tie_weight_bounded(table.cells()) is bounded
    if bounded:
        assert fit_bradley_terry(table.cells()).converged
    else:
        with pytest.raises(BadInput, match="grow without bound"):
            fit_bradley_terry(table.cells())


@given(st.integers(0, 10_000))
def test_where_the_maximum_is_said_to_exist_newton_finds_it(seed):
    cells = battles(seed, theta=(0.5, 0.0, -0.5), votes=9, log_nu=1.0).decided().cells()
    if connectivity(cells).connected and cells[:, :, 1].any() and cells.sum() > cells[:, :, 1].sum():
        assert not tie_weight_bounded(cells) or fit_bradley_terry(cells).converged
