"""What a trial will do, before it does it. Read `plan_trial` first; `estimate_plan` is what ``--dry-run`` prints."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from fairtrial.contestants.wording import user_message
from fairtrial.core import BadInput, Battle, Contestant, Prompt, PromptSet, Response, digest, seed_of
from fairtrial.evaluators import Scorer, check_reference
from fairtrial.models.face import tokens_in
from fairtrial.runs.trial import ContestantEntry, ModelSettings, Trial

MOST_ASKED = 10_000
"""Most battles of one evaluator of kind ``human``: what a rating task of the arena holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerJob:
    """One contestant answers one prompt, once."""

    position: int
    key: str
    """Content address of the job: its response is recorded under it, whatever trial asked first."""
    prompt: int
    """Index of the prompt."""
    contestant: int
    """Index of the contestant."""
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A trial with its prompts selected."""

    trial: Trial
    prompts: PromptSet
    copies: int = 0
    """Prompts left out because an equal one is there."""
    scored: bool
    """Whether any prompt has a reference and the trial a scorer."""

    @property
    def answers(self) -> int:
        """Number of answer jobs."""
        return len(self.prompts.prompts) * self.trial.repeats * len(self.trial.contestants)

    def jobs(self, contestants: Sequence[Contestant]) -> Iterator[AnswerJob]:
        """Every answer job in its place: prompt by prompt, repeat by repeat, contestant by contestant."""
        position = 0
        for index, prompt in enumerate(self.prompts.prompts):
            for repeat in range(self.trial.repeats):
                for who, contestant in enumerate(contestants):
                    # Language and category are no part of a prompt's id, but choose the words and examples around it.
                    asked = [prompt.id, prompt.language, prompt.category]
                    key = digest(["answer", contestant.id, asked, repeat, self.trial.seed])
                    yield AnswerJob(position=position, key=key, prompt=index, contestant=who, repeat=repeat)
                    position += 1


def plan_trial(trial: Trial, prompts: PromptSet, *, where: str = "trial") -> Plan:
    """Select the prompts of a trial and check that its evaluators can use them.

    With `limit`, a sample is drawn by the trial's seed, spread evenly over categories.

    Raises:
        BadInput: No prompt is left, a scorer finds no reference, or a reference does not fit its scorer.
    """
    select = trial.select
    kept = [
        p
        for p in prompts.prompts
        if (not select.tags or set(select.tags) & set(p.tags))
        and (not select.languages or p.language in select.languages)
        and (not select.referenced or p.reference is not None)
    ]
    if not kept:
        raise BadInput(
            f"[select] leaves none of the {len(prompts.prompts)} prompts of '{prompts.name}'.",
            where=where,
            next_step=f"Tags there: {', '.join(sorted({t for p in prompts.prompts for t in p.tags})[:12]) or 'none'}.",
        )
    if trial.limit is not None and trial.limit < len(kept):
        kept = _spread_sample(kept, trial.limit, trial.seed)
    once = {p.id: p for p in reversed(kept)}  # the first of equal items stays: copies are no further evidence
    copies = len(kept) - len(once)
    kept = [p for p in kept if once[p.id] is p]
    referenced = [p for p in kept if p.reference is not None]
    if trial.scorers and not referenced:
        raise BadInput(
            f"a scorer needs references, and none of the {len(kept)} prompts has one.",
            where=where,
            next_step='Map their column: [fields] reference = "…", or use a judge.',
        )
    for entry in trial.scorers:
        scorer = Scorer(entry.scorer)
        for prompt in referenced:
            check_reference(prompt, scorer.scorer_for(prompt), where=where)
    chosen = PromptSet(name=prompts.name, prompts=tuple(kept), examples=prompts.examples)
    plan = Plan(trial=trial, prompts=chosen, copies=copies, scored=bool(trial.scorers and referenced))
    for people in trial.people:
        if (size := _battles_of(plan, people.battles)) > MOST_ASKED:
            raise BadInput(
                f"people would be asked about {size:,} battles; at most {MOST_ASKED:,} can be published at once.",
                where=f"{where}: [[evaluator]] of kind 'human'",
                next_step="Say how many are drawn: battles = 200.",
            )
    return plan


def _spread_sample(prompts: list[Prompt], limit: int, seed: int) -> list[Prompt]:
    strata: dict[str, list[int]] = {}
    for index, prompt in enumerate(prompts):
        strata.setdefault(prompt.category, []).append(index)
    for name, members in strata.items():
        random.Random(seed_of("limit", seed, name)).shuffle(members)
    order = sorted(strata, key=lambda name: seed_of("stratum", seed, name))
    taken: list[int] = []
    depth = 0
    while len(taken) < limit:
        for name in order:
            if depth < len(strata[name]) and len(taken) < limit:
                taken.append(strata[name][depth])
        depth += 1
    return [prompts[i] for i in sorted(taken)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one contestant or judge of a trial will ask for, roughly."""

    name: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    """At most: every answer as long as its limit."""
    usd: float | None
    """At most, by the declared price; None for an endpoint whose price is not declared, 0 for local models."""


def estimate_plan(plan: Plan) -> list[Estimate]:
    """Calls, tokens and money of a plan, an upper bound for answers by their `max_tokens`."""
    texts = [user_message(p, t) for p in plan.prompts.prompts for t in range(len(p.turns))]
    asked = sum(tokens_in(text) + 8 for text in texts)
    rows = [_estimate_contestant(plan, entry, asked, len(texts)) for entry in plan.trial.contestants]
    for judge in plan.trial.judges:
        battles = _battles_of(plan, judge.battles)
        tokens = battles * 2 * (120 + 2 * asked // max(len(texts), 1) + 200)
        rows.append(
            Estimate(
                name=f"judge {judge.name or judge.model}",
                calls=2 * battles,
                prompt_tokens=tokens,
                completion_tokens=2 * battles,
                usd=_usd(judge, tokens, 2 * battles),
            )
        )
    for people in plan.trial.people:
        name = f"{people.name or 'people'}: {_battles_of(plan, people.battles):,} battles, {people.votes} votes each"
        rows.append(Estimate(name=name, calls=0, prompt_tokens=0, completion_tokens=0, usd=0.0))
    return rows


def _estimate_contestant(plan: Plan, entry: ContestantEntry, asked: int, turns: int) -> Estimate:
    samples = (entry.k or 5) if entry.strategy == "self-consistency" else 1
    shown = (entry.shots or 4) * 25 * turns if entry.strategy == "few-shot" else 0
    calls = turns * samples * plan.trial.repeats
    system = turns * tokens_in(entry.system or entry.persona or "")
    turn_counts = [len(p.turns) for p in plan.prompts.prompts]
    said_before = sum(n * (n - 1) // 2 for n in turn_counts) * entry.max_tokens  # earlier answers are sent again
    prompt_tokens = (asked + shown + system + said_before) * samples * plan.trial.repeats
    completion_tokens = calls * entry.max_tokens
    return Estimate(
        name=entry.name,
        calls=calls,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        usd=_usd(entry, prompt_tokens, completion_tokens),
    )


def _usd(entry: ModelSettings, prompt_tokens: int, completion_tokens: int) -> float | None:
    if entry.price is None:
        return None if entry.base_url else 0.0
    return (prompt_tokens * entry.price[0] + completion_tokens * entry.price[1]) / 1e6


def _battles_of(plan: Plan, own: int | None) -> int:
    """At most so many battles of a judge or of people: `own` says how many are drawn, else ``[battles]`` does."""
    k = len(plan.trial.contestants)
    every = len(plan.prompts.prompts) * plan.trial.repeats * k * (k - 1) // 2
    return min(own or plan.trial.battles.budget or every, every)


def draw_battles(
    responses: dict[tuple[int, int], dict[int, Response]],
    *,
    policy: str,
    budget: int | None,
    seed: int,
    values: Mapping[str, object] | None = None,
) -> list[Battle]:
    """The battles of a design, in a seeded order and with seeded sides.

    Args:
        responses: By (prompt index, repeat) and contestant index.
        policy: ``round-robin``: every pair on every prompt; ``uniform``: `budget` of those, each equally likely;
            ``references``: for a judge on trial, whose `values` are scores.
        budget: Most battles; None for all.
        seed: The trial's seed.
        values: By response id, its score or its text: only pairs that these tell apart are drawn from.
    """
    pairs = [
        (place, i, j)
        for place, answers in sorted(responses.items())
        for i, j in combinations(sorted(answers), 2)
        if values is None or _decided(values, answers[i], answers[j])
    ]
    drawn = pairs
    if budget is not None and budget < len(pairs):
        drawn = sorted(pairs, key=lambda p: seed_of("pair", seed, policy, *p[0], *p[1:]))[:budget]
    p_pair = len(drawn) / len(pairs) if pairs else 1.0
    battles = []
    for (prompt, repeat), i, j in drawn:
        side = seed_of("side", seed, prompt, repeat, i, j)
        a, b = (i, j) if side % 2 == 0 else (j, i)
        one, other = responses[prompt, repeat][a], responses[prompt, repeat][b]
        battles.append(
            Battle(
                prompt=one.prompt,
                a=one.id,
                b=other.id,
                contestant_a=one.contestant,
                contestant_b=other.contestant,
                repeat=repeat,
                policy=policy,
                seed=side,
                p_pair=p_pair,
            )
        )
    return battles


def _decided(values: Mapping[str, object], a: Response, b: Response) -> bool:
    return a.id in values and b.id in values and values[a.id] != values[b.id]
