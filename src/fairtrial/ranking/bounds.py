"""What can be said of models that won all their votes, or lost them all: one-sided bounds. Read `win_bound` first.

Winning every one of g independent clusters has probability at most p^g, so p < error^(1/g) is refuted (the exact
binomial bound of Clopper & Pearson 1934 at its edge). A cluster counts once, however many votes it holds.
"""

import math
from collections.abc import Callable

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
    """Lower bound of the strength of a model that won all its votes against rated opponents.

    Solves sum over clusters of the mean log-chance of its wins = log(error). Opponents are taken at the lower ends of
    their own intervals, so their uncertainty widens the bound.

    Args:
        model: Index of the model.
        battles: Decided votes.
        cluster: (N,) cluster codes.
        floor: (K,) lower ends of the strengths in natural log units; NaN for models without a rating.
        win_chance: Chance of a win at a difference of strengths.
        error: One-sided error probability.
    """
    opponent = np.where(battles.a == model, battles.b, battles.a)
    mine = ((battles.a == model) | (battles.b == model)) & np.isfinite(floor[opponent])
    if not mine.any():
        return -math.inf
    code = np.unique(cluster[mine], return_inverse=True)[1]
    size = np.bincount(code)
    against = floor[opponent[mine]]

    def log_chance(strength: float) -> float:
        win = win_chance(strength - against)
        return float((np.log(np.maximum(win, 1e-300)) / size[code]).sum())

    low, high = float(against.min()) - 60.0, float(against.max()) + 60.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if log_chance(middle) < math.log(error) else (low, middle)
    return low
