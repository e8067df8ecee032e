"""Rows of a file, one dict each: JSONL, JSON list, CSV, TSV or Parquet, each also gzipped.

Read `read_rows` first. Text formats go through the standard library, so "007" stays text and every error can name its
row; only Parquet needs DuckDB, which is loaded when such a file is met.
"""

import csv
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fairtrial.core import BadInput
from fairtrial.formats.lines import MAX_FILE, MAX_ROW, check_file, file_blocks, text_lines, too_long

_SPACE = re.compile(r"[ \t\r\n]*")

Row = dict[str, Any]
NumberedRow = tuple[int, Row]


def read_rows(path: Path) -> Iterator[NumberedRow]:
    """Stream the rows of `path` with their numbers, counted from 1.

    In JSONL the number is the line's; in CSV and TSV it counts records after the header; in JSON and Parquet, elements.
    The format follows from the name: ``.jsonl``, ``.ndjson``, ``.json``, ``.csv``, ``.tsv``, ``.parquet``, each with or
    without ``.gz``. Text is UTF-8, with or without a byte-order mark.

    Raises:
        BadInput: A missing, empty, unreadable, oversized or broken file, naming file and row.
    """
    suffix = suffix_of(path)
    check_file(path)
    match suffix:
        case ".jsonl" | ".ndjson":
            return _jsonl(path)
        case ".json":
            return _json_list(path)
        case ".csv":
            return _delimited(path, ",")
        case ".tsv":
            return _delimited(path, "\t")
        case _:
            return _parquet(path)


def place(path: Path, row: int | None = None, field: str = "") -> str:
    """Where an error is, as people read it: ``prompts.csv, row 7, field 'reference'``."""
    parts = [str(path)]
    if row is not None:
        parts.append(f"row {row}")
    if field:
        parts.append(f"field '{field}'")
    return ", ".join(parts)


def suffix_of(path: Path) -> str:
    """The ending of the name that tells the format, without ``.gz``.

    Raises:
        BadInput: None that is known.
    """
    name = path.name.lower().removesuffix(".gz")
    suffix = Path(name).suffix
    known = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
    if suffix not in known:
        raise BadInput(
            f"a file of this kind ('{suffix or path.name}') cannot be read.",
            where=str(path),
            next_step=f"Save it as one of {', '.join(known)}, with or without .gz.",
        )
    return suffix


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's keys and values.

    Raises:
        ValueError: A key that stands twice, of which JSON readers would silently take one.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!a} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=unique_keys)


def _decode(path: Path, row: int, text: str, start: int = 0) -> tuple[Row, int]:
    """The JSON object at `start` of `text` and where it ends."""
    step = "Correct this row; quotation marks, commas and braces are the usual suspects."
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        spot = f"column {error.colno}" if start == 0 else f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"not valid JSON at {spot}: {error.msg}.", where=place(path, row), next_step=step) from error
    except RecursionError as error:
        raise BadInput("the JSON is nested too deeply.", where=place(path, row), next_step=step) from error
    except ValueError as error:
        raise BadInput(f"not valid JSON: {error}.", where=place(path, row), next_step=step) from error
    if not isinstance(value, dict):
        raise BadInput(
            f"each row must be a JSON object, this one is a {type(value).__name__}.",
            where=place(path, row),
            next_step='Write rows like {"prompt": "…", "reference": "…"}.',
        )
    return value, end


def _jsonl(path: Path) -> Iterator[NumberedRow]:
    for number, line in enumerate(text_lines(path), 1):
        text = line.strip()
        if not text:
            continue
        value, end = _decode(path, number, text)
        if end != len(text):
            raise BadInput(
                f"not valid JSON at column {end + 1}: something follows the object.",
                where=place(path, number),
                next_step="Put each object on a line of its own.",
            )
        yield number, value


def _json_list(path: Path) -> Iterator[NumberedRow]:
    text = "".join(text_lines(path))
    position = _after_space(text, 0)
    if text[position : position + 1] != "[":
        raise BadInput(
            "the file must hold one JSON list of objects.",
            where=str(path),
            next_step="Wrap the rows in [ ], or save one object per line as .jsonl.",
        )
    position = _after_space(text, position + 1)
    row = 0
    more = text[position : position + 1] != "]"
    while more:
        row += 1
        value, position = _decode(path, row, text, position)
        yield row, value
        position = _after_space(text, position)
        mark = text[position : position + 1]
        more = mark == ","
        if not more and mark != "]":
            raise BadInput(
                f"not valid JSON at {_spot(text, position)}: ',' or ']' expected.",
                where=place(path, row),
                next_step="Correct the end of this row; the file may be cut off.",
            )
        comma = position
        position = _after_space(text, position + 1) if more else position
        if more and text[position : position + 1] == "]":
            raise BadInput(
                f"not valid JSON at {_spot(text, comma)}: no row follows the comma.",
                where=place(path, row),
                next_step="Take the comma out; the file may be cut off.",
            )
    end = _after_space(text, position + 1)
    if end < len(text):
        raise BadInput(
            f"not valid JSON at {_spot(text, end)}: something follows the list.",
            where=place(path),
            next_step="Keep one list to a file; join two by writing the rows of both between one pair of [ ].",
        )


def _spot(text: str, position: int) -> str:
    column = position - text.rfind("\n", 0, position)
    return f"line {text.count(chr(10), 0, position) + 1}, column {column}"


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _delimited(path: Path, delimiter: str) -> Iterator[NumberedRow]:
    # The module's limit is global and too small for long documents; raising it takes nothing from anyone.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))
    reader = csv.reader(text_lines(path), delimiter=delimiter, strict=True)
    names: list[str] = []
    row = 0
    try:
        for cells in reader:
            if not cells:
                continue
            if not names:
                names = header(path, cells, delimiter)
                continue
            row += 1
            if len(cells) != len(names):
                raise BadInput(
                    f"{len(cells)} cells where the header has {len(names)} (line {reader.line_num}).",
                    where=place(path, row),
                    next_step="Quote cells that hold the separator or a line break.",
                )
            yield row, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        if "field larger" in str(error):
            raise too_long(path, f"row {row + 1}") from error
        if "new-line character" in str(error):
            raise BadInput(
                f"its line ends are bare carriage returns, from line {reader.line_num} on.",
                where=place(path, row + 1 if names else None),
                next_step="Save the table with normal line ends (LF, or CR and LF).",
            ) from error
        raise BadInput(
            f"broken table at line {reader.line_num}: {error}.",
            where=place(path, row + 1 if names else None),
            next_step='Double quotation marks inside quoted cells ("").',
        ) from error


def header(path: Path, cells: list[str], delimiter: str) -> list[str]:
    """Names of the columns.

    Raises:
        BadInput: A name that is there twice, or cells that seem to be separated by something else.
    """
    names = [cell.strip() for cell in cells]
    double = sorted({name for name in names if name and names.count(name) > 1})
    if double:
        raise BadInput(
            f"the header names a column twice: {', '.join(double)}.", where=str(path), next_step="Rename one of them."
        )
    other = next((mark for mark in (";", "\t", ",") if mark != delimiter and mark in names[0]), None)
    if len(names) == 1 and other:
        raise BadInput(
            f"the columns seem to be separated by {other!r}, not by {delimiter!r}.",
            where=str(path),
            next_step="Save the table with commas as .csv, or with tabs as .tsv.",
        )
    return names


def top_names(schema: Sequence[tuple[str, int | None]]) -> list[str]:
    """Names of a Parquet file's columns from its schema: every node's name and number of children, depth first."""
    if not schema:
        return []
    names, open_ = [], [schema[0][1] or 0]
    for name, children in schema[1:]:
        while len(open_) > 1 and not open_[-1]:
            open_.pop()
        open_[-1] -= 1
        if len(open_) == 1:
            names.append(name)
        if children:
            open_.append(children)
    return names


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a table with two columns of one name.

    Raises:
        BadInput: Naming them.
    """
    if len(set(names)) < len(names):
        double = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(
            f"the file has two columns of the same name: {', '.join(double)}.",
            where=str(path),
            next_step="Rename one of them, or leave it out.",
        )


def _parquet(path: Path) -> Iterator[NumberedRow]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="fairtrial-") as scratch:
        plain = path.resolve()
        if path.name.lower().endswith(".gz"):
            plain = Path(scratch, "rows.parquet")
            with plain.open("wb") as target:
                target.writelines(file_blocks(path))
        elif set("*?[") & set(str(plain)):  # DuckDB would read these as patterns
            plain = Path(scratch, "rows.parquet")
            plain.symlink_to(path.resolve())
        try:
            with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as database:
                sizes = database.execute("SELECT sum(total_uncompressed_size) FROM parquet_metadata(?)", [str(plain)])
                size = (sizes.fetchone() or (0,))[0] or 0
                if size > MAX_FILE:
                    raise BadInput(
                        f"the file holds more than {MAX_FILE // 2**20:,} MiB once unpacked.",
                        where=str(path),
                        next_step="Split it into smaller files.",
                    )
                schema = database.execute("SELECT name, num_children FROM parquet_schema(?)", [str(plain)]).fetchall()
                check_names(path, top_names(schema))
                table = database.execute("SELECT * FROM read_parquet(?)", [str(plain)])
                names = [column[0] for column in table.description or ()]
                row = 0
                while batch := table.fetchmany(1000):
                    for row, values in enumerate(batch, row + 1):  # noqa: B020 - the count goes on over batches
                        yield row, dict(zip(names, values, strict=True))
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].replace(str(plain), path.name)
            raise BadInput(
                f"this is not a readable Parquet file ({reason}).",
                where=str(path),
                next_step="Write or fetch it again.",
            ) from error
