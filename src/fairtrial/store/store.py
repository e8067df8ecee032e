"""A lab's memory: recorded calls, the job ledger, and the evidence. Read `Store` first.

The first write of a key wins everywhere, so work may be repeated after a crash but a result exists once. What was put
is durable after the next `flush`, or by itself within a moment, in the order in which it was put.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Self, TypeVar

from sqlalchemy import Engine, Table, bindparam, select
from sqlalchemy.engine import Connection

from fairtrial.core import (
    Battle,
    Completion,
    Contestant,
    Prompt,
    Request,
    Response,
    Score,
    Vote,
    from_json,
    to_json,
)
from fairtrial.store import database, tables
from fairtrial.store._errors import translated
from fairtrial.store.database import Place, Where
from fairtrial.store.reader import Job, JobState, Reader
from fairtrial.store.writer import Row, Writer, row_chunks

T = TypeVar("T")
_ROW_BYTES = 300  # rough size of a row without its body
_FILTER_SLOTS = 1 << 22  # 4 MB; at 100,000 recorded calls 2 % of unknown keys are looked up in vain


class Store(Reader):
    """A lab's database, opened for reading and writing by the one process that holds the lab's lock.

    Safe to use from several threads. Implements `core.CallMemory`. Close it, or use it as a context manager.
    """

    def __init__(self, engine: Engine, place: Place) -> None:
        super().__init__(engine, place)
        self._fresh: dict[str, Completion] = {}  # recorded, not yet known to be on disk
        self._known: bytearray | None = None  # which keys may be recorded; filled at the first recall
        self._recall = str(_RECALL.compile(dialect=engine.dialect))
        self._writing = database.connect(place, writing=True)
        try:
            self._writer = Writer(self._writing, place, self._settled)
        except BaseException:
            super().close()
            self._writing.dispose()
            raise

    @classmethod
    def create(cls, where: Where) -> Self:
        """Make the tables, or open the database that is there; a path is an SQLite file.

        Raises:
            BadInput: The directory or the server's database is missing or may not be written.
            IntegrityError: It is something else, damaged, or from a newer version.
            Interrupted: The server cannot be reached.
        """
        database.create(where)
        return cls.open(where)

    @classmethod
    def open(cls, where: Where) -> Self:
        """Open an existing database; one from an older version is moved forward.

        Raises:
            BadInput: There is none, it may not be written, or (on a server) another run is writing to it.
            IntegrityError: It is damaged, something else, or from a newer version.
            Interrupted: The server cannot be reached.
        """
        database.check_version(where, may_migrate=True)
        database.check_writable(where)
        return cls(database.connect(where, writing=False), database.place(where))

    def close(self) -> None:
        """Write what is queued and close. May be called twice.

        Raises:
            FairtrialError: Something put earlier could not be written.
        """
        try:
            self._writer.close()
        finally:
            super().close()
            self._writing.dispose()  # last, so that it tidies the log away

    def flush(self) -> None:
        """Return when everything put so far is on disk.

        Raises:
            Interrupted: The disk is full; what was flushed before stays.
            FairtrialError: It could not be written for another reason. Nothing is written after that.
        """
        self._writer.flush()

    def transact(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Do `work` in one transaction of the lab's only writer; the future has its result once that is durable.

        `work` may raise a `FairtrialError`: then nothing of it is written, and the future raises it.
        """
        return self._writer.transact(work)

    def settle(self) -> None:
        """A read sees everything put before, so it waits for the disk; keep reads out of busy loops."""
        self.flush()

    # The response cache

    def recall(self, key: str) -> Completion | None:
        """The completion recorded under this `core.call_key`, on disk or on its way there, or None."""
        fresh = self._fresh.get(key)
        if fresh is not None:
            return fresh
        known = self._known if self._known is not None else self._load_known()
        if not known[_slot(key)]:
            return None
        with translated(self.place):
            raw = self._engine.raw_connection()
            try:  # one bare statement: several times cheaper than a transaction around it
                cursor = raw.cursor()
                cursor.execute(self._recall, (key,))
                recorded = cursor.fetchone()
            finally:
                raw.close()
        return None if recorded is None else from_json(recorded[0], Completion)

    def record(self, key: str, request: Request, completion: Completion) -> None:
        """Record a completion; the first one recorded under a key stays."""
        if self.recall(key) is not None or self._fresh.setdefault(key, completion) is not completion:
            return
        if self._known is not None:
            self._known[_slot(key)] = 1
        self._put(tables.calls, (key, to_json(request), to_json(completion)))

    # Trials and their ledger

    def put_meta(self, name: str, value: str) -> None:
        """Record a named fact about the lab."""
        self._put(tables.meta, (name, value))

    def put_trial(self, trial_id: str, *, name: str, created: str, body: object) -> None:
        """Record a trial: its name, when it was made (UTC, ISO 8601) and the trial file as understood."""
        self._put(tables.trials, (trial_id, name, created, to_json(body)))

    def put_prompts(self, trial_id: str, prompts: Iterable[Prompt]) -> None:
        """Record a trial's prompts, all of them, in order."""
        self._put_many(tables.prompts, ((trial_id, i, p.id, to_json(p)) for i, p in enumerate(prompts)))

    def put_contestants(self, trial_id: str, contestants: Iterable[Contestant]) -> None:
        """Record a trial's contestants, all of them, in order."""
        rows = ((trial_id, i, c.id, c.name, to_json(c)) for i, c in enumerate(contestants))
        self._put_many(tables.contestants, rows)

    def put_jobs(self, trial_id: str, jobs: Iterable[Job]) -> None:
        """Enter jobs in the trial's ledger; positions already there stay as they are."""
        self._put_many(
            tables.jobs,
            (
                (trial_id, j.position, j.kind, j.key, j.prompt, j.contestant, j.repeat, j.state, j.attempts, j.note)
                for j in jobs
            ),
        )

    def mark(self, trial_id: str, position: int, state: JobState, note: str = "") -> None:
        """Set a job's state and count one more attempt. Put the job's result first: both become durable in order."""
        self._writer.mark(trial_id, position, state, note)

    # Evidence

    def put_response(self, job_key: str, response: Response) -> None:
        """Record the response of an answer job."""
        row = (job_key, response.id, response.prompt, response.contestant, response.repeat, to_json(response))
        self._put(tables.responses, row)

    def put_score(self, job_key: str, score: Score) -> None:
        """Record a score of the response that was put under the same answer job's key."""
        self._put(tables.scores, (job_key, score.scorer, score.value, score.reason, to_json(score)))

    def put_battle(self, battle: Battle) -> None:
        """Record a battle; put it before the votes on it."""
        row = (battle.id, battle.prompt, battle.contestant_a, battle.contestant_b, to_json(battle))
        self._put(tables.battles, row)

    def put_vote(self, job_key: str, vote: Vote) -> None:
        """Record the vote of a judge job."""
        self._put(tables.votes, (job_key, vote.id, vote.battle, vote.evaluator, vote.kind, to_json(vote)))

    def _put(self, table: Table, row: Row) -> None:
        self._writer.put(table, (row,), _ROW_BYTES + sum(len(value) for value in row if isinstance(value, bytes)))

    def _put_many(self, table: Table, rows: Iterable[Row]) -> None:
        for chunk in row_chunks(rows):
            self._writer.put(table, chunk, _ROW_BYTES * len(chunk))

    def _settled(self, rows: dict[Table, list[Row]]) -> None:
        """Called by the writer's thread when a batch is on disk."""
        for key, *_ in rows.get(tables.calls, ()):
            self._fresh.pop(key, None)

    def _load_known(self) -> bytearray:
        """Mark the slot of every recorded key, so that a key never seen costs no query."""
        known = bytearray(_FILTER_SLOTS)
        with translated(self.place), self._engine.connect() as connection:
            for (key,) in connection.execute(select(tables.calls.c.key).execution_options(yield_per=10_000)):
                known[_slot(key)] = 1
        for key in list(self._fresh):
            known[_slot(key)] = 1
        self._known = known
        return known


_RECALL = select(tables.calls.c.completion).where(tables.calls.c.key == bindparam("wanted"))


def _slot(key: str) -> int:
    return hash(key) & (_FILTER_SLOTS - 1)
