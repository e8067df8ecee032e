"""The battles of a trial that people vote on: from the run to the lab's arena and back. Read `ask_people` first."""

from collections.abc import Sequence
from functools import partial

from fairtrial.arena import tasks, trial_battles
from fairtrial.arena.topics import language_of
from fairtrial.core import Contestant
from fairtrial.formats.pairs import MAX_NAME
from fairtrial.runs import Plan
from fairtrial.runs.people import Asked, Heard, draw_for_people, enter, entered, settle
from fairtrial.store import Store


def ask_people(plan: Plan, store: Store, trial_id: str, contestants: Sequence[Contestant]) -> list[Heard]:
    """Publish what people are to vote on where that was not done yet, and take the votes that are there.

    Raises:
        IntegrityError: The rating task is gone or damaged.
    """
    return [_ask(plan, store, asked, contestants) for asked in draw_for_people(plan, store, trial_id, contestants)]


def _ask(plan: Plan, store: Store, asked: Asked, contestants: Sequence[Contestant]) -> Heard:
    with store.reading() as connection:
        task = tasks.find(connection, asked.task)
        fights = (
            []
            if task
            else [
                trial_battles.Fight(key, one.prompt, one.a, one.b)
                for key, one in zip(asked.battles, asked.shown, strict=True)
            ]
        )
        items = trial_battles.as_items(connection, fights, contestants)
    before = entered(store, asked)
    if task is None and not before and not items:
        return Heard(asked=asked, published=frozenset())
    wanted = tasks.TaskPlan(
        name=_printable(f"{plan.trial.name}: {asked.entry.name or 'people'}"),
        question=asked.entry.question,
        guidelines=asked.entry.guidelines,
        language=language_of(asked.entry.question),
        items=items,
        overlap=asked.entry.votes,
    )
    task = store.transact(partial(trial_battles.publish, task_id=asked.task, plan=wanted, before=before)).result()
    with store.reading() as connection:
        found = trial_battles.published(connection, task)
        votes = trial_battles.heard(
            connection, task.id, asked.battles, contestants, evaluator=asked.evaluator, template=asked.template
        )
    published = frozenset(item.key for item in found)
    enter(store, asked, published)
    store.flush()
    heard = Heard(
        asked=asked,
        published=published,
        open=task.state == "open",
        votes=tuple(votes),
        withheld=frozenset(item.key for item in found if item.withheld),
    )
    settle(store, heard)
    return heard


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name)[:MAX_NAME]
