"""Strict reading of vote columns: labels to small integers, once, at the door; nothing is guessed.

Read `Coded` first. Labels are checked once each, not once a vote; every function raises `BadInput` naming the first bad
row (row 1 is the first vote) and its value.
"""

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats._arrays import FloatArray, IntArray

_CUT = "Write it again; an emoji may have been cut."
_SURROGATE = re.compile("[\ud800-\udfff]")
Column = Any
"""A sequence of values, an array, a pandas series, or a `Coded`."""


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

    def row(self, index: int) -> int:
        """The number of the row of the value at `index` of a column."""
        return self.rows[index] if self.rows is not None else index + 1

    def at(self, index: int, field: str) -> str:
        """Where the value at `index` of a column stands."""
        return f"{self.name}, row {self.row(index)}, {field}"


def check_flat(column: Column, field: str, where: str) -> None:
    """Refuse what is no column of values: one value, a text, a table, a set.

    Raises:
        BadInput: Naming the column and what it is.
    """
    shape = getattr(column, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        what = f"an array of {len(shape)} dimensions"
    elif isinstance(column, str | bytes | Mapping | AbstractSet) or not hasattr(column, "__len__"):
        what = f"a single {type(column).__name__}"
    else:
        return
    raise BadInput(
        f"column '{field}' is {what}, not a list of values.",
        where=where,
        next_step="Give every column one value a vote.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column as its distinct labels and one small integer a vote."""

    labels: tuple[object, ...]
    codes: IntArray
    """(N,) index into `labels`."""

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, column: Column) -> "Coded":
        """Encode any column; 1, 1.0, True and "1" stay four different labels."""
        if isinstance(column, Coded):
            return column
        if hasattr(column, "factorize"):  # a pandas series or categorical
            codes, labels = column.factorize(use_na_sentinel=True)
            codes = np.asarray(codes)
            return cls(labels=(*labels, None), codes=np.where(codes < 0, len(labels), codes))
        if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
            values, codes = np.unique(column, return_inverse=True)
            return cls(labels=tuple(values.tolist()), codes=codes)
        values = column.tolist() if isinstance(column, np.ndarray) else column
        table: dict[object, int] = {}
        if set(map(type, values)) <= {str, type(None)}:
            codes = np.fromiter((table.setdefault(v, len(table)) for v in values), dtype=np.int64, count=len(values))
            return cls(labels=tuple(table), codes=codes)
        keys = ((type(v), v if isinstance(v, Hashable) and not missing(v) else repr(v)) for v in values)
        codes = np.fromiter((table.setdefault(key, len(table)) for key in keys), dtype=np.int64, count=len(values))
        return cls(labels=tuple(values[i] for i in _first_rows(codes, len(table)).tolist()), codes=codes)

    def used(self) -> IntArray:
        """Indices of the labels that some vote has."""
        return np.flatnonzero(np.bincount(self.codes, minlength=len(self.labels)))

    def refuse(self, bad: Iterable[int], field: str, place: Place, words: Callable[[object], tuple[str, str]]) -> None:
        """Raise for the first row whose label is among `bad`; `words` gives the message and the next step."""
        wrong = np.zeros(len(self.labels), dtype=bool)
        wrong[list(bad)] = True
        if not wrong.any():
            return
        row = int(np.argmax(wrong[self.codes]))
        message, step = words(self.labels[int(self.codes[row])])
        raise BadInput(message, where=place.at(row, field), next_step=step)


def _first_rows(codes: IntArray, count: int) -> IntArray:
    """(count,) row in which each code stands first; N for a code that no row has."""
    first = np.full(count, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


def model_codes(columns: Mapping[str, Column], place: Place) -> tuple[tuple[str, ...], IntArray, IntArray]:
    """Sorted model names and the two columns as indices into them, as narrow as they fit."""
    both = [Coded.of(columns[field]) for field in ("model_a", "model_b")]
    used = []
    for field, coded in zip(("model_a", "model_b"), both, strict=True):
        used.append(coded.used().tolist())
        coded.refuse([k for k in used[-1] if not _is_name(coded.labels[k])], field, place, _no_name)
    found = {str(coded.labels[k]) for coded, own in zip(both, used, strict=True) for k in own}
    names = tuple(sorted(found))
    index = {name: k for k, name in enumerate(names)}
    width = np.min_scalar_type(max(len(names) - 1, 0))
    turned = []
    for coded, own in zip(both, used, strict=True):
        turn = np.zeros(len(coded.labels), dtype=width)
        for k in own:
            turn[k] = index[str(coded.labels[k])]
        turned.append(turn[coded.codes])
    return names, turned[0], turned[1]


def _is_name(label: object) -> bool:
    return isinstance(label, str) and bool(label) and not _SURROGATE.search(label)


def _no_name(label: object) -> tuple[str, str]:
    if missing(label):
        return "the model name is empty.", ""
    if isinstance(label, str):
        return f"the model name {label!a} holds half a character.", _CUT
    return f"a model name must be text, not {type(label).__name__} ({label!r}).", "Write model names as text."


def label_codes(
    column: Column, labels: Mapping[str, int], field: str, place: Place, empty: int | None = None
) -> IntArray:
    """(N,) small codes of a column with a fixed vocabulary; case and spaces count. `empty` stands for empty fields."""
    coded = Coded.of(column)
    turn = np.zeros(len(coded.labels), dtype=np.int8)
    bad = []
    for k in coded.used().tolist():
        label = coded.labels[k]
        code = empty if empty is not None and missing(label) else None
        if code is None and isinstance(label, str):
            code = labels.get(label)
        if code is None:
            bad.append(k)
        else:
            turn[k] = code

    def words(label: object) -> tuple[str, str]:
        shown = "an empty field" if missing(label) else repr(label)
        return f"{shown} is not a known label; it is never counted as a tie.", _hint(label, labels)

    coded.refuse(bad, field, place, words)
    return turn[coded.codes]


def _hint(label: object, labels: Mapping[str, int]) -> str:
    text = label.strip().lower() if isinstance(label, str) else ""
    known = f"Known labels: {', '.join(labels)}."
    hint = nearest(text, labels) if text else ""
    return f"{hint} {known}" if hint.startswith("Did") else known


def group_codes(column: Column, *, own: bool, ballot: IntArray | None = None) -> tuple[IntArray, tuple[str, ...]]:
    """Codes 0 … G−1 of a grouping column (prompt, rater), numbered in order of first appearance, and their names.

    Args:
        column: Labels; numbers are taken by their text.
        own: What an empty field means: a group of its own (an unnamed prompt), or, when False, one common group
            (unnamed raters may all be one person). Such groups have no name.
        ballot: (N,) what an own group is one of, where not each vote is its own.
    """
    coded = Coded.of(column)
    codes, texts = _same_text(coded)
    count = len(texts)
    if own and (lone := _empty(coded.labels)):
        empty = np.isin(coded.codes, lone)
        each = np.arange(len(codes)) if ballot is None else ballot
        lone_ones, codes_of = np.unique(each[empty], return_inverse=True)
        codes[empty] = count + codes_of
        count += len(lone_ones)
        texts += [""] * (count - len(texts))
    first = _first_rows(codes, count)
    order = np.argsort(first, kind="stable")
    turn = np.empty(count, dtype=np.int32)
    turn[order] = np.arange(count, dtype=np.int32)
    used = order[: int((first < len(codes)).sum())]
    return turn[codes], tuple(np.array(texts, dtype=object)[used].tolist())


def _same_text(coded: Coded) -> tuple[IntArray, list[str]]:
    """Codes in which labels of the same text are one (7 and "7"), and the texts."""
    kinds = set(map(type, coded.labels)) - {type(None)}
    if kinds in ({str}, {int}) and len(empty := _empty(coded.labels)) <= 1:  # no two of them have the same text
        plain: list[str] = [*coded.labels] if kinds == {str} else [*map(str, coded.labels)]  # type: ignore[list-item]
        for k in empty:
            plain[k] = ""
        return coded.codes.astype(np.int64), plain
    table: dict[str, int] = {}
    texts = ("" if missing(label) else str(label) for label in coded.labels)
    turn = np.fromiter((table.setdefault(text, len(table)) for text in texts), dtype=np.int64, count=len(coded.labels))
    return turn[coded.codes], list(table)


def _empty(labels: Sequence[object]) -> list[int]:
    """Indices of the labels that stand for an empty field."""
    if set(map(type, labels)) <= {str, int, type(None)}:  # the usual case, many times faster: there may be a million
        marks = [mark for mark in (None, "") if mark in labels]
        return [k for k, label in enumerate(labels) if label in marks] if marks else []
    return [k for k, label in enumerate(labels) if missing(label)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A column by which boards can be split: a category, a language, a group of raters."""

    names: tuple[str, ...]
    """In sorted order; an empty field is ``no evidence`` of a value and reads ``(none)``."""
    codes: IntArray
    """(N,) index into `names`."""

    @classmethod
    def of(cls, column: Column, field: str = "", place: Place | None = None) -> "Labels":
        """Encode a column by the text of its labels.

        Raises:
            BadInput: Half a character; names row and column.
        """
        coded = Coded.of(column)
        halves = [k for k, label in enumerate(coded.labels) if isinstance(label, str) and _SURROGATE.search(label)]
        coded.refuse(halves, field, place or Place(), lambda label: (f"{label!a} holds half a character.", _CUT))
        texts = {k: "(none)" if missing(coded.labels[k]) else str(coded.labels[k]) for k in coded.used().tolist()}
        names = tuple(sorted(set(texts.values())))
        turn = np.zeros(len(coded.labels), dtype=np.int32)
        index = {name: k for k, name in enumerate(names)}
        for k, text in texts.items():
            turn[k] = index[text]
        return cls(names=names, codes=turn[coded.codes])


def numbers(column: Column, field: str, place: Place) -> FloatArray:
    """(N,) finite numbers, from numbers or their text; NaN where the field is empty.

    Raises:
        BadInput: A value that is no finite number.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        values = column.astype(np.float64)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise BadInput(f"{column[row]} is not a finite number.", where=place.at(row, field))
        return values
    coded = Coded.of(column)
    table = np.full(len(coded.labels), np.nan)
    bad = []
    for k in coded.used().tolist():
        label = coded.labels[k]
        if not missing(label):
            table[k] = _number(label)
            if not math.isfinite(table[k]):
                bad.append(k)
    coded.refuse(bad, field, place, lambda label: (f"{label!r} is not a finite number.", ""))
    return table[coded.codes]


def _number(value: object) -> float:
    if isinstance(value, bool | np.bool_):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


SPREAD = 1e15
"""How many times the median, or part of it, a weight may be: sums of 64-bit numbers hold no more beside each other."""
LIGHTEST, HEAVIEST = 1e-100, 1e100
"""Weights beyond could not be squared and added up."""


def weights(column: Column, place: Place) -> FloatArray:
    """(N,) positive weights within `SPREAD` of their median; an empty field counts as 1.

    Raises:
        BadInput: Another number, or none.
    """
    found = np.nan_to_num(numbers(column, "weight", place), nan=1.0)
    if (found <= 0).any():
        row = int(np.argmax(found <= 0))
        raise BadInput(f"a weight must be above 0, not {found[row]:g}.", where=place.at(row, "weight"))
    middle = float(np.median(found)) if len(found) else 1.0
    lightest, heaviest = max(middle / SPREAD, LIGHTEST), min(middle * SPREAD, HEAVIEST)
    if (wild := (found < lightest) | (found > heaviest)).any():
        row = int(np.argmax(wild))
        raise BadInput(
            f"a weight must lie between {lightest:g} and {heaviest:g} where the median is {middle:g}, "
            f"not be {found[row]:g}.",
            where=place.at(row, "weight"),
            next_step="Correct the weight, or take the row out.",
        )
    return found


def grades(column: Column, outcome: IntArray, signs: Mapping[int, int], winners: Column, place: Place) -> FloatArray:
    """(N,) grades −2 … 2, positive when A is better, NaN where empty.

    Args:
        column: Grades.
        outcome: Outcome code of each vote.
        signs: For each outcome code the sign a grade must have; a code that is absent takes no grade but 0.
        winners: The labels as written, for the message.
        place: Where the columns come from.

    Raises:
        BadInput: A grade off the scale, or one that contradicts the winner.
    """
    found = numbers(column, "grade", place)
    given = ~np.isnan(found)
    off = given & ((found != np.round(found)) | (np.abs(found) > 2))
    if off.any():
        row = int(np.argmax(off))
        raise BadInput(
            f"a grade is a whole number from -2 to 2, not {found[row]:g}.",
            where=place.at(row, "grade"),
            next_step="Write -2, -1, 0, 1 or 2 (positive: A is better), or leave the field empty.",
        )
    expected = np.array([signs.get(code, 0) for code in range(int(outcome.max(initial=0)) + 1)])
    against = given & (np.sign(np.nan_to_num(found)) != expected[outcome])
    if against.any():
        row = int(np.argmax(against))
        coded = Coded.of(winners)
        raise BadInput(
            f"grade {int(found[row])} contradicts winner '{coded.labels[int(coded.codes[row])]}' "
            "(a positive grade means A is better).",
            where=place.at(row, "grade"),
            next_step="Correct the row, or leave the grade empty.",
        )
    return found
