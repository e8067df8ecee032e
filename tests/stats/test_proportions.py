import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from fairtrial.core import BadInput
from fairtrial.stats import proportion


def test_large_samples_agree_with_wilson():
    values = np.repeat([1.0, 0.0], [340, 660])
    low, high = proportion_confint(340, 1000, method="wilson")
    found = proportion(values)
    assert (found.lower, found.upper) == pytest.approx((low, high), abs=2e-4)
    assert found.effective_n == pytest.approx(1000)


@pytest.mark.parametrize(("value", "edge"), [(0.0, "lower"), (1.0, "upper")])
def test_never_of_zero_width_at_the_edges(value, edge):
    # A normal interval prints 0 ± 0 here.
    found = proportion([value] * 30)
    assert getattr(found, edge) == value
    assert 0.1 < found.upper - found.lower < 0.2


def test_equal_partial_scores_are_not_certainty():
    found = proportion([0.5] * 20)
    assert 0.02 < found.upper - found.lower < 0.4


@pytest.mark.parametrize("n", [10, 20, 40, 120])
def test_exact_coverage_is_at_least_93_percent_at_every_rate(n):
    # Plain Wilson falls to 84 % near 0 and 1.
    ends = [proportion(np.repeat([1.0, 0.0], [x, n - x])) for x in range(n + 1)]
    low, high = np.array([e.lower for e in ends]), np.array([e.upper for e in ends])
    for p in np.linspace(0.001, 0.999, 500):
        assert binom.pmf(np.arange(n + 1), n, p)[(low <= p) & (p <= high)].sum() >= 0.93


def test_votes_that_stand_and_fall_together_count_as_one():
    values, prompts = np.repeat([1.0, 0.0], [60, 40]), np.repeat(np.arange(20), 5)
    together, apart = proportion(values, prompts), proportion(values)
    assert together.clusters == 20
    assert together.effective_n == pytest.approx(20, rel=0.01)
    assert together.upper - together.lower > 2 * (apart.upper - apart.lower)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30))
def test_mirrored_and_containing(values):
    found, mirror = proportion(values), proportion([1 - v for v in values])
    assert found.lower == pytest.approx(1 - mirror.upper, abs=1e-9)
    assert 0 <= found.lower <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.upper <= 1
    assert found.upper > found.lower


def test_missing_values_are_left_out_and_none_is_no_evidence():
    assert proportion([1.0, np.nan, 0.0]).n == 2
    with pytest.raises(BadInput, match="no evidence"):
        proportion([np.nan])
    with pytest.raises(BadInput, match="between 0 and 1"):
        proportion([2.0])


def test_a_weight_is_that_much_of_a_vote():
    values, groups = [1, 0, 1, 1, 0.5], [0, 0, 1, 2, 2]
    one = proportion(values, groups)
    assert proportion(values, groups, weights=[7] * 5) == one
    halves = proportion(values * 2, groups * 2, weights=[0.5] * 10)
    assert (halves.estimate, halves.lower, halves.upper) == pytest.approx((one.estimate, one.lower, one.upper))
    assert proportion([1, 0], weights=[3, 1]).estimate == 0.75
