"""Log loss, Brier score and calibration error: against statsmodels and simulated truth."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t

from fairtrial.evaluators.forecasts import calibration_error, clustered_mean, forecast, log_losses, mean_loss


def test_the_clustered_mean_is_that_of_a_regression_on_a_constant():
    rng = np.random.default_rng(4)
    prompt = rng.integers(0, 25, 200)
    values = rng.exponential(size=200) + rng.normal(size=25)[prompt]
    found = clustered_mean(values, prompt)
    other = sm.OLS(values, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": prompt}, use_t=True)
    assert found.estimate == pytest.approx(other.params[0])
    assert found.ci == pytest.approx(tuple(other.conf_int()[0]))


def test_the_guard_is_two_more_rows_at_either_end():
    rng = np.random.default_rng(6)
    p, y = rng.random(80), rng.integers(0, 2, 80).astype(float)
    side = (p > 0.5).astype(float)
    ends = [log_losses(p, one).mean() for one in (side, 1 - side)] * 2
    rows = np.append(log_losses(p, y), ends)
    other = sm.OLS(rows, np.ones(84)).fit(cov_type="HC0")
    found = mean_loss(lambda said: log_losses(p, said), p, y, np.arange(80))
    reach = t.ppf(0.975, 79) * other.bse[0]
    assert found.ci == pytest.approx((other.params[0] - reach, other.params[0] + reach))
    assert found.estimate == pytest.approx(rows[:80].mean())


def test_known_values():
    p, y = np.array([0.9, 0.2, 0.5, 0.7]), np.array([1.0, 0.0, 1.0, 0.5])
    assert log_losses(p, y) == pytest.approx([-math.log(0.9), -math.log(0.8), math.log(2), -math.log(0.7 * 0.3) / 2])
    assert forecast(p, y, np.arange(4)).brier.estimate == pytest.approx((0.01 + 0.04 + 0.25 + 0.04) / 4)


def test_naming_the_answers_otherwise_changes_nothing():
    rng = np.random.default_rng(2)
    p, prompt = rng.random(300), rng.integers(0, 50, 300)
    y = (rng.random(300) < p**2).astype(float)
    turned = rng.random(300) < 0.5
    found, other = forecast(p, y, prompt), forecast(np.where(turned, 1 - p, p), np.where(turned, 1 - y, y), prompt)
    for name in ("log_loss", "brier", "calibration_error"):
        assert getattr(found, name).estimate == pytest.approx(getattr(other, name).estimate), name


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_the_calibration_error_covers_the_truth(factor):
    """A judge that says `factor` times the true log-odds; pairs of a prompt have one truth, so they go together."""
    rng = np.random.default_rng(9)

    def case(prompts, each):
        truth = np.repeat(rng.normal(size=prompts), each)
        y = (rng.random(prompts * each) < 1 / (1 + np.exp(-truth))).astype(float)
        return 1 / (1 + np.exp(-factor * truth)), y, np.repeat(np.arange(prompts), each)

    right = 0.0 if factor == 1 else calibration_error(*case(100_000, 1)).estimate
    held = 0
    for _ in range(100):
        found = calibration_error(*case(120, 3))
        held += found.ci[0] <= right <= found.ci[1]
    assert held >= 90
    assert factor == 1 or right > 0.1


def test_saying_one_half_is_calibrated_whatever_happens():
    found = forecast(np.full(50, 0.5), np.ones(50), np.arange(50))
    assert found.calibration_error.estimate == 0
    assert found.calibration_error.ci == (None, None)
    assert found.log_loss.estimate == pytest.approx(math.log(2))


def test_one_prompt_has_no_interval_and_none_no_figure():
    p, y = np.array([0.9, 0.8, 0.3]), np.array([1.0, 0.0, 0.0])
    found = forecast(p, y, np.zeros(3, dtype=np.int64))
    assert found.log_loss.ci == found.calibration_error.ci == (None, None)
    assert forecast(p[:0], y[:0], np.zeros(0, dtype=np.int64)) is None
