"""Votes of every sort, and the likelihoods written again from their papers, for tests.

Derivatives are by complex steps: exact to the last digit, and no formula is shared with the package.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize, root

from fairtrial.stats import Battles, Comparisons

SCALE = 400 / np.log(10)
KINDS = ("half", "davidson", "rao-kupper", "graded")
CONTROLS = ("length", "tone", "position")
PHI = {"half": 0, "davidson": 1, "rao-kupper": 1, "graded": 2}


def rich(seed=1, *, size=5, votes=700, raters=35, prompts=40, weighted=False, effect=0.3) -> Battles:
    """Graded votes with raters of their own tastes, two features in different units, and the order shown."""
    rng = np.random.default_rng(seed)
    theta = np.linspace(0.8, -0.8, size)
    a = rng.integers(0, size, votes)
    b = (a + 1 + rng.integers(0, size - 1, votes)) % size
    rater, prompt = rng.integers(0, raters, votes), rng.integers(0, prompts, votes)
    features = {"length": rng.normal(0, 1, votes) + 0.4 * (theta[a] - theta[b]), "tone": rng.normal(0, 100, votes)}
    order = rng.integers(-1, 3, votes)
    shown = np.array([1, -1, 0, 0])[order]
    taste = rng.normal(0, 0.5, (raters, size))
    d = theta[a] - theta[b] + taste[rater, a] - taste[rater, b]
    d += effect * (features["length"] + features["tone"] / 100 + shown)
    grade = np.digitize(d + rng.logistic(size=votes), [-1.6, -0.5, 0.5, 1.6]) - 2
    known = rng.random(votes) < 0.9
    return Battles(
        names=tuple(f"m{k}" for k in range(size)),
        a=a,
        b=b,
        outcome=np.sign(grade) + 1,
        prompt=prompt,
        rater=rater,
        weight=rng.uniform(0.2, 3, votes) if weighted else None,
        order=order,
        grade=np.where(known | (grade == 0), grade, 9),
        features=features,
    )


def comparisons(kind, votes, *, controls=()) -> tuple[Comparisons, str]:
    """What `fit` takes, and its tie model."""
    ties = "davidson" if kind == "graded" else kind
    return Comparisons.of(votes, graded=kind == "graded", control=controls), ties


def swapped(votes: Battles, turn: np.ndarray) -> Battles:
    """The same votes with A and B exchanged where `turn` is true."""
    order = np.where(turn & (votes.order >= 0) & (votes.order < 2), 1 - votes.order, votes.order)
    return replace(
        votes,
        a=np.where(turn, votes.b, votes.a),
        b=np.where(turn, votes.a, votes.b),
        outcome=np.where(turn, 2 - votes.outcome, votes.outcome),
        order=order,
        grade=np.where(turn & (votes.grade < 9), -votes.grade, votes.grade),
        features={name: np.where(turn, -values, values) for name, values in votes.features.items()},
    )


def covariates(votes, controls):
    """(N, m)."""
    shown = np.array([1, -1, 0, 0])[votes.order]
    columns = [shown if name == "position" else votes.features[name] for name in controls]
    return np.stack(columns, axis=1).astype(float) if columns else np.zeros((len(votes), 0))


def log_chance(kind, votes, point, controls=()):
    """(N,) log-chance of each vote at (theta, phi, beta), unweighted; complex points give derivatives."""
    size, own = len(votes.names), PHI[kind]
    theta, phi, beta = point[:size], point[size : size + own], point[size + own :]
    d = theta[votes.a] - theta[votes.b] + covariates(votes, controls) @ beta
    if kind == "half":
        share = votes.outcome / 2
        return -share * np.log(1 + np.exp(-d)) - (1 - share) * np.log(1 + np.exp(d))
    if kind == "davidson":
        weight = np.stack([np.exp(-d / 2), np.exp(phi[0] + 0 * d), np.exp(d / 2)])
        return np.log(weight[votes.outcome, np.arange(len(d))] / weight.sum(axis=0))

    def below(cut):
        return 1 / (1 + np.exp(d - cut))

    if kind == "rao-kupper":
        low, high = below(-phi[0]), below(phi[0])
        return np.log(np.choose(votes.outcome, [low, high - low, 1 - high]))
    cut = [below(c) for c in (-phi[1], -phi[0], phi[0], phi[1])]
    grades = [cut[0], cut[1] - cut[0], cut[2] - cut[1], cut[3] - cut[2], 1 - cut[3]]
    sides = [cut[1], cut[2] - cut[1], 1 - cut[2]]
    return np.log(
        np.where(votes.grade < 9, np.choose(np.clip(votes.grade + 2, 0, 4), grades), np.choose(votes.outcome, sides))
    )


def vote_scores(kind, votes, point, controls=()):
    """(N, P) weighted derivative of each vote's log-chance."""
    steps = np.eye(len(point)) * 1e-30j
    table = np.stack([log_chance(kind, votes, point + s, controls).imag / 1e-30 for s in steps], axis=1)
    return table * votes.vote_weights()[:, None]


def information(kind, votes, point, controls=()):
    """(P, P) observed information: differences of exact gradients, of the fourth order."""

    def slope(x):
        return vote_scores(kind, votes, x, controls).sum(axis=0)

    units = np.ones(len(point))
    m = len(controls)
    if m:
        units[-m:] = 1 / np.sqrt((covariates(votes, controls) ** 2).mean(axis=0))
    rows = []
    for k, unit in enumerate(units):
        e = np.eye(len(point))[k] * 1e-3 * unit
        near, far = slope(point + e) - slope(point - e), slope(point + 2 * e) - slope(point - 2 * e)
        rows.append(-(8 * near - far) / (12e-3 * unit))
    table = np.array(rows)
    return (table + table.T) / 2


def best(kind, votes, controls=()):
    """(P,) the maximum of the likelihood by a general optimiser, strengths with mean 0."""
    size, own = len(votes.names), PHI[kind]
    unit = np.ones(size - 1 + own + len(controls))
    if controls:
        unit[size - 1 + own :] = 1 / np.sqrt((covariates(votes, controls) ** 2).mean(axis=0))

    def whole(free):
        x = free * unit
        theta = np.append(0.0, x[: size - 1])
        return np.concatenate([theta, x[size - 1 :]])

    def slope(free):
        return vote_scores(kind, votes, whole(free), controls).sum(axis=0)[1:] * unit

    start = np.zeros(len(unit))
    start[size - 1 : size - 1 + own] = {"half": (), "davidson": (0.0,), "rao-kupper": (0.5,), "graded": (0.5, 1.5)}[
        kind
    ]

    def loss(free):
        with np.errstate(invalid="ignore", divide="ignore"):
            value = -(log_chance(kind, votes, whole(free), controls) * votes.vote_weights()).sum()
        return value if np.isfinite(value) else 1e30

    rough = minimize(loss, start, jac=lambda free: -slope(free), method="BFGS", options={"gtol": 1e-4}).x
    found = root(slope, rough, tol=1e-14)
    assert np.abs(slope(found.x)).max() < 1e-9 * len(votes)
    point = whole(found.x)
    point[:size] -= point[:size].mean()
    return point


def pinned_inverse(table, size):
    """Inverse on contrasts of the first `size` parameters and on all others."""
    full = table.copy()
    full[:size, :size] += np.trace(table[:size, :size]) / size**2
    return np.linalg.inv(full)


def centred(table, size):
    """Covariance of strengths less their mean."""
    turn = np.eye(size) - 1 / size
    return turn @ table[:size, :size] @ turn
