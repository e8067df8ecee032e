"""A field map: which column of someone's file is which field of ours, and one row seen through it.

Read `FieldMap` first. Values come out as plain text, lists or objects; all else is refused by file, row and field.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput, nearest
from fairtrial.formats.rows import Row, place

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_HALF = re.compile("[\ud800-\udfff]")
_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """Our field = their column, as in a trial file's ``[fields]``.

    A column is a name (``question``), a path into nested objects (``question.stem``), or, after ``=``, a text that
    holds for every row (``=ko``). An empty text means: do not read this field, whatever the file's columns are called.
    Unmapped fields are read from a column of their own name, where there is one.
    """

    columns: dict[str, str]
    found: set[str] = field(default_factory=set)
    """Mapped columns that at least one row had."""

    @classmethod
    def parse(cls, fields: Mapping[str, str], *, known: Iterable[str]) -> "FieldMap":
        """Check the keys against `known`.

        Raises:
            BadInput: An unknown key (the nearest known one is suggested) or a column that is not text.
        """
        names = tuple(known)
        for key, column in fields.items():
            if key not in names:
                raise BadInput(f"unknown key '{key}'.", where="[fields]", next_step=nearest(key, names))
            if not isinstance(column, str):
                raise BadInput(
                    f"'{key}' must be the name of a column, in quotes.",
                    where="[fields]",
                    next_step=f'Write: {key} = "column"',
                )
        return cls(columns=dict(fields))

    def lookup(self, row: Row, name: str) -> Any:
        """The value of our field `name` in `row`; None where it is absent, empty or switched off."""
        column = self.columns.get(name, name)
        if column.startswith("="):
            return column[1:]
        value = self.column(row, column) if column else None
        return None if value is _ABSENT or value == "" else value

    def column(self, row: Row, path: str) -> Any:
        """The value at a column or dotted path, or an absent mark; remembers that it was there."""
        value = row.get(path, _ABSENT)
        if value is _ABSENT and "." in path:
            value = row
            for part in path.split("."):
                value = value.get(part, _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is not _ABSENT:
            self.found.add(path)
        return value

    def check_found(self, path: Path, columns: Iterable[str]) -> None:
        """After the last row: every mapped column must have been somewhere.

        Raises:
            BadInput: Naming the column no row has and the nearest one that is there.
        """
        settings = {"template", "reference_base", "reference_after"}
        for name, column in self.columns.items():
            several = name == "choices" and "," in column  # these are checked row by row
            if name in settings or several or not column or column.startswith("=") or column in self.found:
                continue
            raise BadInput(
                f"no row has the column '{column}'.",
                where=f"{path}, [fields] {name}",
                next_step=nearest(column, columns),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRow:
    """One row of a file, read by our field names."""

    path: Path
    number: int
    values: Row
    fields: FieldMap

    def error(self, name: str, message: str, next_step: str) -> BadInput:
        """A `BadInput` that names file, row and field."""
        return BadInput(message, where=place(self.path, self.number, name), next_step=next_step)

    def has(self, name: str) -> bool:
        """Whether the field has a value in this row."""
        return self.fields.lookup(self.values, name) is not None

    def raw(self, name: str) -> Any:
        """The value as it came; a text that is a JSON list or object is opened."""
        value = self.fields.lookup(self.values, name)
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                return value
        return value

    def text(self, name: str) -> str:
        """The field as text, empty where absent; numbers and true/false are written as JSON writes them."""
        value = self.fields.lookup(self.values, name)
        return "" if value is None else self.as_text(name, value)

    def as_text(self, name: str, value: Any) -> str:
        """A single value as text.

        Raises:
            BadInput: Lists, objects, NaN, and text with half characters, which has no canonical form.
        """
        if isinstance(value, str):
            if _HALF.search(value):
                raise self.error(name, "holds half of a character (a lone surrogate).", "Write the character whole.")
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) or (isinstance(value, float) and value - value == 0):
            return str(value)
        raise self.error(
            name,
            f"must be one text, found {_kind(value)}.",
            f'Map the column that holds it, or leave the field out: {name} = "" in [fields].',
        )

    def texts(self, name: str, value: Any) -> list[str]:
        """A list of non-empty texts.

        Raises:
            BadInput: Anything else.
        """
        if not isinstance(value, list | tuple):
            raise self.error(name, f"must be a list of texts, found {_kind(value)}.", 'Write: ["…", "…"]')
        found = [self.as_text(name, entry) for entry in value]
        if not all(entry.strip() for entry in found):
            raise self.error(name, "one of the texts is empty.", "Fill it in or take it out.")
        return found

    def fill(self, template: str) -> str:
        """The template with ``{column}`` replaced by this row's values; ``{{`` and ``}}`` are plain braces.

        Raises:
            BadInput: A column the row lacks (the nearest is suggested) or a brace without its partner.
        """

        def value(match: re.Match[str]) -> str:
            hole = match.group(0)
            if hole in ("{{", "}}"):
                return hole[0]
            name = match.group(1)
            if name is None:
                raise self.error("template", f"a lone '{hole}'.", "Write {{ or }} for a plain brace.")
            found = self.fields.column(self.values, name)
            if found is _ABSENT or found is None:
                raise self.error("template", f"there is no '{name}'.", nearest(name, self.values))
            return self.as_text(name, found)

        return _HOLE.sub(value, template)


def _kind(value: Any) -> str:
    names = {list: "a list", tuple: "a list", dict: "an object", str: "text", float: "a number that is not finite"}
    return names.get(type(value), f"a {type(value).__name__}")
