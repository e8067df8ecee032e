"""Tokens of people and programs that may do more than look. Read `Token` first.

A token is shown once; its SHA-256 is kept. Making and revoking one is an entry of the log, without the token.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena.clock import now
from fairtrial.arena.raters import new_secret, secret_digest
from fairtrial.core import BadInput, nearest
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import tokens

T = TypeVar("T")
ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset({"read", "vote", "export", "moderate", "own"}),
    "moderator": frozenset({"read", "moderate"}),
    "reader": frozenset({"read", "export"}),
}
"""What a role may do: see everything but secrets, take the public data, decide on reports, everything."""
SCOPES = ("read", "vote", "export", "moderate", "own")
PREFIX = "ft_"
"""How every token begins, so that scanners of leaked secrets can know one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token on record."""

    id: str
    name: str
    """Whose it is, as the owner calls them."""
    scopes: frozenset[str]
    since: str
    expires: str
    state: str
    task: str | None = None
    """For an invitation: the rating task that it opens."""

    def may(self, scope: str) -> bool:
        """Whether it is in force and allows `scope`."""
        return self.state == "active" and self.expires > now() and scope in self.scopes


def grant(
    connection: Connection,
    name: str,
    allows: Iterable[str],
    *,
    by: str,
    days: float = 365.0,
    task: str | None = None,
) -> tuple[str, Token]:
    """Make a token, and give it and its record.

    Args:
        connection: Within `Store.transact`.
        name: Whose it is.
        allows: Scopes, or one role.
        by: Who makes it.
        days: Until it expires.
        task: For an invitation.

    Raises:
        BadInput: An unknown scope or role, or no name.
    """
    wanted = set(allows)
    scopes = frozenset().union(*(ROLES.get(one, {one}) for one in wanted))
    unknown = sorted(scopes - {*SCOPES, "rate"})
    if unknown or not scopes:
        raise BadInput(f"'{', '.join(unknown)}' is no scope or role.", next_step=nearest(unknown[0], [*ROLES, *SCOPES]))
    if not name.strip() or not name.isprintable() or len(name) > 80:
        raise BadInput("a token needs a name of at most 80 printable characters.", where="name")
    secret = PREFIX + new_secret()
    token = Token(
        id=secrets.token_hex(4),
        name=name.strip(),
        scopes=scopes,
        since=now(),
        expires=now(hours=24 * days),
        state="active",
        task=task,
    )
    connection.execute(
        insert(tokens),
        {
            "secret": secret_digest(secret),
            "id": token.id,
            "name": token.name,
            "scopes": " ".join(sorted(scopes)),
            "task": task,
            "since": token.since,
            "expires": token.expires,
            "state": "active",
        },
    )
    if task is None:
        _note(connection, "granted", token, by)
    return secret, token


def find(connection: Connection, secret: str | None) -> Token | None:
    """The token on record for a secret, in force or not, or None."""
    if not secret or not secret.startswith(PREFIX):
        return None
    row = connection.execute(select(tokens).where(tokens.c.secret == secret_digest(secret))).first()
    return None if row is None else _token(row)


def every(connection: Connection, *, task: str | None = None) -> list[Token]:
    """Tokens on record, newest first: those of people and programs, or the invitations of a task."""
    wanted = tokens.c.task.is_(None) if task is None else tokens.c.task == task
    return [_token(row) for row in connection.execute(select(tokens).where(wanted).order_by(tokens.c.since.desc()))]


def revoke(connection: Connection, token_id: str, *, by: str) -> Token:
    """Put a token out of force at once.

    Raises:
        BadInput: There is none, or it is the last one in force that owns the lab.
    """
    known = {token.id: token for token in map(_token, connection.execute(select(tokens)))}
    token = known.get(token_id)
    if token is None:
        raise BadInput("there is no such token.", where=token_id)
    owners = [one.id for one in known.values() if one.may("own")]
    if owners == [token_id]:
        raise BadInput("this is the last token that owns the lab.", next_step="Make another one first, or use: rotate.")
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(state="revoked"))
    if token.task is None:
        _note(connection, "revoked", token, by)
    return token


def rotate(connection: Connection, token_id: str, *, by: str) -> tuple[str, Token]:
    """A new token with the name and scopes of an old one, which is revoked.

    Raises:
        BadInput: There is no such token in force.
    """
    row = connection.execute(select(tokens).where(tokens.c.id == token_id, tokens.c.state == "active")).first()
    if row is None:
        raise BadInput("there is no such token in force.", where=token_id)
    old = _token(row)
    secret, fresh = grant(connection, old.name, old.scopes, by=by, task=old.task)
    revoke(connection, token_id, by=by)
    return secret, fresh


class Access:
    """Tokens as a server asks for them: looked up once, and again after any of them changed.

    Args:
        store: The lab's store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Token] = {}

    def find(self, secret: str | None) -> Token | None:
        """The token on record for a secret, in force or not, or None."""
        if not secret or not secret.startswith(PREFIX):
            return None
        digest = secret_digest(secret)
        if digest not in self._known:
            with self._store.reading() as connection:
                token = find(connection, secret)
            if token is None:
                return None
            self._known[digest] = token
        return self._known[digest]

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which changes tokens, in one transaction; what was looked up before is forgotten."""
        try:
            return await asyncio.wrap_future(self._store.transact(work))
        finally:
            self._known.clear()


def has_owner(connection: Connection) -> bool:
    """Whether anybody holds a token that owns the lab."""
    return any(token.may("own") for token in every(connection))


def _note(connection: Connection, event: str, token: Token, by: str) -> None:
    body = {"event": event, "token": token.id, "name": token.name, "scopes": sorted(token.scopes), "by": by}
    history.append(connection, "access", body | {"at": now()})


def _token(row: Any) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        since=row.since,
        expires=row.expires,
        state=row.state,
        task=row.task,
    )
