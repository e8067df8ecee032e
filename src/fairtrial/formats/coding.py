"""What is wanted of a file's columns, and columns in the making: values to small integers, chunk by chunk.

Read `Want` first. Readers of every format fill a `Reading`; nothing but codes, distinct labels and numbers stays.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats import Coded, Column

MAX_VOTES = 200_000_000
"""Most votes read from one file: their columns take some 5 GB."""


class Kind(Enum):
    """How a column is used, which is how little of it has to be kept."""

    LABEL = auto()
    """Labels as they are, types kept."""
    GROUP = auto()
    """Only which values are equal."""
    NUMBER = auto()
    LENGTH = auto()
    """Characters of a text."""
    COUNT = auto()
    """A number under a key of a nested object, or the sum of the numbers there."""


@dataclass(frozen=True, slots=True)
class Want:
    """One column of a file and its use."""

    column: str
    kind: Kind
    key: str = ""
    """The key of a `Kind.COUNT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Columns as read."""

    columns: Mapping[Want, Column]
    """A column that no row has is left out."""
    votes: int
    rows: Sequence[int] | None = None
    """The file's row numbers; None: 1, 2, 3 …"""


class Doubt(Exception):
    """A fast reader met something it leaves to the strict one, which words errors by row."""


def length(value: object) -> float:
    """Characters of a text; NaN for anything else."""
    return len(value) if isinstance(value, str) else math.nan


def count_at(value: object, key: str) -> float:
    """The number under `key`, or the sum of the numbers in the object there; NaN where there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    parts = found.values() if isinstance(found, Mapping) else [found]
    total = 0.0
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, int | float):
            return math.nan
        total += part
    return total


def text_of(value: object) -> str:
    """The text by which a value is selected: nothing is empty, True is ``true``, a list counts by its first element."""
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, list | tuple):
        return text_of(value[0]) if value else ""
    return str(value)


class _Table(dict[object, int]):
    """Value to code; a new value gets the next one. An empty text is no label: it shares code 0 with None."""

    def __init__(self) -> None:
        super().__init__({None: 0, "": 0})

    def __missing__(self, value: object) -> int:
        self[value] = code = len(self) - 1
        return code


class _Codes:
    """A column of labels in the making."""

    def __init__(self) -> None:
        self._table = _Table()
        self._labels: dict[object, object] = {}
        self._codes = array("i")

    def add(self, values: Iterable[object], *, plain: bool) -> None:
        """Take values in; `plain` promises texts, integers and None, of which no two kinds are equal."""
        if not plain:
            values = map(self._key, values)
        self._codes.extend(map(self._table.__getitem__, values))

    def skip(self, count: int) -> None:
        """Take in that many empty fields."""
        self._codes.frombytes(bytes(count * self._codes.itemsize))

    def _key(self, value: object) -> object:
        """What a value is told apart by: 1, 1.0 and True are three labels."""
        if value is None or type(value) in {str, int}:
            return value
        key = (type(value), repr(value))
        self._labels[key] = value
        return key

    def column(self) -> Coded:
        keys = list(self._table)
        del keys[1]  # the empty text
        labels = (self._labels.get(key, key) if type(key) is tuple else key for key in keys)
        codes = np.frombuffer(self._codes, dtype=np.int32) if self._codes else np.zeros(0, dtype=np.int32)
        return Coded(labels=tuple(labels), codes=codes)


class _Numbers:
    """A column of counts or lengths in the making."""

    def __init__(self, measure: Callable[[object], float]) -> None:
        self._measure = measure
        self._values = array("d")

    def add(self, values: Iterable[object], *, plain: bool) -> None:  # noqa: ARG002 - same face as `_Codes`
        self._values.extend(map(self._measure, values))

    def skip(self, count: int) -> None:
        """Take in that many empty fields."""
        self._values.extend([math.nan] * count)

    def column(self) -> Column:
        return np.array(self._values, dtype=np.float64)


class Reading:
    """Wanted columns in the making."""

    def __init__(self, wants: Iterable[Want], where: str) -> None:
        self._where = where
        self._parts: dict[Want, _Codes | _Numbers] = {want: _part(want) for want in wants}
        self.votes = 0

    def add(self, count: int, values: Callable[[str], Iterable[Any] | None], *, plain: bool) -> None:
        """Take in the next `count` rows; `values` gives those of a column, or None where no row has it.

        Raises:
            BadInput: Beyond `MAX_VOTES`.
        """
        self.votes += count
        if self.votes > MAX_VOTES:
            raise too_many(self._where)
        for want, part in self._parts.items():
            found = values(want.column)
            if found is None:
                part.skip(count)
            else:
                part.add(found, plain=plain)

    def loaded(self, rows: Sequence[int] | None = None, known: Iterable[str] | None = None) -> Loaded:
        """The columns; of those not among the `known` ones, only such as hold something."""
        columns: dict[Want, Column] = {want: part.column() for want, part in self._parts.items()}
        if known is not None:
            kept = set(known)
            columns = {want: c for want, c in columns.items() if want.column in kept or _holds_something(c)}
        return Loaded(columns=columns, votes=self.votes, rows=rows)


def _part(want: Want) -> _Codes | _Numbers:
    match want.kind:
        case Kind.LENGTH:
            return _Numbers(length)
        case Kind.COUNT:
            return _Numbers(lambda value: count_at(value, want.key))
        case _:
            return _Codes()


def _holds_something(column: Column) -> bool:
    return bool(column.codes.any()) if isinstance(column, Coded) else not bool(np.isnan(column).all())


def too_many(where: str) -> BadInput:
    """The error for more than `MAX_VOTES` votes."""
    return BadInput(
        f"the file holds more than {MAX_VOTES:,} votes.",
        where=where,
        next_step="Split it, or rank a random part of it.",
    )
