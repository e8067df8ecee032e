"""Who votes: a cookie, an invitation or a program's token; never a name. Read `Rater` first.

Of each secret only its SHA-256 is kept: secrets are long and random, so it needs no slow hash.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena.clock import now
from fairtrial.core import from_json, to_json
from fairtrial.store.arena_tables import raters

RaterKind = Literal["cookie", "invite", "token"]

NOTICE = "1"
"""Version of the notice that a voter agrees to; a new one is asked about again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """One who votes, as far as the lab can tell: one browser, one invitation, or one token."""

    id: str
    kind: RaterKind
    since: str
    consent: str
    """Version of the notice that was agreed to; empty before."""
    profile: dict[str, str] = field(default_factory=dict)
    """Bands that the rater chose to tell (`privacy.check_profile`)."""
    task: str | None = None
    state: Literal["active", "withdrawn"] = "active"


def secret_digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def add(connection: Connection, secret: str, kind: RaterKind, *, consent: str, task: str | None = None) -> Rater:
    """Record a new rater who holds `secret`."""
    rater = Rater(id=f"r-{secrets.token_hex(8)}", kind=kind, since=now(), consent=consent, task=task)
    connection.execute(
        insert(raters),
        {
            "id": rater.id,
            "secret": secret_digest(secret),
            "kind": kind,
            "since": rater.since,
            "consent": consent,
            "profile": to_json({}),
            "task": task,
            "state": "active",
        },
    )
    return rater


def find(connection: Connection, secret: str) -> Rater | None:
    """The rater who holds `secret`, or None."""
    row = connection.execute(select(raters).where(raters.c.secret == secret_digest(secret))).first()
    if row is None:
        return None
    return Rater(
        id=row.id,
        kind=row.kind,
        since=row.since,
        consent=row.consent,
        profile=from_json(bytes(row.profile), dict),
        task=row.task,
        state=row.state,
    )


def set_profile(connection: Connection, rater: str, profile: dict[str, str]) -> None:
    """Replace what a rater told about themselves."""
    connection.execute(update(raters).where(raters.c.id == rater).values(profile=to_json(profile)))


def profiles(connection: Connection) -> dict[str, dict[str, str]]:
    """What each rater told, by rater id; only those who told something."""
    rows = connection.execute(select(raters.c.id, raters.c.profile))
    told = {row.id: from_json(bytes(row.profile), dict) for row in rows}
    return {rater: profile for rater, profile in told.items() if profile}


def kinds(connection: Connection) -> dict[str, int]:
    """How many raters of each kind there are."""
    rows = connection.execute(select(raters.c.kind, func.count()).group_by(raters.c.kind).order_by(raters.c.kind))
    return {str(row[0]): int(row[1]) for row in rows}
