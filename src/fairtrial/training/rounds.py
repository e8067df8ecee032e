"""The whole of it: pairs, a seed, and round after round of judging, keeping, learning and looking. Read `train` first.

Everything lies in one directory, and every stage is done when its file is there: a run that ended, however, goes on
where it was. Every round starts from the seed again, with judgments by the judge of the round before, on the same
pairs (Wang et al. 2024, section 3.5).
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.core import BadInput, Sampling, Vote
from fairtrial.core.canonical import to_plain
from fairtrial.evaluators.card import JudgeCard, judge_card
from fairtrial.evaluators.contamination import text_hash
from fairtrial.evaluators.examining import items_of
from fairtrial.evaluators.judge import Judge
from fairtrial.evaluators.judge_models import PairwiseModel
from fairtrial.evaluators.readings import Case
from fairtrial.evaluators.tables import Item
from fairtrial.evaluators.templates import SHORT, TEMPLATES, Template, read_template
from fairtrial.models.catalog import PulledModel, find
from fairtrial.models.requantize import requantize
from fairtrial.runs.progress import Progress, Silent, Tick
from fairtrial.training.config import Config, Learning
from fairtrial.training.exporting import ADAPTER, write_adapter, write_lines, write_peft, write_rows
from fairtrial.training.judges import TaughtJudge, manifest_of
from fairtrial.training.keeping import check_balance, keep
from fairtrial.training.learning import CHECKPOINT, Pupil, Row, Step, learn, read_rows, require_torch
from fairtrial.training.material import Material
from fairtrial.training.readers import asked, is_served, opened, seed_of_served, taught_by_command
from fairtrial.training.recorded import Recorded
from fairtrial.training.rows import judgment_rows, verdict_rows, warm_up_rows
from fairtrial.training.sampling import draw, read_judgments


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is known of one round; 0 is the seed."""

    round: int
    directory: Path
    card: JudgeCard
    """On the validation set."""
    facts: dict[str, Any]
    """Yield, loss, times: a line of ``metrics.jsonl``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished run."""

    directory: Path
    rounds: tuple[Round, ...]
    best: int
    """The round with the greatest accuracy on the validation set, the earliest of several."""
    stopped_early: bool


class Run:
    """A run in its directory.

    Args:
        config: What is wanted.
        home: The directory of its file; files that it names are looked for there.
        directory: Where everything is kept; made if it is not there.
        progress: Told of every step.
        told: Told of every round that is known.

    Raises:
        BadInput: The directory holds a run of another config.
    """

    def __init__(
        self,
        config: Config,
        *,
        home: Path,
        directory: Path,
        progress: Progress | None = None,
        told: Callable[[Round], None] | None = None,
    ) -> None:
        self.config, self.home, self.directory = config, home, directory
        self.progress = progress or Silent()
        self.told = told or (lambda _round: None)
        self._pupil: Pupil | None = None
        self.material = Material(config=config, home=home, directory=directory)
        if not is_served(config):
            require_torch()
        self._claim()
        self.template = _template(config.judge.template, home)

    def _claim(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        told = self.directory / "config.json"
        plain = self.config.as_plain() | {"digest": self.config.digest}
        if told.exists():
            before = json.loads(told.read_bytes())
            if before["digest"] != self.config.digest:
                raise BadInput(
                    "this directory holds a run of another config.",
                    where=str(self.directory),
                    next_step="Name another directory: --out DIR",
                )
            return
        if any(self.directory.iterdir()):
            step = "Name another: --out DIR"
            raise BadInput("this directory is not empty.", where=str(self.directory), next_step=step)
        told.write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    # --- the judge ----------------------------------------------------------------------------------------------------

    def base(self) -> PulledModel:
        """The model that is taught, rounded if so told."""
        model = find(self.config.judge.model.removeprefix("embedded/"))
        return requantize(model, self.config.judge.grid) if self.config.judge.grid else model

    def round_directory(self, number: int) -> Path:
        """Where a round is kept."""
        path = self.directory / f"round-{number}"
        path.mkdir(exist_ok=True)
        return path

    def name_of(self, number: int) -> str:
        """What the judge of a round is called."""
        return f"{self.config.name}, {f'round {number}' if number else 'seed'}"

    def judge_of(self, number: int, adapter: Path | None) -> TaughtJudge:
        """Write down the judge of a round."""
        base = self.base()
        judge = TaughtJudge(
            name=self.name_of(number),
            model=base.name,
            sha256=base.sha256,
            template=self.template,
            max_tokens=self.config.judge.max_tokens,
            context=self.config.judge.context,
            adapter=adapter.name if adapter else "",
            adapter_sha256=_sha256(adapter) if adapter else "",
            round=number,
            seed=self.config.seed,
        )
        judge.write(self.round_directory(number))
        return judge

    def opened(self, number: int) -> AbstractAsyncContextManager[tuple[PairwiseModel, int]]:
        """The judge of a round, ready to read, and the calls worth having in flight."""
        return opened(self.config, self.round_directory(number), self.template)

    def _who_samples(self, number: int) -> AbstractAsyncContextManager[tuple[PairwiseModel, int]]:
        """The judge of the round before; for round 1 another model, if so told."""
        first = self.config.sampling.first_model
        if number == 1 and first is not None:
            return asked(first, self.template, self.config.seed)
        return self.opened(number - 1)

    def words(self, case: Case) -> str:
        """What the judge is told of one showing."""
        return self.template.ask_about(case, seed=self.config.seed)

    # --- stages -------------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Round 0: the seed, shown the form of a judgment if so told."""
        directory = self.round_directory(0)
        if is_served(self.config):
            seed_of_served(self.config, directory)
            return
        if (directory / "judge.json").exists():
            return
        adapter = None
        if self.config.warmup is not None:
            rows = directory / "rows.jsonl"
            if not rows.exists():
                write_rows(rows, warm_up_rows(self.config.warmup, self.words, seed=self.config.seed))
            adapter = self._taught(read_rows(rows), directory, seed=self.config.seed, warm=True)
        self.judge_of(0, adapter)

    async def sample(self, number: int, items: Sequence[Item]) -> Path:
        """Judgments of the pairs by the judge of the round before."""
        into = self.round_directory(number) / "judgments.jsonl"
        told = self.config.sampling
        if len(read_judgments(into, mend=True)) < 2 * told.samples * len(items):
            async with self._who_samples(number) as (reader, width):
                await draw(
                    reader,
                    items,
                    into,
                    samples=told.samples,
                    sampling=self.config.drawn(),
                    width=width,
                    told=lambda done, total: self._tick(f"round {number}, judging", done, total),
                )
        return into

    def kept(self, number: int, items: Sequence[Item]) -> dict[str, Any]:
        """The rows of a round, and what became of the judgments.

        Raises:
            BadInput: Nothing is left to train on, or winners stand too often on one side.
        """
        directory = self.round_directory(number)
        told = self.config.keeping
        judgments = read_judgments(directory / "judgments.jsonl")
        kept, found = keep(judgments, items, success=told.success, most=told.most, seed=self.config.seed + number)
        check_balance([one.winner_first for one in kept], where=str(directory / "judgments.jsonl"))
        rows = judgment_rows(kept, items, self.words)
        write_rows(directory / "rows.jsonl", rows)
        return asdict(found) | {
            "judgment_tokens": float(np.mean([one.tokens for one in judgments])),
            "different_judgments": len({row.completion for row in rows}) / len(rows),
        }

    def bare(self, number: int, items: Sequence[Item]) -> dict[str, Any]:
        """Rows of bare verdicts, both orders of every pair."""
        rows = verdict_rows(items, self.words)
        write_rows(self.round_directory(number) / "rows.jsonl", rows)
        return {"pairs": len(items), "pairs_kept": len(items), "kept": len(rows)}

    def _taught(self, rows: Sequence[Row], directory: Path, *, seed: int, warm: bool = False) -> Path:
        """The adapter of a round, trained from the seed."""
        path = directory / ADAPTER
        if path.exists():
            return path
        plan = self.config.learning
        if warm and self.config.warmup is not None:
            form = self.config.warmup
            plan = plan.model_copy(update={"epochs": form.epochs, "rate": form.rate or plan.rate})
        pupil = self._pupil_as_seed(plan, warm=warm)
        label = "warm-up" if warm else directory.name.replace("-", " ")

        def told(step: Step) -> None:
            with (directory / "steps.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(step)) + "\n")
            self._tick(f"{label}, learning", step.step, step.steps)

        learn(pupil, rows, directory, seed=seed, told=told)
        pupil.save_file(directory / "weights.pt")
        write_peft(pupil, directory / "transformers")
        write_adapter(pupil, path)
        (directory / CHECKPOINT).unlink(missing_ok=True)
        return path

    def _pupil_as_seed(self, plan: Learning, *, warm: bool) -> Pupil:
        """The model with the seed's weights; the base is read once."""
        if self._pupil is None:
            self.progress.say(f"Reading {self.base().name} for training …")
            self._pupil = Pupil(self.base().path, plan, seed=self.config.seed, threads=self.config.judge.threads)
            self._pupil.save_file(self.directory / "untaught.pt")
        start = self.round_directory(0) / "weights.pt"
        self._pupil.plan = plan
        self._pupil.load_file(start if not warm and start.exists() else self.directory / "untaught.pt")
        return self._pupil

    async def look(self, number: int, items: Sequence[Item]) -> JudgeCard:
        """How good the judge of a round is on the validation set."""
        into = self.round_directory(number) / "validation-judgments.jsonl"
        votes_each = self.config.rounds.votes
        sampling = Sampling(temperature=0.0, max_tokens=self.config.judge.max_tokens)
        if votes_each > 1:
            sampling = self.config.drawn()
        if len(read_judgments(into, mend=True)) < 2 * votes_each * len(items):
            async with self.opened(number) as (reader, width):
                await draw(
                    reader,
                    items,
                    into,
                    samples=votes_each,
                    sampling=sampling,
                    width=width,
                    told=lambda done, total: self._tick(f"round {number}, validation", done, total),
                )
        votes = await votes_of(into, items, repeats=votes_each)
        return judge_card(self.name_of(number), items, votes)

    def _tick(self, stage: str, done: int, total: int) -> None:
        self.progress.tick(Tick(stage=stage, done=done, total=total, failed=0, usd=0.0, tokens=0, calls=done))

    # --- the whole ----------------------------------------------------------------------------------------------------

    async def train(self) -> Outcome:
        """All rounds."""
        pairs = items_of(self.material.pairs())
        looked = items_of(self.material.validation())
        self._write_manifest()
        self.warm_up()
        rounds = [await self._known(0, looked, {})]
        for number in range(1, self.config.rounds.most + 1):
            directory = self.round_directory(number)
            started = time.monotonic()
            if self.config.learning.verdicts_only:
                facts = self.bare(number, pairs)
            else:
                await self.sample(number, pairs)
                facts = self.kept(number, pairs)
            if is_served(self.config):
                taught_by_command(self.config, directory, number)
            else:
                rows = read_rows(directory / "rows.jsonl")
                self.judge_of(number, self._taught(rows, directory, seed=self.config.seed + number))
            rounds.append(await self._known(number, looked, facts | {"seconds": round(time.monotonic() - started, 1)}))
            if self._enough(rounds):
                break
        best = max(rounds, key=lambda one: (_accuracy(one.card), -one.round))
        early = rounds[-1].round < self.config.rounds.most
        return Outcome(directory=self.directory, rounds=tuple(rounds), best=best.round, stopped_early=early)

    async def _known(self, number: int, items: Sequence[Item], facts: dict[str, Any]) -> Round:
        """Look at a round and write it down."""
        card = await self.look(number, items)
        line = {"round": number, **facts, "validation": to_plain(card)}
        path = self.directory / "metrics.jsonl"
        told = [json.loads(text) for text in path.read_text("utf-8").splitlines()] if path.exists() else []
        known = next((one for one in told if one["round"] == number), None)
        if known is None:
            write_lines(path, [*told, line])
        else:
            facts = {key: value for key, value in known.items() if key not in ("round", "validation")}
        found = Round(round=number, directory=self.round_directory(number), card=card, facts=facts)
        self.told(found)
        return found

    def _enough(self, rounds: Sequence[Round]) -> bool:
        patience = self.config.rounds.patience
        if patience is None:
            return False
        best = max(rounds, key=lambda one: (_accuracy(one.card), -one.round))
        return rounds[-1].round - best.round >= patience

    def _write_manifest(self) -> None:
        path = self.directory / "manifest.json"
        if not path.exists():
            hashes = {text_hash(text) for pair in self.material.pairs() for text in (*pair.prompts, *pair.a, *pair.b)}
            told = manifest_of(hashes, name=self.config.name, config=self.config.digest)
            path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def train(
    config: Config,
    *,
    home: Path,
    directory: Path,
    progress: Progress | None = None,
    told: Callable[[Round], None] | None = None,
) -> Outcome:
    """Teach a judge, or go on with a run that ended before.

    Raises:
        BadInput: See `Run`, and every stage's own.
    """
    return asyncio.run(Run(config, home=home, directory=directory, progress=progress, told=told).train())


async def votes_of(judgments: Path, items: Sequence[Item], *, repeats: int = 1) -> list[Vote]:
    """Written judgments as votes: both orders, the majority of each."""
    judge = Judge(Recorded(read_judgments(judgments)), repeats=repeats)
    return [await judge.judge(item.battle, item.prompt, item.a, item.b) for item in items]


def _template(name: str, home: Path) -> Template:
    if name == "short":
        return SHORT
    if name == "verdict":
        return TEMPLATES["verdict"]
    template = read_template(home / name)
    if template.kind != "verdict":
        step = 'Write: kind = "verdict"'
        raise BadInput("a judge is taught to write verdicts.", where=f"{name}: kind", next_step=step)
    return template


def _accuracy(card: JudgeCard) -> float:
    return card.accuracy.estimate if card.accuracy else 0.0


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
