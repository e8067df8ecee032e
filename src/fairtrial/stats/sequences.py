"""Intervals that may be looked at after every vote: asymptotic confidence sequences. Read `sequence_reach` first.

A 95 % interval looked at again and again excludes the truth sooner or later almost surely. A confidence sequence holds
at all looks together, at the price of a width that grows like the root of a logarithm (Robbins 1970, Annals of
Mathematical Statistics 41; for estimates of the kind used here Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024,
Annals of Statistics 52).
"""

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray
from fairtrial.stats._tails import t_reach
from fairtrial.stats.sandwich import Uncertainty
from fairtrial.stats.simultaneous import PairIntervals, difference_variance

TIGHTEST_AT = 100.0
"""Number of effective clusters at which a sequence is made tightest."""
FEWEST = 5.0
"""Effective clusters below which no sequence is claimed."""


def sequence_reach(level: ArrayLike, clusters: ArrayLike, *, tightest_at: float = TIGHTEST_AT) -> FloatArray:
    """How many standard errors a sequence's interval reaches to either side.

    With rho^2 = (-2 log a + log(1 - 2 log a)) / n*, the reach after n clusters is
    sqrt(2 (1 + 1 / (n rho^2)) log(sqrt(n rho^2 + 1) / a)): were the sums normal and their variance known, a mixture of
    likelihood ratios would cross 1 / a, at any n, with probability at most a (Ville 1939).

    Args:
        level: Error probability a over all looks together.
        clusters: Effective number n of independent clusters behind the standard error.
        tightest_at: n* at which the interval is to be tightest; set before looking.

    Raises:
        BadInput: A level outside 0 … 1, or n* not above 0.
    """
    a, n = np.asarray(level, dtype=np.float64), np.asarray(clusters, dtype=np.float64)
    if not ((a > 0) & (a < 1)).all() or tightest_at <= 0:
        raise BadInput("a confidence sequence needs an error probability between 0 and 1 and n* above 0.")
    spread = n * (-2 * np.log(a) + np.log(1 - 2 * np.log(a))) / tightest_at
    with np.errstate(divide="ignore"):
        reach = np.sqrt(2 * (1 + 1 / spread) * (np.log1p(spread) / 2 - np.log(a)))
    return np.asarray(reach)


def few_reach(level: ArrayLike, df: ArrayLike, *, tightest_at: float = TIGHTEST_AT) -> FloatArray:
    """`sequence_reach` where clusters are few: widened as Student's t is against the normal, infinite below `FEWEST`.

    The theory is asymptotic. In simulation the truth is left out at some look with the nominal probability from about
    ten effective clusters on, and a little more often from five.

    Args:
        level: Error probability over all looks together.
        df: Effective number of clusters less one.
        tightest_at: See `sequence_reach`.
    """
    df = np.asarray(df, dtype=np.float64)
    reach = sequence_reach(level, df + 1, tightest_at=tightest_at) * t_reach(level, df) / t_reach(level, 1e9)
    return np.where(df + 1 < FEWEST, np.inf, reach)


def all_pairs_sequence(
    estimate: FloatArray, found: Uncertainty, *, alpha: float = 0.05, tightest_at: float = TIGHTEST_AT
) -> PairIntervals:
    """Intervals of all differences that hold together, and at every look, with probability 1 - alpha.

    The error is shared evenly between the K (K - 1) / 2 pairs (Bonferroni): the critical value of the largest of them
    changes from look to look, which a sequence cannot follow.

    Args:
        estimate: (K,) strengths.
        found: Their uncertainty.
        alpha: Error probability over all pairs and looks.
        tightest_at: See `sequence_reach`.
    """
    pairs = len(estimate) * (len(estimate) - 1) / 2
    level = alpha / max(pairs, 1)
    reach = few_reach(level, found.df, tightest_at=tightest_at)
    np.fill_diagonal(reach, 0.0)
    half = reach * np.sqrt(difference_variance(found.covariance))
    loose = found.hanging[:, None] | found.hanging[None, :]
    half = np.where(loose, np.inf, half)
    np.fill_diagonal(half, 0.0)
    gap = estimate[:, None] - estimate[None, :]
    return PairIntervals(estimate=gap, lower=gap - half, upper=gap + half, level=level)
