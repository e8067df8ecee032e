"""CSV and TSV in bulk, by the same parser and rules as the strict reader. Read `read` first.

Whatever is not clean is a `Doubt`: the strict reader then finds the row and the words.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path

from fairtrial.formats.coding import Doubt, Loaded, Reading, Want
from fairtrial.formats.lines import MAX_ROW, file_blocks
from fairtrial.formats.rows import header

_ROWS = 5_000
"""Rows turned into columns at a time."""


def delimiter(path: Path) -> str:
    """What separates the cells of a file of this name."""
    return "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","


def names(path: Path) -> tuple[str, ...]:
    """The header's names.

    Raises:
        Doubt: No header that can be read.
        BadInput: A header that names a column twice, or other separators.
    """
    cells = next(_rows(path), [])
    if not cells:
        raise Doubt("it holds no header")
    return tuple(header(path, cells, delimiter(path)))


def read(path: Path, columns: Sequence[str], wants: Sequence[Want]) -> Loaded:
    """The wanted ones of the `columns` that the header names.

    Raises:
        Doubt: Ragged rows, broken quotation marks, no UTF-8, NUL bytes, rows beyond `MAX_ROW`.
        BadInput: A damaged or incredible gzip file, or too many votes.
    """
    rows = _rows(path)
    next(rows)
    reading = Reading(wants, str(path))
    cells = {name: itemgetter(k) for k, name in enumerate(columns)}
    width = {len(columns)}
    while batch := list(islice(rows, _ROWS)):
        if set(map(len, batch)) != width:
            raise Doubt(f"not every row has {len(columns)} cells, near row {reading.votes + 1:,}")
        reading.add(len(batch), lambda name, batch=batch: map(cells[name], batch), plain=True)  # type: ignore[misc]
    return reading.loaded()


def _rows(path: Path) -> Iterator[list[str]]:
    """Rows that are not blank."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))
    reader = csv.reader(_lines(path), delimiter=delimiter(path), strict=True)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise Doubt(f"{error}, near line {reader.line_num:,}") from error
    except UnicodeDecodeError as error:
        raise Doubt(f"it is not UTF-8 text, near line {reader.line_num:,}") from error


def _lines(path: Path) -> Iterator[str]:
    """Lines with their line feed, as `lines.text_lines` gives them, but a block at a time."""
    rest, encoding = b"", "utf-8-sig"
    for block in file_blocks(path, cap=None):
        if b"\0" in block:
            raise Doubt("it holds NUL bytes, which are no text")
        whole, feed, tail = block.rpartition(b"\n")
        if feed:
            yield from io.StringIO((rest + whole + feed).decode(encoding), newline="\n")
            rest, encoding = tail, "utf-8"
        else:
            rest += tail
        if len(rest) > MAX_ROW:
            raise Doubt(f"a line is longer than {MAX_ROW // 2**20} MiB")
    if rest:
        yield rest.decode(encoding)
