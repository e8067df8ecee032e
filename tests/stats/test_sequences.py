import numpy as np
import pytest
from scipy.stats import norm

from fairtrial.core import BadInput
from fairtrial.stats import sequence_reach


def test_the_reach_is_that_of_the_mixture_martingale():
    # Robbins' normal mixture: with S_n / sqrt(n) = z the mixture of likelihood ratios over N(0, rho^2) is
    # (1 + n rho^2)^-1/2 exp(z^2 / 2 * n rho^2 / (1 + n rho^2)); at the reach it equals 1 / a.
    for a in (0.05, 0.001):
        for n in (3.0, 40.0, 500.0):
            rho2 = (-2 * np.log(a) + np.log(1 - 2 * np.log(a))) / 100
            z = float(sequence_reach(a, n))
            mixture = (1 + n * rho2) ** -0.5 * np.exp(z**2 / 2 * n * rho2 / (1 + n * rho2))
            assert mixture == pytest.approx(1 / a, rel=1e-9)


def test_a_sequence_is_wider_than_one_look_and_tightest_near_where_it_is_asked_to_be():
    n = np.arange(1, 2000.0)
    reach = sequence_reach(0.05, n, tightest_at=100)
    assert (reach > norm.isf(0.025)).all()
    width = reach / np.sqrt(n)  # against the best choice for each n
    best = np.array([float(sequence_reach(0.05, k, tightest_at=k)) for k in n]) / np.sqrt(n)
    assert width[99] == pytest.approx(best[99])
    assert (width >= 0.998 * best).all()  # the choice of rho is Waudby-Smith's approximation
    assert width[5] > 1.2 * best[5]
    assert width[-1] > 1.05 * best[-1]


def test_looking_after_every_observation_keeps_the_error_where_a_fixed_interval_loses_it():
    # A peer prints a 95 % interval that is redrawn after every vote, as if each look were the only one.
    rng = np.random.default_rng(np.random.SeedSequence(5))
    steps, runs = 1000, 2000
    z = np.cumsum(rng.standard_normal((runs, steps)), axis=1) / np.sqrt(np.arange(1, steps + 1))
    ever = (np.abs(z) > sequence_reach(0.05, np.arange(1, steps + 1))).any(axis=1).mean()
    fixed = (np.abs(z) > norm.isf(0.025)).any(axis=1).mean()
    assert ever <= 0.05
    assert fixed > 0.3


def test_a_level_is_a_probability():
    for level, at in ((0.0, 100), (1.0, 100), (0.05, 0)):
        with pytest.raises(BadInput):
            sequence_reach(level, 10, tightest_at=at)
