"""What people point out and somebody must look at: rows of reports and objections. Read `Notice` first.

What was written lies in the body, which can be changed and erased; what the log says of a notice is its kind's affair.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Row

from fairtrial.core import BadInput, from_json, to_json
from fairtrial.store.arena_tables import notices

NoticeKind = Literal["report", "objection"]
State = Literal["open", "upheld", "dismissed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice on record."""

    id: str
    kind: NoticeKind
    about: str
    state: State
    since: str
    body: dict[str, Any] = field(default_factory=dict)


def new_id(kind: NoticeKind) -> str:
    """An id for a notice to come."""
    return f"{kind[0]}-{secrets.token_hex(6)}"


def add(connection: Connection, notice: Notice) -> None:
    """Record a new notice."""
    row = {name: getattr(notice, name) for name in ("id", "kind", "about", "state", "since")}
    connection.execute(insert(notices), row | {"body": to_json(notice.body)})


def save(connection: Connection, notice: Notice) -> None:
    """Record a notice's new state and body."""
    values = {"state": notice.state, "body": to_json(notice.body)}
    connection.execute(update(notices).where(notices.c.id == notice.id).values(values))


def required(connection: Connection, kind: NoticeKind, notice_id: str) -> Notice:
    """The notice of this id.

    Raises:
        BadInput: There is none of that kind.
    """
    row = connection.execute(select(notices).where(notices.c.id == notice_id, notices.c.kind == kind)).first()
    if row is None:
        raise BadInput(f"there is no such {kind}.", where=notice_id)
    return _notice(row)


def listed(
    connection: Connection,
    kind: NoticeKind,
    *,
    state: State | None = None,
    about: str | None = None,
    limit: int | None = None,
) -> list[Notice]:
    """Notices of a kind, oldest first: all, or those in one state or about one thing."""
    query = select(notices).where(notices.c.kind == kind).order_by(notices.c.since, notices.c.id)
    if state is not None:
        query = query.where(notices.c.state == state)
    if about is not None:
        query = query.where(notices.c.about == about)
    return [_notice(row) for row in connection.execute(query.limit(limit))]


def waiting(connection: Connection, kind: NoticeKind) -> int:
    """How many notices of a kind are open."""
    query = select(func.count()).where(notices.c.kind == kind, notices.c.state == "open")
    return int(connection.execute(query).scalar_one())


def trimmed(text: str) -> str:
    """A text without spaces around it, its lines ended in one way: forms send them in another than files."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def check_text(text: str, field: str, *, most: int, line: bool = False) -> str:
    """What somebody wrote, `trimmed`.

    Raises:
        BadInput: Longer than `most` characters, half a character, or not printable where it should be one `line`.
    """
    found = trimmed(text)
    if len(found) > most:
        raise BadInput(f"has {len(found):,} characters; at most {most:,} are allowed.", where=field)
    if any("\ud800" <= character <= "\udfff" for character in found) or "\0" in found:
        raise BadInput("holds what is no text.", where=field, next_step="Type it again.")
    if line and not found.isprintable():
        raise BadInput("must be one printable line.", where=field)
    return found


def _notice(row: Row[Any]) -> Notice:
    body = from_json(bytes(row.body), dict)
    return Notice(id=row.id, kind=row.kind, about=row.about, state=row.state, since=row.since, body=body)
