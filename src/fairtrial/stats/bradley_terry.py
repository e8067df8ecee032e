"""Bradley-Terry strengths by maximum likelihood, with any outcome model and any covariates. Read `fit` first.

The chance of an outcome depends on d = theta_a - theta_b + beta'x: strengths theta (natural log units), covariates x
(features of A minus features of B, who was shown first) and the outcome model's own parameters phi (`outcomes`).
The log-likelihood is concave in all of them and nothing is added to it: no prior, no ridge.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray
from fairtrial.stats.comparisons import Comparisons, Rows, rows_of
from fairtrial.stats.graph import connectivity, tie_weight_bounded
from fairtrial.stats.outcomes import A_SOMEHOW, B_SOMEHOW, At, Davidson, HalfWins, OutcomeModel, graded_model, tie_model

MAX_STEPS = 60
STEP_TOLERANCE = 1e-7
"""Largest change in the last Newton step, in natural log units; the error left is of the order of its square."""
_DIVERGING = 25
"""Steps after which one that is still large shows that there is no finite maximum."""
_COLLINEAR = 1e-9
_KEPT = 16_000_000
"""Most numbers of votes laid out for a fit with covariates that are kept from step to step."""
_SAMPLE = 60_000
"""Votes from which a fit with covariates starts, when there are several times as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BradleyTerry:
    """A maximum-likelihood fit; P = K + q + m parameters: theta, phi, beta."""

    model: OutcomeModel
    theta: FloatArray
    """(K,) strengths in natural log units, mean 0."""
    phi: FloatArray
    """(q,) parameters of the outcome model."""
    beta: FloatArray
    """(m,) effect of each covariate, natural log units per unit of the covariate."""
    controls: tuple[str, ...]
    """Names of the m covariates."""
    information: FloatArray
    """(P, P) observed information; singular along the common shift of all theta."""
    log_likelihood: float
    iterations: int
    converged: bool
    gradient: float
    """Largest absolute derivative of the log-likelihood at the estimate, in votes."""
    last_step: FloatArray
    """(P,) last Newton step: where it would still go, had it not converged."""

    @property
    def log_nu(self) -> float | None:
        """Davidson's tie weight, as a logarithm; None for other models."""
        return float(self.phi[0]) if isinstance(self.model, Davidson) else None

    @property
    def gap(self) -> FloatArray:
        """(K, K) differences of strengths, row minus column."""
        return np.asarray(self.theta[:, None] - self.theta[None, :])


def fit(votes: Comparisons, *, ties: str = "davidson") -> BradleyTerry:
    """Maximum-likelihood strengths of K strongly connected models.

    Args:
        votes: Decided votes (`Comparisons.of`); graded ones take the cumulative model, whatever `ties` says.
        ties: ``davidson``, ``half`` or ``rao-kupper``.

    Returns:
        The fit; `converged` is False where the likelihood has no finite maximum (a covariate that predicts every vote).

    Raises:
        BadInput: Unknown tie model; models that are not strongly connected; nothing but ties; a tie weight without
            bound (`tie_weight_bounded`).
    """
    cells = votes.cells()
    counts = cells.sum(axis=(0, 1, 2))
    model = graded_model(counts) if votes.graded else tie_model(ties, counts)
    _require_maximum(_three(cells.sum(axis=0)), model)
    if votes.on_cells:
        likelihood = _Likelihood(rows_of(cells, model.mirror, ordered=bool(votes.covariates)), votes, model)
        if votes.covariates:
            _require_identified(likelihood, likelihood.start)
        return _newton(likelihood)
    bare = replace(votes, covariates={})
    start = _newton(_Likelihood(rows_of(cells, model.mirror, ordered=False), bare, model))
    point = np.concatenate([start.theta, start.phi, np.zeros(len(votes.covariates))])
    likelihood = _Likelihood(None, votes, model)
    some = votes.part(slice(None, None, max(len(votes) // _SAMPLE, 1)))
    if len(votes) <= 4 * _SAMPLE:
        _require_identified(likelihood, point)
    else:  # a sample brings the estimate near enough to save full passes
        part = _Likelihood(None, some, model)
        if _unidentified(part, point):  # in the sample, that is
            _require_identified(likelihood, point)
        rough = _newton(part, point, most=8, tolerance=1e-2)
        if rough.converged:
            point = _nearer(likelihood, rough, len(votes) / len(some))
    return _newton(likelihood, point)


def _nearer(likelihood: "_Likelihood", rough: BradleyTerry, scale: float) -> FloatArray:
    """From a sample's estimate to nearly the estimate of all votes, by passes that need only the slopes.

    The sample's information, scaled up, is off by a few per cent, so each such step leaves a few per cent of the error,
    for half the cost of a Newton step.
    """
    point = np.concatenate([rough.theta, rough.phi, rough.beta])
    last = np.inf
    for _ in range(3):
        step = solve_pinned(rough.information * scale, likelihood.slopes(point), likelihood.size)
        if not np.abs(step).max() < last / 2:
            break
        last = float(np.abs(step).max())
        point = point + step
    return point


def _require_identified(likelihood: "_Likelihood", point: FloatArray) -> None:
    """Refuse covariates whose effect the votes cannot tell from the models' strengths or from one another."""
    if wrong := _unidentified(likelihood, point):
        raise BadInput(wrong, where="control", next_step="Rank without it.")


def _unidentified(likelihood: "_Likelihood", point: FloatArray) -> str:
    """What is wrong with the first covariate that is not identified; empty if all are.

    With the strengths partialled out, what a covariate adds to the information must be more than rounding.
    """
    information = likelihood.evaluate(point)[2]
    cut = likelihood.size + likelihood.own
    own = np.diag(information)[cut:]
    rest = information[:cut, cut:]
    left = information[cut:, cut:] - rest.T @ solve_pinned(information[:cut, :cut], rest, likelihood.size)
    unit = 1 / np.sqrt(np.maximum(own, 1e-300))
    left *= unit[:, None] * unit
    clear = np.isfinite(left).all()
    for k, name in enumerate(likelihood.controls):
        if not own[k] > 0:
            return f"'{name}' never differs between the two answers: there is nothing to control for."
        before = left[:k, k]
        shared = before @ np.linalg.lstsq(left[:k, :k], before, rcond=1e-9)[0] if k and clear else 0.0
        if not left[k, k] - shared >= _COLLINEAR:
            others = [*likelihood.controls[:k], "which models battle"]
            return f"'{name}' is determined by {' and '.join(others)}: its effect cannot be told apart."
    return ""


def separated(fit: BradleyTerry, votes: Comparisons) -> tuple[str, ...]:
    """Covariates that, with the strengths, predict every vote, so that no finite effect fits best.

    Looks along the direction in which a fit that did not converge was still going: if going further makes no vote less
    likely, the covariates with a part in it are separated (Albert & Anderson 1984, Biometrika 71).
    """
    width = len(fit.theta)
    theta, beta = fit.last_step[:width], fit.last_step[width + len(fit.phi) :]
    if not np.isfinite(fit.last_step).all() or not len(beta):
        return ()
    weight = np.abs(beta) * [root_mean_square(values) for values in votes.covariates.values()]
    gap = theta[:, None] - theta[None, :]
    turn = np.array([-1, -1, 0, 1, 1, -1, 1] if votes.graded else [-1, 0, 1])
    slack = 1e-3 * max(float(np.abs(theta).max()), float(weight.max()))
    for rows in votes.blocks():
        along = gap[rows.a, rows.b] + (beta @ rows.x if rows.x is not None else 0.0)
        if (along * turn[rows.outcome] < -slack).any():
            return ()
    return tuple(name for name, part in zip(fit.controls, weight, strict=True) if part > 0.1 * weight.max())


def root_mean_square(values: Any) -> float:
    """Typical size of a covariate; unlike its standard deviation the same whichever model of a vote is called A."""
    return float(np.sqrt(np.mean(np.square(np.asarray(values, dtype=np.float64)))))


def fit_bradley_terry(cells: FloatArray, *, ties: str = "davidson") -> BradleyTerry:
    """The same from (K, K, 3) counts of votes by model A, model B and outcome, as from `Battles.cells`.

    Raises:
        BadInput: As `fit`.
    """
    model = tie_model(ties, cells.sum(axis=(0, 1)))
    _require_maximum(cells, model)
    empty = np.zeros(0, dtype=np.int64)
    names = tuple(str(k) for k in range(len(cells)))
    bare = Comparisons(names=names, a=empty, b=empty, outcome=empty, weight=None, covariates={})
    return _newton(_Likelihood(rows_of(cells[None], model.mirror, ordered=False), bare, model))


def _three(cells: FloatArray) -> FloatArray:
    """(K, K, 3) counts by B better, tie, A better, whatever the grades."""
    if cells.shape[2] == 3:
        return cells
    return np.stack([cells[:, :, [0, 1, B_SOMEHOW]].sum(2), cells[:, :, 2], cells[:, :, [3, 4, A_SOMEHOW]].sum(2)], 2)


def _require_maximum(cells: FloatArray, model: OutcomeModel) -> None:
    if not connectivity(cells).connected:
        raise BadInput("the models are not linked both ways by wins or ties: no joint strengths exist.")
    if cells[:, :, [0, 2]].sum() == 0:
        raise BadInput("every vote is a tie: no strengths can be estimated.")
    if not isinstance(model, HalfWins) and cells[:, :, 1].any() and not tie_weight_bounded(cells):
        raise BadInput("apart from ties every win goes one way: strengths grow without bound.")


class _Likelihood:
    """Log-likelihood of rows with its derivatives; points are (theta, phi, beta)."""

    def __init__(self, rows: list[Rows] | None, votes: Comparisons, model: OutcomeModel) -> None:
        self.rows, self.votes, self.model = rows, votes, model
        self.size, self.own, self.controls = len(votes.names), 0, tuple(votes.covariates)
        counts = votes.counts(model.outcomes) if rows is None else np.sum([row.counts() for row in rows], axis=0)
        self.start = np.concatenate([np.zeros(self.size), model.start(counts), np.zeros(len(self.controls))])
        self.own = len(self.start) - self.size - len(self.controls)

    def parts(self, point: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        cut = self.size + self.own
        return point[: self.size], point[self.size : cut], point[cut:]

    def blocks(self) -> Iterable[Rows]:
        """The rows; votes are laid out block by block again each time when keeping them would take much memory."""
        if self.rows is None:
            if len(self.votes) * (len(self.controls) + 3) > _KEPT:
                return self.votes.blocks()
            self.rows = list(self.votes.blocks())
        return self.rows

    def slopes(self, point: FloatArray) -> FloatArray:
        """Gradient (P,) alone."""
        theta, phi, beta = self.parts(point)
        gap = theta[:, None] - theta[None, :]
        gradient = np.zeros(len(point))
        for rows in self.blocks():
            self._add_slopes(gradient, rows, rows.at(self.model, gap, beta, phi))
        return gradient

    def _add_slopes(self, gradient: FloatArray, rows: Rows, at: At) -> None:
        size = self.size
        slope = rows.sum(at.slope())
        gradient[:size] += np.bincount(rows.a, slope, size) - np.bincount(rows.b, slope, size)
        for k, one in enumerate(at.own_slope()):
            gradient[size + k] += rows.sum(one).sum()
        if rows.x is not None:
            gradient[size + self.own :] += rows.x @ slope

    def evaluate(self, point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Value, gradient (P,) and information (P, P); minus infinity and zeros outside the range."""
        theta, phi, beta = self.parts(point)
        gap = theta[:, None] - theta[None, :]
        size, width = self.size, len(point)
        value, gradient = 0.0, np.zeros(width)
        curves = np.zeros(size * size)
        information = np.zeros((width, width))
        own, control = slice(size, size + self.own), slice(size + self.own, width)
        for rows in self.blocks():
            at = rows.at(self.model, gap, beta, phi)
            if not at.valid:
                return -np.inf, gradient, information
            value += float(rows.sum(at.value()).sum())
            self._add_slopes(gradient, rows, at)
            curve = rows.sum(at.curve())
            curves += np.bincount(rows.pair, curve, size * size)
            cross = [rows.sum(values) for values in at.cross()]
            for k, shared in enumerate(cross):
                information[:size, size + k] += np.bincount(rows.a, shared, size) - np.bincount(rows.b, shared, size)
            if self.own:
                information[own, own] += [[rows.sum(one).sum() for one in line] for line in at.own_curve()]
            if rows.x is not None:
                bent = rows.x * curve
                information[control, control] += bent @ rows.x.T
                for k, line in enumerate(bent):
                    split = np.bincount(rows.a, line, size) - np.bincount(rows.b, line, size)
                    information[:size, size + self.own + k] += split
                for k, shared in enumerate(cross):
                    information[size + k, control] += rows.x @ shared
        table = curves.reshape(size, size)
        table = table + table.T
        information[:size, :size] = np.diag(table.sum(axis=1)) - table
        information[size:, :size] = information[:size, size:].T
        information[control, own] = information[own, control].T
        return value, gradient, information


def _newton(
    likelihood: _Likelihood,
    start: FloatArray | None = None,
    *,
    most: int = MAX_STEPS,
    tolerance: float = STEP_TOLERANCE,
) -> BradleyTerry:
    """Newton's steps, halved when they overshoot: the likelihood is concave, so they reach its only maximum."""
    size = likelihood.size
    point = likelihood.start if start is None else start
    value, gradient, information = likelihood.evaluate(point)
    converged, steps, step, units = False, 0, np.zeros(len(point)), _units(information, size, size + likelihood.own)
    while not converged and steps < most:
        steps += 1
        step = solve_pinned(information, gradient, size)
        if not np.isfinite(step).all():
            break
        scale = 1.0
        while True:
            trial = point + scale * step
            trial[:size] -= trial[:size].mean()
            found = likelihood.evaluate(trial)
            if found[0] >= value - 1e-9 * abs(value) or scale < 1e-6:
                break
            scale /= 2
        point, (value, gradient, information) = trial, found
        size_of_step = float((np.abs(step) * units).max())
        converged = size_of_step < tolerance
        if steps >= _DIVERGING and size_of_step > 1e-2:
            break
    theta, phi, beta = likelihood.parts(point)
    return BradleyTerry(
        model=likelihood.model,
        theta=theta.copy(),
        phi=phi.copy(),
        beta=beta.copy(),
        controls=likelihood.controls,
        information=information,
        log_likelihood=value,
        iterations=steps,
        converged=converged,
        gradient=float(np.abs(gradient).max()),
        last_step=step,
    )


def _units(information: FloatArray, size: int, cut: int) -> FloatArray:
    """(P,) ones, and the typical size of each covariate: a step counts as what it changes in d, in any unit."""
    own = np.diag(information)
    units = np.ones(len(own))
    units[cut:] = np.sqrt(own[cut:] / max(float(own[:size].sum()) / 2, 1e-300))
    return units


def solve_pinned(information: FloatArray, right: FloatArray, size: int) -> FloatArray:
    """Solve information x = right although a common shift of the first `size` parameters changes nothing.

    The shift's direction gets curvature of its own; solutions for right sides that sum to 0 over the strengths don't
    depend on how much. Rows are scaled first: covariates come in any unit. NaN where the information is singular
    otherwise.
    """
    full = pinned(information, size)
    scale = 1 / np.sqrt(np.maximum(np.diag(full), 1e-300))
    try:
        found = np.linalg.solve(full * scale[:, None] * scale[None, :], (right.T * scale).T)
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)
    return np.asarray((found.T * scale).T, dtype=np.float64)


def pinned(information: FloatArray, size: int) -> FloatArray:
    """The information with curvature added along the common shift of the first `size` parameters."""
    full = information.copy()
    full[:size, :size] += np.trace(information[:size, :size]) / size**2
    return full
