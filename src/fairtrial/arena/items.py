"""Items of a rating task: two stored answers each, from imported pairs or from a trial's responses. Read `Item` first.

A probe is an item whose answer is known beforehand: it tells whether a rater reads, and it is no vote.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from sqlalchemy import select
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot
from fairtrial.arena.registry import IMPORTED
from fairtrial.contestants.wording import user_message
from fairtrial.core import BadInput, Contestant, Prompt, Response, digest, nearest
from fairtrial.core.canonical import to_plain
from fairtrial.formats.pairs import Pair
from fairtrial.store import Reader
from fairtrial.store.arena_tables import entrants

Expected = Literal["", "a", "b", "tie"]
PROBE = "probe:"
"""Begins the source of a ballot on a probe; what is expected follows. It is not to be shown to a rater."""
_FLIPPED: dict[Expected, Expected] = {"a": "b", "b": "a"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Two answers to compare; `prompts`, `a` and `b` have one text for each turn."""

    key: str
    question: str = ""
    """Names what is asked where several items ask the same; empty: the key does."""
    prompts: tuple[str, ...]
    """Empty when the item was taken down."""
    a: tuple[str, ...]
    b: tuple[str, ...]
    contestant_a: str
    """Contestant id, or ``import:NAME``; of the two the one that sorts first."""
    contestant_b: str
    system: str = ""
    language: str = ""
    category: str = "all"
    expected: Expected = ""
    """A probe's answer: which is better; empty for an item that is rated."""

    @property
    def withheld(self) -> bool:
        """Whether its texts were taken down."""
        return not self.prompts

    @property
    def digest(self) -> str:
        """Content address of everything that a rater sees, who wrote it, and what is expected."""
        plain = to_plain(self)
        return digest(plain if self.question else {k: v for k, v in plain.items() if k != "question"})


def oriented(item: Item) -> Item:
    """The same item with the contestant that sorts first as `a`, as everywhere in the arena."""
    if item.contestant_a <= item.contestant_b:
        return item
    return replace(
        item,
        a=item.b,
        b=item.a,
        contestant_a=item.contestant_b,
        contestant_b=item.contestant_a,
        expected=_FLIPPED.get(item.expected, item.expected),
    )


def from_pairs(pairs: Iterable[Pair]) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Items and probes of imported pairs; answers without a name are named after their column.

    Raises:
        BadInput: Both answers of a pair are by the same name.
    """
    found: tuple[list[Item], list[Item]] = [], []
    for pair in pairs:
        if pair.model_a and pair.model_a == pair.model_b:
            raise BadInput(
                f"both answers are by '{pair.model_a}', who cannot meet itself.",
                where=f"pair '{pair.key}'",
                next_step='Give them two names, or leave the names out: model_a = "", model_b = ""',
            )
        item = Item(
            key=pair.key,
            prompts=pair.prompts,
            a=pair.a,
            b=pair.b,
            contestant_a=IMPORTED + (pair.model_a or "response_a"),
            contestant_b=IMPORTED + (pair.model_b or "response_b"),
            system=pair.system,
            language=pair.language,
            category=pair.category or "all",
            expected=(pair.label or "") if pair.probe else "",
        )
        found[pair.probe].append(oriented(item))
    return tuple(found[False]), tuple(found[True])


def from_trial(
    reader: Reader, trial: str, first: str, second: str, *, repeat: int = 0, most: int | None = None, seed: int = 0
) -> tuple[tuple[Item, ...], dict[str, int]]:
    """Battles between the stored responses of two contestants of a trial.

    Args:
        reader: The lab.
        trial: Id of the trial.
        first: Name of a contestant.
        second: Name of another.
        repeat: Which sample of each.
        most: At most so many prompts, drawn at random; None: all.
        seed: Of that draw.

    Returns:
        The items in the trial's order, and how many prompts were left out, by reason: raters cannot compare what is not
        there, so a board over these items says nothing of failures.

    Raises:
        BadInput: An unknown trial or contestant, or no prompt that both answered.
    """
    contestants = {one.name: one for one in reader.contestants(trial)}
    if not contestants:
        raise BadInput("there is no such trial.", where=trial, next_step="Try: fairtrial report --list")
    for name in (first, second):
        if name not in contestants:
            raise BadInput(f"'{name}' took no part in this trial.", where=trial, next_step=nearest(name, contestants))
    a, b = contestants[first].id, contestants[second].id
    if a == b:
        raise BadInput(f"'{first}' and '{second}' are the same contestant.", where=trial)
    with reader.reading() as connection:
        written = names_in_arena(connection, [contestants[first], contestants[second]])
    answers: dict[str, dict[str, Response]] = {}
    for _, response in reader.responses(trial):
        if response.repeat == repeat and response.contestant in written:
            answers.setdefault(response.prompt, {})[response.contestant] = response
    items: list[Item] = []
    left_out: Counter[str] = Counter()
    for prompt in reader.prompts(trial):
        said = answers.get(prompt.id, {})
        failure = _unusable(said.get(a)) or _unusable(said.get(b))
        if failure:
            left_out[failure] += 1
        else:
            items.append(between(prompt, said[a], said[b], written, key=prompt.key))
    if not items:
        raise BadInput(f"no prompt was answered by both '{first}' and '{second}'.", where=trial)
    if most is not None and most < len(items):
        left_out["not drawn"] = len(items) - most
        items = [items[k] for k in sorted(Random(seed).sample(range(len(items)), most))]
    return tuple(items), dict(left_out)


def _unusable(response: Response | None) -> str:
    if response is None:
        return "no response"
    if response.finish == "error":
        return "failed"
    return "" if any(turn.strip() for turn in response.turns) else "empty"


def names_in_arena(connection: Connection, contestants: Iterable[Contestant]) -> dict[str, str]:
    """By contestant id, what items say for it: the id where the arena has it on record, else an imported name."""
    registered = set(connection.execute(select(entrants.c.id)).scalars())
    return {one.id: one.id if one.id in registered else IMPORTED + one.name for one in contestants}


def between(
    prompt: Prompt, a: Response, b: Response, written: Mapping[str, str], *, key: str, question: str = ""
) -> Item:
    """The item of two responses to one prompt; `written` is what `names_in_arena` gives."""
    turns = min(len(a.turns), len(b.turns), len(prompt.turns))
    return oriented(
        Item(
            key=key,
            question=question,
            prompts=tuple(user_message(prompt, turn) for turn in range(turns)),
            a=a.turns[:turns],
            b=b.turns[:turns],
            contestant_a=written[a.contestant],
            contestant_b=written[b.contestant],
            system=prompt.system,
            language=prompt.language,
            category=prompt.category,
        )
    )


def probe_result(ballot: Ballot) -> Literal[-1, 0, 1]:
    """1: a probe that was passed; 0: one that was failed; -1: a vote, or a probe that was skipped or not answered."""
    if not ballot.source.startswith(PROBE) or ballot.outcome is None or ballot.outcome.status == "abstain":
        return -1
    if ballot.outcome.grade is None:
        return 0
    sign = (ballot.outcome.grade > 0) - (ballot.outcome.grade < 0)
    return 1 if {"a": 1, "b": -1, "tie": 0}[ballot.source.removeprefix(PROBE)] == sign else 0


def keys_twice(items: Sequence[Item]) -> list[str]:
    """Keys that more than one item has."""
    return [key for key, count in Counter(item.key for item in items).items() if count > 1]
