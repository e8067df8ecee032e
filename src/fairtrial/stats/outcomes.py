"""How likely each outcome of a battle is, given how far apart two models are. Read `OutcomeModel` first.

Each model gives the log-chance of an outcome and its derivatives by d (the difference of strengths in natural log
units, positive when A is stronger) and by its own parameters phi. All are symmetric: swapping A and B mirrors outcomes.

    half         P(A) = 1 / (1 + exp(-d)); a tie counts as half a win either way     Bradley & Terry 1952, Biometrika 39
    Davidson     P(A) : P(tie) : P(B) = exp(d/2) : exp(phi) : exp(-d/2)              Davidson 1970, JASA 65
    cumulative   outcome by where d + logistic noise falls between symmetric cut     McCullagh 1980, JRSS B 42;
                 points -c2 < -c1 <= c1 < c2; with one cut: ties as in Rao-Kupper    Rao & Kupper 1967, JASA 62
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats._arrays import FloatArray, IntArray
from fairtrial.stats.battles import A_WINS, B_WINS, TIE

Ties = Literal["davidson", "half", "rao-kupper"]
TIE_MODELS: tuple[Ties, ...] = ("davidson", "half", "rao-kupper")
GRADED = 7
"""Number of graded outcomes: grades -2 … 2 as 0 … 4, then B and A better by an unknown grade."""
B_SOMEHOW, A_SOMEHOW = 5, 6


class At(Protocol):
    """Log-chance of outcomes at given differences, and its derivatives; shapes follow from broadcasting d and outcome.

    Curves and crosses are negative second derivatives: information.
    """

    valid: bool
    """False outside the parameters' range: the value is minus infinity there, and nothing else may be read."""

    def value(self) -> FloatArray:
        """Log-chance."""

    def slope(self) -> FloatArray:
        """Derivative by d."""

    def curve(self) -> FloatArray:
        """Information about d."""

    def own_slope(self) -> list[FloatArray]:
        """Derivative by each phi."""

    def cross(self) -> list[FloatArray]:
        """Information shared by d and each phi."""

    def own_curve(self) -> list[list[FloatArray]]:
        """Information about each pair of phi."""


class OutcomeModel(Protocol):
    """A model of outcomes with q parameters of its own."""

    @property
    def name(self) -> str:
        """Its name in the literature."""

    @property
    def outcomes(self) -> int:
        """Number of outcome codes C."""

    @property
    def mirror(self) -> tuple[int, ...]:
        """The code of each outcome when A and B change places."""

    def start(self, counts: FloatArray) -> FloatArray:
        """(q,) parameters that fit (C,) counts of outcomes between equal models."""

    def at(self, d: FloatArray, outcome: IntArray, phi: FloatArray) -> At:
        """Everything at differences d and outcomes, of shapes that broadcast."""

    def win_chance(self, d: FloatArray, phi: FloatArray) -> FloatArray:
        """Chance that A is voted better."""

    def facts(self, phi: FloatArray) -> dict[str, float]:
        """The parameters by the names of the literature."""


def known_ties(name: str) -> Ties:
    """The tie model of this name.

    Raises:
        BadInput: There is none.
    """
    for known in TIE_MODELS:
        if name == known:
            return known
    raise BadInput(f"unknown tie model '{name}'.", where="ties", next_step=nearest(name, TIE_MODELS))


def tie_model(name: str, counts: FloatArray) -> OutcomeModel:
    """The model for (3,) counts of B wins, ties and A wins; without a tie all of them are Bradley-Terry's.

    Raises:
        BadInput: Unknown name.
    """
    known = known_ties(name)
    if known == "half" or not counts[TIE]:
        return HalfWins()
    return Davidson() if known == "davidson" else Cumulative(magnitudes=(0, 1))


def graded_model(counts: FloatArray) -> OutcomeModel:
    """The five-step model for (7,) counts of graded outcomes; steps nobody used are merged with their neighbour."""
    better, much = counts[1] + counts[3] > 0, counts[0] + counts[4] > 0
    held = (counts[2] > 0, better or not much, much)  # better by an unknown grade is a step of its own without others
    return Cumulative(magnitudes=tuple(m for m in range(3) if held[m]), graded=True)


@dataclass(frozen=True, slots=True)
class HalfWins:
    """Bradley and Terry's model; a tie adds half the log-chance of either side winning."""

    name: str = "half"
    outcomes: int = 3
    mirror: tuple[int, ...] = (A_WINS, TIE, B_WINS)

    def start(self, counts: FloatArray) -> FloatArray:  # noqa: ARG002 - the protocol's
        """No parameters."""
        return np.zeros(0)

    def at(self, d: FloatArray, outcome: IntArray, phi: FloatArray) -> "_HalfAt":  # noqa: ARG002 - the protocol's
        """See `OutcomeModel.at`."""
        return _HalfAt(d, outcome)

    def win_chance(self, d: FloatArray, phi: FloatArray) -> FloatArray:  # noqa: ARG002 - the protocol's
        """See `OutcomeModel.win_chance`; of two outcomes."""
        return _sigmoid(np.asarray(d))

    def facts(self, phi: FloatArray) -> dict[str, float]:  # noqa: ARG002 - the protocol's
        """None."""
        return {}


class _HalfAt:
    valid = True

    def __init__(self, d: FloatArray, outcome: IntArray) -> None:
        self.share, self.d = outcome * 0.5, d
        weak = np.abs(d)
        np.negative(weak, out=weak)
        self.tail = np.exp(weak)
        self.weak = np.divide(self.tail, self.tail + 1.0, out=weak)  # the weaker side's chance, exact however small
        self.win = np.where(d > 0, 1.0 - self.weak, self.weak)

    def value(self) -> FloatArray:
        return np.asarray(self.share * self.d - np.maximum(self.d, 0) - np.log1p(self.tail), dtype=np.float64)

    def slope(self) -> FloatArray:
        return np.asarray(self.share - self.win, dtype=np.float64)

    def curve(self) -> FloatArray:
        return np.asarray(self.weak * (1.0 - self.weak), dtype=np.float64)

    def own_slope(self) -> list[FloatArray]:
        return []

    def cross(self) -> list[FloatArray]:
        return []

    def own_curve(self) -> list[list[FloatArray]]:
        return []


@dataclass(frozen=True, slots=True)
class Davidson:
    """Davidson's model; phi is the logarithm of his tie weight nu."""

    name: str = "davidson"
    outcomes: int = 3
    mirror: tuple[int, ...] = (A_WINS, TIE, B_WINS)

    def start(self, counts: FloatArray) -> FloatArray:
        """Nu / 2 = ties / wins between equal models."""
        return np.array([math.log(2 * counts[TIE] / max(counts[A_WINS] + counts[B_WINS], 1e-9))])

    def at(self, d: FloatArray, outcome: IntArray, phi: FloatArray) -> "_DavidsonAt":
        """See `OutcomeModel.at`."""
        return _DavidsonAt(d, outcome, float(phi[0]))

    def win_chance(self, d: FloatArray, phi: FloatArray) -> FloatArray:
        """See `OutcomeModel.win_chance`."""
        return chances(d, float(phi[0]))[2]

    def facts(self, phi: FloatArray) -> dict[str, float]:
        """Davidson's nu."""
        return {"nu": math.exp(phi[0])}


class _DavidsonAt:
    valid = True

    def __init__(self, d: FloatArray, outcome: IntArray, log_nu: float) -> None:
        log_nu = min(log_nu, 700.0)
        half = np.abs(d)
        half *= 0.5
        root = np.exp(-half)  # the weaker side's weight is root squared, the stronger side's 1
        tied = root * math.exp(log_nu)
        root *= root
        total = tied + root
        total += 1.0
        self.half, self.total, self.log_nu, self.outcome = half, total, log_nu, outcome
        self.tie = tied / total
        lead = (1.0 - root) / total
        self.lead = np.copysign(lead, d)  # P(A) - P(B)
        # Exact however large d, and no square of a total that may be as large as nu.
        self.bend = ((1.0 + root) * self.tie + 4.0 * root / total) / (4.0 * total)

    def value(self) -> FloatArray:
        # With d >= 0: log-weights 0, log nu - d/2, -d; so B's win costs 2 halves and a tie one.
        behind = np.where(self.lead >= 0, 2 - self.outcome, self.outcome)
        return np.asarray(
            (self.outcome == TIE) * self.log_nu - behind * self.half - np.log(self.total), dtype=np.float64
        )

    def slope(self) -> FloatArray:
        return np.asarray((self.outcome - 1 - self.lead) * 0.5, dtype=np.float64)

    def curve(self) -> FloatArray:
        return np.asarray(self.bend, dtype=np.float64)

    def own_slope(self) -> list[FloatArray]:
        return [(self.outcome == TIE) - self.tie]

    def cross(self) -> list[FloatArray]:
        return [self.tie * self.lead * -0.5]

    def own_curve(self) -> list[list[FloatArray]]:
        return [[self.tie * (1 - self.tie)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cumulative:
    """A latent d + logistic noise, cut at points symmetric about 0; phi are the free cut points, rising."""

    magnitudes: tuple[int, ...]
    """Sizes of grades (0 tie, 1 better, 2 much better) that somebody gave, rising; each adds a cut to the next."""
    graded: bool = False

    @property
    def name(self) -> str:
        """Its name in the literature."""
        return "cumulative link" if self.graded else "rao-kupper"

    @property
    def outcomes(self) -> int:
        """7 with grades, 3 without."""
        return GRADED if self.graded else 3

    @property
    def mirror(self) -> tuple[int, ...]:
        """Grades change their sign."""
        return (4, 3, 2, 1, 0, A_SOMEHOW, B_SOMEHOW) if self.graded else (A_WINS, TIE, B_WINS)

    def start(self, counts: FloatArray) -> FloatArray:
        """P(|latent| < c) = tanh(c / 2) between equal models."""
        sizes = self._sizes()
        held = np.array([counts[[o for o in range(len(sizes)) if sizes[o] == m]].sum() for m in self.magnitudes])
        share = np.cumsum(held)[:-1] / held.sum()
        return np.asarray(2 * np.arctanh(np.clip(share, 1e-6, 1 - 1e-6)))

    def _sizes(self) -> tuple[int, ...]:
        """Size of the grade of each outcome code; -1 where it is unknown."""
        return (2, 1, 0, 1, 2, -1, -1) if self.graded else (1, 0, 1)

    def edges(self, phi: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(C,) lower and upper cut of each outcome and their (C, q) derivatives by phi."""
        count, free = self.outcomes, len(phi)
        low, high = np.full(count, -np.inf), np.full(count, np.inf)
        by_low, by_high = np.zeros((count, free)), np.zeros((count, free))
        favours = (-1, -1, 0, 1, 1, -1, 1) if self.graded else (-1, 0, 1)
        for code, size in enumerate(self._sizes()):
            if size < 0:  # somehow better: anything beyond a tie
                step = 1 if self.magnitudes[0] == 0 else 0
                last = len(self.magnitudes) - 1
            else:
                step = last = max((k for k, m in enumerate(self.magnitudes) if m <= size), default=0)
            inner, outer = step - 1, last  # cut below the step, cut above it
            near, far = (phi[inner] if inner >= 0 else 0.0), (phi[outer] if outer < free else np.inf)
            side = favours[code]
            if side == 0:
                low[code], high[code] = -far, far
                if outer < free:
                    by_low[code, outer], by_high[code, outer] = -1.0, 1.0
                continue
            ends, slopes = ((low, high), (by_low, by_high)) if side > 0 else ((high, low), (by_high, by_low))
            ends[0][code], ends[1][code] = side * near, side * far
            if inner >= 0:
                slopes[0][code, inner] = side
            if outer < free:
                slopes[1][code, outer] = side
        return low, high, by_low, by_high

    def at(self, d: FloatArray, outcome: IntArray, phi: FloatArray) -> "_CumulativeAt":
        """See `OutcomeModel.at`."""
        return _CumulativeAt(d, outcome, *self.edges(phi))

    def win_chance(self, d: FloatArray, phi: FloatArray) -> FloatArray:
        """See `OutcomeModel.win_chance`: the latent value lies above the cut that ends ties."""
        cut = phi[0] if self.magnitudes[0] == 0 and len(phi) else 0.0
        return _sigmoid(np.asarray(d) - cut)

    def facts(self, phi: FloatArray) -> dict[str, float]:
        """The cut points; for Rao and Kupper's model their theta = exp(cut)."""
        if not self.graded:
            return {"theta": math.exp(phi[0])} if len(phi) else {}
        return {
            f"cut {low}|{high}": float(c)
            for low, high, c in zip(self.magnitudes, self.magnitudes[1:], phi, strict=False)
        }


class _CumulativeAt:
    """With u and v the cuts above and below, less d: P = s(u) - s(v) = s(u) s(-v) (1 - exp(v - u)), s the sigmoid."""

    def __init__(
        self,
        d: FloatArray,
        outcome: IntArray,
        low: FloatArray,
        high: FloatArray,
        by_low: FloatArray,
        by_high: FloatArray,
    ) -> None:
        width = high - low
        self.valid = bool((width > 0).all())
        self.outcome, self.by_low, self.by_high = outcome, by_low, by_high
        self.u, self.v = high[outcome] - d, low[outcome] - d
        self.above, self.high_bell = _sigmoid_and_slope(-self.u)  # chances of lying above and below the outcome
        self.below, self.low_bell = _sigmoid_and_slope(self.v)
        safe = np.where(width > 0, width, 1.0)
        self.gap = np.log(-np.expm1(-safe))
        self.ratio = np.where(np.isinf(safe), 0.0, 1 / np.expm1(np.minimum(safe, 700)))

    def value(self) -> FloatArray:
        if not self.valid:
            return np.full(self.u.shape, -np.inf)
        return _log_sigmoid(self.u) + _log_sigmoid(-self.v) + self.gap[self.outcome]

    def slope(self) -> FloatArray:
        return np.asarray(self.below - self.above, dtype=np.float64)

    def curve(self) -> FloatArray:
        return np.asarray(self.high_bell + self.low_bell, dtype=np.float64)

    def own_slope(self) -> list[FloatArray]:
        ratio = self.ratio[self.outcome]
        up, down = self.above + ratio, -self.below - ratio
        pairs = zip(self.by_high.T, self.by_low.T, strict=True)
        return [up * high[self.outcome] + down * low[self.outcome] for high, low in pairs]

    def cross(self) -> list[FloatArray]:
        pairs = zip(self.by_high.T, self.by_low.T, strict=True)
        return [-self.high_bell * high[self.outcome] - self.low_bell * low[self.outcome] for high, low in pairs]

    def own_curve(self) -> list[list[FloatArray]]:
        bend = (self.ratio * (1 + self.ratio))[self.outcome]
        up, down = self.high_bell + bend, self.low_bell + bend
        highs, lows = ([column[self.outcome] for column in table.T] for table in (self.by_high, self.by_low))
        free = range(len(highs))
        return [
            [
                up * highs[k] * highs[m] + down * lows[k] * lows[m] - bend * (highs[k] * lows[m] + lows[k] * highs[m])
                for m in free
            ]
            for k in free
        ]


def _sigmoid(x: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x > 0, 1.0, small) / (1 + small))


def _sigmoid_and_slope(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The sigmoid and its derivative, which does not vanish before exp(-|x|) does."""
    small = np.exp(-np.abs(x))
    total = 1 + small
    return np.asarray(np.where(x > 0, 1.0, small) / total), np.asarray(small / (total * total))


def _log_sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))))


def chances(d: FloatArray, log_nu: float | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Davidson's probabilities (B wins, tie, A wins) at differences `d`, stable for any size of d; None: no ties."""
    half = np.abs(d) / 2
    small = np.exp(-2 * half)
    tie = np.zeros_like(half) if log_nu is None else np.exp(np.minimum(log_nu - half, 700.0))
    total = 1 + small + tie
    strong, weak = 1 / total, small / total
    return np.where(d > 0, weak, strong), tie / total, np.where(d > 0, strong, weak)
