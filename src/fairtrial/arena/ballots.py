"""A ballot: the right of one rater to one vote on one battle. Read `cast` first.

It goes from open to voted or skipped, once. Whatever a vote leaves behind (responses, battle, vote, an entry of the
log) is written in one transaction, so an acknowledged vote is whole and on disk, and one that was not is not there.
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena.clock import milliseconds, now
from fairtrial.arena.pairing import Pairing
from fairtrial.arena.refusals import Refused
from fairtrial.core import Battle, Response, Vote, VoteStatus, from_json, to_json
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots
from fairtrial.store.tables import battles, responses, votes

Opinion = Literal[-2, -1, 0, 1, 2, "both_bad", "skip"]
"""As shown: positive when the answer shown first is better."""
Pane = Literal["A", "B"]
"""Where an answer is shown: A is first (left)."""

HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said in a battle so far: one message of the voter and two answers for each turn."""

    prompts: tuple[str, ...] = ()
    a: tuple[str, ...] = ()
    """Answers of the pairing's `a`."""
    b: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a ballot."""

    status: VoteStatus
    grade: int | None
    """−2 … +2, positive when the battle's `a` is better, whatever side it was shown on."""
    at: str
    ms: int
    """From opening to voting."""
    early: bool
    """An answer was still being written."""
    battle: str
    masked: dict[str, int] = field(default_factory=dict)
    """How many self-identifications were masked in the answers of ``a`` and ``b``."""
    style: dict[str, dict[str, int]] = field(default_factory=dict)
    """Style features of the last answers of ``a`` and ``b``."""
    usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A ballot as recorded."""

    id: str
    rater: str
    state: str
    opened: str
    expires: str
    pairing: Pairing
    said: Said = Said()
    source: str = "typed"
    """``typed``, or ``pool:NAME`` or ``task:ID``."""
    question: str = ""
    """Prompt id of the pool or task; empty for typed ones."""
    language: str = ""
    category: str = "all"
    outcome: Outcome | None = None
    failure: str = ""
    task: str | None = None
    item: int | None = None
    seq: int | None = None
    """Its vote's place in the log."""

    def shown(self, pane: Pane) -> Literal["a", "b"]:
        """Whose answer stands in a pane."""
        return "a" if (pane == "A") == (self.pairing.order == "ab") else "b"

    def contestant(self, pane: Pane) -> str:
        """The contestant id behind a pane. Not to be told before the ballot is used up."""
        return self.pairing.a if self.shown(pane) == "a" else self.pairing.b


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a voter gets: whether the opinion was new, and the ballot as it is now."""

    new: bool
    ballot: Ballot
    entry: int | None
    """The vote's place in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    pairing: Pairing
    said: Said
    source: str
    question: str
    language: str
    category: str
    outcome: Outcome | None = None
    failure: str = ""


_BY_ID = select(ballots).where(ballots.c.id == bindparam("wanted"))
_SAVE = (
    update(ballots)
    .where(ballots.c.id == bindparam("of_id"))
    .values(state=bindparam("to_state"), body=bindparam("with_body"), seq=bindparam("at_seq"))
)
_INSERT, _RESPONSE, _BATTLE, _VOTE = (insert(table) for table in (ballots, responses, battles, votes))
_KNOWN_BATTLE = select(battles.c.id).where(battles.c.id == bindparam("wanted"))


def new_id() -> str:
    """An id from which nothing can be told."""
    return secrets.token_urlsafe(18)


def open_ballot(connection: Connection, ballot: Ballot) -> None:
    """Record a new ballot and, in the log, the pair that was drawn for it: before anything is shown."""
    pairing = ballot.pairing
    history.append(
        connection,
        "pairing",
        {
            "ballot": ballot.id,
            "at": ballot.opened,
            "pair": [pairing.a, pairing.b],
            "order": pairing.order,
            "policy": pairing.policy,
            "seed": pairing.seed,
            "p_pair": pairing.p_pair,
            "present": list(pairing.present),
        },
    )
    row = {name: getattr(ballot, name) for name in ("id", "rater", "state", "opened", "expires", "task", "item", "seq")}
    connection.execute(_INSERT, row | {"body": _encoded(ballot)})


def find(connection: Connection, ballot_id: str) -> Ballot | None:
    """The ballot of this id, or None."""
    row = connection.execute(_BY_ID, {"wanted": ballot_id}).first()
    return None if row is None else as_ballot(row)


def of_rater(connection: Connection, rater: str, *, limit: int = 50) -> list[Ballot]:
    """A rater's own ballots that were used, newest first."""
    query = (
        select(ballots)
        .where(ballots.c.rater == rater, ballots.c.state.in_(("voted", "skipped", "taken down")))
        .order_by(ballots.c.opened.desc())
        .limit(limit)
    )
    return [as_ballot(row) for row in connection.execute(query)]


def save(connection: Connection, ballot: Ballot) -> None:
    """Record a ballot's new state and body."""
    values = {"of_id": ballot.id, "to_state": ballot.state, "with_body": _encoded(ballot), "at_seq": ballot.seq}
    connection.execute(_SAVE, values)


def usable(ballot: Ballot | None, rater: str) -> Ballot:
    """The ballot, if it is the rater's own and open.

    Raises:
        Refused: Unknown or somebody else's, expired, void, withdrawn, or used up.
    """
    if ballot is None or ballot.rater != rater:
        raise Refused("unknown_ballot")
    if ballot.state in ("void", "withdrawn"):
        raise Refused("void" if ballot.state == "void" else "withdrawn")
    if ballot.state != "open":
        raise Refused("revealed")
    if ballot.expires < now():
        raise Refused("expired")
    return ballot


def cast(
    connection: Connection,
    ballot_id: str,
    rater: str,
    opinion: Opinion,
    *,
    said: Said,
    answers: tuple[Response, Response],
    outcome: dict[str, Any],
) -> Receipt:
    """Use a ballot. Sent again, it gives the first vote back and counts nothing.

    Args:
        connection: Within `Store.transact`.
        ballot_id: Which.
        rater: Whose it must be.
        opinion: As shown.
        said: All that was said, up to now.
        answers: The responses of the pairing's a and b.
        outcome: Further fields of `Outcome`: ``early``, ``masked``, ``style``, ``usd``.

    Raises:
        Refused: As `usable`; an opinion after a skip, which showed the names, is ``revealed``.
    """
    found = find(connection, ballot_id)
    if found is not None and found.rater == rater:
        again = found.state == "voted" or (found.state == "skipped" and opinion == "skip")
        if again:
            return Receipt(new=False, ballot=found, entry=found.seq)
    ballot = usable(found, rater)
    pairing = ballot.pairing
    a, b = answers
    battle = Battle(
        prompt=a.prompt,
        a=a.id,
        b=b.id,
        contestant_a=pairing.a,
        contestant_b=pairing.b,
        policy=pairing.policy,
        seed=pairing.seed,
        p_pair=pairing.p_pair,
    )
    grade = opinion if isinstance(opinion, int) else None
    if grade is not None and pairing.order == "ba":
        grade = -grade
    status: VoteStatus = "graded" if grade is not None else "both_bad" if opinion == "both_bad" else "abstain"
    at = now()
    done = Outcome(
        status=status, grade=grade, at=at, ms=milliseconds(ballot.opened, at), battle=battle.id, **outcome
    )  # fmt: skip
    _put_evidence(connection, ballot, battle, a, b)
    used = replace(ballot, state="skipped" if opinion == "skip" else "voted", said=said, outcome=done)
    vote = Vote(
        battle=battle.id,
        evaluator=HUMAN,
        kind="human",
        status=status,
        grade=grade,
        order=pairing.order,
        detail={"rater": rater, "at": at, "ms": done.ms, "early": done.early},
    )
    body = {"ballot": ballot.id, "battle": battle.id, "rater": rater, "status": status, "grade": grade}
    seq = history.append(
        connection, "vote", body | {"order": pairing.order, "early": done.early, "ms": done.ms, "at": at}
    )
    used = replace(used, seq=seq)
    connection.execute(
        _VOTE,
        {
            "key": ballot.id,
            "id": vote.id,
            "battle": battle.id,
            "evaluator": HUMAN,
            "kind": "human",
            "body": to_json(vote),
        },
    )
    save(connection, used)
    return Receipt(new=True, ballot=used, entry=seq)


def erase(connection: Connection, ballot: Ballot, *, state: str, by: str) -> None:
    """Erase what a ballot led to, and note in the log that it was done."""
    if ballot.seq is not None:
        history.erase(connection, [ballot.seq])
    connection.execute(delete(votes).where(votes.c.key == ballot.id))
    connection.execute(delete(responses).where(responses.c.key.in_((f"{ballot.id}:a", f"{ballot.id}:b"))))
    save(connection, replace(ballot, state=state, said=Said()))
    history.append(connection, "withdrawal", {"entry": ballot.seq, "state": state, "by": by, "at": now()})


def _put_evidence(connection: Connection, ballot: Ballot, battle: Battle, a: Response, b: Response) -> None:
    rows = [
        {
            "key": f"{ballot.id}:{side}",
            "id": one.id,
            "prompt": one.prompt,
            "contestant": one.contestant,
            "repeat": one.repeat,
            "body": to_json(one),
        }
        for side, one in (("a", a), ("b", b))
    ]
    connection.execute(_RESPONSE, rows)
    if connection.execute(_KNOWN_BATTLE, {"wanted": battle.id}).first() is not None:
        return  # raters of one task share a battle
    row = {
        "id": battle.id,
        "prompt": battle.prompt,
        "contestant_a": battle.contestant_a,
        "contestant_b": battle.contestant_b,
    }
    connection.execute(_BATTLE, row | {"body": to_json(battle)})


def _encoded(ballot: Ballot) -> bytes:
    names = _Body.__dataclass_fields__
    return to_json(_Body(**{name: getattr(ballot, name) for name in names}))


def as_ballot(row: Any) -> Ballot:
    """The ballot that a row of its table holds."""
    body = from_json(bytes(row.body), _Body)
    return Ballot(
        id=row.id,
        rater=row.rater,
        state=row.state,
        opened=row.opened,
        expires=row.expires,
        task=row.task,
        item=row.item,
        seq=row.seq,
        **{name: getattr(body, name) for name in _Body.__dataclass_fields__},
    )
