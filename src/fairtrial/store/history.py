"""The log: an append-only, hash-linked history whose bodies can be erased. Read `append` first.

An entry is written in the transaction of what it tells of (`Store.transact`), so neither exists without the other. Each
entry's link covers its leaf and the link before; the newest link therefore stands for the whole history.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from fairtrial.core import FIRST_LINK, IntegrityError, canonical_json, log_leaf, log_link
from fairtrial.store.arena_tables import log, log_bodies

_HEAD = select(log.c.seq, log.c.link).order_by(log.c.seq.desc()).limit(1)
_INSERT, _INSERT_BODY = insert(log), insert(log_bodies)
_PAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the history ends: what a third party writes down to hold a lab to it later."""

    size: int
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry."""

    seq: int
    """From 1, without a gap."""
    kind: str
    leaf: bytes
    link: bytes
    salt: bytes | None
    """None where the body was erased."""
    body: dict[str, Any] | None


def append(connection: Connection, kind: str, body: dict[str, Any]) -> int:
    """Append an entry and return its place. Call it only inside `Store.transact`."""
    end = head(connection)
    salt = secrets.token_bytes(32)
    leaf = log_leaf(salt, kind, body)
    row = {"seq": end.size + 1, "kind": kind, "leaf": leaf, "link": log_link(end.link, leaf)}
    connection.execute(_INSERT, row)
    connection.execute(_INSERT_BODY, {"seq": row["seq"], "salt": salt, "body": canonical_json(body)})
    return end.size + 1


def head(connection: Connection) -> Head:
    """The end of the history now."""
    last = connection.execute(_HEAD).first()
    return Head(size=last.seq, link=bytes(last.link)) if last else Head(size=0, link=FIRST_LINK)


def erase(connection: Connection, seqs: list[int]) -> int:
    """Erase the bodies and salts of entries; how many were there. Their digests stay, so the history still verifies."""
    return connection.execute(delete(log_bodies).where(log_bodies.c.seq.in_(seqs))).rowcount


def entries(connection: Connection, *, kinds: tuple[str, ...] = (), after: int = 0) -> Iterator[Entry]:
    """Entries in order, all or of some kinds, from the one after `after`."""
    query = select(log, log_bodies.c.salt, log_bodies.c.body).join(log_bodies, isouter=True).order_by(log.c.seq)
    if kinds:
        query = query.where(log.c.kind.in_(kinds))
    while page := connection.execute(query.where(log.c.seq > after).limit(_PAGE)).all():
        for row in page:
            yield Entry(
                seq=row.seq,
                kind=row.kind,
                leaf=bytes(row.leaf),
                link=bytes(row.link),
                salt=None if row.salt is None else bytes(row.salt),
                body=None if row.body is None else json.loads(row.body),
            )
        after = page[-1].seq


def check(connection: Connection) -> tuple[Head, int]:
    """Walk the whole history.

    Returns:
        Its end, and how many entries are withheld.

    Raises:
        IntegrityError: A gap, a broken link, or a body that is not what its leaf says; the entry is named.
    """
    before, place, withheld = FIRST_LINK, 0, 0
    for entry in entries(connection):
        place += 1
        if entry.seq != place:
            raise IntegrityError(f"entry {place} of the log is missing.", where="log")
        if entry.link != log_link(before, entry.leaf):
            raise IntegrityError(f"entry {place} of the log does not follow from the one before.", where="log")
        if entry.salt is None or entry.body is None:
            withheld += 1
        elif entry.leaf != log_leaf(entry.salt, entry.kind, entry.body):
            raise IntegrityError(f"entry {place} of the log is not what was recorded.", where="log")
        before = entry.link
    return Head(size=place, link=before), withheld


def count(connection: Connection, kind: str) -> int:
    """How many entries of a kind there are."""
    return int(connection.execute(select(func.count()).where(log.c.kind == kind)).scalar_one())


def withheld(connection: Connection) -> int:
    """How many entries have no body any more."""
    whole = connection.execute(select(func.count()).select_from(log)).scalar_one()
    return int(whole) - int(connection.execute(select(func.count()).select_from(log_bodies)).scalar_one())
