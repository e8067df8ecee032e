"""A lab's rows in an SQLite file: how it is opened, and what it does in its own way. Read `SQLite.engine` first.

WAL mode with ``synchronous=FULL``: what is committed survives a kill and a power cut.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fairtrial.core import BadInput, IntegrityError

_BUSY_MS = 5000
_GROUPS = (256, 128, 64, 32, 16, 8, 4, 2, 1)  # rows a statement: few sizes, so that each is prepared once


@dataclass(frozen=True, slots=True)
class SQLite:
    """An SQLite file. Making one of these touches nothing."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def engine(self, *, writing: bool) -> Engine:
        """Connections to the existing file; without `writing` they refuse every change."""
        engine = create_engine("sqlite://", creator=lambda: self._open(writing), poolclass=QueuePool)
        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _open(self, writing: bool) -> sqlite3.Connection:
        mode = "mode=rw" if writing else self._reading_mode()
        raw = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{mode}",
            uri=True,
            isolation_level=None,  # transactions begin where we say so, not where sqlite3 guesses
            check_same_thread=False,  # the pool hands a connection to one thread at a time
            timeout=_BUSY_MS / 1000,
            cached_statements=256,  # the writer's inserts come in some ninety sizes
        )
        if writing:
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("PRAGMA foreign_keys=ON")
        else:
            raw.execute("PRAGMA query_only=ON")
        return raw

    def _reading_mode(self) -> str:
        # A WAL database needs side files even for reading. On a read-only medium they cannot be made; without a log
        # left over the main file is complete, and nobody can change it while we look.
        if os.access(self.path.parent, os.W_OK) or self.path.with_name(self.path.name + "-wal").exists():
            return "mode=rw"
        return "mode=ro&immutable=1"

    def make(self) -> None:
        """Make an empty file where there is none."""
        self.path.touch()

    def check_there(self) -> None:
        """Raises `BadInput` if there is no file."""
        if not self.path.is_file():
            raise BadInput("there is no lab database here.", where=str(self), next_step="Make one with: fairtrial init")

    def check_writable(self) -> None:
        """Raises `BadInput` if the file or its directory may not be written."""
        if not os.access(self.path, os.W_OK) or not os.access(self.path.parent, os.W_OK):
            raise BadInput(
                "the database may not be written here.",
                where=str(self),
                next_step="Check the owner and permissions of the file and its directory.",
            )

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, passing over those whose key is taken.

        One statement inserts many rows: SQLite gives up Python's lock at every statement, and beside a busy event loop
        it is slow to get it back (measured: 5,000 single-row inserts 32 s, the same rows by the fifty 1.5 s).
        """
        for group in _groups(rows):
            connection.exec_driver_sql(_insert_sql(table, len(group)), tuple(chain.from_iterable(group)))

    def after_migration(self, connection: Connection) -> None:
        """Nothing more to be done."""

    def check(self, connection: Connection) -> None:
        """Read every page and test every reference. Raises `IntegrityError`."""
        said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        if said != ["ok"]:
            raise IntegrityError(f"this database is damaged: {said[0]}.", where=str(self))
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if orphans:
            raise IntegrityError(
                f"{len(orphans)} rows refer to rows that are missing, the first in table {orphans[0][0]}.",
                where=str(self),
            )

    def version(self, _connection: Connection) -> str:
        """What the rows lie in, for people."""
        return f"SQLite {sqlite3.sqlite_version}"

    def transaction(self, _connection: Connection) -> str | None:
        """No name is needed: a commit in a file either returns or is not done."""
        return None

    def committed(self, _connection: Connection, _transaction: str) -> bool:
        """See `transaction`."""
        return False


def _groups(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for size in _GROUPS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _insert_sql(table: Table, rows: int) -> str:
    one_row = str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=sqlite.dialect()))
    values = "(" + ", ".join("?" * len(table.columns)) + ")"
    return one_row.replace(values, ", ".join([values] * rows))
