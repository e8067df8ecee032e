"""Battles of a trial that wait for people: published as a rating task, read back as votes. Read `publish`, `heard`.

A run never copies a ballot: it reads those that count now, so a vote that is taken back is gone from the next report.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from fairtrial.arena import tasks
from fairtrial.arena.ballots import Ballot, as_ballot
from fairtrial.arena.blinding import Blinding
from fairtrial.arena.items import Item, between, names_in_arena
from fairtrial.arena.registry import IMPORTED
from fairtrial.arena.tasks import Task, TaskPlan
from fairtrial.core import Battle, Contestant, IntegrityError, Prompt, Response, Vote
from fairtrial.formats.pairs import MAX_TEXT
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots

_RESTORE = "Restore the lab's database from a backup."
_TURNED: dict[str, Literal["ab", "ba"]] = {"ab": "ba", "ba": "ab"}


class Fight(NamedTuple):
    """One battle to publish, under a key."""

    key: str
    prompt: Prompt
    a: Response
    b: Response


def as_items(connection: Connection, fights: Iterable[Fight], contestants: Sequence[Contestant]) -> tuple[Item, ...]:
    """The battles as items of a rating task, with the contestants' names masked in what they say.

    Left out is what cannot be shown: texts of more than `formats.pairs.MAX_TEXT` characters, or two empty answers.
    """
    written = names_in_arena(connection, contestants)
    blinding = Blinding(list(contestants))
    found = []
    for fight in fights:
        asked = "\n".join(fight.prompt.turns)
        a, b = (_masked(one, blinding, asked) for one in (fight.a, fight.b))
        item = between(fight.prompt, a, b, written, key=fight.key, question=fight.prompt.id)
        texts = (*item.prompts, *item.a, *item.b)
        if max(map(len, texts)) <= MAX_TEXT and (item.a[-1].strip() or item.b[-1].strip()):
            found.append(item)
    return tuple(found)


def publish(connection: Connection, task_id: str, plan: TaskPlan, *, before: bool) -> Task:
    """The rating task of this id, made where there is none.

    Args:
        connection: Within `Store.transact`.
        task_id: Its id.
        plan: What it is made of.
        before: It was published before, so it must be there.

    Raises:
        IntegrityError: It is gone, and with it what people said.
    """
    found = tasks.find(connection, task_id)
    if found is None and before:
        raise IntegrityError(
            "the rating task in which this trial's battles wait is gone from the lab, and its votes with it.",
            where=f"rating task {task_id}",
            next_step=f"{_RESTORE} To ask anew instead, give the evaluator another name in the trial file; no answer "
            "is bought again.",
        )
    return found or tasks.create(connection, plan, by="run", task_id=task_id)


def published(connection: Connection, task: Task) -> list[Item]:
    """The items of a task, held against what the log says of them.

    Raises:
        IntegrityError: An item is damaged, missing or not the one that was published; it is named.
    """
    digests = next(
        (
            entry.body["items"]
            for entry in history.entries(connection, kinds=("task",))
            if entry.body is not None and entry.body["event"] == "created" and entry.body["task"] == task.id
        ),
        None,
    )
    try:
        items = tasks.items(connection, task.id)
    except IntegrityError as damaged:
        raise _damaged(task.id, damaged.message) from damaged
    if digests is None or len(items) != len(digests):
        told = "no entry" if digests is None else f"{len(digests)} items"
        raise _damaged(task.id, f"it has {len(items)} items, and the log has {told}.")
    for position, (item, known) in enumerate(zip(items, digests, strict=True)):
        if not item.withheld and item.digest != known:
            raise _damaged(task.id, f"item {position}, '{item.key:.80}', is not the one that was published.")
    return items


def heard(
    connection: Connection,
    task_id: str,
    battles: Mapping[str, Battle],
    contestants: Sequence[Contestant],
    *,
    evaluator: str,
    template: str,
) -> list[Vote]:
    """What people said, as votes on the trial's battles, in their order; of each battle, in the order of the log.

    A vote that was taken back, or taken down uncounted, is not among them. Raters are numbered in the order of their
    first votes and not named; there are no times.

    Args:
        connection: The lab's rows.
        task_id: The rating task.
        battles: By the key of the item.
        contestants: Of the trial.
        evaluator: Evaluator id of the votes.
        template: Digest of what raters are told.

    Raises:
        IntegrityError: A ballot is damaged, or on another battle than its item.
    """
    items = dict(enumerate(tasks.items(connection, task_id)))
    names = {one.id: (one.id, IMPORTED + one.name) for one in contestants}
    query = select(ballots).where(ballots.c.task == task_id, ballots.c.state.in_(("voted", "skipped")))
    raters: dict[str, str] = {}
    votes: dict[str, list[Vote]] = {key: [] for key in battles}
    for row in connection.execute(query.order_by(ballots.c.seq)):
        try:
            ballot = as_ballot(row)
        except IntegrityError as damaged:
            raise _damaged(task_id, f"ballot {row.id}: {damaged.message}") from damaged
        item = items.get(-1 if ballot.item is None else ballot.item)
        pair = (ballot.pairing.a, ballot.pairing.b)
        if item is None or item.key not in battles or pair != (item.contestant_a, item.contestant_b):
            raise _damaged(task_id, f"ballot {row.id} is on no battle of this trial.")
        battle = battles[item.key]
        turned = pair[0] not in names[battle.contestant_a]
        if pair[turned] not in names[battle.contestant_a] or pair[not turned] not in names[battle.contestant_b]:
            raise _damaged(task_id, f"ballot {row.id} names others than its battle.")
        who = raters.setdefault(ballot.rater, f"rater {len(raters) + 1}")
        votes[item.key].append(_vote(ballot, battle, turned, who, evaluator, template))
    return [vote for said in votes.values() for vote in said]


def _vote(ballot: Ballot, battle: Battle, turned: bool, who: str, evaluator: str, template: str) -> Vote:
    outcome, order = ballot.outcome, ballot.pairing.order
    if outcome is None:
        raise _damaged(ballot.task or "", f"ballot {ballot.id} was used, and nothing is known of it.")
    grade = outcome.grade if outcome.grade is None or not turned else -outcome.grade
    return Vote(
        battle=battle.id,
        evaluator=evaluator,
        kind="human",
        status=outcome.status,
        grade=grade,
        order=_TURNED[order] if turned else order,
        template=template,
        detail={"rater": who},
    )


def _masked(response: Response, blinding: Blinding, asked: str) -> Response:
    turns = tuple(blinding.mask(turn, asked).text for turn in response.turns)
    return Response(prompt=response.prompt, contestant=response.contestant, repeat=response.repeat, turns=turns)


def _damaged(task_id: str, message: str) -> IntegrityError:
    return IntegrityError(message, where=f"rating task {task_id}", next_step=_RESTORE)
