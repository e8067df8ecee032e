"""Four words for a comparison: better, worse, equivalent, inconclusive. Read `verdict` first.

An interval that includes zero shows no equality, only that the evidence does not decide.
"""

import math
from dataclasses import dataclass
from typing import Literal

from fairtrial.core import BadInput

FORESEEABLE = 1000.0
"""How many times narrower an interval may have to get for a number of further items to be worth saying."""
Word = Literal["better", "worse", "equivalent", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an interval says, given the smallest difference that matters."""

    word: Word
    more_items: int | None
    """Further items an inconclusive comparison would need; None if decided, or if nothing can be foreseen."""


def verdict(estimate: float, lower: float, upper: float, *, margin: float, items: int) -> Verdict:
    """Read an interval of a difference (positive: the first is better) against a margin.

    ``equivalent`` when the whole interval lies within ± margin (two one-sided tests, Schuirmann 1987), be it off zero
    or not: the declared margin says that such a difference does not matter. Otherwise ``better`` above zero, ``worse``
    below, else ``inconclusive``. Further items: half-widths shrink as 1 / sqrt(items), so at the estimated difference d
    a decision comes when the half-width falls under max(|d|, margin - |d|).

    Args:
        estimate: The difference.
        lower: Lower end, or minus infinity.
        upper: Upper end, or infinity.
        margin: Smallest difference that matters, 0 or more, in the same unit.
        items: Items (clusters) behind the interval.

    Raises:
        BadInput: A negative or infinite margin.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise BadInput(f"the margin must be 0 or more, not {margin}.", where="margin")
    if -margin < lower and upper < margin:
        return Verdict(word="equivalent", more_items=None)
    if lower > 0:
        return Verdict(word="better", more_items=None)
    if upper < 0:
        return Verdict(word="worse", more_items=None)
    return Verdict(word="inconclusive", more_items=_more_items(estimate, (upper - lower) / 2, margin, items))


def _more_items(estimate: float, half_width: float, margin: float, items: int) -> int | None:
    target = max(abs(estimate), margin - abs(estimate))
    if not (math.isfinite(half_width) and target > 0 and items > 0):
        return None
    wanted = half_width / target
    return max(1, math.ceil(items * wanted**2) - items) if wanted < FORESEEABLE else None
