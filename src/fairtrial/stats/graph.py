"""Which models can be ranked together: the graph of "has beaten or tied". Read `connectivity` first.

A finite Bradley-Terry estimate exists exactly when this graph is strongly connected: however the models are split into
two groups, someone in each group has beaten or tied someone in the other (Ford 1957; Zermelo 1929). Davidson's tie
weight needs a little more: `tie_weight_bounded`.
"""

from dataclasses import dataclass

import numpy as np

from fairtrial.stats._arrays import BoolArray, FloatArray
from fairtrial.stats.battles import A_WINS, B_WINS, TIE


@dataclass(frozen=True, slots=True, kw_only=True)
class Connectivity:
    """How K models hang together."""

    components: tuple[tuple[int, ...], ...]
    """Strongly connected components, largest first; each sorted."""
    undefeated: tuple[int, ...]
    """Models with votes that never lost nor tied."""
    winless: tuple[int, ...]
    """Models with votes that never won nor tied."""
    reach: BoolArray
    """(K, K) whether a chain of "has beaten or tied" leads from row to column."""

    @property
    def connected(self) -> bool:
        """True when all models can be rated on one scale."""
        return len(self.components) == 1


def connectivity(cells: FloatArray) -> Connectivity:
    """Components, undefeated and winless models.

    Args:
        cells: (K, K, 3) votes by model A, model B and outcome, as from `Battles.cells`.
    """
    beaten = beaten_or_tied(cells)
    reach = _closure(beaten)
    mutual = reach & reach.T
    parts = {tuple(np.flatnonzero(row).tolist()) for row in mutual}
    active = beaten.any(axis=1) | beaten.any(axis=0)
    return Connectivity(
        components=tuple(sorted(parts, key=lambda part: (-len(part), part))),
        undefeated=tuple(np.flatnonzero(active & ~beaten.any(axis=0)).tolist()),
        winless=tuple(np.flatnonzero(active & ~beaten.any(axis=1)).tolist()),
        reach=reach,
    )


def beaten_or_tied(cells: FloatArray) -> BoolArray:
    """(K, K) whether the row's model has at least one win over, or tie with, the column's."""
    wins = cells[:, :, A_WINS] + cells[:, :, B_WINS].T
    ties = cells[:, :, TIE] + cells[:, :, TIE].T
    return (wins + ties) > 0


def tie_weight_bounded(cells: FloatArray) -> bool:
    """Whether Davidson's likelihood has a finite maximum for these strongly connected models.

    Strengths and tie weight grow without end together when some theta has theta_i - theta_j >= 1 wherever i beat j and
    |theta_i - theta_j| <= 1 wherever they tied: then ever stronger models beside an ever heavier tie fit ever better
    (one model beats another once and ties otherwise, say). Such a theta exists unless some cycle of wins and ties holds
    more wins than ties, which is looked for as a negative cycle (Bellman 1958).

    Args:
        cells: (K, K, 3) votes by model A, model B and outcome, with at least one tie.
    """
    wins = cells[:, :, A_WINS] + cells[:, :, B_WINS].T
    if ((wins > 0) & (wins.T > 0)).any():  # two models that beat each other: two wins and no tie
        return True
    tied = cells[:, :, TIE] + cells[:, :, TIE].T
    step = np.where(wins > 0, -1.0, np.where(tied > 0, 1.0, np.inf))
    reach = np.zeros(len(cells))
    for _ in range(len(cells)):
        further = np.minimum(reach, (reach[:, None] + step).min(axis=0))
        if (further == reach).all():
            return False
        reach = further
    return True


def _closure(step: BoolArray) -> BoolArray:
    """Reflexive transitive closure by repeated squaring."""
    reach = step | np.eye(len(step), dtype=bool)
    while True:
        further = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
        if (further == reach).all():
            return reach
        reach = further
