"""Which two contestants meet, and on which side each is shown. Read `draw` first.

A draw depends on what is recorded with the battle and on nothing else, so anyone can draw it again: see `redrawn`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Literal

import numpy as np

Order = Literal["ab", "ba"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Who meets whom, and how that came about."""

    a: str
    """Contestant id; of the two the one that sorts first."""
    b: str
    order: Order
    """``ab``: `a` is shown first (left)."""
    policy: str
    """``uniform``, or ``floor 0.25`` where a quarter is uniform and the rest by declared weights."""
    seed: int
    p_pair: float
    """Probability of this pair among `present`."""
    present: tuple[str, ...]
    """Ids of all who could have been drawn, sorted."""
    weights: tuple[float, ...]
    """Their declared weights."""


def draw(
    present: Sequence[str], *, seed: int, floor: float = 1.0, weights: Mapping[str, float] | None = None
) -> Pairing:
    """Draw a pair: with probability `floor` every pair is equally likely, else by the product of the weights.

    Args:
        present: Ids of at least two contestants.
        seed: Decides the draw.
        floor: Share of the uniform draw, above 0, so that no pair is ever left out.
        weights: By id, 1 where unsaid.
    """
    ids = tuple(sorted(present))
    share = tuple(float((weights or {}).get(name, 1.0)) for name in ids)
    chances = pair_chances(share, floor)
    random = Random(seed)
    pairs = list(combinations(range(len(ids)), 2))
    place = int(np.searchsorted(np.cumsum(chances), random.random() * float(chances.sum()), side="right"))
    i, j = pairs[min(place, len(pairs) - 1)]
    return Pairing(
        a=ids[i],
        b=ids[j],
        order="ab" if random.random() < 0.5 else "ba",
        policy="uniform" if floor == 1 or len(set(share)) == 1 else f"floor {floor:g}",
        seed=seed,
        p_pair=float(chances[min(place, len(pairs) - 1)]),
        present=ids,
        weights=share,
    )


def pair_chances(weights: Sequence[float], floor: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Probability of each pair (i < j, in order), which is at least `floor` over the number of pairs."""
    pairs = list(combinations(range(len(weights)), 2))
    product = np.array([weights[i] * weights[j] for i, j in pairs], dtype=float)
    uniform = np.full(len(pairs), 1 / len(pairs))
    wanted = product / product.sum() if product.sum() > 0 else uniform
    return floor * uniform + (1 - floor) * wanted


def redrawn(pairing: Pairing) -> Pairing:
    """The pair that the recorded seed, contestants, weights and policy give."""
    floor = 1.0 if pairing.policy == "uniform" else float(pairing.policy.removeprefix("floor "))
    return draw(
        pairing.present,
        seed=pairing.seed,
        floor=floor,
        weights=dict(zip(pairing.present, pairing.weights, strict=True)),
    )
