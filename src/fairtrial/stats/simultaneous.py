"""Statements about all pairs at once: max-T intervals, rank sets, tiers. Read `all_pairs` first.

Of all the differences on a board, some look large by chance; max-T (Westfall & Young 1993; Hothorn, Bretz & Westfall
2008) finds the critical value that the largest of them exceeds with probability alpha, using how they hang together.
Rank sets follow Mogstad, Romano, Shaikh & Wilhelm (2024, Review of Economic Studies).
"""

from dataclasses import dataclass

import numpy as np

from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray
from fairtrial.stats._tails import t_reach, two_sided

DRAWS = 4000
_TINY = 1e-24
_AT_ONCE = 256
"""Draws handled at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairIntervals:
    """Simultaneous intervals of all differences, row minus column."""

    estimate: FloatArray
    """(K, K); NaN where nothing links the two."""
    lower: FloatArray
    """(K, K); minus infinity where no bound exists."""
    upper: FloatArray
    level: float
    """Error probability left to each single pair."""

    @property
    def separated(self) -> BoolArray:
        """(K, K) whether the row is better than the column beyond the family-wise error."""
        return np.asarray(self.lower > 0)


def pair_level(covariance: FloatArray, *, alpha: float, draws: int, seed: int) -> float:
    """The error probability for each pair at which all K (K - 1) / 2 two-sided statements hold with 1 - alpha.

    Draws K estimates from a normal distribution with this covariance, takes the largest standardised difference of each
    draw, and turns its 1 - alpha quantile (plus two Monte Carlo errors) back into a two-sided probability. Each pair
    then uses it with its own t distribution, which is at least as strict as one common multivariate t.

    Args:
        covariance: (K, K) joint covariance of the K estimates.
        alpha: Family-wise error, for example 0.05.
        draws: Number of draws; 4,000 have a Monte Carlo error of 0.0034 on alpha = 0.05.
        seed: Seed of the draws.
    """
    size = len(covariance)
    if size <= 2:  # a single pair needs no allowance
        return alpha
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    root = (vectors * np.sqrt(np.clip(values, 0, None))).astype(np.float32)
    variance = difference_variance(covariance)
    scale = (np.where(variance > _TINY, variance, np.inf) ** -0.5).astype(np.float32)
    largest = np.zeros(draws, dtype=np.float32)
    gaps = np.empty((size, _AT_ONCE), dtype=np.float32)
    for start in range(0, draws, _AT_ONCE):  # single precision: a quantile needs no more, and it fits the cache
        count = min(_AT_ONCE, draws - start)
        sample = root @ rng.standard_normal((size, count), dtype=np.float32)
        top = largest[start : start + count]
        for row in range(size - 1):
            gap = gaps[: size - row - 1, :count]
            np.subtract(sample[row + 1 :], sample[row], out=gap)
            np.abs(gap, out=gap)
            gap *= scale[row, row + 1 :, None]
            np.maximum(top, gap.max(axis=0), out=top)
    spare = 2 * np.sqrt(alpha * (1 - alpha) / draws)  # two Monte Carlo errors, on the safe side
    quantile = float(np.quantile(largest, min(1 - alpha + spare, 1.0)))
    pairs = size * (size - 1) / 2
    return float(np.clip(two_sided(quantile), alpha / pairs, alpha))


def difference_variance(covariance: FloatArray) -> FloatArray:
    """(K, K) variance of each difference of two of the K estimates."""
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own[None, :] - covariance - covariance.T, 0.0)


def all_pairs(
    estimate: FloatArray,
    covariance: FloatArray,
    df: FloatArray,
    *,
    alpha: float = 0.05,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairIntervals:
    """Intervals of all differences that hold together with probability 1 - alpha.

    Args:
        estimate: (K,) estimates.
        covariance: (K, K) their joint covariance.
        df: (K, K) degrees of freedom of each difference.
        alpha: Family-wise error.
        draws: Draws behind the critical value.
        seed: Seed of the draws.
    """
    level = pair_level(covariance, alpha=alpha, draws=draws, seed=seed)
    gap = estimate[:, None] - estimate[None, :]
    reach = t_reach(level, df) * np.sqrt(difference_variance(covariance))
    return PairIntervals(estimate=gap, lower=gap - reach, upper=gap + reach, level=level)


def rank_sets(separated: BoolArray) -> IntArray:
    """(K, 2) best and worst place left open: 1 + models separated above it, K - models separated below it."""
    return np.stack([1 + separated.sum(axis=0), len(separated) - separated.sum(axis=1)], axis=1)


def tiers(order: IntArray, separated: BoolArray) -> IntArray:
    """(K,) tier of each model: going down `order`, a tier ends at the first model separated from the tier's leader.

    Args:
        order: (K,) model indices, best first.
        separated: (K, K) whether the row is better than the column.
    """
    tier = np.zeros(len(order), dtype=np.int64)
    leader, current = int(order[0]), 1
    for model in order.tolist():
        if separated[leader, model]:
            leader, current = model, current + 1
        tier[model] = current
    return tier
