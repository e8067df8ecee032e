import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, studentized_range

from fairtrial.stats import all_pairs, pair_level, rank_sets, tiers


@pytest.mark.parametrize("size", [3, 10])
def test_the_critical_value_is_tukeys_for_independent_equal_variances(size):
    level = pair_level(np.eye(size), alpha=0.05, draws=40_000, seed=3)
    assert norm.isf(level / 2) == pytest.approx(studentized_range.ppf(0.95, size, np.inf) / np.sqrt(2), abs=0.05)


def test_a_single_pair_needs_no_allowance():
    assert pair_level(np.eye(2), alpha=0.05, draws=10, seed=0) == 0.05


def test_draws_are_seeded():
    shape = np.diag([1.0, 2.0, 3.0, 4.0])
    levels = [pair_level(shape, alpha=0.05, draws=4000, seed=seed) for seed in (1, 1, 2)]
    assert levels[0] == levels[1] != levels[2]


def test_few_degrees_of_freedom_widen():
    df = np.full((3, 3), 4.0)
    wide, narrow = (all_pairs(np.zeros(3), np.eye(3), d, seed=1) for d in (df, df * 100))
    assert (wide.upper[0, 1:] > 1.5 * narrow.upper[0, 1:]).all()


def test_swapping_row_and_column_flips_the_sign():
    pairs = all_pairs(np.array([0.3, -0.1, 2.0]), np.diag([0.1, 0.2, 0.3]), np.full((3, 3), 30.0))
    assert np.allclose(pairs.lower, -pairs.upper.T)
    assert np.allclose(pairs.estimate, -pairs.estimate.T)


def test_rank_sets_and_tiers():
    separated = np.zeros((4, 4), dtype=bool)
    separated[0, 2] = separated[0, 3] = separated[1, 3] = True  # 1 overlaps both 0 and 2
    assert rank_sets(separated).tolist() == [[1, 2], [1, 3], [2, 4], [3, 4]]
    assert tiers(np.arange(4), separated).tolist() == [1, 1, 2, 2]


def test_tiers_do_not_chain():
    # Each overlaps its neighbour; judged by neighbours all four would share one tier.
    separated = np.array([[j - i >= 2 for j in range(4)] for i in range(4)])
    assert tiers(np.arange(4), separated).tolist() == [1, 1, 2, 2]


@given(st.integers(0, 1000), st.permutations(range(5)))
def test_relabelling_only_relabels(seed, turn):
    turn = np.array(turn)
    rng = np.random.default_rng(seed)
    estimate, spread = rng.normal(0, 2, 5), rng.uniform(0.1, 1, 5)
    one = all_pairs(estimate, np.diag(spread), np.full((5, 5), 20.0))
    other = all_pairs(estimate[turn], np.diag(spread[turn]), np.full((5, 5), 20.0))
    width, moved = (one.upper - one.lower)[np.ix_(turn, turn)], other.upper - other.lower
    assert np.allclose(width, moved, rtol=0.05)  # the draws differ, the answer hardly
    sets = rank_sets(one.separated)
    assert (sets[:, 0] <= sets[:, 1]).all()
    best_first = np.argsort(-estimate)
    assert sets[best_first[0], 0] == 1
