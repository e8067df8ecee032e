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


def test_the_critical_value_takes_correlation_and_unequal_variances_along():
    rng = np.random.default_rng(4)
    root = rng.normal(size=(5, 5)) * [3, 1, 1, 0.3, 0.1]
    covariance = root @ root.T
    sample = rng.multivariate_normal(np.zeros(5), covariance, size=200_000)
    pairs = [(i, j) for i in range(5) for j in range(i)]
    spread = [np.sqrt(covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]) for i, j in pairs]
    largest = np.max([np.abs(sample[:, i] - sample[:, j]) / s for (i, j), s in zip(pairs, spread, strict=True)], axis=0)
    level = pair_level(covariance, alpha=0.1, draws=40_000, seed=1)
    assert norm.isf(level / 2) == pytest.approx(np.quantile(largest, 0.9), abs=0.04)
    assert norm.isf(level / 2) >= np.quantile(largest, 0.9) - 0.02  # Monte Carlo errors fall on the safe side


def test_the_level_lies_between_bonferronis_and_no_allowance():
    assert pair_level(np.zeros((4, 4)), alpha=0.05, draws=500, seed=0) == 0.05  # nothing varies, nothing to allow for
    alike = np.ones((4, 4)) + np.diag([0, 0, 0, 1.0])  # three that move as one: the three gaps that vary are the same
    assert 0.03 < pair_level(alike, alpha=0.05, draws=4000, seed=0) <= 0.05  # less two Monte Carlo errors
    assert pair_level(np.eye(30), alpha=0.001, draws=500, seed=0) >= 0.001 / (30 * 29 / 2)


def test_a_scale_of_any_size_changes_no_level():
    shape = np.diag([1.0, 2.0, 3.0, 4.0])
    levels = [pair_level(shape * unit, alpha=0.05, draws=2000, seed=1) for unit in (1, 2.0**-30, 2.0**20)]
    assert levels[1:] == pytest.approx(levels[:1] * 2, rel=1e-4)


def test_rank_sets_cover_the_truth_of_every_model_at_once():
    # Overlapping single intervals, the usual rule, miss some rank of ten models in about one board of five.
    rng = np.random.default_rng(6)
    truth = np.array([1.0, 1.0, 0.8, 0.5, 0.5, 0.5, 0.0, -0.2, -1.0, -1.0])
    spread = np.linspace(0.1, 0.4, 10)
    # Ties may stand at any of their places: best is 1 + models above, worst is K - models below.
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    worst = 10 - (truth[None, :] < truth[:, None]).sum(axis=1)
    level = pair_level(np.diag(spread**2), alpha=0.05, draws=10_000, seed=2)
    missed = useful = 0
    for _ in range(1000):
        estimate = truth + spread * rng.standard_normal(10)
        reach = norm.isf(level / 2) * np.sqrt(spread[:, None] ** 2 + spread[None, :] ** 2)
        sets = rank_sets(estimate[:, None] - estimate[None, :] > reach)
        missed += bool((sets[:, 0] > best).any() or (sets[:, 1] < worst).any())
        useful += int((sets[:, 1] - sets[:, 0]).sum())
    assert missed <= 71  # 5 % of 1,000 is 50; more than 71 has probability 0.2 %
    assert useful < 1000 * 10 * 7


@given(st.integers(1, 8), st.integers(0, 10_000))
def test_a_tier_ends_at_the_first_model_separated_from_its_leader(size, seed):
    rng = np.random.default_rng(seed)
    estimate = np.sort(rng.normal(size=size))[::-1]
    reach = rng.uniform(0, 1, (size, size))
    names = rng.permutation(size)  # the board's order is not the models' own
    separated = np.zeros((size, size), dtype=bool)
    separated[np.ix_(names, names)] = estimate[:, None] - estimate[None, :] > reach + reach.T
    tier = tiers(names, separated)[names].tolist()
    assert tier[0] == 1
    leader = 0
    for place in range(1, size):
        apart = separated[names[leader], names[place]]
        assert tier[place] == tier[place - 1] + apart
        leader = place if apart else leader


def test_one_model_has_the_only_rank():
    assert rank_sets(np.zeros((1, 1), dtype=bool)).tolist() == [[1, 1]]
    assert tiers(np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=bool)).tolist() == [1]
