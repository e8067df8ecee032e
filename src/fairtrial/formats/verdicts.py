"""How a file tells who won, as our labels. Read `Verdicts` first; each reading is one class.

A label that a shape does not know is an error that names the file's own column; none is ever counted as a tie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fairtrial.core import BadInput
from fairtrial.formats.coding import Kind, Want
from fairtrial.stats import Coded, Column, FloatArray, IntArray, Place, label_codes, numbers

Load = Callable[[Want], Column]

NEAR = 1e-9
"""Preferences that are closer to an end of the scale are no softer than it."""
LABELS = ("model_a", "model_b", "tie", "tie (bothbad)", "invalid")
"""The winners that are given out, by code."""
_A, _B, _TIE, _BAD, _INVALID = range(len(LABELS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Winners, and where one row of the file makes several votes."""

    winner: Column
    weight: FloatArray | None = None
    source: IntArray | None = None
    """(N,) row of the file (from 0) behind each vote; None: one each."""


class Reading(Protocol):
    """A way of telling who won."""

    @property
    def wants(self) -> tuple[Want, ...]:
        """The columns it needs."""

    def read(self, load: Load, place: Place) -> Verdicts:
        """Winners by our labels."""


@dataclass(frozen=True, slots=True)
class Named:
    """A column of labels; without a table they are ours already and are checked where all battles are."""

    column: str
    table: Mapping[str, int] | None = None

    @property
    def wants(self) -> tuple[Want, ...]:
        """The column."""
        return (Want(self.column, Kind.LABEL),)

    def read(self, load: Load, place: Place) -> Verdicts:
        """Winners by our labels."""
        given = load(self.wants[0])
        if self.table is None:
            return Verdicts(winner=given)
        return Verdicts(winner=Coded(labels=LABELS, codes=label_codes(given, self.table, self.column, place)))


LEFT_RIGHT = {"left": _A, "right": _B, "tie": _TIE}


@dataclass(frozen=True, slots=True)
class Preference:
    """A number from 1 (A is better) to 2 (B is better), as in AlpacaEval.

    1.5 is a tie, and so is 0, as the oldest annotators write it; an empty field is ``invalid`` (an answer that could
    not be read). A number p between is a soft preference: two votes on the same prompt, for A with weight 2 - p and for
    B with weight p - 1, so that B's win rate is the mean of p - 1, as AlpacaEval counts it. A number that is closer to
    1 or 2 than `NEAR` counts as 1 or 2: no vote weighs next to nothing.
    """

    column: str

    @property
    def wants(self) -> tuple[Want, ...]:
        """The column."""
        return (Want(self.column, Kind.NUMBER),)

    def read(self, load: Load, place: Place) -> Verdicts:
        """Winners by our labels, soft ones as two weighted votes.

        Raises:
            BadInput: A number off the scale, or none.
        """
        given = load(self.wants[0])
        p = numbers(given, self.column, place)
        off = ~(np.isnan(p) | (p == 0) | ((p >= 1) & (p <= 2)))
        if off.any():
            row = int(np.argmax(off))
            raise BadInput(
                f"a preference is a number from 1 (A is better) to 2 (B is better), or 0 for a tie, not {p[row]:g}.",
                where=place.at(row, self.column),
            )
        p = np.where(np.abs(p - np.round(p)) < NEAR, np.round(p), p)
        code = np.select([np.isnan(p), (p == 0) | (p == 1.5), p == 1, p == 2], [_INVALID, _TIE, _A, _B], default=-1)
        soft = code == -1
        source = np.repeat(np.arange(len(p)), 1 + soft)
        second = np.zeros(len(source), dtype=bool)
        second[1:] = source[1:] == source[:-1]
        p, soft = p[source], soft[source]
        weight = np.where(soft, np.where(second, p - 1, 2 - p), 1.0)
        code = np.where(soft, np.where(second, _B, _A), code[source])
        return Verdicts(
            winner=Coded(labels=LABELS, codes=code),
            weight=weight if soft.any() else None,
            source=source if soft.any() else None,
        )


@dataclass(frozen=True, slots=True)
class BothOrders:
    """Two verdicts, one for each order in which the answers were shown, as MT-Bench's judges give them.

    Where both name the same winner, that one won; a tie, or two different verdicts, is a tie; ``error`` in either is
    ``invalid``. This is the rule of FastChat's ``show_result.py``, which leaves errors out.
    """

    first: str
    second: str

    @property
    def wants(self) -> tuple[Want, ...]:
        """Both columns."""
        return (Want(self.first, Kind.LABEL), Want(self.second, Kind.LABEL))

    def read(self, load: Load, place: Place) -> Verdicts:
        """Winners by our labels."""
        table = {"model_1": _A, "model_2": _B, "tie": _TIE, "error": _INVALID}
        one, two = (label_codes(load(want), table, want.column, place) for want in self.wants)
        codes = np.where((one == _INVALID) | (two == _INVALID), _INVALID, np.where(one == two, one, _TIE))
        return Verdicts(winner=Coded(labels=LABELS, codes=codes))


@dataclass(frozen=True, slots=True)
class Flags:
    """A column each for A, B and tie, of which exactly one holds 1 and the others 0."""

    a: str
    b: str
    tie: str

    @property
    def wants(self) -> tuple[Want, ...]:
        """The three columns."""
        return tuple(Want(column, Kind.NUMBER) for column in (self.a, self.b, self.tie))

    def read(self, load: Load, place: Place) -> Verdicts:
        """Winners by our labels.

        Raises:
            BadInput: Another number, or not exactly one 1.
        """
        flags = np.stack([numbers(load(want), want.column, place) for want in self.wants])
        off = (flags != 0) & (flags != 1)
        if off.any():
            row = int(np.argmax(off.any(axis=0)))
            column = self.wants[int(np.argmax(off[:, row]))].column
            raise BadInput("the field must hold 0 or 1.", where=place.at(row, column))
        if (wrong := flags.sum(axis=0) != 1).any():
            row = int(np.argmax(wrong))
            raise BadInput(f"exactly one of {self.a}, {self.b} and {self.tie} must be 1.", where=place.at(row, self.a))
        return Verdicts(winner=Coded(labels=LABELS, codes=np.argmax(flags, axis=0)))
