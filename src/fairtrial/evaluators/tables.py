"""Pairs, and votes on them, as columns; rates with intervals. Read `Item` first, then `Table`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import Battle, Prompt, Response, Vote
from fairtrial.stats import proportion

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)  # no slots: hashed by identity, made once
class Item:
    """One pair whose answers a judge compares, and what people said of it."""

    key: str
    battle: Battle
    prompt: Prompt
    a: Response
    b: Response
    label: int | None = None
    """+1: A is better, -1: B is, 0: a tie; None where nobody says."""
    annotators: tuple[int, ...] = ()
    """What each of several people said, in the same code."""
    raters: tuple[str, ...] = ()
    """Who they are; empty where that is unknown."""
    model_a: str = ""
    model_b: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate or a mean with its interval."""

    estimate: float
    ci: tuple[float | None, float | None]
    n: int
    """Pairs, or readings, behind it."""
    prompts: int
    """Clusters."""


def rate_of(values: Sequence[float], clusters: Sequence[object], *, alpha: float = 0.05) -> Rate | None:
    """A mean of values between 0 and 1 with an interval clustered by `clusters`; None without values."""
    return weighted_rate(np.asarray(values, dtype=float), np.asarray(clusters), None, alpha)


def weighted_rate(values: Floats, clusters: NDArray[Any], weights: Floats | None, alpha: float) -> Rate | None:
    """The same with weights; None: all alike."""
    if not len(values):
        return None
    found = proportion(values, clusters, weights=weights, alpha=alpha)
    return Rate(estimate=found.estimate, ci=(found.lower, found.upper), n=found.n, prompts=found.clusters)


class Table:
    """Pairs and votes as columns."""

    def __init__(self, items: Sequence[Item], votes: Sequence[Vote]) -> None:
        codes: dict[str, int] = {}
        self.prompt = np.array([codes.setdefault(item.prompt.id, len(codes)) for item in items], dtype=np.int64)
        self.labelled = np.array([item.label is not None for item in items], dtype=bool)
        self.label = np.array([item.label or 0 for item in items], dtype=np.int64)
        self.valid = np.array([vote.status == "graded" for vote in votes], dtype=bool)
        self.vote = np.array([np.sign(vote.grade or 0) for vote in votes], dtype=np.int64)
        self.shown = np.array([not vote.detail.get("same_text") for vote in votes], dtype=bool)
        self.ab = [str(vote.detail.get("ab", "")) for vote in votes]
        self.ba = [str(vote.detail.get("ba", "")) for vote in votes]
        sizes = [(len(item.a.text.strip()), len(item.b.text.strip())) for item in items]
        self.longer = np.array([(a > b) - (a < b) for a, b in sizes], dtype=np.int64)

    def right(self) -> Floats:
        """1 where the vote chose the labelled side, 1/2 for a tie, 0 otherwise; of pairs with a better answer."""
        return np.where(self.valid, (1 + self.vote * self.label) / 2, 0.0)

    def single(self, said: Sequence[str], *, first_is_a: bool) -> Floats:
        """The same of one order's own verdicts."""
        side = np.array([{"first": 1, "second": -1}.get(one, 0) for one in said]) * (1 if first_is_a else -1)
        invalid = np.array([one not in ("first", "second", "tie") for one in said], dtype=bool)
        return np.where(invalid, 0.0, (1 + side * self.label) / 2)
