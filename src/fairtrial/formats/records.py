"""JSONL and JSON lists in bulk: typed decoding that passes over what is not wanted. Read `read` first.

Memory stays at a few blocks, whatever the file's size. Whatever is not clean is a `Doubt`: the strict reader then finds
the row and the words.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from fairtrial.formats.coding import Doubt, Kind, Loaded, Reading, Want
from fairtrial.formats.lines import MAX_ROW, file_blocks
from fairtrial.formats.rows import unique_keys
from fairtrial.stats import REQUIRED

Decode = Callable[[bytes], list[Any]]
SNIFFED = 1000
"""Rows at the start whose keys tell the shape."""
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_SPACE = b" \t\r\n"
_NEAR = 2**13
"""Bytes before the end of a block that are searched first for the end of an element."""
_TRIES = 25
"""About how many places are then tried."""
_TYPES: dict[Kind, Any] = {
    Kind.LABEL: str | int | None,
    Kind.GROUP: str | int | None,
    Kind.NUMBER: str | int | float | None,
}
"""Kinds of values that can be told apart by equality alone; true equals 1, so it is not among them."""


def names(path: Path) -> tuple[str, ...]:
    """Keys of the first rows, in order of appearance; the required ones where there are no rows.

    Raises:
        Doubt: What `read` raises.
    """
    keys: dict[str, None] = {}
    for rows in _batches(path, _decoder(dict[str, Any], path)):
        for row in rows[:SNIFFED]:
            keys |= dict.fromkeys(row)
        if keys:
            break
    return tuple(keys) or REQUIRED


def read(path: Path, columns: Sequence[str], wants: Sequence[Want]) -> Loaded:
    """The wanted keys; of those not among the known `columns` only such as turn up.

    Raises:
        Doubt: Broken JSON, a row that is no object or has a wanted key twice, no UTF-8, a row too long.
        BadInput: A damaged or incredible gzip file, or too many votes.
    """
    decode = _Rows(path, columns, wants)
    reading = Reading(wants, str(path))
    for rows in _batches(path, decode):
        reading.add(len(rows), lambda name, rows=rows: decode.values(name, rows), plain=decode.plain)  # type: ignore[misc]
    return reading.loaded(rows=_LineNumbers(path, reading.votes) if _by_line(path) else None, known=columns)


class _Rows:
    """Decodes rows of the wanted fields: by their usual types, and where a row holds others, by whatever is there."""

    def __init__(self, path: Path, columns: Sequence[str], wants: Sequence[Want]) -> None:
        self._fields = {name: f"f{k}" for k, name in enumerate(dict.fromkeys(want.column for want in wants))}
        self._late = {name: field for name, field in self._fields.items() if name not in columns}
        self._no_late = False
        kinds: dict[str, Any] = {}
        for want in wants:  # the narrowest type of all uses
            if kinds.get(want.column) != _TYPES[Kind.LABEL]:
                kinds[want.column] = _TYPES.get(want.kind, Any)
        self._lines = _by_line(path)
        self._keys = {name: [b"%b:" % key for key in _spellings(name)] for name in kinds}
        self._usual = _decoder(self._row(kinds), path)
        self._any = _decoder(self._row(dict.fromkeys(kinds, Any)), path)
        self.plain = True
        """Whether the rows decoded last were of the usual types."""

    def _row(self, kinds: dict[str, Any]) -> Any:
        fields = [(self._fields[name], kind, None) for name, kind in kinds.items()]
        return msgspec.defstruct("Row", fields, rename={field: name for name, field in self._fields.items()}, gc=False)

    def values(self, name: str, rows: list[Any]) -> Iterable[Any] | None:
        """A column of the rows decoded last; None where no row has it."""
        return None if self._no_late and name in self._late else map(attrgetter(self._fields[name]), rows)

    def __call__(self, text: bytes) -> list[Any]:
        """Decode a run of rows."""
        try:
            rows = self._usual(text)
        except msgspec.ValidationError:
            rows, self.plain = self._any(text), False
        else:
            self.plain = True
        self._no_late = self._lack_late(rows)
        if self._may_repeat(text, len(rows)):
            self._check_keys(text)
        return rows

    def _may_repeat(self, text: bytes, rows: int) -> bool:
        """Whether a wanted key may stand twice in a row: it, or one in a nested object, is there too often."""
        names = (name for name in self._keys if not (self._no_late and name in self._late))
        return b'" :' in text or any(sum(map(text.count, self._keys[name])) > rows for name in names)

    def _check_keys(self, text: bytes) -> None:
        """Doubt objects with a key that stands twice; the decoder takes the last of them."""
        try:
            for part in filter(None, map(bytes.strip, text.split(b"\n"))) if self._lines else (b"[%b]" % text,):
                json.loads(part, object_pairs_hook=unique_keys)
        except ValueError as error:
            raise Doubt(f"{error}") from error

    def _lack_late(self, rows: list[Any]) -> bool:
        """Whether no row has anything in a column that was not known; usual, so asked of all columns at once."""
        if not self._late:
            return False
        empty = (None,) * len(self._late) if len(self._late) > 1 else None
        try:
            return set(map(attrgetter(*self._late.values()), rows)) <= {empty}
        except TypeError:  # a list or an object, so there is something
            return False


def _spellings(name: str) -> set[bytes]:
    """A key as JSON usually has it: its letters as they are, or escaped."""
    return {json.dumps(name, ensure_ascii=ascii_).encode(errors="replace") for ascii_ in (True, False)}


def _by_line(path: Path) -> bool:
    return not path.name.lower().removesuffix(".gz").endswith(".json")


def _decoder(row: Any, path: Path) -> Decode:
    """Decodes lines of one object each, or the inside of a list."""
    if _by_line(path):
        return msgspec.json.Decoder(row).decode_lines
    decode: Decode = msgspec.json.Decoder(list[row]).decode
    return lambda text: decode(b"[%b]" % text)


def _batches(path: Path, decode: Decode) -> Iterator[list[Any]]:
    batches = _lines(path, decode) if _by_line(path) else _elements(path, decode)
    try:
        yield from batches
    except msgspec.MsgspecError as error:
        raise Doubt(f"{error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise Doubt("it is not UTF-8 text" if isinstance(error, UnicodeError) else "it is nested too deeply") from error


def _lines(path: Path, decode: Decode) -> Iterator[list[Any]]:
    rest = b""
    for text in _blocks(path):
        whole, feed, tail = text.rpartition(b"\n")
        if not feed:
            rest = _within(rest + tail)
            continue
        yield _one_a_line(rest + whole + feed, decode)
        rest = _within(tail)
    if rest:
        yield _one_a_line(rest, decode)


def _one_a_line(text: bytes, decode: Decode) -> list[Any]:
    """Decode lines; each holds one object if as many lines as objects begin and end as objects do.

    A line break inside an object cannot stand between a closing brace and an opening one.
    """
    rows = decode(text)
    counts = {text.count(b"\n"), text.count(b"}\n"), text.count(b"\n{") + text.startswith(b"{")}
    if counts != {len(rows)}:
        lines = [filled for line in text.split(b"\n") if (filled := line.strip())]
        if len(lines) != len(rows) or not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
            raise Doubt("not every line holds one object")
    return rows


def _elements(path: Path, decode: Decode) -> Iterator[list[Any]]:
    """Runs of whole elements of a JSON list.

    A block is cut where one object ends and the next begins. If the text before such a place decodes as elements of a
    list, then the place is between two elements: inside a string or a nested value, a bracket would be open.
    """
    blocks = _blocks(path)
    text = next(blocks, b"").lstrip(_SPACE)
    if not text.startswith(b"["):
        raise Doubt("it is no list")
    text = text[1:]
    for block in blocks:
        text += block
        for end, start in _cuts(text):
            try:
                rows = decode(text[:end])
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError as error:
                if "truncated" not in str(error):
                    raise
                continue
            yield rows
            text = text[start:]
            break
        _within(text)
    text = text.rstrip(_SPACE)
    if not text.endswith(b"]"):
        raise Doubt("it is cut off")
    yield decode(text[:-1])


def _cuts(text: bytes) -> Iterator[tuple[int, int]]:
    """Places between objects, roughly the last first: where one ends, and where the next begins."""
    for start in (max(0, len(text) - _NEAR), 0):
        found = [(match.start() + 1, match.end() - 1) for match in _BETWEEN.finditer(text, start)]
        yield from found[:: -max(1, len(found) // _TRIES)]


def _blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes without a byte-order mark."""
    first = True
    for block in file_blocks(path, cap=None):
        if b"\0" in block:
            raise Doubt("it holds NUL bytes, which are no text")
        yield block.removeprefix(codecs.BOM_UTF8) if first else block
        first = False


def _within(text: bytes) -> bytes:
    if len(text) > MAX_ROW:
        raise Doubt(f"a row is longer than {MAX_ROW // 2**20} MiB")
    return text


class _LineNumbers(Sequence[int]):
    """The line of each row, blank lines counted; looked up in the file when an error asks for one."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._rows = path, rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, index: Any) -> Any:
        filled = (number for number, line in enumerate(_file_lines(self._path), 1) if line.strip())
        return next(islice(filled, int(index), None))


def _file_lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for block in file_blocks(path, cap=None):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest
