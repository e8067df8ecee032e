"""Jobs side by side: one lane per model, each as wide as the model likes. Read `work` first.

A slow endpoint holds up nobody else; one that is down is noticed, and what was asked of the others is finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field

from fairtrial.core import BudgetReached, Contestant, FairtrialError, Interrupted, ModelError, Provider
from fairtrial.models import Gate
from fairtrial.runs.progress import Progress, Tick
from fairtrial.store import Store

FAILURES_IN_A_ROW = 8
"""So many passing failures with no success between them stop a lane: the endpoint is down, not unlucky."""


@dataclass(slots=True)
class Outcome:
    """What a run left behind."""

    trial_id: str
    contestants: list[Contestant]
    gate: Gate
    failed: int = 0
    """Jobs that failed in passing; they are tried again by the same command."""
    last_failure: str = ""

    def note(self, error: ModelError) -> None:
        """Count a passing failure."""
        self.failed += 1
        self.last_failure = str(error)


@dataclass(slots=True)
class Lane:
    """The jobs of one model, and how many at a time."""

    width: int
    jobs: list[int] = field(default_factory=list)
    in_a_row: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    down: bool = False
    """The model does not answer any more: nothing further is asked of it."""

    def failed(self, error: ModelError) -> list[FairtrialError]:
        """Count a passing failure; after too many in a row the lane's other calls are left, and why is given back."""
        self.in_a_row += 1
        if self.in_a_row != FAILURES_IN_A_ROW:
            return []
        self.down = True
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        return [
            ModelError(
                f"{self.in_a_row} calls in a row failed; the last one: {error.message}",
                kind=error.kind,
                passing=False,
                where=error.where,
                next_step=error.next_step or "When it is back, the same command goes on.",
            )
        ]


class Watch:
    """Counts of a stage, for the progress line and for what is said when it is stopped."""

    def __init__(self, progress: Progress, gate: Gate, stage: str, total: int, done: int) -> None:
        self.progress, self.gate, self.stage = progress, gate, stage
        self.total, self.done, self.failed = total, done, 0

    def one(self, *, failed: bool = False) -> None:
        """A job ended."""
        self.failed += failed
        self.done += not failed
        budget = self.gate.budget
        self.progress.tick(
            Tick(
                stage=self.stage,
                done=self.done,
                total=self.total,
                failed=self.failed,
                usd=budget.spent_usd,
                tokens=budget.spent_tokens,
                calls=budget.spent_calls,
            )
        )


def lanes_of(pending: Sequence[int], provider_of: Callable[[int], Provider], workers: int | None) -> list[Lane]:
    """One lane for each model that has jobs."""
    lanes: dict[int, Lane] = {}
    for position in pending:
        provider = provider_of(position)
        if id(provider) not in lanes:
            width = provider.capabilities.connections
            # More jobs than connections, so that none idles while an answer is scored; the provider holds its limit.
            lanes[id(provider)] = Lane(width=min(width, workers) if workers else width + width // 2)
        lanes[id(provider)].jobs.append(position)
    return list(lanes.values())


async def work(
    lanes: Sequence[Lane],
    do: Callable[[int], Awaitable[None]],
    store: Store,
    outcome: Outcome,
    watch: Watch,
    stop: asyncio.Event,
    *,
    accept_failures: bool = False,
) -> None:
    """Do the jobs of all lanes side by side.

    Args:
        lanes: From `lanes_of`.
        do: Does the job at a position, and marks it done.
        store: Where a passing failure is noted; its job stays pending.
        outcome: Counts passing failures.
        watch: Told of every job.
        stop: When set, no new job is begun.
        accept_failures: A model that is down ends its own lane only, and the rest of its jobs count as failed.

    Raises:
        BudgetReached: The run's budget; calls in flight were finished and recorded.
        ModelError: A model is down.
        Interrupted: `stop` was set before the end.
    """
    ended: list[FairtrialError] = []  # why no new job is begun; calls in flight elsewhere are paid for, and finished

    async def worker(lane: Lane, queue: Iterable[int]) -> None:
        for position in queue:
            if stop.is_set() or ended or lane.down:
                return
            try:
                await do(position)
            except BudgetReached as error:
                ended.append(error)
            except ModelError as error:
                if not error.passing:
                    raise
                store.mark(outcome.trial_id, position, "pending", error.kind)
                outcome.note(error)
                watch.one(failed=True)
                why = lane.failed(error)
                ended.extend([] if accept_failures else why)
            else:
                lane.in_a_row = 0
                watch.one()

    await _side_by_side(lanes, worker)
    if ended:
        raise ended[0]
    left = watch.total - watch.done - watch.failed
    if stop.is_set() and left:
        raise Interrupted(
            f"stopped after {watch.done} of {watch.total} {watch.stage}.",
            next_step="The same command goes on from here; nothing recorded is bought twice.",
        )
    outcome.failed += left  # jobs of a lane that went down before they were begun


async def _side_by_side(
    lanes: Sequence[Lane], worker: Callable[[Lane, Iterable[int]], Coroutine[None, None, None]]
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                queue = iter(lane.jobs)
                width = min(lane.width, len(lane.jobs))
                lane.tasks = [group.create_task(worker(lane, queue)) for _ in range(width)]
    except BaseExceptionGroup as errors:
        raise one_error(errors) from None


def one_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first real error inside nested groups, for a surface to show."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = next((e for e in first.exceptions if not isinstance(e, asyncio.CancelledError)), first.exceptions[0])
    return first
