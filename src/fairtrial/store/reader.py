"""Reading a lab: trials, their ledger, and the evidence of their jobs, in the ledger's order. Read `Reader` first.

A trial's evidence is what its jobs' keys name: an answer job's response and its scores, a judge job's vote and its
battle; a human job names a battle whose ballots are the arena's. Long results come a page at a time, so memory stays
flat and no read blocks a write.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from sqlalchemy import ColumnElement, Engine, Select, func, select, tuple_
from sqlalchemy.engine import Connection

from fairtrial.core import Battle, Contestant, IntegrityError, Prompt, Response, Score, Vote, from_json
from fairtrial.store import database, history
from fairtrial.store._errors import translated
from fairtrial.store.database import Place, Where
from fairtrial.store.tables import battles, contestants, jobs, meta, prompts, responses, scores, trials, votes

JobKind = Literal["answer", "judge", "human"]
JobState = Literal["pending", "done", "failed"]

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger: a result to be had, and how far it has come."""

    position: int
    """Place in the trial, from 0; evidence is always given back in this order."""
    kind: JobKind
    key: str
    """Names the result in the whole lab: two jobs with one key share it, so it is never bought twice."""
    prompt: str
    contestant: str
    """Contestant id; for the job of a judge or of people, the evaluator id."""
    repeat: int = 0
    state: JobState = "pending"
    attempts: int = 0
    note: str = ""
    """Why it failed or has to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """A trial as recorded."""

    id: str
    name: str
    created: str
    """UTC, ISO 8601 to the second."""
    body: dict[str, Any]
    """The trial file as understood."""


class Reader:
    """A lab's database, opened for reading; needs no lock and may be used while another process writes."""

    def __init__(self, engine: Engine, place: Place) -> None:
        self.place = place
        self._pool = engine
        self._closed = False

    @classmethod
    def open(cls, where: Where) -> Self:
        """Open an existing database for reading; a path is an SQLite file.

        Raises:
            BadInput: There is none, or it may not be read.
            IntegrityError: It is damaged, something else, or from a newer version.
            Interrupted: The server cannot be reached.
        """
        database.check_version(where, may_migrate=False)
        return cls(database.connect(where, writing=False), database.place(where))

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self._closed = True
        self._pool.dispose()

    @property
    def _engine(self) -> Engine:
        if self._closed:  # otherwise it would open new connections that nobody closes
            raise IntegrityError("the lab is closed.", where=str(self.place))
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settle(self) -> None:
        """Make sure that a read sees everything put before; a store that also writes flushes here."""

    # Trials

    def trials(self) -> list[TrialRecord]:
        """Every trial of the lab, oldest first."""
        return [_trial(row) for row in self._rows(select(trials).order_by(trials.c.created, trials.c.id))]

    def trial(self, trial_id: str) -> TrialRecord | None:
        """The trial recorded under this id, or None."""
        rows = self._rows(select(trials).where(trials.c.id == trial_id))
        return _trial(rows[0]) if rows else None

    def prompts(self, trial_id: str) -> Iterator[Prompt]:
        """The trial's prompts, in its order and with its tags."""
        query = select(prompts.c.position, prompts.c.body).where(prompts.c.trial == trial_id)
        return (from_json(body, Prompt) for _, body in self._pages(query, prompts.c.position))

    def contestants(self, trial_id: str) -> list[Contestant]:
        """The trial's contestants, in its order and under its names."""
        query = select(contestants.c.body).where(contestants.c.trial == trial_id).order_by(contestants.c.position)
        return [from_json(row.body, Contestant) for row in self._rows(query)]

    def meta(self, name: str) -> str | None:
        """A named fact about the lab, or None."""
        rows = self._rows(select(meta.c.value).where(meta.c.name == name))
        return str(rows[0].value) if rows else None

    # The ledger

    def jobs(self, trial_id: str, *, state: JobState | None = None, kind: JobKind | None = None) -> Iterator[Job]:
        """The trial's jobs in order of position, all or those in one state or of one kind."""
        query = select(*(column for column in jobs.c if column is not jobs.c.trial)).where(jobs.c.trial == trial_id)
        if state:
            query = query.where(jobs.c.state == state)
        if kind:
            query = query.where(jobs.c.kind == kind)
        return (Job(**row._mapping) for row in self._pages(query, jobs.c.position))  # noqa: SLF001 - SQLAlchemy's name

    def pending(self, trial_id: str) -> Iterator[Job]:
        """The jobs still to be done, in order of position."""
        return self.jobs(trial_id, state="pending")

    def progress(self, trial_id: str) -> dict[JobKind, dict[JobState, int]]:
        """How many jobs of each kind are in each state; every kind and state is there, zeros too."""
        counts: dict[JobKind, dict[JobState, int]] = {
            "answer": {"pending": 0, "done": 0, "failed": 0},
            "judge": {"pending": 0, "done": 0, "failed": 0},
            "human": {"pending": 0, "done": 0, "failed": 0},
        }
        query = (
            select(jobs.c.kind, jobs.c.state, func.count())
            .where(jobs.c.trial == trial_id)
            .group_by(jobs.c.kind, jobs.c.state)
        )
        for kind, state, count in self._rows(query):
            counts[kind][state] = count
        return counts

    # Evidence

    def response(self, job_key: str) -> Response | None:
        """The response recorded for this job key, or None."""
        rows = self._rows(select(responses.c.body).where(responses.c.key == job_key))
        return from_json(rows[0].body, Response) if rows else None

    def responses(self, trial_id: str) -> Iterator[tuple[int, Response]]:
        """(position, response) of every answer that the trial has so far, in order of position."""
        query = (
            select(jobs.c.position, responses.c.body)
            .join(responses, responses.c.key == jobs.c.key)
            .where(jobs.c.trial == trial_id, jobs.c.kind == "answer")
        )
        return ((position, from_json(body, Response)) for position, body in self._pages(query, jobs.c.position))

    def scores(self, trial_id: str, *, scorers: Collection[str] | None = None) -> Iterator[tuple[int, Score]]:
        """(position, score) of the trial's responses, by position and then scorer.

        A response that two trials share carries both trials' scores; `scorers` narrows them to those asked for.
        """
        query = (
            select(jobs.c.position, scores.c.scorer, scores.c.body)
            .join(scores, scores.c.response_key == jobs.c.key)
            .where(jobs.c.trial == trial_id, jobs.c.kind == "answer")
        )
        if scorers is not None:
            query = query.where(scores.c.scorer.in_(sorted(scorers)))
        pages = self._pages(query, jobs.c.position, scores.c.scorer)
        return ((position, from_json(body, Score)) for position, _, body in pages)

    def votes(self, trial_id: str) -> Iterator[tuple[int, Vote]]:
        """(position, vote) of every judge job that has a vote, in order of position."""
        query = (
            select(jobs.c.position, votes.c.body)
            .join(votes, votes.c.key == jobs.c.key)
            .where(jobs.c.trial == trial_id, jobs.c.kind == "judge")
        )
        return ((position, from_json(body, Vote)) for position, body in self._pages(query, jobs.c.position))

    def battles(self, trial_id: str) -> Iterator[tuple[int, Battle]]:
        """(position, battle) of every battle voted on in the trial, once, where its first vote stands."""
        query = (
            select(jobs.c.position, battles.c.body, battles.c.id)
            .join(votes, votes.c.key == jobs.c.key)
            .join(battles, battles.c.id == votes.c.battle)
            .where(jobs.c.trial == trial_id, jobs.c.kind == "judge")
        )
        seen: set[str] = set()
        for position, body, battle_id in self._pages(query, jobs.c.position):
            if battle_id not in seen:
                seen.add(battle_id)
                yield position, from_json(body, Battle)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in one transaction that sees what is durable, and refuses every change."""
        with translated(self.place), self._engine.begin() as connection:
            yield connection

    def version(self) -> str:
        """What the rows lie in: the kind of database and its version, for people."""
        with self.reading() as connection:
            return self.place.version(connection)

    def check(self) -> None:
        """Read the whole database and test what it is made of, every reference, and the chain of the log.

        Raises:
            IntegrityError: Something is damaged.
        """
        self.settle()
        with self.reading() as connection:
            self.place.check(connection)
            history.check(connection)

    def _rows(self, query: Select[Any]) -> list[Any]:
        self.settle()
        with translated(self.place), self._engine.connect() as connection:
            return list(connection.execute(query).all())

    def _pages(self, query: Select[Any], *keys: ColumnElement[Any]) -> Iterator[Any]:
        """The rows of `query` in order of `keys`, which are its first columns and name a row, a page at a time."""
        ordered = query.order_by(*keys).limit(_PAGE)
        page = self._rows(ordered)
        while page:
            yield from page
            if len(page) < _PAGE:
                return
            last = tuple(page[-1][: len(keys)])
            # The first condition follows from the second; it is the one an index can use.
            page = self._rows(ordered.where(keys[0] >= last[0], tuple_(*keys) > last))


def _trial(row: Any) -> TrialRecord:
    return TrialRecord(id=row.id, name=row.name, created=row.created, body=from_json(row.body, dict))
