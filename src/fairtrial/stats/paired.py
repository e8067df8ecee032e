"""Contestants scored on the same items: differences item by item, all pairs at once. Read `paired_scores` first.

Pairing removes what makes items easy or hard for everyone. Two pseudo-items, one won and one lost by either side, keep
an interval honest when few items tell the two apart, or none (Bonett & Price 2012, J. Educ. Behav. Stat. 37).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray
from fairtrial.stats._tails import t_reach, two_sided
from fairtrial.stats.simultaneous import DRAWS, PairIntervals, pair_level

BOOTSTRAP_DRAWS = 2000
_BLOCK = 2_000_000
"""Most resampling weights held in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScores:
    """Differences of mean scores of K contestants, row minus column."""

    single: PairIntervals
    """Intervals that hold one at a time."""
    together: PairIntervals
    """Intervals that hold for all pairs at once."""
    items: IntArray
    """(K, K) items on which both were scored."""


def paired_scores(matrix: ArrayLike, *, alpha: float = 0.05, draws: int = DRAWS, seed: int = 0) -> PairedScores:
    """Paired differences of all contestants, with single and simultaneous intervals.

    For n items with differences d_k and the pseudo-items +1 and -1: centre c = sum d / (n + 2), squared standard error
    ((sum d^2 + 2) / (n + 2) - c^2) / (n + 2), Student's t with n - 1 degrees of freedom. The estimate stays the plain
    mean. Where no item is shared the bounds are infinite.

    Args:
        matrix: (n, K) scores 0 … 1, one row per item (the mean over repeats); NaN where an item is missing.
        alpha: Error probability, of each single interval and of all simultaneous ones together.
        draws: Draws behind the simultaneous critical value.
        seed: Seed of the draws.

    Raises:
        BadInput: Not a table, or scores outside 0 … 1.
    """
    scores = checked(matrix)
    known = ~np.isnan(scores)
    filled = np.where(known, scores, 0.0)
    mask = known.astype(np.float64)
    items = mask.T @ mask
    total = filled.T @ mask - mask.T @ filled
    squares = (filled**2).T @ mask + mask.T @ filled**2 - 2 * filled.T @ filled
    centre = total / (items + 2)
    error = np.sqrt(np.maximum((squares + 2) / (items + 2) - centre**2, 0.0) / (items + 2))
    np.fill_diagonal(error, 0.0)
    estimate = np.divide(total, items, out=np.full_like(total, np.nan), where=items > 0)
    level = pair_level(_covariance(filled, mask), alpha=alpha, draws=draws, seed=seed)
    return PairedScores(
        single=_intervals(estimate, centre, error, items, alpha),
        together=_intervals(estimate, centre, error, items, level),
        items=items.astype(np.int64),
    )


def checked(matrix: ArrayLike) -> FloatArray:
    """The scores as a float table.

    Raises:
        BadInput: Not two-dimensional, or values outside 0 … 1 (NaN passes).
    """
    scores = np.asarray(matrix, dtype=np.float64)
    if scores.ndim != 2:
        raise BadInput(f"scores must be a table of items by contestants, not {scores.ndim}-dimensional.")
    known = scores[~np.isnan(scores)]
    if known.size and (known.min() < 0 or known.max() > 1):
        raise BadInput("scores must lie between 0 and 1.")
    return scores


def _covariance(filled: FloatArray, mask: FloatArray) -> FloatArray:
    """(K, K) covariance of the mean scores: the items' and, on the diagonal, that of the pseudo-items."""
    count = mask.sum(axis=0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    centred = (filled - mean) * mask / (count + 2)
    return np.asarray(centred.T @ centred + np.diag(1 / (count + 2) ** 2))


def _intervals(
    estimate: FloatArray, centre: FloatArray, error: FloatArray, items: FloatArray, level: float
) -> PairIntervals:
    reach = t_reach(level, np.maximum(items - 1, 1)) * error
    lower = np.where(items > 0, np.maximum(centre - reach, -1.0), -np.inf)
    upper = np.where(items > 0, np.minimum(centre + reach, 1.0), np.inf)
    return PairIntervals(estimate=estimate, lower=lower, upper=upper, level=level)


def paired_bootstrap(
    matrix: ArrayLike, *, alpha: float = 0.05, draws: int = BOOTSTRAP_DRAWS, seed: int = 0
) -> PairIntervals:
    """The single intervals of `paired_scores` again, by another road: resampling items with replacement.

    Percentile intervals of the resampled mean differences, pseudo-items among the resampled, at the level that makes up
    for the narrowness of percentiles in small samples (Hesterberg 2015, The American Statistician 69, section 5.3).

    Args:
        matrix: (n, K) scores as in `paired_scores`.
        alpha: Error probability of each interval.
        draws: Resamples.
        seed: Seed of the resampling.
    """
    scores = checked(matrix)
    count, size = scores.shape
    known = ~np.isnan(scores)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    padded = count + 2
    block = max(1, min(draws, _BLOCK // padded))
    starts = range(0, draws, block)
    weights = (rng.multinomial(padded, np.full(padded, 1 / padded), min(block, draws - at)) for at in starts)
    sample = np.concatenate([_resampled(scores, known, part.astype(np.float64)) for part in weights])
    items = known.T.astype(np.int64) @ known.astype(np.int64)
    level = two_sided(t_reach(alpha, np.maximum(items - 1, 1)))
    lower, upper = np.full((size, size), -np.inf), np.full((size, size), np.inf)
    estimate = np.full((size, size), np.nan)
    for i, j in zip(*np.nonzero(items), strict=True):
        both = known[:, i] & known[:, j]
        estimate[i, j] = (scores[both, i] - scores[both, j]).mean()
        lower[i, j], upper[i, j] = np.quantile(sample[:, i, j], [level[i, j] / 2, 1 - level[i, j] / 2])
    return PairIntervals(estimate=estimate, lower=lower, upper=upper, level=alpha)


def _resampled(scores: FloatArray, known: BoolArray, weights: FloatArray) -> FloatArray:
    """(draws, K, K) mean differences under weights of the n items and the two pseudo-items."""
    size = scores.shape[1]
    out = np.zeros((len(weights), size, size))
    pseudo = (weights[:, -2] - weights[:, -1])[:, None]
    spare = weights[:, -2:].sum(axis=1, keepdims=True)
    for i in range(size):
        both = known[:, [i]] & known
        gap = np.where(both, scores[:, [i]] - scores, 0.0)
        out[:, i, :] = (weights[:, :-2] @ gap + pseudo) / np.maximum(weights[:, :-2] @ both + spare, 1.0)
        out[:, i, i] = 0.0
    return out
