"""Personal data in what would be published: withheld until a moderator has looked. Read `pending`, then `Screening`.

A finding is kept by the digest of its text, not by the text: that lies with its ballot only, and goes with it. What was
decided about a text holds for the next release, too.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from multiprocessing import get_context
from typing import Any, Literal, get_args

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot, Said, as_ballot
from fairtrial.arena.clock import now
from fairtrial.core import BadInput
from fairtrial.privacy import Finding, masked, screen
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots, notices

Decision = Literal["as is", "masked", "withhold"]
KIND = "screening"
AWAITING, PERSONAL = "awaiting review", "personal data"
"""Why a conversation is withheld."""
_STATES: dict[Decision, str] = {"as is": "dismissed", "masked": "upheld", "withhold": "upheld"}
_PARTS = ("prompts", "a", "b")
_FEW = 200  # texts that are looked through here rather than in other processes
_REMEMBERED = 100_000

Place = tuple[int, str, int]
"""Where a text is: its vote's place in the log, ``prompts``, ``a`` or ``b``, and the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A text that waits for a decision, or was decided."""

    id: str
    since: str
    text: str
    findings: tuple[Finding, ...]
    part: str
    """``prompts`` (a voter wrote it), ``a`` or ``b``."""
    ballot: str
    decision: Decision | None


def pending(connection: Connection, *, limit: int = 100) -> list[Item]:
    """Texts that wait for a decision, oldest first. Those whose votes were taken back meanwhile are passed over."""
    return list(islice(_items(connection, notices.c.state == "open"), limit))


def decided(connection: Connection, *, limit: int = 100) -> list[Item]:
    """Texts about which a decision was made; it can be changed, for releases to come."""
    return list(islice(_items(connection, notices.c.state != "open"), limit))


def decide(connection: Connection, notice: str, decision: Decision, by: str) -> None:
    """Decide what the next release does with a text. Within `Store.transact`; the log tells of it without the text.

    Args:
        connection: The store's writer.
        notice: Which.
        decision: ``as is`` (nothing personal), ``masked`` (the findings are replaced by what they are), ``withhold``.
        by: Who decides.

    Raises:
        BadInput: There is none of this id, or no such decision.
    """
    if decision not in get_args(Decision):
        raise BadInput(f"'{decision}' is no decision.", next_step=f"Known: {', '.join(get_args(Decision))}.")
    query = select(notices.c.body).where(notices.c.id == notice, notices.c.kind == KIND)
    row = connection.execute(query).first()
    if row is None:
        raise BadInput("there is no such text to review.")
    body = json.loads(bytes(row.body)) | {"decision": decision, "by": by, "at": now()}
    values = {"state": _STATES[decision], "body": json.dumps(body).encode()}
    connection.execute(update(notices).where(notices.c.id == notice).values(values))
    told = {name: body[name] for name in ("kinds", "decision", "by", "at")}
    history.append(connection, KIND, {"notice": notice} | told)


class Screening:
    """Looks through the texts of one release.

    Args:
        connection: The lab's rows.
        scope: The rating task; empty for the arena.
        screened: Votes up to this place in the log were looked through before, by the same rules: a text of theirs
            about which nothing is on record holds nothing.
    """

    def __init__(self, connection: Connection, scope: str, *, screened: int) -> None:
        self._scope, self._screened = scope, screened
        self._decisions: dict[str, Decision | None] = {}
        self._places: dict[str, Place] = {}
        self._clean: dict[bytes, None] = {}
        query = select(notices.c.about, notices.c.body).where(notices.c.kind == KIND)
        for row in connection.execute(query):
            if row.about.rpartition(":")[0] != scope:
                continue
            body = json.loads(bytes(row.body))
            self._decisions[row.about] = body.get("decision")
            self._places[row.about] = (body["seq"], body["part"], body["turn"])
        self._seen: dict[str, Place] = {}
        self.found: dict[str, dict[str, Any]] = {}
        """Findings that are new, by what they are kept by."""

    def passed(self, votes: Iterator[Ballot]) -> Iterator[tuple[Ballot, Said | str]]:
        """Each ballot with the texts that may be published, or with why they may not."""
        with _pool() as pool:
            while page := list(islice(votes, 500)):
                texts = [(ballot, list(self._texts(ballot))) for ballot in page]
                self._look(texts, pool)
                for ballot, parts in texts:
                    yield ballot, self._said(ballot, [about for about, _, _ in parts])

    def record(self, connection: Connection) -> None:
        """Put what was found into the queue, and forget what no vote holds any more. Within `Store.transact`."""
        since = now()
        for about, body in self.found.items():
            row = {"id": f"s-{secrets.token_hex(8)}", "kind": KIND, "about": about, "state": "open", "since": since}
            connection.execute(insert(notices), row | {"body": json.dumps(body).encode()})
        for about, place in self._places.items():
            mine = (notices.c.kind == KIND) & (notices.c.about == about)
            if about not in self._seen:
                connection.execute(delete(notices).where(mine))
            elif self._seen[about] != place:
                body = json.loads(bytes(connection.execute(select(notices.c.body).where(mine)).scalar_one()))
                body |= dict(zip(("seq", "part", "turn"), self._seen[about], strict=True))
                connection.execute(update(notices).where(mine).values(body=json.dumps(body).encode()))

    def _texts(self, ballot: Ballot) -> Iterator[tuple[str, str, Place]]:
        assert ballot.seq is not None
        for part in _PARTS:
            for turn, text in enumerate(getattr(ballot.said, part)):
                yield f"{self._scope}:{hashlib.sha256(text.encode()).hexdigest()}", text, (ballot.seq, part, turn)

    def _look(self, texts: Sequence[tuple[Ballot, list[tuple[str, str, Place]]]], pool: "_Pool") -> None:
        unknown: dict[str, tuple[str, Place]] = {}
        for ballot, parts in texts:
            old = ballot.seq is not None and ballot.seq <= self._screened
            for about, text, place in parts:
                if about in self._decisions:
                    self._seen.setdefault(about, place)
                elif not old and _short(about) not in self._clean:
                    unknown.setdefault(about, (text, place))
        results = pool.kinds([text for text, _ in unknown.values()])
        for (about, (_, place)), kinds in zip(unknown.items(), results, strict=True):
            if kinds:
                self._decisions[about] = None
                self.found[about] = dict(zip(("seq", "part", "turn"), place, strict=True)) | {"kinds": kinds}
            elif len(self._clean) < _REMEMBERED:
                self._clean[_short(about)] = None

    def _said(self, ballot: Ballot, abouts: Sequence[str]) -> Said | str:
        decisions = {about: self._decisions[about] for about in abouts if about in self._decisions}
        if "withhold" in decisions.values():
            return PERSONAL
        if None in decisions.values():
            return AWAITING
        if "masked" not in decisions.values():
            return ballot.said
        named = iter(abouts)

        def shown(text: str) -> str:
            return masked(text, screen(text)) if decisions.get(next(named)) == "masked" else text

        return Said(**{part: tuple(shown(text) for text in getattr(ballot.said, part)) for part in _PARTS})


@cache
def rules() -> str:
    """Names the rules of screening: other rules look through everything anew."""
    found = sorted((file.name, file.read_bytes()) for file in files("fairtrial.privacy").iterdir() if file.is_file())
    return hashlib.sha256(b"\0".join(name.encode() + b"\0" + content for name, content in found)).hexdigest()


class _Pool:
    """Looks through many texts at once, in other processes: beside a server, this one has better things to do."""

    def __init__(self) -> None:
        self.workers: ProcessPoolExecutor | None = None

    def kinds(self, texts: Sequence[str]) -> list[dict[str, int]]:
        """For each text how many findings of each kind it has."""
        if len(texts) < _FEW and self.workers is None:
            return _kinds(texts)
        if self.workers is None:
            self.workers = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        chunks = [texts[start : start + 50] for start in range(0, len(texts), 50)]
        return [found for chunk in self.workers.map(_kinds, chunks) for found in chunk]


@contextmanager
def _pool() -> Iterator[_Pool]:
    pool = _Pool()
    try:
        yield pool
    finally:
        if pool.workers is not None:
            pool.workers.shutdown(cancel_futures=True)


def _kinds(texts: Sequence[str]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = []
    for text in texts:
        kinds: dict[str, int] = {}
        for finding in screen(text):
            name = finding.kind if finding.confidence == "certain" else f"{finding.kind}?"
            kinds[name] = kinds.get(name, 0) + 1
        found.append(kinds)
    return found


def _short(about: str) -> bytes:
    return bytes.fromhex(about[-64:-32])


def _items(connection: Connection, which: Any) -> Iterator[Item]:
    query = select(notices).where(notices.c.kind == KIND, which).order_by(notices.c.since, notices.c.id)
    for row in connection.execute(query):
        body: Mapping[str, Any] = json.loads(bytes(row.body))
        found = connection.execute(select(ballots).where(ballots.c.seq == body["seq"])).first()
        if found is None:
            continue
        ballot = as_ballot(found)
        texts = getattr(ballot.said, body["part"])
        if body["turn"] < len(texts):
            text = texts[body["turn"]]
            yield Item(
                id=row.id,
                since=row.since,
                text=text,
                findings=tuple(screen(text)),
                part=body["part"],
                ballot=ballot.id,
                decision=body.get("decision"),
            )
