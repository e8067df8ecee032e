"""Many verdicts of a judge and few of people make one unbiased mean. Read `ppi_mean` first, then `worth`.

Prediction-powered inference with power tuning (PPI++; Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453). People's
verdicts must come from items drawn at random from those the judge rates: that is all it rests on, not the judge's
quality. In small samples the published interval is too narrow (nominal 95 % covers 76 to 94 % with 30 human verdicts):
here it counts clusters, gives up a degree of freedom for lambda, uses t, and adds a pseudo-cluster at each end of the
scale; `benchmarks/coverage_judges.py` holds it to the truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray, IntArray, tally
from fairtrial.stats._guarded import cluster_codes
from fairtrial.stats._tails import t_reach

SCALE = (-1.0, 1.0)
"""Verdicts: -1 the second is better, 0 a tie, 1 the first."""
FEW = 3
"""Least clusters of human verdicts for a lambda or an interval of rho."""
CONSTANT_HUMAN = "the human verdicts are all the same, so nothing can go with them"
CONSTANT_JUDGE = "the judge's verdicts are all the same, so they cannot go with anything"
NOTHING_LABELLED = "no item has a human verdict"
_EDGE = 1 - 1e-6
"""Correlations are held within this before Fisher's z."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class DebiasedMean:
    """A mean of human verdicts over all items, helped by a judge."""

    estimate: float
    lower: float
    upper: float
    weight: float
    """Lambda, 0 … 1: how far the judge's verdicts are used."""
    human: float
    """Mean of the human verdicts alone."""
    human_lower: float
    human_upper: float
    multiplier: float
    """Variance of the human mean over that of the estimate, both as the intervals take them: how many times as many
    human verdicts would do as well. Below 1 where a useless judge only cost a degree of freedom."""
    labelled: int
    """Human verdicts."""
    clusters: int
    """Clusters they come from."""
    unlabelled: int
    """Items with the judge's verdict only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """How many human verdicts one human verdict is worth with the judge's help."""

    estimate: float | None
    """None: beyond any bound, for the judge agreed perfectly."""
    lower: float
    upper: float | None
    """None: no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a judge's verdicts can be worth, from items that people rated too."""

    rho: float | None
    """Correlation of human and judge verdicts; None with a reason where either does not vary."""
    lower: float | None
    """None as well with fewer than `FEW` clusters."""
    upper: float | None
    reason: str
    """Why there is no correlation; empty when there is one."""
    items: int
    clusters: int

    @property
    def ceiling(self) -> Factor | None:
        """1 / (1 - rho^2): the multiplier with far more judge verdicts than human ones (N >> n), its most."""
        return self.at(np.inf)

    def at(self, ratio: float) -> Factor | None:
        """The multiplier 1 / (1 - rho^2 r / (1 + r)) with r = N / n judge-only items for each human verdict.

        A negative correlation is worth nothing here: lambda stays at 0 or above. None without an interval of rho.

        Raises:
            BadInput: A ratio below 0 or not a number.
        """
        if not ratio >= 0:
            raise BadInput(f"the ratio of judge-only items to human verdicts must be 0 or more, not {ratio}.")
        if self.rho is None or self.lower is None or self.upper is None:
            return None
        share = 1.0 if ratio == np.inf else ratio / (1 + ratio)
        most = _multiplied(self.lower, share)
        return Factor(
            estimate=_multiplied(self.rho, share),
            lower=1.0 if most is None else most,
            upper=_multiplied(self.upper, share),
        )


def ppi_mean(
    human: ArrayLike,
    judge_on_labelled: ArrayLike,
    judge_on_unlabelled: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    cluster_unlabelled: ArrayLike | None = None,
    scale: tuple[float, float] = SCALE,
    alpha: float = 0.05,
) -> DebiasedMean:
    """Mean human verdict: mean(y) + lambda (mean of f on unlabelled items - mean of f on labelled items).

    Lambda minimises the variance estimated over clusters, within 0 … 1; without clusters it is the paper's
    cov(y, f) / ((1 + n / N) var f), with var f from either side. The interval rests on each cluster's part in
    y - lambda (f - mean f) and in the unlabelled mean; residuals are scaled by (G - 1) / (G - 2) for the fitted lambda
    and t has G - 2 degrees of freedom (G - 1 for people alone, or where no lambda could be fitted). A pseudo-cluster of
    average size at each end of the scale keeps it honest where verdicts or residuals hardly vary. Estimates and bounds
    are kept within the scale.

    Args:
        human: (n,) human verdicts; NaN is left out.
        judge_on_labelled: (n,) the judge's verdicts on the same items. A missing one (NaN) counts as the middle of the
            scale, here and below: whatever the judge says is right for this estimate, but leaving out the items it
            fails on would not be.
        judge_on_unlabelled: (N,) the judge's verdicts on other items; may be empty.
        cluster: (n,) labels of items that belong together (a prompt's); None: all independent.
        cluster_unlabelled: (N,) labels; the same label on both sides is the same cluster. Given if `cluster` is.
        scale: Lowest and highest verdict.
        alpha: Error probability of the intervals.

    Raises:
        BadInput: No human verdict, lengths that differ, verdicts off the scale, one kind of cluster without the other.
    """
    given = _on_scale(human, scale, "human verdicts")
    known = ~np.isnan(given)
    judged, wide = _judged(judge_on_labelled, scale), _judged(judge_on_unlabelled, scale)
    if judged.shape != given.shape:
        raise BadInput(f"{len(given)} human verdicts, but {len(judged)} of the judge on the same items.")
    if not known.any():
        raise BadInput(f"{NOTHING_LABELLED}: no evidence.")
    here, there = _joint_codes(cluster, cluster_unlabelled, len(given), len(wide))
    sums = _Totals.of(given[known], judged[known], wide, here[known], there)
    weight, fitted = sums.best_weight()
    alone, helped = sums.interval(0.0, spent=0, alpha=alpha), sums.interval(weight, spent=int(fitted), alpha=alpha)
    low, high = scale
    centre, half = (low + high) / 2, (high - low) / 2
    estimate, lower, upper = (centre + half * float(np.clip(value, -1, 1)) for value in helped[:3])
    mean, human_lower, human_upper = (centre + half * float(np.clip(value, -1, 1)) for value in alone[:3])
    return DebiasedMean(
        estimate=estimate,
        lower=lower,
        upper=upper,
        weight=weight,
        human=mean,
        human_lower=human_lower,
        human_upper=human_upper,
        multiplier=alone[3] / helped[3],
        labelled=int(known.sum()),
        clusters=sums.clusters,
        unlabelled=len(wide),
    )


def worth(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    scale: tuple[float, float] = SCALE,
    alpha: float = 0.05,
) -> Worth:
    """Correlation of a judge with people on the same items, and what that makes the judge's verdicts worth.

    Jackknife over clusters on Fisher's z, t with G - 1 degrees of freedom. For the lower end half a cluster of average
    size at (1, -1) and half a one at (-1, 1) are added, for the upper end at (1, 1) and (-1, -1): the interval does not
    vanish when all happen to agree, and covers where one verdict is rare. Where leaving out a cluster leaves nothing
    that varies, its z counts as 0.

    The correlation is of verdicts; the multiplier of `ppi_mean` is what clusters make of it.

    Args:
        human: (n,) human verdicts; NaN is left out.
        judge: (n,) the judge's verdicts; a missing one counts as the middle of the scale, as in `ppi_mean`.
        cluster: (n,) labels of items that belong together; None: all independent.
        scale: Lowest and highest verdict.
        alpha: Error probability of the interval.

    Raises:
        BadInput: Lengths that differ, verdicts off the scale.
    """
    given, judged = _on_scale(human, scale, "human verdicts"), _judged(judge, scale)
    if judged.shape != given.shape:
        raise BadInput(f"{len(given)} human verdicts, but {len(judged)} of the judge on the same items.")
    known = ~np.isnan(given)
    code = np.unique(cluster_codes(cluster, len(given))[known], return_inverse=True)[1]
    y, f = given[known], judged[known]
    count = int(code.max(initial=-1)) + 1
    reason = _no_correlation(y, f)
    if reason:
        return Worth(rho=None, lower=None, upper=None, reason=reason, items=len(y), clusters=count)
    sums = np.stack([tally(code, part, count) for part in _moments(np.ones(len(y)), y, f)], axis=1)
    rho = float(np.clip(_correlation(sums.sum(axis=0)), -1.0, 1.0))  # rounding may step over full agreement
    if count < FEW:
        return Worth(rho=rho, lower=None, upper=None, reason="", items=len(y), clusters=count)
    reach, size = float(t_reach(alpha, count - 1)), len(y) / count / 2
    low, high = (
        z + sign * reach * error for sign in (-1, 1) for z, error in [_fisher(np.vstack([sums, _ends(size, sign)]))]
    )
    return Worth(
        rho=rho,
        lower=min(rho, float(np.tanh(low))),
        upper=1.0 if rho > 1 - _TINY else max(rho, float(np.tanh(high))),
        reason="",
        items=len(y),
        clusters=count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """(C,) totals of each cluster: human values and the judge's, their number; the judge's alone, their number."""

    y: FloatArray
    f: FloatArray
    n: FloatArray
    wide: FloatArray
    more: FloatArray

    @classmethod
    def of(cls, y: FloatArray, f: FloatArray, wide: FloatArray, here: IntArray, there: IntArray) -> "_Totals":
        size = int(max(here.max(initial=-1), there.max(initial=-1))) + 1
        return cls(
            y=tally(here, y, size),
            f=tally(here, f, size),
            n=tally(here, None, size),
            wide=tally(there, wide, size),
            more=tally(there, None, size),
        )

    @property
    def clusters(self) -> int:
        return int((self.n > 0).sum())

    def best_weight(self) -> tuple[float, bool]:
        """Lambda, and whether there was anything to fit it to."""
        if self.clusters < FEW or (self.more > 0).sum() < FEW:
            return 0.0, False
        people = _corrected(self.y, self.n)
        judge = self._beside() - _corrected(self.f, self.n)
        total = float(judge @ judge)
        if total < _TINY**2:
            return 0.0, False
        return float(np.clip(-(people @ judge) / total, 0.0, 1.0)), True

    def _beside(self) -> FloatArray:
        """Each cluster's part in the judge's mean on unlabelled items."""
        return _corrected(self.wide, self.more) if (self.more > 0).sum() > 1 else np.zeros(len(self.more))

    def interval(self, weight: float, *, spent: int, alpha: float) -> tuple[float, float, float, float]:
        """Estimate, lower and upper end, variance; on the scale from -1 to 1."""
        count, items = self.clusters, self.n.sum()
        mean = self.wide.sum() / self.more.sum() if weight else 0.0
        rest = self.y - weight * (self.f - self.n * mean)
        typical = items / count
        padded = items + 2 * typical
        centre = float(rest.sum() / padded)
        free = max(count - 1 - spent, 1)
        own = (rest - self.n * centre) / padded * np.sqrt(max(count - 1, 1) / free)
        part = own + weight * self._beside()
        variance = float(part @ part + 2 * (typical / padded) ** 2 * (1 + centre**2))
        reach = float(t_reach(alpha, free)) * variance**0.5
        return float(rest.sum() / items), centre - reach, centre + reach, variance


def _corrected(total: FloatArray, size: FloatArray) -> FloatArray:
    """Each cluster's part in a mean's deviation, scaled by G / (G - 1) in the square."""
    count = int((size > 0).sum())
    return np.asarray((total - size * total.sum() / size.sum()) / size.sum() * np.sqrt(count / max(count - 1, 1)))


def _on_scale(values: ArrayLike, scale: tuple[float, float], what: str) -> FloatArray:
    """(n,) values moved to -1 … 1, NaN where missing."""
    low, high = scale
    data = np.asarray(values, dtype=np.float64)
    if not (np.isfinite([low, high]).all() and low < high):
        raise BadInput(f"the scale must rise from its lowest to its highest verdict, not {low} to {high}.")
    if data.ndim != 1:
        raise BadInput(f"{what} must be one for each item, not {data.ndim}-dimensional.")
    known = data[~np.isnan(data)]
    if known.size and (known.min() < low or known.max() > high):
        raise BadInput(f"{what} must lie between {low:g} and {high:g}.")
    return np.asarray((data - (low + high) / 2) / ((high - low) / 2))


def _judged(values: ArrayLike, scale: tuple[float, float]) -> FloatArray:
    return np.nan_to_num(_on_scale(values, scale, "the judge's verdicts"), nan=0.0)


def _joint_codes(
    cluster: ArrayLike | None, beside: ArrayLike | None, labelled: int, unlabelled: int
) -> tuple[IntArray, IntArray]:
    """Codes of labelled and unlabelled items, equal where the cluster is."""
    if (cluster is None) != (beside is None):
        raise BadInput("clusters must be given for the labelled and for the unlabelled items, or for neither.")
    labels = None
    if cluster is not None and beside is not None:
        labels, other = np.asarray(cluster), np.asarray(beside)
        cluster_codes(labels, labelled)  # one label for each item
        cluster_codes(other, unlabelled)
        labels = np.concatenate([labels, other]) if unlabelled else labels
    both = cluster_codes(labels, labelled + unlabelled)
    return both[:labelled], both[labelled:]


def _no_correlation(y: FloatArray, f: FloatArray) -> str:
    if not len(y):
        return NOTHING_LABELLED
    if np.ptp(y) < _TINY:
        return CONSTANT_HUMAN
    return CONSTANT_JUDGE if np.ptp(f) < _TINY else ""


def _moments(w: FloatArray, y: FloatArray, f: FloatArray) -> tuple[FloatArray, ...]:
    return w, w * y, w * f, w * y * y, w * f * f, w * y * f


def _ends(size: float, sign: int) -> FloatArray:
    """(2, 6) sums of two pseudo-clusters of this size at opposite corners of the scale."""
    side = np.array([1.0, -1.0])
    return np.stack(_moments(np.full(2, size), side, sign * side), axis=1)


def _correlation(sums: FloatArray) -> FloatArray:
    """Correlation from (…, 6) sums of 1, y, f, yy, ff, yf; 0 where nothing varies."""
    n, y, f, yy, ff, yf = np.moveaxis(sums, -1, 0)
    product = (yy / n - (y / n) ** 2) * (ff / n - (f / n) ** 2)
    varies = product > _TINY
    return np.where(varies, (yf / n - y * f / n**2) / np.sqrt(np.where(varies, product, 1.0)), 0.0)


def _fisher(sums: FloatArray) -> tuple[float, float]:
    """Fisher's z of all clusters and its jackknife error, from (G, 6) sums."""
    total, count = sums.sum(axis=0), len(sums)
    z = np.arctanh(np.clip(_correlation(np.vstack([total, total - sums])), -_EDGE, _EDGE))
    return float(z[0]), float(np.sqrt((count - 1) / count * ((z[1:] - z[1:].mean()) ** 2).sum()))


def _multiplied(rho: float, share: float) -> float | None:
    left = 1 - max(rho, 0.0) ** 2 * share
    return 1 / left if left > _TINY else None
