"""The one writer: rows from any thread become durable in batches, in order, each whole. Read `Writer.put` first.

A durable commit costs milliseconds of disk time, so rows wait up to a tenth of a second for company. `put` waits when
the disk is half a second behind: beside a busy event loop, waiting is what lets the writer through.

What fails is told to whoever gave it. Works (`transact`) are then not done and later ones may succeed; rows that were
put were promised, so after a failure nothing more is written. One exception: if a server's connection was lost, the
writer connects again, asks how the commit ended, and writes the promised rows again if it was undone.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine, Table, bindparam, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from fairtrial.core import FairtrialError, IntegrityError, Interrupted
from fairtrial.store._errors import ConnectionLost, plain, translated
from fairtrial.store.database import Place
from fairtrial.store.tables import WRITE_ORDER, jobs

Row = tuple[Any, ...]
T = TypeVar("T")
Work = Callable[[Connection], Any]

_COMPANY_SECONDS = 0.1  # how long a first row waits for others
_COMPANY_ROWS = 1000  # … unless there are this many already
_LAG_SECONDS = 0.5  # `put` waits when the oldest row has waited this long,
_MOST_ROWS = 4096  # … or this many rows wait,
_MOST_BYTES = 32_000_000  # … or this much
_CHUNK_ROWS = 1024  # of a long list, at a time
_MARK_GROUP = 256  # jobs marked in one statement
_RECONNECT_SECONDS = 15  # how long a promise waits for a server to come back


class _Batch:
    """Rows that become durable together."""

    __slots__ = ("bytes", "count", "marks", "opened", "rows", "settle", "transaction", "works")

    def __init__(self) -> None:
        self.rows: dict[Table, list[Row]] = defaultdict(list)
        self.marks: dict[tuple[str, int], tuple[str, str, int]] = {}
        self.works: list[tuple[Work, Future[Any]]] = []
        self.settle: list[Callable[[], None]] = []  # tells whoever gave the works how they went
        self.transaction: str | None = None  # by which the server knows this batch's commit
        self.count = 0
        self.bytes = 0
        self.opened = 0.0


class Writer:
    """A thread that owns the only writing connection of a lab."""

    def __init__(self, engine: Engine, place: Place, on_durable: Callable[[dict[Table, list[Row]]], None]) -> None:
        self._place = place
        with translated(place):
            self._connection = engine.connect()
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
            raise IntegrityError("the lab is closed; nothing can be written any more.", where=str(self._place))
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
        batch: _Batch | None = None
        try:
            while batch := self._next_batch():
                self._do(batch)
                with self._turn:
                    self._durable += 1
                    self._turn.notify_all()
        except BaseException as error:  # noqa: BLE001 - carried to whoever puts, flushes or closes next
            with self._turn:
                self._error = plain(error, self._place)
                _reject(self._batch, self._error)  # what came meanwhile will not be done either
                self._turn.notify_all()
        finally:
            self._connection.close()

    def _do(self, batch: _Batch) -> None:
        """Make a batch durable; raises if rows that were promised cannot be."""
        # From here on a work cannot be cancelled; one that was is not done.
        batch.works = [(work, done) for work, done in batch.works if done.set_running_or_notify_cancel()]
        while True:
            try:
                self._commit(batch)
                break
            except Exception as error:  # noqa: BLE001 - told to whoever gave the works, raised for promised rows
                failed = self._failed(batch, error)
            if failed is None:  # the server has it after all
                break
            _reject(batch, failed)
            if not batch.rows and not batch.marks:
                return  # whoever gave the works knows that they were not done, and may try again
            if not isinstance(failed, ConnectionLost):
                raise failed
        self._on_durable(batch.rows)
        for settled in batch.settle:
            settled()

    def _failed(self, batch: _Batch, error: Exception) -> FairtrialError | None:
        """What to say about a batch that failed: `ConnectionLost` if it is surely undone, None if it was committed."""
        said = plain(error, self._place)
        if not isinstance(said, ConnectionLost):
            return said
        promised = bool(batch.rows or batch.marks)
        if batch.transaction is None and not promised:
            return said  # no commit was asked for, and nobody has to wait
        try:
            return None if self._was_committed(batch.transaction) else said
        except FairtrialError as unreachable:
            what = "the connection to the database server was lost and did not come back"
            unsure = "" if batch.transaction is None else "; whether the last things were written is not known"
            return Interrupted(f"{what}{unsure}.", where=unreachable.where, next_step=unreachable.next_step)

    def _was_committed(self, transaction: str | None) -> bool:
        """Connect again, waiting for a server that restarts, and ask how a transaction ended."""
        patience = time.monotonic() + _RECONNECT_SECONDS
        while True:
            try:
                with translated(self._place), self._connection.begin():
                    return transaction is not None and self._place.committed(self._connection, transaction)
            except Interrupted:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.1)

    def _commit(self, batch: _Batch) -> None:
        batch.settle, batch.transaction = [], None
        with self._connection.begin():
            for table in WRITE_ORDER:
                self._place.insert(self._connection, table, batch.rows.get(table, []))
            _commit_marks(self._connection, batch.marks)
            batch.settle = [self._worked(work, done) for work, done in batch.works]
            batch.transaction = self._place.transaction(self._connection)

    def _worked(self, work: Work, done: Future[Any]) -> Callable[[], None]:
        # Plain statements: SQLAlchemy's own nested transactions take longer than what most works do.
        savepoint = self._connection.exec_driver_sql
        savepoint("SAVEPOINT work")
        settle: Callable[[], None]
        try:
            settle = partial(done.set_result, work(self._connection))
        except SQLAlchemyError as error:
            said = plain(error, self._place)
            if isinstance(said, Interrupted) or self._connection.invalidated:
                raise  # a full disk or a lost connection undoes what the others did, too
            settle = partial(done.set_exception, said)
            savepoint("ROLLBACK TO SAVEPOINT work")
        except Exception as error:  # noqa: BLE001 - it is the caller's
            settle = partial(done.set_exception, error)
            savepoint("ROLLBACK TO SAVEPOINT work")
        savepoint("RELEASE SAVEPOINT work")
        return settle

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


def _reject(batch: _Batch, error: FairtrialError) -> None:
    for _, done in batch.works:
        if not done.cancelled():
            done.set_exception(error)
    batch.works = []


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
        for start in range(0, len(positions), _MARK_GROUP):
            group = positions[start : start + _MARK_GROUP]
            values = {"of_trial": trial, "positions": group, "to_state": state, "with_note": note, "tries": tries}
            changed = connection.execute(_MARK, values).rowcount
            if changed != len(group):
                raise IntegrityError(f"{len(group) - changed} jobs of trial {trial} are not in the ledger.")


def row_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists small enough for `Writer.put`."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
