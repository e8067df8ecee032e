"""Judges on trial on a set of pairs; their cards are written and signed. Read `evaluate` first."""

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import fairtrial
from fairtrial.arena import tasks
from fairtrial.arena.voted_pairs import voted_pairs
from fairtrial.core import (
    BadInput,
    Completion,
    Provider,
    Request,
    Sampling,
    Vote,
    canonical_json,
    digest,
    nearest,
    to_json,
)
from fairtrial.core.canonical import to_plain
from fairtrial.evaluators import HEURISTICS, Heuristic, Judge, Panel, reader_of
from fairtrial.evaluators.calibration import Calibrated, calibrate
from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.examining import Evaluator, Examined, examine, items_of, votes_of
from fairtrial.evaluators.human_labels import HumanLabels, human_labels
from fairtrial.evaluators.judge_models import GREEDY, Read
from fairtrial.evaluators.panels import Rule, weigh
from fairtrial.evaluators.tables import Item
from fairtrial.evaluators.templates import Template
from fairtrial.formats.pairs import Pair
from fairtrial.lab.judges_beside import beside_rules
from fairtrial.lab.lab import Lab
from fairtrial.models import Budget, Gate, Model, open_provider
from fairtrial.provenance import CARD, SigningKey, sign_directory
from fairtrial.reports.judge_page import write_judges
from fairtrial.runs import Progress, Silent
from fairtrial.runs.progress import Tick
from fairtrial.store import Reader, Store
from fairtrial.training.judges import TaughtJudge


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """One judge as asked for: a rule (``heuristic/longer``), a model and how it is read, or ``taught/DIRECTORY``."""

    model: str
    name: str = ""
    read: Read = "auto"
    repeats: int = 1
    temperature: float = 0.0
    top_p: float | None = None
    max_tokens: int = 256
    price: tuple[float, float] = (0.0, 0.0)
    template: Template | None = None
    """Other words than the built-in ones."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the provider: ``base_url``, ``api_key_env`` …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Cards of judges on one file of pairs."""

    cards: tuple[JudgeCard, ...]
    directory: Path | None
    """Where cards and votes lie, signed; None without a lab."""
    bought: int
    """Calls bought now."""


def evaluate(
    lab: Lab | None,
    pairs: Sequence[Pair],
    judges: Sequence[JudgePlan],
    *,
    name: str,
    panel: Rule | None = None,
    weigh_by: tuple[str, Sequence[Pair]] | None = None,
    calibrate_by: tuple[str, Sequence[Pair]] | None = None,
    seed: int = 0,
    injections: int = 30,
    own: Sequence[str] = (),
    taught: Collection[str] = (),
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Let every judge vote on every pair in both orders, and write, sign and give back their cards.

    What a model said is recorded as it comes: after an interruption the same call goes on and buys nothing twice.

    Args:
        lab: Where calls are recorded and cards are kept; None keeps nothing.
        pairs: With labels, or there is no accuracy to tell of.
        judges: At least one.
        name: Of the set of pairs.
        panel: Put all judges on trial as one, too, by this rule.
        weigh_by: A file's name and its pairs, labelled by people: how often each judge is right on them is what its
            side weighs in the panel's majority.
        calibrate_by: The same: put every judge on trial a second time, calibrated on them. In neither a prompt of
            `pairs` counts; prompts that the panel is weighed by do not calibrate it.
        seed: Of fences, samples, and the pairs that injections are tried on.
        injections: Pairs with injections, for each judge.
        own: Names of models of the judges' own family (``*`` for any letters), for self-preference.
        taught: Hashes of what the judges were taught on, for contamination.
        budget: Limits on what is bought.
        progress: Told how it goes.

    Raises:
        BadInput: No judge, two of one name, one that cannot be used as asked, weights without a majority, or labels
            that are not human; nothing was sent.
        NoConclusion: No judge is good enough to weigh anything in the panel.
        ModelError: A model is down; what it had said is recorded.
    """
    if not judges:
        raise BadInput("no judge is named.", next_step="For example: --judge heuristic/longer")
    names = [one.name or one.model for one in judges]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise BadInput(f"two judges are named '{twice}'.", next_step="Give each a name of its own.")
    if weigh_by is not None and panel != "majority":
        raise BadInput("weights are of a panel that decides by majority.", next_step="Add: --panel majority")
    weighing = human_labels(*weigh_by, apart_from=pairs) if weigh_by else None
    apart = [*pairs, *(weigh_by[1] if weigh_by else ())]
    calibrating = human_labels(*calibrate_by, apart_from=apart) if calibrate_by else None
    items = items_of(pairs)
    others = _Others(rule=panel, weighing=weighing, calibrating=calibrating)
    settings = {"injections": injections, "seed": seed, "own": own, "taught": taught}
    progress = progress or Silent()
    if lab is None:
        gate = Gate(_Memory(), budget)
        found = asyncio.run(_examine(judges, items, gate, others, settings, progress))
        return Judged(cards=tuple(one.card for one in found), directory=None, bought=gate.bought)
    with lab.directory.lock(), Store.open(lab.directory.database) as store:
        gate = Gate(store, budget)
        try:
            found = asyncio.run(_examine(judges, items, gate, others, settings, progress))
        finally:
            store.flush()
    directory = _written(lab, name, items, found, seed=seed, injections=injections)
    return Judged(cards=tuple(one.card for one in found), directory=directory, bought=gate.bought)


def own_votes(lab: Lab, task: str | None = None) -> tuple[Pair, ...]:
    """What people voted on in the lab's arena, or in a rating task, as pairs.

    Raises:
        BadInput: No such task, or nobody has decided a battle yet.
    """
    with Reader.open(lab.directory.database) as reader, reader.reading() as connection:
        if task is not None and task not in {one.id for one in tasks.every(connection)}:
            known = ", ".join(one.id for one in tasks.every(connection)[:8])
            raise BadInput(f"there is no rating task '{task}'.", next_step=f"There: {known or 'none'}; or: arena")
        found = voted_pairs(connection, task)
    if not found:
        raise BadInput("nobody has decided a battle yet.", where=str(lab.path), next_step="Vote: fairtrial serve")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Others:
    """What is made of the judges: a panel, calibrated forms; and the labels that this takes."""

    rule: Rule | None
    weighing: HumanLabels | None
    calibrating: HumanLabels | None

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(item for labels in (self.weighing, self.calibrating) if labels for item in labels.items)


async def _examine(
    plans: Sequence[JudgePlan],
    items: Sequence[Item],
    gate: Gate,
    others: _Others,
    settings: Mapping[str, Any],
    progress: Progress,
) -> list[Examined]:
    async with _opened(plans, gate, [*items, *others.items], settings["seed"], progress) as judges:
        everyone: list[tuple[Evaluator, Mapping[str, Any]]] = [(judge, {}) for judge in judges]
        if others.rule is not None:
            everyone.append(await _panel(judges, others, gate, progress))
        if others.calibrating is not None:
            for judge, _ in tuple(everyone):
                votes = await _votes(judge, others.calibrating, "calibration", gate, progress)
                found = calibrate(votes, others.calibrating)
                everyone.append((Calibrated(judge, found), {"calibration": found}))
        return [
            await examine(judge, items, known=known, told=_told(judge, gate, progress), **settings)
            for judge, known in everyone
        ]


async def _panel(
    judges: Sequence[Judge], others: _Others, gate: Gate, progress: Progress
) -> tuple[Panel, Mapping[str, Any]]:
    if others.weighing is None:
        return Panel(judges, rule=others.rule or "majority"), {}
    votes = [await _votes(judge, others.weighing, "weighing", gate, progress) for judge in judges]
    found = weigh(judges, votes, others.weighing)
    weights = [juror.weight for juror in found.jurors]
    return Panel(judges, weights=weights, source=found.source), {"weights": found}


async def _votes(judge: Evaluator, labels: HumanLabels, stage: str, gate: Gate, progress: Progress) -> list[Vote]:
    told = _told(judge, gate, progress)
    return await votes_of(judge, labels.items, lambda done: told(stage, done, len(labels.items)))


def _told(judge: Evaluator, gate: Gate, progress: Progress) -> Any:
    def told(stage: str, done: int, total: int) -> None:
        spent = gate.budget
        progress.tick(
            Tick(
                stage=judge.name if stage == "pairs" else f"{judge.name}, {stage}",
                done=done,
                total=total,
                failed=0,
                usd=spent.spent_usd,
                tokens=spent.spent_tokens,
                calls=spent.spent_calls,
            )
        )

    return told


@contextlib.asynccontextmanager
async def _opened(
    plans: Sequence[JudgePlan], gate: Gate, items: Sequence[Item], seed: int, progress: Progress
) -> AsyncIterator[list[Judge]]:
    """The judges, their models opened once each and closed at the end."""
    opened: dict[bytes, Provider] = {}
    async with contextlib.AsyncExitStack() as stack:
        judges = []
        for plan in plans:
            provider_name, _, rest = plan.model.partition("/")
            if provider_name == "heuristic":
                if rest not in HEURISTICS:
                    raise BadInput(f"there is no rule '{plan.model}'.", next_step=nearest(rest, HEURISTICS))
                judges.append(Judge(Heuristic(rest)))
                continue
            if provider_name == "taught":
                judges.append(await _taught(plan, Path(rest), gate, stack))
                continue
            settings = {k: v for k, v in plan.settings.items() if v is not None}
            key = canonical_json([plan.model, settings])
            if key not in opened:
                provider = open_provider(plan.model, settings)
                learn = getattr(provider, "learn", None)
                if learn is not None:  # simulated judges must know which answer is better to be of known accuracy
                    learn([replace(one.prompt, reference=_better(one)) for one in items if one.label])
                progress.say(f"Opening {plan.model} …")
                await provider.open()
                stack.push_async_callback(provider.close)
                probe = getattr(provider, "probe", None)
                if probe is not None and plan.read == "auto":  # an endpoint may give no probabilities
                    await probe()
                opened[key] = provider
            model = Model(opened[key], gate, price=plan.price)
            sampling = replace(GREEDY, temperature=plan.temperature, top_p=plan.top_p, max_tokens=plan.max_tokens)
            reader = reader_of(
                model,
                name=plan.name or plan.model,
                read=plan.read,
                seed=seed,
                sampling=sampling,
                template=plan.template,
            )
            judges.append(Judge(reader, repeats=plan.repeats))
        yield judges


async def _taught(plan: JudgePlan, directory: Path, gate: Gate, stack: contextlib.AsyncExitStack) -> Judge:
    """A judge of a training run; several rounds of one run share the loaded base."""
    taught = TaughtJudge.read(directory)
    provider = taught.provider(directory, threads=plan.settings.get("threads"))
    await provider.open()
    stack.push_async_callback(provider.close)
    drawn = Sampling(temperature=plan.temperature, top_p=plan.top_p, max_tokens=taught.max_tokens)
    return Judge(taught.reader(Model(provider, gate), sampling=drawn), repeats=plan.repeats)


def _better(item: Item) -> str:
    return (item.a if (item.label or 0) > 0 else item.b).text


class _Memory:
    """Recorded calls of one command, where there is no lab to keep them."""

    def __init__(self) -> None:
        self._known: dict[str, Completion] = {}

    def recall(self, key: str) -> Completion | None:
        return self._known.get(key)

    def record(self, key: str, _request: Request, completion: Completion) -> None:
        self._known[key] = completion


def _written(
    lab: Lab, name: str, items: Sequence[Item], found: Sequence[Examined], *, seed: int, injections: int
) -> Path:
    """Cards and votes, by pair id and without any text, signed; the same evidence gives the same directory."""
    about = [[item.battle.id, item.label, item.annotators] for item in items]
    ids = [one.card.evaluator for one in found]
    address = digest(["judge cards", about, ids, seed, injections])[7:15]
    final = lab.directory.reports / f"judges-{_slug(name)}-{address}"
    fresh = final.with_name(f".{final.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    told = {
        "pairs": {"name": name, "digest": digest(about), "n": len(items)},
        "created": _first_made(final) or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "software": {"fairtrial": fairtrial.__version__},
        "seed": seed,
        "injections": injections,
    }
    cards = {"judges": [to_plain(one.card) for one in found], "beside": beside_rules(items, found)}
    (fresh / "cards.json").write_bytes(msgspec.json.format(to_json(told | cards), indent=1) + b"\n")
    write_judges(fresh)
    with (fresh / "votes.jsonl").open("w", encoding="utf-8") as lines:
        for one in found:
            for item, vote in zip(items, one.votes, strict=True):
                row = {
                    "id": item.key,
                    "label": item.label,
                    "evaluator": vote.evaluator,
                    "status": vote.status,
                    "grade": vote.grade,
                    "detail": vote.detail,
                }
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    sign_directory(fresh, SigningKey.load(lab.directory.keys / "lab.pem"), told | {"judges": ids}, predicate_type=CARD)
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return final


def _first_made(directory: Path) -> str:
    """When the same cards were first made; the same evidence gives the same bytes, whenever."""
    try:
        return str(json.loads((directory / "cards.json").read_bytes())["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name.strip().lower()).strip("-.") or "pairs"
