"""Does a plan: answers, scores, battles, votes. Read `run_trial` first.

At-least-once calls, exactly-once results: a job is done when its result is in the store, and first write wins. Every
result depends on its job alone, never on the order of work (`lanes.py`).
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fairtrial.contestants import Ask, answer
from fairtrial.core import Battle, Provider, Response, digest
from fairtrial.evaluators import Judge, Scorer, reader_of
from fairtrial.models import Budget, Gate
from fairtrial.runs.entrants import Entrants, open_entrants
from fairtrial.runs.lanes import Outcome, Watch, lanes_of, work
from fairtrial.runs.plan import AnswerJob, Plan, draw_battles
from fairtrial.runs.progress import Progress
from fairtrial.runs.trial import JudgeEntry
from fairtrial.store import Job, Store


async def run_trial(
    plan: Plan,
    store: Store,
    progress: Progress,
    *,
    created: str,
    stop: asyncio.Event | None = None,
    accept_failures: bool = False,
) -> Outcome:
    """Do whatever of the plan is not done yet.

    Args:
        plan: What to do.
        store: Where recorded calls and results are, and go.
        progress: Told after every job.
        created: UTC time, for the trial's row.
        stop: When set, no new job is begun; those in flight are finished.
        accept_failures: Record answers that could not be had as failed, so that judges go on without them.

    Raises:
        BadInput: A model cannot be opened or used as asked; nothing was sent.
        BudgetReached: Nothing new was begun; calls in flight were finished and recorded.
        ModelError: An endpoint is down; calls in flight at others were finished and recorded.
        Interrupted: `stop` was set before the end.
    """
    trial = plan.trial
    limits = trial.budget
    gate = Gate(store, Budget(usd=limits.usd, tokens=limits.tokens, calls=limits.calls))
    stop = stop or asyncio.Event()
    async with open_entrants(trial, plan.prompts, gate, progress) as entrants:
        judges = [
            (entry, Judge(reader_of(model, name=entry.name or entry.model, read=entry.read, seed=trial.seed)))
            for entry, model in entrants.judges
        ]
        ids = [[c.id for c in entrants.contestants], [judge.id for _, judge in judges]]
        trial_id = digest([trial.digest, plan.prompts.id, *ids])
        outcome = Outcome(trial_id=trial_id, contestants=entrants.contestants, gate=gate)
        store.put_trial(trial_id, name=trial.name, created=created, body=trial.as_plain())
        store.put_prompts(trial_id, plan.prompts.prompts)
        store.put_contestants(trial_id, entrants.contestants)
        try:
            _count_spent(store, outcome)
            await _answers(plan, store, entrants, outcome, progress, stop, accept_failures=accept_failures)
            if outcome.failed and accept_failures:
                _give_up(plan, store, outcome)
            if trial.judges and not outcome.failed:
                await _judging(plan, store, judges, outcome, progress, stop)
        finally:
            store.flush()
    return outcome


def _count_spent(store: Store, outcome: Outcome) -> None:
    """What the trial's recorded answers and votes cost counts towards its budget, whoever bought them and when."""
    budget = outcome.gate.budget
    if budget.usd is None and budget.tokens is None and budget.calls is None:
        return
    for _, response in store.responses(outcome.trial_id):
        budget.spent_calls += len(response.steps)
        budget.spent_tokens += response.usage.total
        budget.spent_usd += response.usd
    budget.spent_calls += 2 * sum("same_text" not in vote.detail for _, vote in store.votes(outcome.trial_id))


async def _answers(
    plan: Plan,
    store: Store,
    entrants: Entrants,
    outcome: Outcome,
    progress: Progress,
    stop: asyncio.Event,
    *,
    accept_failures: bool,
) -> None:
    jobs = list(plan.jobs(entrants.contestants))
    prompts = plan.prompts.prompts
    store.put_jobs(
        outcome.trial_id,
        (
            Job(
                position=job.position,
                kind="answer",
                key=job.key,
                prompt=prompts[job.prompt].id,
                contestant=entrants.contestants[job.contestant].id,
                repeat=job.repeat,
            )
            for job in jobs
        ),
    )
    scorers = [Scorer(entry.scorer) for entry in plan.trial.scorers]
    pending = _still_to_answer(plan, store, jobs, scorers, outcome.trial_id)
    watch = Watch(progress, outcome.gate, "answers", len(jobs), len(jobs) - len(pending))

    async def do(position: int) -> None:
        job = jobs[position]
        await _answer_one(plan, store, entrants, scorers, job, outcome.trial_id)

    def provider_of(position: int) -> Provider:
        return entrants.models[entrants.contestants[jobs[position].contestant].id].provider

    lanes = lanes_of(pending, provider_of, plan.trial.workers)
    await work(lanes, do, store, outcome, watch, stop, accept_failures=accept_failures)


def _still_to_answer(
    plan: Plan, store: Store, jobs: Sequence[AnswerJob], scorers: Sequence[Scorer], trial_id: str
) -> list[int]:
    """Positions without a response. One recorded for another trial, or just before a crash, is scored and taken."""
    pending = {job.position for job in store.jobs(trial_id, state="pending", kind="answer")}
    if not pending:
        return []
    for position, response in store.responses(trial_id):
        if position in pending:
            _settle(plan, store, scorers, jobs[position], response, trial_id)
            pending.discard(position)
    return sorted(pending)


def _settle(
    plan: Plan, store: Store, scorers: Sequence[Scorer], job: AnswerJob, response: Response, trial_id: str
) -> None:
    prompt = plan.prompts.prompts[job.prompt]
    if prompt.reference is not None:
        for scorer in scorers:
            store.put_score(job.key, scorer.score(prompt, response))
    store.mark(trial_id, job.position, "done")


async def _answer_one(
    plan: Plan, store: Store, entrants: Entrants, scorers: Sequence[Scorer], job: AnswerJob, trial_id: str
) -> None:
    prompt = plan.prompts.prompts[job.prompt]
    contestant = entrants.contestants[job.contestant]
    ask = Ask(
        entrants.models[contestant.id],
        contestant,
        prompt,
        repeat=job.repeat,
        trial_seed=plan.trial.seed,
        examples=plan.prompts.examples,
    )
    response = await answer(ask)
    store.put_response(job.key, response)
    _settle(plan, store, scorers, job, response, trial_id)


def _give_up(plan: Plan, store: Store, outcome: Outcome) -> None:
    """Record every answer that could not be had as a failed one."""
    scorers = [Scorer(entry.scorer) for entry in plan.trial.scorers]
    jobs = list(plan.jobs(outcome.contestants))
    for row in list(store.jobs(outcome.trial_id, state="pending", kind="answer")):
        response = Response(
            prompt=row.prompt,
            contestant=row.contestant,
            repeat=row.repeat,
            finish="error",
            error=row.note or "unreachable",
        )
        store.put_response(row.key, response)
        _settle(plan, store, scorers, jobs[row.position], response, outcome.trial_id)
    store.flush()
    outcome.failed = 0


async def _judging(
    plan: Plan,
    store: Store,
    judges: Sequence[tuple[JudgeEntry, Judge]],
    outcome: Outcome,
    progress: Progress,
    stop: asyncio.Event,
) -> None:
    store.flush()
    answers, by_id = answers_by_place(plan, store, outcome.trial_id, len(outcome.contestants))
    prompts = {p.id: p for p in plan.prompts.prompts}
    bouts: list[tuple[Judge, Battle]] = []
    for entry, judge in judges:
        battles = draw_battles(
            answers,
            policy="references" if entry.on_trial else plan.trial.battles.design,
            budget=entry.battles if entry.on_trial else plan.trial.battles.budget,
            seed=plan.trial.seed,
            values=_values(store, outcome.trial_id, plan) if entry.on_trial else None,
        )
        bouts.extend((judge, battle) for battle in battles)
    base = plan.answers
    keys = [digest(["judge", judge.id, battle.id]) for judge, battle in bouts]
    for _, battle in bouts:
        store.put_battle(battle)
    store.put_jobs(outcome.trial_id, _judge_rows(bouts, keys, base))
    voted = {position for position, _ in store.votes(outcome.trial_id)}
    pending = [base + i for i in range(len(bouts)) if base + i not in voted]
    watch = Watch(progress, outcome.gate, "judging", len(bouts), len(bouts) - len(pending))

    async def do(position: int) -> None:
        judge, battle = bouts[position - base]
        vote = await judge.judge(battle, prompts[battle.prompt], by_id[battle.a], by_id[battle.b])
        store.put_vote(keys[position - base], vote)
        store.mark(outcome.trial_id, position, "done")

    lanes = lanes_of(pending, lambda position: bouts[position - base][0].providers[0], plan.trial.workers)
    await work(lanes, do, store, outcome, watch, stop)


def _judge_rows(work: Sequence[tuple[Judge, Battle]], keys: Sequence[str], base: int) -> Iterable[Job]:
    for index, (judge, battle) in enumerate(work):
        yield Job(
            position=base + index,
            kind="judge",
            key=keys[index],
            prompt=battle.prompt,
            contestant=judge.id,
            repeat=battle.repeat,
        )


def answers_by_place(
    plan: Plan, store: Store, trial_id: str, width: int
) -> tuple[dict[tuple[int, int], dict[int, Response]], dict[str, Response]]:
    """The answers that an evaluator can be shown, by (prompt index, repeat) and contestant index, and by response id.

    Args:
        plan: The trial.
        store: Where its answers are.
        trial_id: Its id.
        width: How many contestants it has.
    """
    repeats = plan.trial.repeats
    answers: dict[tuple[int, int], dict[int, Response]] = {}
    by_id: dict[str, Response] = {}
    for position, response in store.responses(trial_id):
        if response.finish in ("error", "refused"):
            continue  # there is nothing to show a judge; the failure is counted on its own
        place = (position // (width * repeats), position // width % repeats)
        shown = replace(response, steps=())  # a judge is shown the answer, never the trace
        answers.setdefault(place, {})[position % width] = shown
        by_id[shown.id] = shown
    return answers, by_id


def _values(store: Store, trial_id: str, plan: Plan) -> dict[str, float]:
    first = Scorer(plan.trial.scorers[0].scorer).id
    return {score.response: score.value for _, score in store.scores(trial_id) if score.scorer == first}
