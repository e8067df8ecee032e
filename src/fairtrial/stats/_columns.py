"""Strict reading of vote columns: text to small integers, once, at the door; nothing is guessed.

Read `encode` first. Every function raises `BadInput` naming the first bad row (row 1 is the first vote) and its value.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats._arrays import FloatArray, IntArray

Column = Sequence[object]


def missing(value: object) -> bool:
    """True for an empty field: None, an empty text, NaN, and the missing markers of data frames."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in {"NAType", "NaTType"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where columns come from, so that an error can name file, row and column."""

    name: str = "battles"
    rows: Sequence[int] | None = None
    """The file's own row numbers; None: 1, 2, 3 …"""

    def at(self, index: int, field: str) -> str:
        """Where the value at `index` of a column stands."""
        return f"{self.name}, row {self.rows[index] if self.rows else index + 1}, {field}"


def model_codes(columns: Mapping[str, Column], place: Place) -> tuple[tuple[str, ...], IntArray, IntArray]:
    """Sorted model names and the two columns as indices into them."""
    table: dict[str, int] = {}
    raw = []
    for field in ("model_a", "model_b"):
        codes = np.empty(len(columns[field]), dtype=np.int64)
        for row, name in enumerate(columns[field]):
            if missing(name):
                raise BadInput("the model name is empty.", where=place.at(row, field))
            if not isinstance(name, str):
                raise BadInput(
                    f"a model name must be text, not {type(name).__name__} ({name!r}).",
                    where=place.at(row, field),
                    next_step="Write model names as text.",
                )
            codes[row] = table.setdefault(name, len(table))
        raw.append(codes)
    names = tuple(sorted(table))
    turn = np.empty(len(names), dtype=np.int64)
    for index, name in enumerate(names):
        turn[table[name]] = index
    return names, turn[raw[0]], turn[raw[1]]


def label_codes(
    column: Column, labels: Mapping[str, int], field: str, place: Place, empty: int | None = None
) -> IntArray:
    """Codes of a column with a fixed vocabulary; case and spaces count. `empty` is the code of an empty field."""
    codes = np.empty(len(column), dtype=np.int64)
    for row, label in enumerate(column):
        if empty is not None and missing(label):
            codes[row] = empty
            continue
        code = labels.get(label) if isinstance(label, str) else None
        if code is None:
            shown = "an empty field" if missing(label) else repr(label)
            raise BadInput(
                f"{shown} is not a known label; it is never counted as a tie.",
                where=place.at(row, field),
                next_step=_hint(label, labels),
            )
        codes[row] = code
    return codes


def _hint(label: object, labels: Mapping[str, int]) -> str:
    text = label.strip().lower() if isinstance(label, str) else ""
    known = f"Known labels: {', '.join(labels)}."
    hint = nearest(text, labels) if text else ""
    return f"{hint} {known}" if hint.startswith("Did") else known


def group_codes(column: Column, *, own: bool) -> IntArray:
    """Codes 0 … G−1 of a grouping column (prompt, rater), in sorted order of the labels.

    Args:
        column: Labels; numbers are taken by their text.
        own: What an empty field means: a group of its own (an unnamed prompt), or, when False, one common group
            (unnamed raters may all be one person).
    """
    labels = [f"\x00{row if own else ''}" if missing(value) else str(value) for row, value in enumerate(column)]
    table = {label: code for code, label in enumerate(sorted(set(labels)))}
    return np.fromiter((table[label] for label in labels), dtype=np.int64, count=len(labels))


def number(value: object, field: str, row: int, place: Place) -> float:
    """A finite number from a field that may be text.

    Raises:
        BadInput: When it is neither.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or isinstance(value, bool):
        raise BadInput(f"{value!r} is not a finite number.", where=place.at(row, field))
    return found


def weights(column: Column, place: Place) -> FloatArray:
    """Positive weights; an empty field counts as 1."""
    found = np.ones(len(column))
    for row, value in enumerate(column):
        if not missing(value):
            found[row] = number(value, "weight", row, place)
            if found[row] <= 0:
                raise BadInput(f"a weight must be above 0, not {value!r}.", where=place.at(row, "weight"))
    return found


def check_grades(column: Column, outcome: IntArray, signs: Mapping[int, int], winners: Column, place: Place) -> None:
    """Refuse a grade outside −2 … 2, or one that contradicts the winner.

    Args:
        column: Grades, positive when A is better; empty fields are passed over.
        outcome: Outcome code of each vote.
        signs: For each outcome code the sign a grade must have; a code that is absent takes no grade but 0.
        winners: The labels as written, for the message.
        place: Where the columns come from.
    """
    for row, value in enumerate(column):
        if missing(value):
            continue
        grade = number(value, "grade", row, place)
        if grade != round(grade) or abs(grade) > 2:
            raise BadInput(f"a grade is a whole number from -2 to 2, not {value!r}.", where=place.at(row, "grade"))
        if int(np.sign(grade)) != signs.get(int(outcome[row]), 0):
            raise BadInput(
                f"grade {int(grade)} contradicts winner '{winners[row]}' (a positive grade means A is better).",
                where=place.at(row, "grade"),
                next_step="Correct the row, or leave the grade empty.",
            )
