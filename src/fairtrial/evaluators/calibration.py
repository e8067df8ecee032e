"""A judge's signal turned into a probability by human labels on other pairs. Read `calibrate`, then `Calibrated`.

P(A better) = 1 / (1 + exp(-slope x signal)): one number, no intercept, so that turning a pair round gives 1 - p. This
is Platt's (1999) scaling made antisymmetric. Calibration makes probabilities honest; it makes no vote better.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import BadInput, Battle, Prompt, Provider, Response, Vote, digest, seed_of
from fairtrial.evaluators.examining import Evaluator
from fairtrial.evaluators.forecasts import Forecast, forecast, log_losses, mean_loss, said_of
from fairtrial.evaluators.human_labels import HumanLabels
from fairtrial.evaluators.judge import Meter, logistic
from fairtrial.evaluators.tables import Floats, Rate
from fairtrial.stats import t_reach, tally

FOLDS = 10
FEWEST = 5
"""Fewest prompts that a map is fitted to."""
MOST = 16.0
"""Log-odds are cut at this, about what single precision can tell from certainty: servers write -9999."""

Signal = Literal["log-odds", "jurors", "repeats", "grades", "verdicts"]
_PARTS: tuple[tuple[str, Signal], ...] = (("log_odds", "log-odds"), ("share", "repeats"), ("grade", "grades"))
_SIDES = {"first": 1.0, "second": -1.0, "tie": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A map from a judge's signal to P(A better), and what it does to prompts that it was not fitted to."""

    signal: Signal
    slope: float
    """What is multiplied; a fitted slope below 0 is 0: votes are never turned round."""
    fitted: Rate
    """The slope as fitted, with its interval clustered by prompt."""
    before: Forecast | None
    """The judge's own probabilities on the same pairs; None where it gives none."""
    after: Forecast
    """Every prompt's pairs by a map fitted to other prompts."""
    log_loss_change: Rate | None
    """After minus before, pair by pair; below 0 is better. None where there is no before."""
    brier_change: Rate | None
    folds: int
    pairs: int
    """With a valid vote and a label; behind everything here."""
    prompts: int
    invalid: int
    """Pairs left out because the vote was invalid."""
    shared: int
    """Pairs left out because their prompt is among the evaluated ones."""
    unlabelled: int
    source: str
    """Digest of the labelled pairs."""


class Calibrated:
    """A calibrated judge: an evaluator of its own, which votes for the side of one half.

    Args:
        inner: The judge.
        calibration: What was fitted to its votes.
    """

    kind: Literal["judge"] = "judge"

    def __init__(self, inner: Evaluator, calibration: Calibration) -> None:
        self.inner, self.calibration = inner, calibration
        self.name = f"{inner.name} calibrated"
        told = [inner.id, "calibrated", round(calibration.slope, 9), calibration.source]
        self.id = f"judge:{self.name}:{digest(told)[7:15]}"

    @property
    def meter(self) -> Meter:
        """What the judge's readings took; calibration adds none."""
        return self.inner.meter

    @property
    def providers(self) -> Sequence[Provider]:
        """The models behind the judge."""
        return self.inner.providers

    async def judge(self, battle: Battle, prompt: Prompt, a: Response, b: Response) -> Vote:
        """The judge's vote, moved to the side that the calibrated ``p_a`` takes; an invalid vote stays one."""
        return self.moved(await self.inner.judge(battle, prompt, a, b))

    def moved(self, vote: Vote) -> Vote:
        """The calibrated form of one of the judge's votes."""
        found = signal_of(vote)
        if found is None:
            return replace(vote, evaluator=self.id)
        if vote.detail.get("same_text"):
            return replace(vote, evaluator=self.id, grade=0)
        p_a = logistic(self.calibration.slope * found[1])
        own = {"own_p_a": vote.detail["p_a"]} if "p_a" in vote.detail else {}
        detail = {**vote.detail, **own, "p_a": round(p_a, 6)}
        return replace(vote, evaluator=self.id, grade=(p_a > 0.5) - (p_a < 0.5), detail=detail)


def signal_of(vote: Vote) -> tuple[Signal, float] | None:
    """How far a vote leans towards A, over both orders; None for an invalid one. Turned round it changes its sign.

    Of a panel the jurors' weighted lead, or their median grade; else the mean over both orders of the log-odds where
    probabilities were read, of the share of repeats, of five-level grades, or of the verdicts: what there is first.
    """
    told = vote.detail
    if vote.status != "graded":
        return None
    if "lead" in told:
        return "jurors", float(told["lead"])
    for name, kind in _PARTS:
        if f"{name}_ab" in told:
            ab, ba = (float(np.clip(told[f"{name}_{order}"], -MOST, MOST)) for order in ("ab", "ba"))
            return kind, (ab - ba) / 2
    ab, ba = (_SIDES.get(str(told.get(order)), 0.0) for order in ("ab", "ba"))  # equal texts have neither
    return "verdicts", (ab - ba) / 2


def fit_slope(signal: Floats, y: Floats) -> float:
    """The slope of a logistic regression without intercept, drawn towards 0.

    Two pseudo-pairs at the root mean square of the signals, one won and one lost, are added: a log-F(2, 2) prior on the
    slope (Greenland & Mansournia 2015, Statistics in Medicine 34). It has one finite maximum whatever the data, also
    where signals and labels never disagree, and does not hang on the unit of the signal.

    Args:
        signal: (n,) signals; 0 says nothing.
        y: (n,) 1 where A is better, 0 where B is, 1/2 for a tie.

    Returns:
        0 where no signal says anything.
    """
    from scipy.optimize import brentq

    x, target = _with_pseudo(signal, y)
    if not x.size:
        return 0.0
    reach = 1 / float(x[-1])
    while _score(-reach, x, target) < 0 or _score(reach, x, target) > 0:
        reach *= 2
    return float(brentq(_score, -reach, reach, args=(x, target), xtol=1e-13 / float(x[-1]), rtol=1e-13))


def slope_rate(signal: Floats, y: Floats, prompt: NDArray[np.int64], slope: float, *, alpha: float = 0.05) -> Rate:
    """The slope with its sandwich interval (Liang & Zeger 1986): prompts and the pseudo-pairs are the clusters."""
    x, target = _with_pseudo(signal, y)
    code = np.unique(prompt, return_inverse=True)[1]
    prompts = int(code.max(initial=-1)) + 1
    if not x.size or prompts < 2:
        return Rate(estimate=slope, ci=(None, None), n=len(y), prompts=prompts)
    p = _expit(slope * x)
    groups = np.append(code[signal != 0], [prompts, prompts + 1])
    scores = tally(np.unique(groups, return_inverse=True)[1], x * (target - p), len(np.unique(groups)))
    count = len(scores)
    error = float(np.sqrt(count / (count - 1) * (scores @ scores))) / float((x**2) @ (p * (1 - p)))
    reach = float(t_reach(alpha, max(count - 3, 1))) * error
    return Rate(estimate=slope, ci=(slope - reach, slope + reach), n=len(y), prompts=prompts)


def calibrate(votes: Sequence[Vote], labels: HumanLabels, *, alpha: float = 0.05) -> Calibration:
    """Fit a judge's map to its votes on pairs that people labelled, and say what it is worth on other prompts.

    Figures before and after are cross-fitted: prompts fall into up to `FOLDS` groups, drawn by their ids alone, and
    each group's pairs get their probability from a map fitted to the other groups. Intervals of the changes take these
    maps as given; nominal 95 % cover 92 to 94 % in simulation (20 to 150 prompts, a judge three times too sure).

    Args:
        votes: One vote for each of `labels.items`, in their order.
        labels: The pairs.
        alpha: Error probability of each interval.

    Raises:
        BadInput: Valid votes on fewer than `FEWEST` prompts.
    """
    read = [(vote, item, found) for vote, item in zip(votes, labels.items, strict=True) if (found := signal_of(vote))]
    ids = [item.prompt.id for _, item, _ in read]
    names = sorted(set(ids), key=lambda one: seed_of("fold", one))
    if len(names) < FEWEST:
        raise BadInput(
            f"{len(names)} prompts with a label and a valid vote are too few to calibrate a judge.",
            where=labels.name,
            next_step=f"Give human labels on at least {FEWEST} prompts that are not evaluated; 100 are better.",
        )
    place = {name: k for k, name in enumerate(names)}
    prompt = np.array([place[one] for one in ids], dtype=np.int64)
    signal = np.array([found[1] for _, _, found in read])
    y = np.array([(1 + (item.label or 0)) / 2 for _, item, _ in read])
    folds = min(FOLDS, len(names))
    p = np.empty(len(y))
    for fold in range(folds):
        out = prompt % folds == fold
        p[out] = _expit(max(fit_slope(signal[~out], y[~out]), 0.0) * signal[out])
    slope = fit_slope(signal, y)
    own = said_of([vote for vote, _, _ in read])
    before = None if own is None else forecast(own, y, prompt, alpha=alpha)
    after = forecast(p, y, prompt, alpha=alpha)
    if after is None:
        raise AssertionError  # there are pairs
    kinds = [found[0] for vote, _, found in read if not vote.detail.get("same_text")]
    return Calibration(
        signal=kinds[0] if kinds else "verdicts",
        slope=max(slope, 0.0),
        fitted=slope_rate(signal, y, prompt, slope, alpha=alpha),
        before=before,
        after=after,
        log_loss_change=None if own is None else mean_loss(_gap(log_losses, p, own), own, y, prompt, alpha=alpha),
        brier_change=None if own is None else mean_loss(_gap(_squares, p, own), own, y, prompt, alpha=alpha),
        folds=folds,
        pairs=len(y),
        prompts=len(names),
        invalid=len(votes) - len(read),
        shared=labels.shared,
        unlabelled=labels.unlabelled,
        source=labels.digest,
    )


def _gap(loss: Callable[[Floats, Floats], Floats], after: Floats, before: Floats) -> Callable[[Floats], Floats]:
    return lambda y: loss(after, y) - loss(before, y)


def _squares(p: Floats, y: Floats) -> Floats:
    return np.asarray((p - y) ** 2)


def _with_pseudo(signal: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Signals that say something, with their labels, and the two pseudo-pairs behind them; empty without any."""
    x, target = signal[signal != 0], y[signal != 0]
    if not x.size:
        return x, target
    typical = math.sqrt(float(x @ x) / len(x))
    return np.append(x, [typical, typical]), np.append(target, [1.0, 0.0])


def _score(slope: float, x: Floats, target: Floats) -> float:
    """Derivative of the log-likelihood; it falls in the slope."""
    return float(x @ (target - _expit(slope * x)))


def _expit(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)
