"""The one writer: rows from any thread become durable in batches, in order, each whole. Read `Writer.put` first.

A commit with ``synchronous=FULL`` costs milliseconds of disk time, so rows wait up to a tenth of a second for company.
One statement inserts many rows: SQLite gives up Python's lock at every statement, and beside a busy event loop it is
slow to get it back (measured: 5,000 single-row inserts 32 s, the same rows by the fifty 1.5 s). For the same reason
`put` waits when the disk is half a second behind: waiting is what lets the writer through.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, Table, bindparam, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from fairtrial.core import FairtrialError, IntegrityError
from fairtrial.store._errors import plain
from fairtrial.store.tables import WRITE_ORDER, jobs

Row = tuple[Any, ...]
T = TypeVar("T")
Work = Callable[[Connection], Any]

_COMPANY_SECONDS = 0.1  # how long a first row waits for others
_COMPANY_ROWS = 1000  # … unless there are this many already
_LAG_SECONDS = 0.5  # `put` waits when the oldest row has waited this long,
_MOST_ROWS = 4096  # … or this many rows wait,
_MOST_BYTES = 32_000_000  # … or this much
_GROUPS = (256, 128, 64, 32, 16, 8, 4, 2, 1)  # rows a statement: few sizes, so that each is prepared once


class _Batch:
    """Rows that become durable together."""

    __slots__ = ("bytes", "count", "marks", "opened", "rows", "works")

    def __init__(self) -> None:
        self.rows: dict[Table, list[Row]] = defaultdict(list)
        self.marks: dict[tuple[str, int], tuple[str, str, int]] = {}
        self.works: list[tuple[Work, Future[Any]]] = []
        self.count = 0
        self.bytes = 0
        self.opened = 0.0


class Writer:
    """A thread that owns the only writing connection of a lab."""

    def __init__(self, engine: Engine, path: Path, on_durable: Callable[[dict[Table, list[Row]]], None]) -> None:
        self._path = path
        self._engine = engine
        self._on_durable = on_durable
        self._turn = threading.Condition()
        self._batch = _Batch()
        self._taken = 0  # batches handed to the thread
        self._durable = 0  # batches on disk
        self._hurry = False
        self._closing = False
        self._error: FairtrialError | None = None
        # A daemon, so that a lab left open by mistake cannot keep the program from ending; `close` waits for it.
        self._thread = threading.Thread(target=self._run, name="lab-writer", daemon=True)
        self._thread.start()

    def put(self, table: Table, rows: Sequence[Row], size: int) -> None:
        """Queue rows of `table` (values in column order, `size` bytes in all), waiting while the disk is behind.

        Raises:
            FairtrialError: An earlier batch failed; nothing is written any more.
        """
        with self._turn:
            batch = self._wait_for_room()
            batch.rows[table].extend(rows)
            batch.bytes += size
            self._added(batch, len(rows))

    def mark(self, trial: str, position: int, state: str, note: str) -> None:
        """Queue a job's new state, counting one attempt."""
        with self._turn:
            batch = self._wait_for_room()
            attempts = batch.marks.get((trial, position), ("", "", 0))[2]
            batch.marks[trial, position] = (state, note, attempts + 1)
            self._added(batch, 1)

    def transact(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Do `work` in the next commit, all of it or nothing; the future has its result once that is durable.

        Works run one after another in the order given, so what one reads another cannot change meanwhile. Those that
        come while the disk is busy share the next commit. An error that `work` raises undoes only what it did itself.
        """
        done: Future[T] = Future()
        with self._turn:
            batch = self._wait_for_room()
            batch.works.append((work, done))
            self._hurry = True
            self._added(batch, 1)
            self._turn.notify_all()
        return done

    def flush(self) -> None:
        """Return when everything put so far is on disk.

        Raises:
            FairtrialError: It could not be written.
        """
        with self._turn:
            target = self._taken
            if self._batch.count:
                target += 1
                self._hurry = True
                self._turn.notify_all()
            self._turn.wait_for(lambda: self._error or self._durable >= target)
            self._raise_error()

    def close(self) -> None:
        """Write what is queued and end the thread. May be called twice.

        Raises:
            FairtrialError: Something could not be written.
        """
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join()
        self._raise_error()

    def _wait_for_room(self) -> _Batch:
        self._raise_error()
        if self._closing:
            raise IntegrityError("the lab is closed; nothing can be written any more.", where=str(self._path))
        batch = self._batch
        if batch.count and _is_full(batch):
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._error or not _is_full(self._batch))
            self._raise_error()
        return self._batch

    def _added(self, batch: _Batch, rows: int) -> None:
        before = batch.count
        batch.count += rows
        if not before:
            batch.opened = time.monotonic()
        if not before or before < _COMPANY_ROWS <= batch.count:
            self._turn.notify_all()

    def _raise_error(self) -> None:
        if self._error:
            error = self._error
            raise type(error)(error.message, where=error.where, next_step=error.next_step) from error

    def _run(self) -> None:
        try:
            with self._engine.connect() as connection:
                while batch := self._next_batch():
                    self._do(connection, batch)
                    with self._turn:
                        self._durable += 1
                        self._turn.notify_all()
        except BaseException as error:  # noqa: BLE001 - carried to whoever puts, flushes or closes next
            with self._turn:
                self._error = plain(getattr(error, "orig", None) or error, self._path)
                self._turn.notify_all()

    def _do(self, connection: Connection, batch: _Batch) -> None:
        try:
            settle = _commit(connection, batch)
        except Exception as error:
            for _, done in batch.works:
                done.set_exception(plain(getattr(error, "orig", None) or error, self._path))
            if batch.rows or batch.marks:  # these were promised: nothing may be written after them
                raise
            return  # whoever gave the works knows that they were not done, and may try again
        self._on_durable(batch.rows)
        for settled in settle:
            settled()

    def _next_batch(self) -> _Batch | None:
        """Wait for rows and a little longer for company; None when closing and nothing is left."""
        with self._turn:
            self._turn.wait_for(lambda: self._batch.count or self._closing)
            if not self._batch.count:
                return None
            ready = lambda: self._closing or self._hurry or self._batch.count >= _COMPANY_ROWS  # noqa: E731
            self._turn.wait_for(ready, timeout=self._batch.opened + _COMPANY_SECONDS - time.monotonic())
            batch, self._batch = self._batch, _Batch()
            self._taken += 1
            self._hurry = False
            self._turn.notify_all()
            return batch


def _is_full(batch: _Batch) -> bool:
    return batch.count > 0 and (
        batch.count >= _MOST_ROWS or batch.bytes >= _MOST_BYTES or time.monotonic() - batch.opened > _LAG_SECONDS
    )


def _commit(connection: Connection, batch: _Batch) -> list[Callable[[], None]]:
    """Commit a batch; what is given back tells whoever gave the works how they went."""
    with connection.begin():
        for table in WRITE_ORDER:
            for group in _groups(batch.rows.get(table, [])):
                connection.exec_driver_sql(_insert_sql(table, len(group)), tuple(chain.from_iterable(group)))
        _commit_marks(connection, batch.marks)
        return [_worked(connection, work, done) for work, done in batch.works]


def _worked(connection: Connection, work: Work, done: Future[Any]) -> Callable[[], None]:
    try:
        with connection.begin_nested():
            result = work(connection)
    except FairtrialError as error:
        return partial(done.set_exception, error)
    return partial(done.set_result, result)


_MARK = (
    update(jobs)
    .where(jobs.c.trial == bindparam("of_trial"), jobs.c.position.in_(bindparam("positions", expanding=True)))
    .values(state=bindparam("to_state"), note=bindparam("with_note"), attempts=jobs.c.attempts + bindparam("tries"))
)


def _commit_marks(connection: Connection, marks: dict[tuple[str, int], tuple[str, str, int]]) -> None:
    alike: dict[tuple[str, str, str, int], list[int]] = defaultdict(list)
    for (trial, position), (state, note, tries) in marks.items():
        alike[trial, state, note, tries].append(position)
    for (trial, state, note, tries), positions in alike.items():
        for group in _groups(positions):
            values = {"of_trial": trial, "positions": group, "to_state": state, "with_note": note, "tries": tries}
            changed = connection.execute(_MARK, values).rowcount
            if changed != len(group):
                raise IntegrityError(f"{len(group) - changed} jobs of trial {trial} are not in the ledger.")


def _groups(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for size in _GROUPS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _insert_sql(table: Table, rows: int) -> str:
    """SQL that inserts `rows` rows of `table` and passes over those whose key is taken: the first write wins."""
    one_row = str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=sqlite.dialect()))
    values = "(" + ", ".join("?" * len(table.columns)) + ")"
    return one_row.replace(values, ", ".join([values] * rows))


def row_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists small enough for `Writer.put`."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _GROUPS[0] * 4:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
