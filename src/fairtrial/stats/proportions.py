"""Rates and mean scores between 0 and 1 with intervals that hold at the edges. Read `proportion` first.

Serves scores of single contestants, a judge's position rate and its consistency.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray, tally
from fairtrial.stats._tails import beta_quantile, t_reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A mean of values between 0 and 1."""

    estimate: float
    lower: float
    upper: float
    n: int
    """Number of values."""
    clusters: int
    effective_n: float
    """Number of independent yes/no values that would carry as much information."""


def proportion(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Proportion:
    """Mean of values in 0 … 1 with a Wilson interval on the effective sample size; never of zero width.

    The variance of the mean over clusters, with two pseudo-clusters of average size added (all 0 and all 1), divided by
    the binomial variance gives the design effect (Kish 1965) and n* = n / design effect; for independent yes/no values
    n* = n. The Wilson interval (1927) on n* uses t with G - 1 degrees of freedom. Near 0 and 1 Wilson's ends come too
    close (Brown, Cai & DasGupta 2001): there they are moved out to the one-sided exact limits at level alpha.

    Args:
        values: (N,) values between 0 and 1; NaN marks a missing one and is left out.
        clusters: (N,) labels of values that belong together (a prompt's votes); None: all independent.
        weights: (N,) positive weights; None: all alike.
        alpha: Error probability of the interval.

    Raises:
        BadInput: No values, or values outside 0 … 1.
    """
    data = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(data)
    if not known.any():
        raise BadInput("no values to take a mean of: no evidence.")
    if data[known].min() < 0 or data[known].max() > 1:
        raise BadInput("values must lie between 0 and 1.")
    weight = np.ones(len(data)) if weights is None else np.asarray(weights, dtype=np.float64)
    data, weight = data[known], weight[known]
    if clusters is None:
        totals, sizes = data * weight, weight
    else:
        code = np.unique(np.asarray(clusters)[known], return_inverse=True)[1]
        groups = int(code.max()) + 1
        totals, sizes = tally(code, data * weight, groups), tally(code, weight, groups)
    count = len(sizes)
    mean = float(totals.sum() / sizes.sum())
    effective = _effective_n(totals, sizes)
    lower, upper = _wilson(mean, effective, df=max(count - 1, 1), alpha=alpha)
    return Proportion(estimate=mean, lower=lower, upper=upper, n=len(data), clusters=count, effective_n=effective)


def _effective_n(totals: FloatArray, sizes: FloatArray) -> float:
    typical = sizes.mean()
    y, n = np.append(totals, [0.0, typical]), np.append(sizes, [typical, typical])
    mean = y.sum() / n.sum()
    variance = ((y - n * mean) ** 2).sum() / n.sum() ** 2
    padded = mean * (1 - mean) / variance
    return float(padded * sizes.sum() / n.sum())


def _wilson(mean: float, n: float, *, df: int, alpha: float) -> tuple[float, float]:
    z2 = float(t_reach(alpha, df)) ** 2
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (mean * (1 - mean) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    yes, no = mean * n, (1 - mean) * n
    low = beta_quantile(alpha, yes, no + 1) if yes > 0 else 0.0
    high = beta_quantile(1 - alpha, yes + 1, no) if no > 0 else 1.0
    lower = 0.0 if yes <= 0 else max(0.0, min(float(centre - half), low))
    upper = 1.0 if no <= 0 else min(1.0, max(float(centre + half), high))
    return lower, upper
