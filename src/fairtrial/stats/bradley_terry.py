"""Bradley-Terry ratings with ties, by Newton's method on K x K x outcome counts. Read `fit_bradley_terry` first.

With d = theta_i - theta_j (natural log units) and nu >= 0 the weight of ties, Davidson's model (1970, JASA 65) is
    P(i beats j) = exp(d/2) / D,   P(tie) = nu / D,   P(j beats i) = exp(-d/2) / D,   D = exp(d/2) + exp(-d/2) + nu;
with "half" a tie counts as half a win either way under P(i beats j) = 1 / (1 + exp(-d)) (Bradley & Terry 1952).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats._arrays import FloatArray, IntArray
from fairtrial.stats.battles import A_WINS, B_WINS, TIE
from fairtrial.stats.graph import connectivity, tie_weight_bounded

Ties = Literal["davidson", "half"]
TIE_MODELS: tuple[Ties, ...] = ("davidson", "half")
MAX_STEPS = 100
STEP_TOLERANCE = 1e-11
"""Largest change of the last Newton step, in natural log units (1.7e-9 rating points)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BradleyTerry:
    """A maximum-likelihood fit."""

    theta: FloatArray
    """(K,) strengths in natural log units, mean 0."""
    log_nu: float | None
    """Davidson's tie weight, as a logarithm; None for half wins, or where no vote is a tie."""
    information: FloatArray
    """(P, P) Fisher information, P = K, or K + 1 with `log_nu` last; singular along the common shift of all theta."""
    log_likelihood: float
    iterations: int
    converged: bool
    gradient: float
    """Largest absolute derivative of the log-likelihood at the estimate, in votes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTerms:
    """What each of N votes adds to the derivatives of the log-likelihood, at an estimate.

    Primes are derivatives by d = theta_a - theta_b and by log nu.
    """

    score: FloatArray
    """(N,) derivative by d: outcome (1, 1/2, 0 for A) minus its expectation."""
    tie_score: FloatArray
    """(N,) derivative by log nu: 1 for a tie minus its chance."""
    curve: FloatArray
    """(N,) information about d."""
    cross: FloatArray
    """(N,) information shared by d and log nu."""
    tie_curve: FloatArray
    """(N,) information about log nu."""

    def part(self, run: slice) -> "VoteTerms":
        """The same of a run of votes."""
        return VoteTerms(
            score=self.score[run],
            tie_score=self.tie_score[run],
            curve=self.curve[run],
            cross=self.cross[run],
            tie_curve=self.tie_curve[run],
        )


def chances(d: FloatArray, log_nu: float | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probabilities (B wins, tie, A wins) at differences `d`, stable for any size of d."""
    half = np.abs(d) / 2
    small = np.exp(-2 * half)
    tie = np.zeros_like(half) if log_nu is None else np.exp(np.minimum(log_nu - half, 700.0))
    total = 1 + small + tie
    strong, weak = 1 / total, small / total
    return np.where(d > 0, weak, strong), tie / total, np.where(d > 0, strong, weak)


def fit_bradley_terry(cells: FloatArray, *, ties: str = "davidson") -> BradleyTerry:
    """Maximum-likelihood strengths of K strongly connected models.

    The log-likelihood is concave, so Newton's steps, halved when they overshoot, reach its only maximum.

    Args:
        cells: (K, K, 3) weight of votes by model A, model B and outcome, as from `Battles.cells`.
        ties: ``davidson``, or ``half`` for half wins.

    Raises:
        BadInput: Unknown tie model; or counts for which no finite maximum exists: models that are not strongly
            connected (`graph.connectivity`), nothing but ties, a tie weight without bound (`tie_weight_bounded`).
    """
    davidson = known_ties(ties) == "davidson"
    if not connectivity(cells).connected:
        raise BadInput("the models are not linked both ways by wins or ties: no joint strengths exist.")
    wins = cells[:, :, A_WINS] + cells[:, :, B_WINS].T
    tied = cells[:, :, TIE] + cells[:, :, TIE].T
    if wins.sum() == 0:
        raise BadInput("every vote is a tie: no strengths can be estimated.")
    if davidson and tied.any() and not tie_weight_bounded(cells):
        raise BadInput("apart from ties every win goes one way: Davidson's strengths grow without bound.")
    return _newton(_Likelihood(wins=wins, tied=tied, davidson=davidson and bool(tied.any())))


def known_ties(name: str) -> Ties:
    """The tie model of this name.

    Raises:
        BadInput: There is none.
    """
    for known in TIE_MODELS:
        if name == known:
            return known
    raise BadInput(f"unknown tie model '{name}'.", where="ties", next_step=nearest(name, TIE_MODELS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likelihood:
    """The log-likelihood of symmetric counts: wins of row over column, ties of row with column."""

    wins: FloatArray
    tied: FloatArray
    davidson: bool

    def start(self) -> FloatArray:
        """Equal strengths; the tie weight that fits the share of ties then."""
        point = np.zeros(len(self.wins) + self.davidson)
        if self.davidson:
            point[-1] = np.log(self.tied.sum() / self.wins.sum())  # nu / 2 = ties / wins; `tied` holds each tie twice
        return point

    def parts(self, point: FloatArray) -> tuple[FloatArray, float | None]:
        size = len(self.wins)
        return point[:size], float(point[size]) if self.davidson else None

    def value(self, point: FloatArray) -> float:
        theta, log_nu = self.parts(point)
        lose, tie, win = chances(theta[:, None] - theta[None, :], log_nu)
        if log_nu is None:  # half wins: a tie adds half the log-chance of either side winning
            tied = self.tied * np.log(win * lose) / 2
        else:
            tied = self.tied * np.log(np.maximum(tie, 1e-300))
        return float((self.wins * np.log(np.maximum(win, 1e-300))).sum() + tied.sum() / 2)

    def derivatives(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (P,) and Fisher information (P, P)."""
        theta, log_nu = self.parts(point)
        lose, tie, win = chances(theta[:, None] - theta[None, :], log_nu)
        votes = self.wins + self.wins.T + self.tied
        np.fill_diagonal(votes, 0.0)
        gradient = (self.wins + self.tied / 2 - votes * (win + tie / 2)).sum(axis=1)
        curve = votes * (win + lose - (win - lose) ** 2) / 4
        information = np.diag(curve.sum(axis=1)) - curve
        if log_nu is None:
            return gradient, information
        cross = -(votes * tie * (win - lose) / 2).sum(axis=1)
        tie_curve = (votes * tie * (1 - tie)).sum() / 2
        gradient = np.append(gradient, (self.tied - votes * tie).sum() / 2)
        return gradient, np.block([[information, cross[:, None]], [cross[None, :], np.array([[tie_curve]])]])


def _newton(likelihood: _Likelihood) -> BradleyTerry:
    size = len(likelihood.wins)
    point, converged, step_count = likelihood.start(), False, 0
    value = likelihood.value(point)
    for step_count in range(1, MAX_STEPS + 1):  # noqa: B007  the count is reported
        gradient, information = likelihood.derivatives(point)
        step = _solve_shifted(information, gradient, size)
        scale = 1.0
        while (trial := likelihood.value(point + scale * step)) < value - 1e-9 * abs(value) and scale > 1e-6:
            scale /= 2
        point = point + scale * step
        point[:size] -= point[:size].mean()
        value = trial
        if np.abs(step).max() < STEP_TOLERANCE:
            converged = True
            break
    gradient, information = likelihood.derivatives(point)
    theta, log_nu = likelihood.parts(point)
    return BradleyTerry(
        theta=theta.copy(),
        log_nu=log_nu,
        information=information,
        log_likelihood=value,
        iterations=step_count,
        converged=converged,
        gradient=float(np.abs(gradient).max()),
    )


def _solve_shifted(information: FloatArray, right: FloatArray, size: int) -> FloatArray:
    """Solve information x = right although a common shift of the first `size` parameters changes nothing.

    The shift's direction gets curvature of its own; solutions for right sides that sum to 0 over the strengths don't
    depend on how much.
    """
    return np.asarray(np.linalg.solve(pinned(information, size), right), dtype=np.float64)


def pinned(information: FloatArray, size: int) -> FloatArray:
    """The information with curvature added along the common shift of the first `size` parameters."""
    full = information.copy()
    full[:size, :size] += np.trace(information[:size, :size]) / size**2
    return full


def vote_terms(fit: BradleyTerry, a: IntArray, b: IntArray, outcome: IntArray) -> VoteTerms:
    """Per-vote derivatives at the estimate: the sandwich's raw material.

    Args:
        fit: The estimate.
        a: (N,) index of model A.
        b: (N,) index of model B.
        outcome: (N,) `B_WINS`, `TIE` or `A_WINS`.
    """
    lose, tie, win = chances(fit.theta[a] - fit.theta[b], fit.log_nu)
    return VoteTerms(
        score=outcome / 2 - (win + tie / 2),
        tie_score=(outcome == TIE) - tie,
        curve=(win + lose - (win - lose) ** 2) / 4,
        cross=-tie * (win - lose) / 2,
        tie_curve=tie * (1 - tie),
    )
