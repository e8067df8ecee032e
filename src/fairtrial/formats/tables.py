"""Parquet, and CSV without quotation marks, in bulk through DuckDB. Read `parquet` first.

Labels become codes in the engine; only codes, distinct labels and numbers come out. File names and column names never
become part of a statement as they are.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fairtrial.core import BadInput
from fairtrial.formats.coding import MAX_VOTES, Doubt, Kind, Loaded, Want, count_at, too_many
from fairtrial.formats.lines import MAX_ROW, file_blocks
from fairtrial.formats.rows import check_names, top_names
from fairtrial.stats import Coded, Column

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
"""What the engine may use before it turns to the disk."""
_ENUM = 100_000
"""Most distinct values that are turned into codes by a dictionary; beyond, a hash is several times faster."""


@contextmanager
def parquet(path: Path) -> "Iterator[Table]":
    """Open a Parquet file, also gzipped.

    Raises:
        BadInput: No readable Parquet file, two columns of one name, or too many votes; also while the table is read.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="fairtrial-") as scratch:
        plain = Path(scratch, "rows.parquet")
        if path.name.lower().endswith(".gz"):
            with plain.open("wb") as target:
                target.writelines(file_blocks(path, cap=None))
        else:  # a link keeps the file's own name out of statements, where it might read as a pattern or an address
            plain.symlink_to(path.resolve())
        try:
            with _connect(scratch) as database:
                source = f"read_parquet('{plain}')"
                size = database.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata('{plain}')")  # noqa: S608
                votes = int((size.fetchone() or (0,))[0] or 0)
                if votes > MAX_VOTES:
                    raise too_many(str(path))
                schema = database.execute(f"SELECT name, num_children FROM parquet_schema('{plain}')")  # noqa: S608
                check_names(path, top_names(schema.fetchall()))
                head = database.execute(f"SELECT * FROM {source} LIMIT 0").description or ()  # noqa: S608
                yield Table(database, source, str(path), {str(c[0]): str(c[1]) for c in head}, votes)
        except duckdb.OutOfMemoryException as error:
            raise BadInput(
                f"reading this file takes more than {MEMORY} of memory.",
                where=str(path),
                next_step="Write it again with fewer columns or smaller row groups.",
            ) from error
        except (duckdb.Error, RuntimeError) as error:  # a damaged name of a column or a type breaks its binding
            _unreadable(path, error, plain)


def delimited(path: Path, columns: Sequence[str], wants: Sequence[Want], delimiter: str) -> Loaded:
    """The wanted ones of the `columns` of a plain CSV or TSV file.

    Raises:
        Doubt: Quotation marks, carriage returns, blank or ragged lines, or anything the engine does not like.
        BadInput: Too many votes.
    """
    import duckdb

    votes = _rectangle(path, delimiter.encode(), len(columns))
    if votes > MAX_VOTES:
        raise too_many(str(path))
    with tempfile.TemporaryDirectory(prefix="fairtrial-") as scratch:
        plain = Path(scratch, "rows.csv")
        plain.symlink_to(path.resolve())
        names = {name: f"c{k}" for k, name in enumerate(columns)}
        types = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(len(columns)))
        kept = ", ".join(dict.fromkeys(names[want.column] for want in wants))
        try:
            with _connect(scratch) as database:
                database.execute(
                    f"CREATE TEMP TABLE votes AS SELECT {kept} FROM read_csv('{plain}', auto_detect=false, "  # noqa: S608
                    f"header=true, delim='{delimiter}', quote='', escape='', comment='', nullstr='', new_line='\\n', "
                    f"max_line_size={MAX_ROW}, columns={{{types}}})"
                )
                table = Table(database, "votes", str(path), dict.fromkeys(names.values(), "VARCHAR"), votes)
                inside = [Want(names[want.column], want.kind, want.key) for want in wants]
                found = table.load(inside)
        except duckdb.Error as error:
            raise Doubt(str(error).splitlines()[0]) from error
    if any(len(column) != votes for column in found.columns.values()):
        raise Doubt("some lines are no rows")
    return Loaded(columns={want: found.columns[own] for want, own in zip(wants, inside, strict=True)}, votes=votes)


@dataclass(frozen=True, slots=True)
class Table:
    """An open table."""

    database: "duckdb.DuckDBPyConnection"
    source: str
    where: str
    types: dict[str, str]
    """Column to the engine's type, in order."""
    votes: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self.types)

    def load(self, wants: Sequence[Want]) -> Loaded:
        """The wanted columns, in the file's order of rows."""
        parts = {want: self._part(want, f"k{k}") for k, want in enumerate(wants)}
        chosen = ", ".join(f"{part.sql} AS k{k}" for k, part in enumerate(parts.values()) if part.sql)
        found = self._all(f"SELECT {chosen} FROM {self.source}").fetchnumpy() if chosen else {}  # noqa: S608
        columns: dict[Want, Column] = {}
        for k, (want, part) in enumerate(parts.items()):
            columns[want] = part.column(found.pop(f"k{k}")) if part.sql else self._counts(want)
        return Loaded(columns=columns, votes=self.votes)

    def _all(self, statement: str) -> Any:
        return self.database.execute(statement)

    def _part(self, want: Want, name: str) -> "_Part":
        column, type_ = _quoted(want.column), self.types[want.column]
        if want.kind is Kind.COUNT:
            return _Part("", None)
        if want.kind is Kind.LENGTH:
            return _Part(f"length({column})::DOUBLE" if type_ == "VARCHAR" else "NULL::DOUBLE", None)
        if want.kind is Kind.NUMBER and _numeric(type_):
            return _Part(f"{column}::DOUBLE", None)
        # Empty texts are no labels; other types are told apart by their text and keep their values as labels.
        text = f"nullif({column}::VARCHAR, '')"
        value = "" if type_ == "VARCHAR" else f", any_value({column}) AS value"
        self._all(
            f"CREATE TEMP TABLE {name} AS SELECT {text} AS label{value} "  # noqa: S608
            f"FROM {self.source} WHERE {text} IS NOT NULL GROUP BY 1"
        )
        kept = "value" if value else "label"
        count = int(self._all(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608
        if count > _ENUM:
            found = self._all(f"SELECT hash(label) AS hash, {kept} AS value FROM {name}").fetchnumpy()  # noqa: S608
            return _hashed(f"CASE WHEN {text} IS NOT NULL THEN hash({text}) END", found["hash"], found["value"])
        if not count:
            return _Part("0::UTINYINT", (None,))
        self._all(f"CREATE TYPE {name}_type AS ENUM (SELECT label FROM {name} ORDER BY label)")  # noqa: S608
        labels = self._all(f"SELECT {kept} FROM {name} ORDER BY label").fetchall()  # noqa: S608
        code = f"coalesce(enum_code({text}::{name}_type)::{_narrow(count)}, {count})"
        return _Part(code, (*(label for (label,) in labels), None))

    def _counts(self, want: Want) -> Column:
        """Counts in nested columns, which hold few and small objects."""
        rows = self._all(f"SELECT {_quoted(want.column)} FROM {self.source}")  # noqa: S608
        values: list[float] = []
        while batch := rows.fetchmany(10_000):
            values += (count_at(value, want.key) for (value,) in batch)
        return np.array(values, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Part:
    """A column on its way out of the engine."""

    sql: str
    """Empty for what is counted outside."""
    labels: tuple[object, ...] | None
    """The labels of its codes; None for numbers."""
    order: Any = None
    """The labels' order by hash, where hashes come out instead of codes."""

    def column(self, found: Any) -> Column:
        if self.labels is None:
            return np.ma.filled(found.astype(np.float64), np.nan)
        if self.order is None:
            return Coded(labels=self.labels, codes=np.asarray(found))
        # Every label is in some row, so the sorted distinct hashes of the rows are those of the labels.
        filled = ~np.ma.getmaskarray(found)
        codes = np.full(len(found), len(self.labels) - 1, dtype=np.int32)
        codes[filled] = self.order[np.unique(np.ma.getdata(found)[filled], return_inverse=True)[1]]
        return Coded(labels=self.labels, codes=codes)


def _hashed(sql: str, hashes: Any, labels: Any) -> _Part:
    """A column of many labels, whose hashes must all differ."""
    order = np.argsort(hashes)
    if (hashes[order[1:]] == hashes[order[:-1]]).any():
        raise Doubt("two of its values have the same hash")
    return _Part(sql, (*labels.tolist(), None), order)


@contextmanager
def _connect(scratch: str) -> "Iterator[duckdb.DuckDBPyConnection]":
    import duckdb

    settings: dict[str, Any] = {
        "threads": 1,  # more threads take more processor time, and order of rows is for free
        "memory_limit": MEMORY,
        "temp_directory": scratch,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=settings) as database:
        database.execute("SET enable_progress_bar = false")
        yield database


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _numeric(type_: str) -> bool:
    return type_.startswith("DECIMAL") or type_ in {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"),
    }


def _narrow(count: int) -> str:
    return "UTINYINT" if count < 2**8 else "USMALLINT" if count < 2**16 else "UINTEGER"


def _rectangle(path: Path, mark: bytes, columns: int) -> int:
    """Rows below the header of a file in which a delimiter or a line feed can mean nothing else.

    Raises:
        Doubt: Not so, or as many delimiters as these columns need are not there.
    """
    lines = marks = 0
    last = b""
    for block in file_blocks(path, cap=None):
        if b'"' in block or b"\r" in block or b"\0" in block:
            raise Doubt("it holds more than plain cells")
        lines += block.count(b"\n")
        marks += block.count(mark)
        last = block[-1:]
    lines += last != b"\n"
    if marks != lines * (columns - 1):
        raise Doubt("its lines do not all have as many cells")
    return lines - 1


def _unreadable(path: Path, error: Exception, plain: Path) -> NoReturn:
    first = (str(error).splitlines() or [""])[0].replace(str(plain), path.name)
    reason = "".join(letter for letter in first if letter.isprintable()).rstrip(" .:")
    raise BadInput(
        f"this is not a readable Parquet file ({reason}).", where=str(path), next_step="Write or fetch it again."
    ) from error
