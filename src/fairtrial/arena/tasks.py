"""Rating tasks: a fixed set of battles over stored answers, a question, guidelines, invitations. Read `create` first.

A task is fixed when it is made: what changes afterwards is only whether it is open, and texts that are taken down.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Row

from fairtrial.arena import access
from fairtrial.arena.access import Token
from fairtrial.arena.ballots import Ballot
from fairtrial.arena.clock import now
from fairtrial.arena.items import Item, keys_twice, oriented
from fairtrial.arena.refusals import Refused
from fairtrial.core import BadInput, from_json, to_json
from fairtrial.formats.pairs import MAX_NAME, MAX_TEXT
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots, task_items, tasks, tokens
from fairtrial.store.arena_tables import raters as rater_table

MAX_ITEMS = 10_000
MAX_QUESTION = 500
MAX_GUIDELINES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """What an owner declares about a rating task."""

    name: str
    question: str
    """What raters are asked: which answer helps the pupil more?"""
    items: tuple[Item, ...]
    guidelines: str = ""
    """Markdown."""
    language: str = ""
    """BCP 47 tag of question and guidelines."""
    probes: tuple[Item, ...] = ()
    overlap: int | None = None
    """How many raters each item is wanted from; None: every rater rates all."""
    probe_every: int = 10
    """One probe among so many items."""
    profile_asked: bool = False
    """Whether raters are asked to tell bands about themselves."""
    reveal: bool = False
    """Whether raters learn the names after each vote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A rating task on record."""

    id: str
    name: str
    state: str
    """``open`` or ``closed``."""
    since: str
    """Of that state."""
    question: str
    guidelines: str
    language: str
    items: int
    """Positions 0 … items - 1 are rated."""
    probes: int
    """The positions after them are probes."""
    overlap: int | None
    probe_every: int
    profile_asked: bool
    reveal: bool
    withheld: tuple[int, ...] = ()
    """Positions whose texts were taken down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation, and the rater who took it up."""

    token: Token
    rater: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    question: str
    guidelines: str
    language: str
    items: int
    probes: int
    overlap: int | None
    probe_every: int
    profile_asked: bool
    reveal: bool
    withheld: tuple[int, ...] = ()


def create(connection: Connection, plan: TaskPlan, *, by: str, task_id: str | None = None) -> Task:
    """Put a task on record, open; the log gets the digests of its items and none of their text.

    Args:
        connection: Within `Store.transact`.
        plan: The task.
        by: Who makes it.
        task_id: Its id, where it must be found again by what it is for; else a random one.

    Raises:
        BadInput: The plan makes no sense; field, item and next step are named.
    """
    items = tuple(oriented(item) for item in (*plan.items, *plan.probes))
    _check(plan)
    digests = [_digest(item) for item in items]
    names = set(_Body.__dataclass_fields__) - {"items", "probes", "withheld"}
    body = _Body(items=len(plan.items), probes=len(plan.probes), **{name: getattr(plan, name) for name in names})
    row = {"id": task_id or f"t-{secrets.token_hex(6)}", "name": plan.name.strip(), "state": "open", "since": now()}
    connection.execute(insert(tasks), row | {"body": to_json(body)})
    connection.execute(
        insert(task_items), [{"task": row["id"], "position": k, "body": to_json(item)} for k, item in enumerate(items)]
    )
    told = {"overlap": plan.overlap, "probe_every": plan.probe_every, "reveal": plan.reveal}
    split = {"items": digests[: len(plan.items)], "probes": digests[len(plan.items) :]}
    _note(connection, "created", row["id"], by, told | split)
    return _required(connection, row["id"])


def close(connection: Connection, task_id: str, *, by: str) -> Task:
    """Accept no more votes; ballots that are open wait until the task is opened again.

    Raises:
        BadInput: There is no such task, or it is closed.
    """
    task = _turn(connection, task_id, "closed", by)
    waiting = (ballots.c.task == task_id) & (ballots.c.state == "open")
    connection.execute(update(ballots).where(waiting).values(expires=now(hours=-1)))  # `next_item` renews them
    return task


def reopen(connection: Connection, task_id: str, *, by: str) -> Task:
    """Go on with a closed task.

    Raises:
        BadInput: There is no such task, or it is open.
    """
    return _turn(connection, task_id, "open", by)


def find(connection: Connection, task_id: str) -> Task | None:
    """The task of this id, or None."""
    row = connection.execute(select(tasks).where(tasks.c.id == task_id)).first()
    return None if row is None else _task(row)


def every(connection: Connection) -> list[Task]:
    """All tasks, the one that changed last first."""
    return [_task(row) for row in connection.execute(select(tasks).order_by(tasks.c.since.desc(), tasks.c.id))]


def items(connection: Connection, task_id: str) -> list[Item]:
    """Items and then probes of a task, by position."""
    query = select(task_items.c.body).where(task_items.c.task == task_id).order_by(task_items.c.position)
    return [from_json(bytes(body), Item) for body in connection.execute(query).scalars()]


def item(connection: Connection, task_id: str, position: int) -> Item:
    """One item.

    Raises:
        Refused: There is no such task or item.
    """
    query = select(task_items.c.body).where(task_items.c.task == task_id, task_items.c.position == position)
    body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise Refused("unknown_task")
    return from_json(bytes(body), Item)


def withhold(connection: Connection, task_id: str, position: int) -> None:
    """Erase the texts of an item; nobody is asked to rate it any more. The log is the caller's business."""
    task, found = _required(connection, task_id), item(connection, task_id, position)
    bare = replace(found, prompts=(), a=(), b=(), system="")
    where = (task_items.c.task == task_id) & (task_items.c.position == position)
    connection.execute(update(task_items).where(where).values(body=to_json(bare)))
    fields = {name: getattr(task, name) for name in _Body.__dataclass_fields__}
    body = _Body(**fields | {"withheld": tuple(sorted({*task.withheld, position}))})
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(body=to_json(body)))


def may_reveal(connection: Connection, ballot: Ballot) -> bool:
    """Whether the names may be shown to the rater once the ballot is used."""
    task = find(connection, ballot.task) if ballot.task else None
    return task is None or task.reveal


# --- invitations ------------------------------------------------------------------------------------------------------


def invite(connection: Connection, task_id: str, name: str, *, by: str, days: float = 60.0) -> tuple[str, Token]:
    """Make an invitation for one rater: the secret of its link, and its record.

    Raises:
        BadInput: There is no such task, it is closed, or the name is no name.
    """
    if _required(connection, task_id).state != "open":
        raise BadInput("this rating task is closed.", where=task_id, next_step="Open it again first.")
    return access.grant(connection, name, {"rate"}, by=by, days=days, task=task_id)


def invited(connection: Connection, secret: str | None) -> Task:
    """The task that an invitation opens. Its holder is enrolled with `Arena.enrol("invite", secret=…, task=…)`.

    Raises:
        Refused: ``bad_link``: unknown, revoked or expired; ``closed_task``.
    """
    token = access.find(connection, secret)
    if token is None or token.task is None or not token.may("rate"):
        raise Refused("bad_link")
    task = find(connection, token.task)
    if task is None:
        raise Refused("bad_link")
    if task.state != "open":
        raise Refused("closed_task")
    return task


def invitations(connection: Connection, task_id: str) -> list[Invitation]:
    """The invitations of a task, newest first."""
    query = select(tokens.c.id, rater_table.c.id.label("rater")).join(
        rater_table, rater_table.c.secret == tokens.c.secret
    )
    taken = {row.id: row.rater for row in connection.execute(query.where(tokens.c.task == task_id))}
    return [Invitation(token=token, rater=taken.get(token.id)) for token in access.every(connection, task=task_id)]


# --- inside -----------------------------------------------------------------------------------------------------------


def _check(plan: TaskPlan) -> None:
    name = plan.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(f"a task needs a name of at most {MAX_NAME} printable characters.", where="name")
    if not plan.question.strip() or len(plan.question) > MAX_QUESTION:
        raise BadInput(
            f"raters need a question of at most {MAX_QUESTION} characters.",
            where="question",
            next_step="For example: Which answer helps the pupil more?",
        )
    if len(plan.guidelines) > MAX_GUIDELINES:
        raise BadInput(f"guidelines may have {MAX_GUIDELINES:,} characters.", where="guidelines")
    if not 1 <= len(plan.items) <= MAX_ITEMS or len(plan.probes) > MAX_ITEMS:
        raise BadInput(
            f"a task has 1 to {MAX_ITEMS:,} items, this one has {len(plan.items):,}.",
            where="items",
            next_step="Make several tasks of a large set.",
        )
    if plan.overlap is not None and plan.overlap < 1:
        raise BadInput(
            "at least one rater is needed for each item.", where="overlap", next_step="Leave it out for all."
        )
    if plan.probes and plan.probe_every < 2:
        raise BadInput("there is at most one probe in two items.", where="probe_every", next_step="Usual is 10.")
    twice = keys_twice((*plan.items, *plan.probes))
    if twice:
        raise BadInput(f"two items have the key '{twice[0]:.80}'.", where="items", next_step="Give each its own.")
    _check_items("items", plan.items, probes=False)
    _check_items("probes", plan.probes, probes=True)


def _check_items(field: str, found: Iterable[Item], *, probes: bool) -> None:
    for one in found:
        where = f"{field}, '{one.key:.80}'"
        texts = (*one.prompts, *one.a, *one.b)
        if not (0 < len(one.prompts) == len(one.a) == len(one.b)) or not all(map(str.strip, one.prompts)):
            raise BadInput("each turn needs a prompt and two answers.", where=where)
        if not (one.a[-1].strip() or one.b[-1].strip()):
            raise BadInput("both answers are empty.", where=where, next_step="Take the item out.")
        if max(map(len, texts)) > MAX_TEXT:
            raise BadInput(f"a text has more than {MAX_TEXT:,} characters.", where=where, next_step="Shorten it.")
        if one.contestant_a == one.contestant_b:
            raise BadInput("both answers are by the same contestant.", where=where, next_step="Give them two names.")
        if probes and not one.expected:
            raise BadInput("a probe needs its expected answer.", where=where, next_step="Label it a, b or tie.")
        if one.expected and not probes:
            raise BadInput("an item with an expected answer is a probe.", where=where, next_step="Put it among probes.")


def _digest(item: Item) -> str:
    try:
        return item.digest
    except ValueError as error:  # half a character
        raise BadInput(f"holds what is no text: {error}.", where=f"items, '{item.key:.80}'") from error


def _required(connection: Connection, task_id: str) -> Task:
    task = find(connection, task_id)
    if task is None:
        raise BadInput("there is no such rating task.", where=task_id)
    return task


def _turn(connection: Connection, task_id: str, state: str, by: str) -> Task:
    if _required(connection, task_id).state == state:
        raise BadInput(f"this rating task is {state} already.", where=task_id)
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(state=state, since=now()))
    _note(connection, "closed" if state == "closed" else "reopened", task_id, by, {})
    return _required(connection, task_id)


def _note(connection: Connection, event: str, task_id: str, by: str, told: dict[str, Any]) -> None:
    history.append(connection, "task", {"event": event, "task": task_id, "by": by, "at": now()} | told)


def _task(row: Row[Any]) -> Task:
    body = from_json(bytes(row.body), _Body)
    fields = {name: getattr(body, name) for name in _Body.__dataclass_fields__}
    return Task(id=row.id, name=row.name, state=row.state, since=row.since, **fields)
