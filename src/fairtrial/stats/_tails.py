"""Quantiles of a few distributions, from `scipy.special`: it loads in a quarter of the time of `scipy.stats`."""

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.stats._arrays import FloatArray


def t_reach(level: ArrayLike, df: ArrayLike) -> FloatArray:
    """How many standard errors a two-sided interval of error probability `level` reaches, by Student's t."""
    from scipy.special import stdtrit

    half = np.asarray(level, dtype=np.float64) / 2
    return np.asarray(-stdtrit(np.asarray(df, dtype=np.float64), half), dtype=np.float64)


def two_sided(deviation: ArrayLike) -> FloatArray:
    """Probability that a standard normal deviate exceeds `deviation` in size."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.asarray(deviation)))


def beta_quantile(chance: float, a: float, b: float) -> float:
    """The point below which a Beta(a, b) variable lies with probability `chance`."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, chance))
