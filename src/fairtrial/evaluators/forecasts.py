"""Probabilities that A is better, held to what people said: log loss, Brier score, calibration error.

Read `forecast` first. A tie is said by half of the people: y = 1/2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import Vote
from fairtrial.evaluators.tables import Floats, Rate, weighted_rate
from fairtrial.stats import t_reach, tally

LEAST = 5e-7
"""Least probability held against a judge: half a unit of the last digit that is kept of one."""
BINS = 10
_PER_BIN = 20
_DRAWS = 1000
_BLOCK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How far probabilities are from what people said; lower is better in all three."""

    log_loss: Rate
    """In natural logarithms; always saying 1/2 gives ln 2 = 0.693."""
    brier: Rate
    """Mean squared distance (Brier 1950, Monthly Weather Review 78); always saying 1/2 gives 0.25 without ties."""
    calibration_error: Rate
    """See `calibration_error`."""


def said_of(votes: Sequence[Vote]) -> Floats | None:
    """(n,) each vote's probability that A is better; None where no vote has one.

    Invalid votes and equal texts say 1/2: leaving out what a judge fails on would flatter it.
    """
    told = [vote.detail.get("p_a") if vote.status == "graded" else None for vote in votes]
    if all(one is None for one in told):
        return None
    return np.array([one if isinstance(one, float | int) else 0.5 for one in told], dtype=np.float64)


def forecast(p: Floats, y: Floats, prompt: NDArray[np.int64], *, alpha: float = 0.05) -> Forecast | None:
    """The three figures of n probabilities, with intervals clustered by prompt; None without any.

    Args:
        p: (n,) probability that A is better.
        y: (n,) 1 where A is better, 0 where B is, 1/2 for a tie.
        prompt: (n,) codes of prompts.
        alpha: Error probability of each interval.
    """
    loss = mean_loss(lambda said: log_losses(p, said), p, y, prompt, alpha=alpha)
    brier = weighted_rate((p - y) ** 2, prompt, None, alpha)
    if loss is None or brier is None:
        return None
    return Forecast(log_loss=loss, brier=brier, calibration_error=calibration_error(p, y, prompt, alpha=alpha))


def log_losses(p: Floats, y: Floats) -> Floats:
    """(n,) -y ln p - (1 - y) ln(1 - p), with p within `LEAST` and 1 - `LEAST`."""
    held = np.clip(p, LEAST, 1 - LEAST)
    return -y * np.log(held) - (1 - y) * np.log1p(-held)


def mean_loss(
    loss: Callable[[Floats], Floats], p: Floats, y: Floats, prompt: NDArray[np.int64], *, alpha: float = 0.05
) -> Rate | None:
    """Mean of a loss, or of a difference of two, with an interval clustered by prompt; None without pairs.

    Losses are skewed: a confident judge pays for few pairs, but much, and an interval that has seen none of them is
    wrong on one side. So `clustered_mean` gets two pseudo-clusters (Agresti & Coull 1998 add as many) at the mean loss
    had every pair gone to the side that `p` favours, and two had every pair gone to the other.

    Args:
        loss: From (n,) labels 1, 0, 1/2 the loss of each pair.
        p: (n,) probabilities that say which side is favoured.
        y: (n,) labels.
        prompt: (n,) codes of prompts.
        alpha: Error probability of the interval.
    """
    if not len(y):
        return None
    side = (1 + np.sign(p - 0.5)) / 2
    ends = (float(loss(side).mean()), float(loss(1 - side).mean()))
    return clustered_mean(loss(y), prompt, ends=ends * 2, alpha=alpha)


def clustered_mean(
    values: Floats, prompt: NDArray[np.int64], *, ends: tuple[float, ...] = (), alpha: float = 0.05
) -> Rate:
    """Mean of values of any size with a cluster-robust interval, t with G - 1 degrees of freedom.

    Squared error G / (G - 1) sum over clusters of (sum of deviations)^2 / n^2 (Liang & Zeger 1986, Biometrika 73). A
    pseudo-cluster of average size at each of `ends` is added to the interval's centre and error in place of the factor,
    as in `stats.proportion`; the estimate stays the plain mean. Values that do not vary, or come from one cluster, have
    no interval.

    Args:
        values: (n,) values, n > 0.
        prompt: (n,) codes of clusters.
        ends: Values of pseudo-clusters.
        alpha: Error probability.
    """
    mean = float(values.mean())
    code = np.unique(prompt, return_inverse=True)[1]
    count = int(code.max()) + 1
    typical = len(values) / count
    totals = np.append(tally(code, values, count), np.array(ends) * typical)
    sizes = np.append(tally(code, None, count), np.full(len(ends), typical))
    centre = float(totals.sum() / sizes.sum())
    part = (totals - sizes * centre) / sizes.sum()
    factor = 1.0 if ends else count / max(count - 1, 1)
    error = float(np.sqrt(factor * (part @ part)))
    known = count > 1 and error > 1e-12
    reach = float(t_reach(alpha, count - 1)) * error if known else 0.0
    ci = (min(mean, centre - reach), max(mean, centre + reach)) if known else (None, None)
    return Rate(estimate=mean, ci=ci, n=len(values), prompts=count)


def calibration_error(p: Floats, y: Floats, prompt: NDArray[np.int64], *, alpha: float = 0.05) -> Rate:
    """Root mean squared distance of confidence and share right over bins, what chance adds taken off.

    Confidence is max(p, 1 - p), so that it does not matter which answer is called A; p = 1/2 is right half the time
    whatever happens. Up to `BINS` bins of about as many pairs, at least 20 a bin. From each bin's squared distance its
    variance, clustered by prompt, is subtracted (Kumar, Liang & Ma 2019, Verified Uncertainty Calibration), for the
    plain figure is above 0 even of a perfect judge. The interval is of percentiles over resampled prompts, debiased for
    both rounds of chance; below 0 it is cut to 0.
    """
    confident = np.maximum(p, 1 - p)
    right = np.where(p == 0.5, 0.5, np.where(p > 0.5, y, 1 - y))
    number = int(np.clip(len(p) // _PER_BIN, 1, BINS))
    edges = np.unique(np.quantile(confident, np.arange(1, number) / number))
    bins = np.searchsorted(edges, confident, side="right")
    code = np.unique(prompt, return_inverse=True)[1]
    count, width = int(code.max()) + 1, len(edges) + 1
    place = code * width + bins
    gaps = tally(place, confident - right, count * width).reshape(count, width)
    sizes = tally(place, None, count * width).reshape(count, width)
    held = sizes.sum(axis=0) > 0
    gaps, sizes = gaps[:, held], sizes[:, held]
    total = sizes.sum(axis=0)
    share, gap = total / len(p), gaps.sum(axis=0) / total
    variance = count / max(count - 1, 1) * ((gaps - sizes * gap) ** 2).sum(axis=0) / total**2
    estimate = float(share @ (gap**2 - variance))
    rng = np.random.default_rng(np.random.SeedSequence(count))
    drawn = []
    for _ in range(0, _DRAWS, _BLOCK):  # a few at a time: there is a weight for every prompt
        weight = rng.multinomial(count, np.full(count, 1 / count), _BLOCK).astype(np.float64)
        n = weight @ sizes
        again = np.divide(weight @ gaps, n, out=np.tile(gap, (_BLOCK, 1)), where=n > 0)
        drawn.append((again**2 - 2 * variance) @ share)
    low, high = np.quantile(np.concatenate(drawn), [alpha / 2, 1 - alpha / 2])
    varies = count > 1 and high - low > 1e-12 and high > 0
    ci = (_root(min(low, estimate)), _root(max(high, estimate))) if varies else (None, None)
    return Rate(estimate=_root(estimate), ci=ci, n=len(p), prompts=count)


def _root(square: float) -> float:
    return float(np.sqrt(max(square, 0.0)))
