"""The public data as files: JSON lines, and the same rows in Parquet. Read `write_parquet` and `jsonl_rows` first.

A row at a time: memory does not grow with the data.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from fairtrial.arena.releases.rows import COLUMNS, MOST_BYTES, line_of

if TYPE_CHECKING:
    import duckdb

_MOST_LINE = 2 * MOST_BYTES
_GROUP = 4096  # rows of a Parquet row group: what is held in memory at once
_FETCHED = 500
_MEMORY = "1GB"


class Damaged(Exception):
    """A file of votes cannot be read; the text says why, without a full stop."""


def write_parquet(lines: Path, target: Path) -> None:
    """Write the rows of a JSON lines file as Parquet; the same rows give the same bytes."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with _engine({"votes.jsonl": lines}) as (database, scratch):
        database.execute(
            f"COPY (SELECT * FROM read_json('{scratch}/votes.jsonl', format = 'newline_delimited', "  # noqa: S608
            f"maximum_object_size = {_MOST_LINE}, columns = {{{columns}}})) TO '{scratch}/out.parquet' "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP})"
        )
        with Path(scratch, "out.parquet").open("rb") as source, target.open("wb") as copy:
            while block := source.read(1 << 20):
                copy.write(block)
            sync(copy)


def jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON lines file.

    Raises:
        Damaged: A line that is not the one proper line of its row, so that readers could differ on what it says.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MOST_LINE + 1):
            number += 1
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                raise Damaged(f"line {number} is not JSON") from None
            if not isinstance(row, dict) or list(row) != list(COLUMNS) or line_of(row) != line:
                raise Damaged(f"line {number} is not written as a row of public data is")
            yield row


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file.

    Raises:
        Damaged: It is none, or has other columns.
    """
    import duckdb

    try:
        with _engine({"votes.parquet": path}) as (database, scratch):
            rows = database.execute(f"SELECT * FROM read_parquet('{scratch}/votes.parquet')")  # noqa: S608
            found = {str(part[0]): str(part[1]) for part in rows.description or ()}
            if list(found.items()) != list(COLUMNS.items()):
                raise Damaged("it has other columns than public data has")
            names = list(COLUMNS)
            while batch := rows.fetchmany(_FETCHED):
                for values in batch:
                    yield dict(zip(names, values, strict=True))
    except (duckdb.Error, RuntimeError, UnicodeDecodeError):
        raise Damaged("it is not a readable Parquet file") from None


def withheld_in(path: Path) -> dict[int, str]:
    """Rows of a Parquet file, from 0, that are withheld, and why."""
    with _engine({"votes.parquet": path}) as (database, scratch):
        found = database.execute(
            f"SELECT file_row_number, withheld FROM read_parquet('{scratch}/votes.parquet', file_row_number = true) "  # noqa: S608
            "WHERE withheld IS NOT NULL"
        )
        return {int(row): str(why) for row, why in found.fetchall()}


def sync(file: Any) -> None:
    """Make what was written durable."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _engine(files: Mapping[str, Path]) -> Iterator[tuple["duckdb.DuckDBPyConnection", str]]:
    """DuckDB with nothing of its surroundings, and a directory where the files have plain names."""
    import duckdb

    with TemporaryDirectory(prefix="fairtrial-") as scratch:
        for name, path in files.items():
            Path(scratch, name).symlink_to(path.resolve())
        settings: dict[str, Any] = {
            "threads": 1,  # so that the bytes do not depend on who was faster
            "memory_limit": _MEMORY,
            "temp_directory": scratch,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=settings) as database:
            database.execute("SET enable_progress_bar = false")
            yield database, scratch
