"""Which item of a rating task a rater sees next, in which order, and how far everyone is. Read `next_item` first.

What is drawn follows from the task, the rater and what is on record, by `core.seed_of`; nothing is drawn twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena import tasks
from fairtrial.arena.ballots import Ballot, Pane, Said, as_ballot, find, new_id, open_ballot
from fairtrial.arena.blinding import Blinding
from fairtrial.arena.clock import now
from fairtrial.arena.items import PROBE, Item, probe_result
from fairtrial.arena.pairing import Order, Pairing
from fairtrial.arena.raters import Rater
from fairtrial.arena.refusals import Refused
from fairtrial.arena.registry import IMPORTED
from fairtrial.arena.tasks import Task
from fairtrial.arena.votes import COLUMNS, vote_row
from fairtrial.core import seed_of
from fairtrial.store.arena_tables import ballots, entrants, tokens
from fairtrial.store.arena_tables import raters as rater_table

POLICY = "task"
"""The policy of a pair that was not drawn but given."""
_PATIENCE = 24.0
"""Hours for which an item is kept for the rater who has it open; afterwards another may get it too."""
_YEAR = 24.0 * 365


def next_item(connection: Connection, task_id: str, rater: Rater) -> Ballot | None:
    """The rater's open ballot, or a new one on the next item; None when there is nothing more to rate.

    Args:
        connection: Within `Store.transact`: one at a time, so no item is given to a rater twice.
        task_id: Of the rater's task.
        rater: Who rates.

    Raises:
        Refused: ``unknown_task``; ``bad_link``: another task's rater, or an invitation that was revoked or has expired;
            ``closed_task``.
    """
    task = enter(connection, task_id, rater)
    waiting = _open_ballot(connection, task_id, rater)
    if waiting is not None:
        return waiting
    position = choose(task, rater.id, set(_mine(connection, task, rater.id)), _held(connection, task))
    if position is None:
        return None
    given = select(func.count()).where(ballots.c.task == task_id, ballots.c.item == position)
    before = connection.execute(given).scalar_one()
    ballot = _ballot(task, tasks.item(connection, task_id, position), position, rater, before)
    open_ballot(connection, ballot)
    return ballot


def enter(connection: Connection, task_id: str, rater: Rater) -> Task:
    """The task, if the rater may rate in it now.

    Raises:
        Refused: As `next_item`.
    """
    task = tasks.find(connection, task_id)
    if task is None:
        raise Refused("unknown_task")
    _check_rater(connection, task, rater)
    if task.state != "open":
        raise Refused("closed_task")
    return task


def progress(connection: Connection, task_id: str, rater: Rater) -> tuple[int, int]:
    """How many ballots a rater has used, and how many it will have been in the end as things stand; probes count too.

    Raises:
        Refused: There is no such task.
    """
    task = tasks.find(connection, task_id)
    if task is None:
        raise Refused("unknown_task")
    return extent(task, rater.id, _mine(connection, task, rater.id), _held(connection, task))


def shown(ballot: Ballot, blinding: Blinding) -> dict[Pane, tuple[str, ...]]:
    """A ballot's stored answers as a rater may see them before the vote: by pane, names masked."""
    asked = "\n".join(ballot.said.prompts)
    texts = {"a": ballot.said.a, "b": ballot.said.b}
    panes: tuple[Pane, Pane] = ("A", "B")
    return {pane: tuple(blinding.mask(text, asked).text for text in texts[ballot.shown(pane)]) for pane in panes}


# --- the draw, without any database -----------------------------------------------------------------------------------


def choose(task: Task, rater: str, mine: set[int], held: Mapping[int, int]) -> int | None:
    """Position of the rater's next item or probe, or None.

    A probe comes once in each `probe_every` items, at a place of the rater's own. Else it is the item with the fewest
    raters below the overlap, in the rater's own order; without an overlap only that order counts.

    Args:
        task: The task.
        rater: Rater id, who has no open ballot.
        mine: Positions that the rater was given before.
        held: By item, how many raters have voted on it or are about to.
    """
    rated = sum(position < task.items for position in mine)
    probes = set(range(task.items, task.items + task.probes)) - mine - set(task.withheld)
    if probes and len(mine) - rated < _due(task, rater, rated):
        return min(probes, key=lambda k: seed_of(task.id, rater, "probe", k))
    free = _free(task, held) - mine
    if not free:
        return None
    place = list(range(task.items))
    Random(seed_of(task.id, rater, "items")).shuffle(place)
    return min(free, key=lambda k: (held.get(k, 0) if task.overlap else 0, place[k]))


def extent(task: Task, rater: str, mine: Mapping[int, str], held: Mapping[int, int]) -> tuple[int, int]:
    """See `progress`.

    Args:
        task: The task.
        rater: Rater id.
        mine: Positions that the rater was given, with the states of the ballots.
        held: As for `choose`.
    """
    rated = len({k for k in mine if k < task.items} | _free(task, held))
    probed = {k for k in mine if k >= task.items}
    probes = probed | (set(range(task.items, task.items + task.probes)) - set(task.withheld))
    done = sum(state != "open" for state in mine.values())
    return done, rated + max(len(probed), min(_due(task, rater, rated), len(probes)))


def order_of(task: str, position: int, before: int) -> Order:
    """Which side is shown first to the next rater of an item that `before` raters were given.

    Each item is shown in both orders equally often, up to one; so are two neighbours to those who come equally late.
    No rater can tell it beforehand: the coin is tossed for every pair of items and pair of raters.
    """
    coin = seed_of(task, "order", position // 2, before // 2)
    return "ab" if (coin + position + before) % 2 == 0 else "ba"


def _due(task: Task, rater: str, rated: int) -> int:
    """How many probes a rater of so many items should have seen: one in each `probe_every`, at a place of their own."""
    every = task.probe_every
    begun = range(min(task.probes, rated // every + 1))
    return sum(k * every + 1 + seed_of(task.id, rater, "place", k) % every <= rated for k in begun)


def _free(task: Task, held: Mapping[int, int]) -> set[int]:
    """Items that want more raters."""
    wanted = task.overlap
    return {k for k in range(task.items) if wanted is None or held.get(k, 0) < wanted} - set(task.withheld)


# --- what came of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCounts:
    """What raters said of one item."""

    key: str
    contestant_a: str
    contestant_b: str
    a: int
    """Votes for `contestant_a`."""
    b: int
    ties: int
    both_bad: int
    skips: int
    open: int
    withheld: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterCounts:
    """How far one rater is."""

    rater: str
    done: int
    total: int
    passed: int
    """Probes."""
    failed: int
    last: str
    """Time of the last vote; empty before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A rating task so far."""

    task: Task
    items: tuple[ItemCounts, ...]
    raters: tuple[RaterCounts, ...]
    columns: dict[str, list[Any]]
    """The votes, without probes, as columns of a battle file: for boards and for `stats.rater_agreement`."""


def summary(connection: Connection, task_id: str) -> Summary:
    """Counts by item and by rater, and the votes as columns.

    Raises:
        Refused: There is no such task.
    """
    task = tasks.find(connection, task_id)
    if task is None:
        raise Refused("unknown_task")
    query = select(ballots).where(ballots.c.task == task_id).order_by(ballots.c.seq, ballots.c.id)
    found = [as_ballot(row) for row in connection.execute(query)]
    items = tasks.items(connection, task_id)
    names = _Names(connection)
    held = _held(connection, task)
    by_rater: dict[str, list[Ballot]] = {}
    by_item: dict[int, Counter[str]] = {k: Counter() for k in range(task.items)}
    for ballot in found:
        by_rater.setdefault(ballot.rater, []).append(ballot)
        if (ballot.item or 0) < task.items:
            by_item[ballot.item or 0][_said(ballot)] += 1
    votes = [b for b in found if b.state in ("voted", "skipped") and (b.item or 0) < task.items]
    rows = [vote_row(ballot, names) for ballot in votes]
    return Summary(
        task=task,
        items=tuple(_item_counts(items[k], counts, names) for k, counts in by_item.items()),
        raters=tuple(_rater_counts(task, rater, mine, held) for rater, mine in sorted(by_rater.items())),
        columns={name: [row[name] for row in rows] for name in COLUMNS},
    )


class _Names:
    """Names of contestants by id, as the registry has them."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(select(entrants.c.id, entrants.c.name))
        self._known: dict[str, str] = {row.id: row.name for row in rows}

    def __call__(self, contestant: str) -> str:
        return self._known.get(contestant) or contestant.removeprefix(IMPORTED)


def _said(ballot: Ballot) -> str:
    if ballot.outcome is None or ballot.state not in ("voted", "skipped"):
        return "open" if ballot.state == "open" else ballot.state
    if ballot.outcome.grade is None:
        return str(ballot.outcome.status)
    return "a" if ballot.outcome.grade > 0 else "b" if ballot.outcome.grade < 0 else "tie"


def _item_counts(item: Item, counts: Counter[str], names: _Names) -> ItemCounts:
    return ItemCounts(
        key=item.key,
        contestant_a=names(item.contestant_a),
        contestant_b=names(item.contestant_b),
        a=counts["a"],
        b=counts["b"],
        ties=counts["tie"],
        both_bad=counts["both_bad"],
        skips=counts["abstain"],
        open=counts["open"],
        withheld=item.withheld,
    )


def _rater_counts(task: Task, rater: str, mine: Sequence[Ballot], held: Mapping[int, int]) -> RaterCounts:
    done, total = extent(task, rater, {ballot.item or 0: ballot.state for ballot in mine}, held)
    results = Counter(probe_result(ballot) for ballot in mine)
    last = max((ballot.outcome.at for ballot in mine if ballot.outcome), default="")
    return RaterCounts(rater=rater, done=done, total=total, passed=results[1], failed=results[0], last=last)


# --- inside -----------------------------------------------------------------------------------------------------------


def _check_rater(connection: Connection, task: Task, rater: Rater) -> None:
    query = select(tokens.c.state, tokens.c.expires).join(rater_table, rater_table.c.secret == tokens.c.secret)
    token = connection.execute(query.where(rater_table.c.id == rater.id, tokens.c.task == task.id)).first()
    if rater.task != task.id or token is None or token.state != "active" or token.expires <= now():
        raise Refused("bad_link")


def _open_ballot(connection: Connection, task: str, rater: Rater) -> Ballot | None:
    query = select(ballots.c.id).where(ballots.c.rater == rater.id, ballots.c.task == task, ballots.c.state == "open")
    name = connection.execute(query.order_by(ballots.c.opened)).scalars().first()
    ballot = None if name is None else find(connection, name)
    if ballot is None or ballot.expires >= now():
        return ballot
    renewed = now(hours=_YEAR)
    connection.execute(update(ballots).where(ballots.c.id == ballot.id).values(expires=renewed))
    return replace(ballot, expires=renewed)


def _mine(connection: Connection, task: Task, rater: str) -> dict[int, str]:
    """Positions that a rater was given, with the states of the ballots."""
    query = select(ballots.c.item, ballots.c.state).where(ballots.c.task == task.id, ballots.c.rater == rater)
    return {row.item: row.state for row in connection.execute(query)}


def _held(connection: Connection, task: Task) -> dict[int, int]:
    """By item: how many raters voted on it, or have had it open for not too long."""
    fresh = (ballots.c.state == "open") & (ballots.c.opened >= now(hours=-_PATIENCE))
    counting = ballots.c.state.in_(("voted", "taken down")) | fresh
    query = select(ballots.c.item, func.count().label("raters")).where(ballots.c.task == task.id, counting)
    return {row.item: row.raters for row in connection.execute(query.group_by(ballots.c.item))}


def _ballot(task: Task, item: Item, position: int, rater: Rater, before: int) -> Ballot:
    pairing = Pairing(
        a=item.contestant_a,
        b=item.contestant_b,
        order=order_of(task.id, position, before),
        policy=POLICY,
        seed=seed_of(task.id, "battle", position),  # the same for all raters: they vote on one battle
        p_pair=1.0,
        present=(item.contestant_a, item.contestant_b),
        weights=(1.0, 1.0),
    )
    return Ballot(
        id=new_id(),
        rater=rater.id,
        state="open",
        opened=now(),
        expires=now(hours=_YEAR),
        pairing=pairing,
        said=Said(prompts=item.prompts, a=item.a, b=item.b),
        source=PROBE + item.expected if item.expected else f"task:{task.id}",
        question=item.question or item.key,
        language=item.language,
        category=item.category,
        task=task.id,
        item=position,
    )
