import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from fairtrial.core import BadInput
from fairtrial.stats import paired_bootstrap, paired_scores


def scores(seed=0, items=40, rates=(0.5, 0.6, 0.2)):
    rng = np.random.default_rng(seed)
    return (rng.random((items, len(rates))) < np.array(rates)).astype(float)


def test_the_interval_is_bonett_and_prices():
    table = scores()
    n = len(table)
    b, c = ((table[:, 0] > table[:, 1]).sum(), (table[:, 0] < table[:, 1]).sum())
    one, other = (b + 1) / (n + 2), (c + 1) / (n + 2)
    reach = t.isf(0.025, n - 1) * np.sqrt((one + other - (one - other) ** 2) / (n + 2))
    found = paired_scores(table).single
    assert found.lower[0, 1] == pytest.approx(one - other - reach)
    assert found.upper[0, 1] == pytest.approx(one - other + reach)
    assert found.estimate[0, 1] == pytest.approx((b - c) / n)


def test_no_discordant_item_is_no_proof_of_equality():
    # A plain paired t-test or bootstrap gives 0 ± 0 here.
    table = np.tile(np.array([[1.0], [0.0]]), (15, 2))
    found = paired_scores(table).single
    assert found.lower[0, 1] == pytest.approx(-found.upper[0, 1])
    assert 0.05 < found.upper[0, 1] < 0.15
    again = paired_bootstrap(table)
    assert again.lower[0, 1] < 0 < again.upper[0, 1]


def test_one_item_or_none_leaves_everything_open():
    single = paired_scores([[1.0, 0.0]]).single
    assert (single.lower[0, 1], single.upper[0, 1]) == (-1.0, 1.0)
    none = paired_scores([[1.0, np.nan], [np.nan, 0.0]])
    assert none.items[0, 1] == 0
    assert none.together.lower[0, 1] == -np.inf
    assert np.isnan(none.together.estimate[0, 1])


def test_only_shared_items_count():
    table = scores()
    holes = table.copy()
    holes[:10, 0] = np.nan
    found, want = paired_scores(holes), paired_scores(table[10:])
    assert found.items[0, 1] == 30
    assert found.items[1, 2] == 40
    assert found.single.lower[0, 1] == pytest.approx(want.single.lower[0, 1])


@pytest.mark.parametrize("seed", range(3))
def test_the_bootstrap_reaches_the_same_interval_by_another_road(seed):
    table = scores(seed, items=60)
    one, other = paired_scores(table).single, paired_bootstrap(table, draws=4000, seed=seed)
    assert np.allclose(one.estimate, other.estimate)
    assert np.abs(one.lower - other.lower).max() < 0.03
    assert np.abs(one.upper - other.upper).max() < 0.03


def test_the_bootstrap_agrees_with_holes_too():
    table = scores(5, items=60)
    table[:15, 2] = np.nan
    one, other = paired_scores(table).single, paired_bootstrap(table, draws=4000)
    assert np.abs(one.lower - other.lower).max() < 0.04


def test_bootstrap_is_seeded_and_blocks_do_not_matter(monkeypatch):
    from fairtrial.stats import paired

    table = scores()
    first = paired_bootstrap(table, seed=4)
    monkeypatch.setattr(paired, "_BLOCK", 5_000)
    assert (paired_bootstrap(table, seed=4).lower == first.lower).all()
    other = paired_bootstrap(table, seed=5)
    assert (other.lower != first.lower).any() or (other.upper != first.upper).any()


def test_together_is_wider_than_single_and_pairing_beats_no_pairing():
    table = scores()
    found = paired_scores(table)
    assert (found.together.upper >= found.single.upper).all()
    hard = np.random.default_rng(1).random((200, 1))
    linked = (hard < np.array([[0.5, 0.55]])).astype(float)  # items decide nearly everything
    width = paired_scores(linked).single.upper[0, 1] - paired_scores(linked).single.lower[0, 1]
    assert width < 0.1  # two independent samples of 200 would give 0.2


@given(st.integers(0, 500), st.permutations(range(4)))
def test_relabelling_and_swapping(seed, turn):
    table = scores(seed, items=25, rates=(0.1, 0.4, 0.5, 0.9))
    one, moved = paired_scores(table).single, paired_scores(table[:, turn]).single
    index = np.ix_(turn, turn)
    assert np.allclose(one.lower[index], moved.lower)
    assert np.allclose(one.lower, -one.upper.T)
    assert (one.lower <= one.estimate + 1e-12).all()
    assert (one.estimate <= one.upper + 1e-12).all()
    off = ~np.eye(4, dtype=bool)
    assert (one.upper - one.lower)[off].min() > 0


@pytest.mark.parametrize("bad", [[[1.5, 0.0]], [[-0.1, 0.0]], [1.0, 0.0]])
def test_scores_outside_the_scale_are_refused(bad):
    with pytest.raises(BadInput):
        paired_scores(bad)
