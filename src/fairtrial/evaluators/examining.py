"""A judge on trial, on pairs whose better answer is known. Read `examine` first; what is told of it is in `card.py`."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from fairtrial.core import BadInput, Battle, Prompt, Provider, Response, Usage, Vote, digest
from fairtrial.evaluators.card import JudgeCard, judge_card
from fairtrial.evaluators.contamination import contamination
from fairtrial.evaluators.injection import injection_rate, probes
from fairtrial.evaluators.judge import Meter
from fairtrial.evaluators.self_preference import self_preference
from fairtrial.evaluators.tables import Item
from fairtrial.formats.pairs import Label, Pair

_SIGN: dict[Label, int] = {"a": 1, "tie": 0, "b": -1}
_RULES = 64
"""Cases of a rule in flight at once; a model says itself how many it takes."""


class Evaluator(Protocol):
    """Anything that votes on battles: a judge, a panel."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def id(self) -> str:
        """What stands as `Vote.evaluator`."""

    @property
    def meter(self) -> Meter:
        """What its readings took."""

    @property
    def providers(self) -> Sequence[Provider]:
        """The models behind it."""

    async def judge(self, battle: Battle, prompt: Prompt, a: Response, b: Response) -> Vote:
        """One vote on a battle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A judge's card and the votes behind it."""

    card: JudgeCard
    votes: tuple[Vote, ...]


def items_of(pairs: Sequence[Pair]) -> tuple[Item, ...]:
    """Pairs as battles: the same prompt is the same cluster, whichever models answered it."""
    found = []
    for pair in pairs:
        prompt = Prompt(key=pair.key, turns=pair.prompts, system=pair.system, language=pair.language)
        a, b = (
            Response(prompt=prompt.id, contestant=digest(["contestant", model or side]), turns=turns)
            for model, side, turns in ((pair.model_a, "a", pair.a), (pair.model_b, "b", pair.b))
        )
        battle = Battle(
            prompt=prompt.id, a=a.id, b=b.id, contestant_a=a.contestant, contestant_b=b.contestant, policy="given"
        )
        found.append(
            Item(
                key=pair.key,
                battle=battle,
                prompt=prompt,
                a=a,
                b=b,
                label=None if pair.label is None else _SIGN[pair.label],
                annotators=tuple(_SIGN[said] for said in pair.annotators),
                raters=pair.raters,
                model_a=pair.model_a,
                model_b=pair.model_b,
                category=pair.category,
            )
        )
    return tuple(found)


async def examine(
    judge: Evaluator,
    items: Sequence[Item],
    *,
    injections: int = 30,
    seed: int = 0,
    own: Sequence[str] = (),
    taught: Collection[str] = (),
    known: Mapping[str, Any] | None = None,
    told: Callable[[str, int, int], None] | None = None,
) -> Examined:
    """Have a judge vote on every pair, then on probes, and say how good it is.

    Args:
        judge: The judge.
        items: The pairs, from `items_of`.
        injections: Pairs on which injections are tried; each costs two more votes.
        seed: Draws those pairs.
        own: Names of models of the judge's own family, for its self-preference.
        taught: Hashes of what the judge was taught on, from its training manifest.
        known: What is known of the judge from elsewhere, for its card: a panel's weights, a calibration.
        told: After each vote: ``pairs`` or ``injections``, how many are done, and how many there will be.

    Raises:
        BadInput: No pairs.
    """
    if not items:
        raise BadInput("there are no pairs to judge.", next_step="Give a file with at least one pair.")
    told = told or (lambda _stage, _done, _total: None)
    before = replace(judge.meter)
    votes = await votes_of(judge, items, lambda done: told("pairs", done, len(items)))
    took = _since(judge.meter, before)
    made = probes(items, votes, count=injections, seed=seed)
    answers = await votes_of(judge, [one.item for one in made], lambda done: told("injections", done, len(made)))
    card = judge_card(judge.name, items, votes)
    further: dict[str, Any] = {"cost": _cost(took, len(items)), **(known or {})}
    if made:
        further["injection"] = injection_rate(made, answers)
    if own:
        further["self_preference"] = self_preference(items, votes, own)
    if taught:
        further["contamination"] = contamination(items, votes, taught)
    return Examined(card=replace(card, evaluator=judge.id, further=further), votes=tuple(votes))


async def votes_of(judge: Evaluator, items: Sequence[Item], told: Callable[[int], None]) -> list[Vote]:
    """One vote an item, as many at once as the judge's models take; the first failure ends it and loses no call."""
    width = min((provider.capabilities.connections for provider in judge.providers), default=_RULES)
    votes: list[Vote | None] = [None] * len(items)
    waiting = iter(range(len(items)))
    done = 0

    async def lane() -> None:
        nonlocal done
        for k in waiting:
            item = items[k]
            votes[k] = await judge.judge(item.battle, item.prompt, item.a, item.b)
            done += 1
            told(done)

    lanes = [asyncio.create_task(lane()) for _ in range(min(width, len(items)))]
    try:
        await asyncio.gather(*lanes)
    finally:
        for one in lanes:
            one.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
    return [vote for vote in votes if vote is not None]


def _since(meter: Meter, before: Meter) -> Meter:
    used = Usage(
        prompt_tokens=meter.usage.prompt_tokens - before.usage.prompt_tokens,
        completion_tokens=meter.usage.completion_tokens - before.usage.completion_tokens,
        reasoning_tokens=meter.usage.reasoning_tokens - before.usage.reasoning_tokens,
    )
    return Meter(
        calls=meter.calls - before.calls, usage=used, usd=meter.usd - before.usd, seconds=meter.seconds - before.seconds
    )


def _cost(took: Meter, pairs: int) -> dict[str, Any]:
    """What judging took, a pair; seconds of a call count from its start, so calls in flight together overlap."""
    return {
        "calls": took.calls,
        "prompt_tokens": took.usage.prompt_tokens,
        "completion_tokens": took.usage.completion_tokens,
        "usd": took.usd,
        "usd_per_1000_pairs": 1000 * took.usd / pairs,
        "call_seconds_per_pair": took.seconds / pairs,
    }
