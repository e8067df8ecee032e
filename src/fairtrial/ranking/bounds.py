"""What can be said of models that won all their votes, or lost them all: one-sided bounds. Read `win_bound` first.

Winning every one of g independent clusters has probability at most p^g, so p < error^(1/g) is refuted (the exact
binomial bound of Clopper & Pearson 1934 at its edge). A cluster counts once, however many votes it holds.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from fairtrial.stats import Battles


def win_bound(clusters: int, error: float) -> float:
    """Lower bound, in natural log units, of a strength difference after only wins in `clusters` clusters."""
    if clusters == 0:
        return -math.inf
    chance = error ** (1 / clusters)
    return math.log(chance / (1 - chance))


def strength_bound(
    model: int,
    battles: Battles,
    cluster: np.ndarray,
    floor: np.ndarray,
    *,
    win_chance: Callable[[np.ndarray], np.ndarray],
    error: float,
) -> float:
    """The bound of `strength_bounds` for one model."""
    return float(strength_bounds([model], battles, cluster, floor, win_chance=win_chance, error=error)[0])


def strength_bounds(
    models: Sequence[int],
    battles: Battles,
    cluster: np.ndarray,
    floor: np.ndarray,
    *,
    win_chance: Callable[[np.ndarray], np.ndarray],
    error: float,
) -> np.ndarray:
    """(M,) lower bounds of the strengths of models that won all their votes against rated opponents.

    Each solves sum over clusters of the mean log-chance of its wins = log(error). Opponents are taken at the lower ends
    of their own intervals, so their uncertainty widens the bound. The votes are gone through once for all models.

    Args:
        models: M models, each once.
        battles: Decided votes.
        cluster: (N,) cluster codes.
        floor: (K,) lower ends of the strengths in natural log units; NaN for models without a rating.
        win_chance: Chance of a win at a difference of strengths.
        error: One-sided error probability.
    """
    place = np.full(len(battles.names), -1, dtype=np.int64)
    place[list(models)] = np.arange(len(models))
    rated = np.isfinite(floor)
    owner, against, code = [], [], []
    for own, other in ((battles.a, battles.b), (battles.b, battles.a)):
        rows = np.flatnonzero((place[own] >= 0) & rated[other])
        owner.append(place[own[rows]])
        against.append(floor[other[rows]])
        code.append(cluster[rows])
    whose = np.concatenate(owner)
    turn = np.argsort(whose, kind="stable")
    edges = np.searchsorted(whose[turn], np.arange(len(models) + 1))
    floors, codes = np.concatenate(against)[turn], np.concatenate(code)[turn]
    runs = [slice(int(low), int(high)) for low, high in pairwise(edges)]
    return np.array([_bound(floors[run], codes[run], win_chance, math.log(error)) for run in runs])


def _bound(
    against: np.ndarray, cluster: np.ndarray, win_chance: Callable[[np.ndarray], np.ndarray], log_error: float
) -> float:
    if not len(against):
        return -math.inf
    code = np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(code)

    def log_chance(strength: float) -> float:
        win = win_chance(strength - against)
        return float((np.log(np.maximum(win, 1e-300)) / size[code]).sum())

    low, high = float(against.min()) - 60.0, float(against.max()) + 60.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if log_chance(middle) < log_error else (low, middle)
    return low
