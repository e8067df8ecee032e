"""People as evaluators of a trial: which battles they are asked about, and what their votes come to.

Read `draw_for_people` first. Runs know no arena: the lab publishes what was drawn there and gives the votes back as
`Heard`. A battle waits in the ledger, as a pending job, until enough people voted on it; before that it is no evidence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

from fairtrial.core import Battle, Board, Contestant, NoConclusion, Prompt, Response, Vote, digest
from fairtrial.ranking import rank
from fairtrial.ranking.live import PROVISIONAL
from fairtrial.runs.judging import vote_columns
from fairtrial.runs.plan import Plan, draw_battles
from fairtrial.runs.runner import answers_by_place
from fairtrial.runs.trial import HumanEntry
from fairtrial.store import Job, JobState, Store

SAME = "pair of equal answers"
UNSHOWN = "pair that people cannot be shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A battle, and what people see of it."""

    battle: Battle
    prompt: Prompt
    a: Response
    b: Response


@dataclass(frozen=True, kw_only=True)  # no slots: properties are computed once
class Asked:
    """What one evaluator of kind ``human`` is asked."""

    entry: HumanEntry
    trial: str
    """Trial id."""
    place: int
    """Position of its first battle in the trial's ledger."""
    shown: tuple[Shown, ...]
    names: Mapping[str, str]
    """Names of the trial's contestants by id."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Pairs that nobody is asked about, by reason."""

    @cached_property
    def template(self) -> str:
        """Digest of what raters are told."""
        return digest([self.entry.question, self.entry.guidelines])

    @cached_property
    def evaluator(self) -> str:
        """Evaluator id: its name, and what raters are told."""
        return f"human:{self.entry.name or 'people'}:{self.template[7:19]}"

    @cached_property
    def task(self) -> str:
        """Id of the rating task in which the battles wait, by what is asked: trials that ask the same share votes."""
        asked = [self.evaluator, self.entry.votes, sorted(self.names.items()), list(self.battles)]
        return f"t-{digest(['rating task', *asked])[7:19]}"

    @cached_property
    def battles(self) -> dict[str, Battle]:
        """The battles by the key under which they are published."""
        return {one.battle.id[7:23]: one.battle for one in self.shown}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came of it so far."""

    asked: Asked
    published: frozenset[str]
    """Keys of the battles that were published."""
    open: bool = True
    """Whether the rating task takes votes."""
    votes: tuple[Vote, ...] = ()
    """In the order of the battles; of each battle, in the order in which people voted."""
    withheld: frozenset[str] = frozenset()
    """Keys of battles whose texts were taken down: nobody is asked about them any more."""

    @cached_property
    def given(self) -> Counter[str]:
        """By battle id: how many people said something; who skipped it did not."""
        return Counter(vote.battle for vote in self.votes if vote.status != "abstain")

    @cached_property
    def waiting(self) -> list[str]:
        """Keys of the battles that wait for people."""
        asked = self.asked
        return [
            key
            for key, battle in asked.battles.items()
            if key in self.published - self.withheld and self.given[battle.id] < asked.entry.votes
        ]

    def voted(self) -> list[Battle]:
        """The battles that somebody said something on, or skipped: the others are no evidence."""
        told = {vote.battle for vote in self.votes}
        return [battle for battle in self.asked.battles.values() if battle.id in told]

    @property
    def left_out(self) -> dict[str, int]:
        """Pairs that nobody is asked about, by reason."""
        unshown = len(self.asked.shown) - len(self.published)
        return dict(self.asked.left_out) | ({UNSHOWN: unshown} if unshown else {})

    def row(self) -> dict[str, Any]:
        """Its row in the report: what was asked, of how many battles people decided, and how many wait."""
        return {
            "evaluator": self.asked.evaluator,
            "name": self.asked.entry.name or "",
            "question": self.asked.entry.question,
            "task": self.asked.task if self.published else "",
            "open": self.open,
            "battles": len(self.published),
            "wanted": self.asked.entry.votes,
            "waiting": len(self.waiting),
            "votes": sum(self.given.values()),
            "skips": len(self.votes) - sum(self.given.values()),
            "raters": len({vote.detail["rater"] for vote in self.votes}),
            "withheld": len(self.withheld),
            "left_out": self.left_out,
        }

    def note(self) -> str:
        """What is still to be done, in words; empty where nothing is."""
        count, page = len(self.waiting), f"/admin/tasks/{self.asked.task}"
        if not count:
            return ""
        name = f"{self.asked.entry.name}: " if self.asked.entry.name else ""
        step = f"invite them at {page}" if self.open else f"open its rating task again at {page}"
        return (
            f"{name}{count} of {len(self.published)} battles wait for people: "
            f"fairtrial serve, {step}, then run the trial again."
        )

    def columns(self) -> dict[str, list[Any]]:
        """The votes as the columns of a battle file, for ranking."""
        battles = {battle.id: battle for battle in self.voted()}
        return vote_columns(self.votes, battles, self.asked.names) | {
            "rater": [vote.detail["rater"] for vote in self.votes]
        }


def draw_for_people(plan: Plan, store: Store, trial_id: str, contestants: Sequence[Contestant]) -> list[Asked]:
    """The battles that people are asked about, evaluator by evaluator: drawn as a judge's are.

    Pairs of equal answers are not drawn, and counted: there is nothing to ask. Call it when all answers and judges'
    votes are recorded; then it gives the same however often it is called.
    """
    if not plan.trial.people:
        return []
    answers, by_id = answers_by_place(plan, store, trial_id, len(contestants))
    prompts = {prompt.id: prompt for prompt in plan.prompts.prompts}
    texts = {name: response.text.strip() for name, response in by_id.items()}
    same = sum(texts[a.id] == texts[b.id] for said in answers.values() for a, b in combinations(said.values(), 2))
    place = plan.answers + sum(store.progress(trial_id)["judge"].values())
    found = []
    for entry in plan.trial.people:
        battles = draw_battles(
            answers,
            policy="uniform" if entry.battles else plan.trial.battles.design,
            budget=entry.battles or plan.trial.battles.budget,
            seed=plan.trial.seed,
            values=texts,
        )
        found.append(
            Asked(
                entry=entry,
                trial=trial_id,
                place=place,
                shown=tuple(Shown(battle=b, prompt=prompts[b.prompt], a=by_id[b.a], b=by_id[b.b]) for b in battles),
                names={one.id: one.name for one in contestants},
                left_out={SAME: same} if same else {},
            )
        )
        place += len(battles)
    return found


def enter(store: Store, asked: Asked, published: frozenset[str]) -> None:
    """Put published battles into the ledger, where they wait; those already there stay as they are."""
    jobs = []
    for position, (key, battle) in enumerate(asked.battles.items(), asked.place):
        if key in published:
            store.put_battle(battle)
            jobs.append(
                Job(
                    position=position,
                    kind="human",
                    key=battle.id,
                    prompt=battle.prompt,
                    contestant=asked.evaluator,
                    repeat=battle.repeat,
                )
            )
    store.put_jobs(asked.trial, jobs)


def entered(store: Store, asked: Asked) -> bool:
    """Whether battles of this evaluator stand in the ledger: then they were published."""
    return any(job.contestant == asked.evaluator for job in store.jobs(asked.trial, kind="human"))


def settle(store: Store, heard: Heard) -> None:
    """Mark in the ledger which battles have what they waited for; one whose votes were taken back waits again."""
    waiting = {heard.asked.battles[key].id for key in heard.waiting}
    for job in store.jobs(heard.asked.trial, kind="human"):
        state: JobState = "pending" if job.key in waiting else "done"
        if job.contestant == heard.asked.evaluator and job.state != state:
            store.mark(heard.asked.trial, job.position, state)


def people_board(plan: Plan, heard: Heard) -> tuple[Board | None, str]:
    """The board of what people voted, never pooled with other evidence; None where there is nothing to rank by.

    Looking at votes that are still coming in is no declared look: such a board calls itself provisional.

    Returns:
        The board, and what is to be noted beside it: what is still to be done, or why there is none.
    """
    entry, note = heard.asked.entry, heard.note()
    try:
        board = rank(heard.columns(), evidence="human", seed=plan.trial.seed, alpha=plan.trial.verdicts.alpha)
    except NoConclusion as nothing:
        return None, note or f"{entry.name or 'people'}: {nothing.message}"
    board = replace(board, view={"people": entry.name} if entry.name else {})
    if heard.waiting:
        board = replace(board, refusals=(PROVISIONAL, *board.refusals), fit=board.fit | {"provisional": True})
    return board, note
