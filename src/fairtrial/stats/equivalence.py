"""Two judges on the same items: better, worse, equivalent or not decided. Read `compare_judges` first.

Items of a prompt are one cluster, so the interval is `paired_scores` over prompts. Judges that were trained several
times bring a second source of chance, their seeds, which no number of items averages away.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray, tally
from fairtrial.stats._guarded import cluster_codes, guarded_mean
from fairtrial.stats._tails import t_reach
from fairtrial.stats.paired import checked
from fairtrial.stats.verdicts import FORESEEABLE, Verdict, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeComparison:
    """First judge minus second, mean score over prompts."""

    estimate: float
    lower: float
    upper: float
    verdict: Verdict
    """The interval read against the margin; `more_items` are further clusters."""
    margin: float
    p_equivalent: float
    """Larger p-value of the two one-sided tests; below alpha / 2 just when the interval lies within the margin."""
    smallest_margin: float
    """Equivalence within any margin above this would have been shown."""
    needed: int | None
    """Clusters with which equivalence would be shown at the chosen power were the judges equal and the spread as it
    is; None for a margin of 0, or where seeds alone scatter too much for any number of clusters."""
    df: float
    """Degrees of freedom of the interval."""
    seed_share: float
    """Share of the squared error that comes from seeds, 0 … 1; 0 where each judge has one column."""
    items: int
    """Items both judged."""
    clusters: int
    seeds: tuple[int, int]
    """Columns of the first and of the second judge."""


def compare_judges(
    first: ArrayLike,
    second: ArrayLike,
    *,
    margin: float,
    cluster: ArrayLike | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
) -> JudgeComparison:
    """Difference of two judges' mean scores with interval, four-word verdict and test of equivalence.

    An item's score is the mean over a judge's seeds, a cluster's difference the mean over its items, and every cluster
    counts alike. The squared error is that of `paired_scores` over clusters (pseudo-clusters +1 and -1 among them)
    plus, for a judge with S >= 2 seeds, the variance of its seeds' mean scores over S. The sum holds scatter of seeds
    by item twice, so that it cannot understate. Seeds of the two judges are taken as independent. Degrees of freedom
    are Satterthwaite's (1946, Biometrics Bulletin 2). One seed stands for itself: nothing is said of other runs.

    Two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15) each at alpha / 2, not alpha: then one
    interval carries all four words, as everywhere in Fairtrial.

    Args:
        first: (n,) scores 0 … 1 of the first judge's verdicts, or (n, S) with a column for each seed; NaN is missing.
        second: (n,) or (n, S') scores of the second's.
        margin: Smallest difference that matters, 0 … 1.
        cluster: (n,) labels of items that belong together (a prompt's); None: all independent.
        alpha: Error probability of the interval.
        power: Chance of showing equivalence that `needed` aims at.

    Raises:
        BadInput: No item that both judged, lengths that differ, scores or a margin outside 0 … 1, a power that is not
            between 0 and 1.
    """
    if not (0 <= margin <= 1 and 0 < power < 1):
        raise BadInput(f"the margin must lie in 0 … 1 and the power between, not {margin} and {power}.", where="margin")
    ours, theirs = _table(first), _table(second)
    if len(ours) != len(theirs):
        raise BadInput(f"the judges have {len(ours)} and {len(theirs)} items; give both the same, NaN where missing.")
    shared = ~(np.isnan(ours).all(axis=1) | np.isnan(theirs).all(axis=1))
    if not shared.any():
        raise BadInput("no item was judged by both: no evidence.")
    code = np.unique(cluster_codes(cluster, len(ours))[shared], return_inverse=True)[1]
    ours, theirs = ours[shared], theirs[shared]
    sizes = tally(code, None, int(code.max()) + 1)
    count = len(sizes)
    gaps = tally(code, np.nanmean(ours, axis=1) - np.nanmean(theirs, axis=1), count) / sizes
    weight = 1 / (sizes[code] * count)
    centre, error = guarded_mean(gaps)
    parts = [(error**2, max(count - 1, 1)), *_seed_parts(ours, weight), *_seed_parts(theirs, weight)]
    variance = sum(part for part, _ in parts)
    df = variance**2 / sum(part**2 / free for part, free in parts)
    reach = float(t_reach(alpha, df)) * variance**0.5
    lower, upper = max(-1.0, centre - reach), min(1.0, centre + reach)
    estimate = float(gaps.mean())
    return JudgeComparison(
        estimate=estimate,
        lower=lower,
        upper=upper,
        verdict=verdict(estimate, lower, upper, margin=margin, items=count),
        margin=margin,
        p_equivalent=_one_sided(centre, variance**0.5, margin=margin, df=df),
        smallest_margin=max(-lower, upper),
        needed=_needed(error**2 * count, variance - error**2, margin=margin, df=df, alpha=alpha, power=power),
        df=df,
        seed_share=1 - error**2 / variance,
        items=len(code),
        clusters=count,
        seeds=(ours.shape[1], theirs.shape[1]),
    )


def _table(scores: ArrayLike) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    table = checked(table[:, None] if table.ndim == 1 else table)
    if not table.shape[1]:
        raise BadInput("a judge's scores have no column.")
    return table


def _seed_parts(scores: FloatArray, weight: FloatArray) -> list[tuple[float, int]]:
    """Variance of a judge's mean over its seeds and its degrees of freedom; nothing for a single seed.

    A seed's mean score is taken relative to the item means, so that a missing score does not pass for a weak seed.
    """
    seeds = scores.shape[1]
    if seeds < 2:
        return []
    known = ~np.isnan(scores)
    apart = np.where(known, scores - np.nanmean(scores, axis=1, keepdims=True), 0.0)
    held = known * weight[:, None]
    if not held.sum(axis=0).all():
        raise BadInput("a seed has no score on the items that both judged; leave its column out.")
    means = (apart * held).sum(axis=0) / held.sum(axis=0)
    return [(float(means.var(ddof=1)) / seeds, seeds - 1)]


def _one_sided(centre: float, error: float, *, margin: float, df: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(df, (abs(centre) - margin) / error))


def _needed(spread: float, fixed: float, *, margin: float, df: float, alpha: float, power: float) -> int | None:
    """Clusters at which an interval about 0 lies within the margin with this chance, from the variance of one cluster.

    Both ends must hold: (t_alpha/2 + t_(1 - power)/2) standard errors within the margin. The degrees of freedom stay
    those observed, which errs towards more.
    """
    reach = float(t_reach(alpha, df) + t_reach(1 - power, df))
    left = (margin / reach) ** 2 - fixed
    if left <= 0 or spread / left > FORESEEABLE**2:
        return None
    return max(2, math.ceil(spread / left))
