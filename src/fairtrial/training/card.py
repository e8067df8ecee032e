"""What is to be told of a taught judge: its seed, its data, what became of it round by round, and its limits.

Read `training_card` first; everything in it is read or computed from the run's directory.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput
from fairtrial.core.canonical import to_plain
from fairtrial.evaluators.tables import Item, Table
from fairtrial.evaluators.templates import Template
from fairtrial.stats import JudgeComparison, compare_judges
from fairtrial.training.config import Config
from fairtrial.training.readers import is_served
from fairtrial.training.rounds import Outcome, votes_of

MARGIN = 0.03
"""Accuracies that differ by less count as equal."""


async def against_seed(outcome: Outcome, items: Sequence[Item], *, votes: int) -> dict[int, JudgeComparison]:
    """Every round minus the seed, pair by pair on the validation set."""
    known = [k for k, item in enumerate(items) if item.label]
    right = {}
    for one in outcome.rounds:
        said = await votes_of(one.directory / "validation-judgments.jsonl", items, repeats=votes)
        table = Table(items, said)
        right[one.round] = table.right()[known]
    cluster = table.prompt[known]
    return {
        number: compare_judges(scores, right[0], margin=MARGIN, cluster=cluster)
        for number, scores in right.items()
        if number
    }


def training_card(
    outcome: Outcome, config: Config, template: Template, compared: dict[int, JudgeComparison]
) -> dict[str, Any]:
    """The card of a finished run, as plain values.

    Raises:
        BadInput: The run is not finished.
    """
    directory = outcome.directory
    served = is_served(config)
    seed = {} if served else _read(directory / "round-0" / "judge.json")
    files = ["pairs.jsonl", "manifest.json", "config.json", "metrics.jsonl"]
    files += [f"round-{one.round}/{name}" for one in outcome.rounds for name in ("rows.jsonl", "adapter.gguf")]
    told = config.validation
    return {
        "name": config.name,
        "seed_model": {
            "model": config.judge.model if served else seed["model"],
            "sha256": seed.get("sha256", ""),
            "warm_up": _warm_up(config),
        },
        "template": asdict(template),
        "data": {
            "generator": config.synthesis.generator,
            "families": list(config.instructions.families),
            "files": list(config.instructions.files),
            "terms": config.synthesis.terms or _terms(config),
            "sha256": {name: _sha256(directory / name) for name in files if (directory / name).exists()},
        },
        "validation": {
            "from": told.pairs or f"{told.synthetic} pairs made like those that are trained on",
            "labelled_by_people": told.human,
        },
        "rounds": [
            {
                "round": one.round,
                **one.facts,
                "accuracy": to_plain(one.card.accuracy),
                "consistent_accuracy": to_plain(one.card.consistent_accuracy),
                "first_rate": to_plain(one.card.first_rate),
                "order_gap": to_plain(one.card.order_gap),
                "length_matched_accuracy": to_plain(one.card.length_matched_accuracy),
                "longer_is_better": one.card.longer_is_better,
                "invalid": one.card.invalid,
                "kappa": to_plain(one.card.kappa),
                "people": to_plain(one.card.people),
                "minus_seed": to_plain(compared.get(one.round)),
            }
            for one in outcome.rounds
        ],
        "best_round": outcome.best,
        "stopped_early": outcome.stopped_early,
        "limits": _limits(config),
    }


def sentence_of(outcome: Outcome, compared: dict[int, JudgeComparison]) -> str:
    """What may be said of the best round, in one sentence."""
    if outcome.best == 0:
        return "No round is better than the seed on the validation set."
    found = compared[outcome.best]
    size = f"{100 * found.estimate:+.1f} points ({100 * found.lower:+.1f} to {100 * found.upper:+.1f})"
    if found.lower > 0:
        return f"Round {outcome.best} judges better than its seed: {size} on {found.items} pairs."
    return f"Round {outcome.best} is not shown to judge better than its seed: {size} on {found.items} pairs."


def _limits(config: Config) -> list[str]:
    told = [
        "Intervals hold for these pairs and this one run; another seed of the run may end elsewhere.",
        "Rounds are compared on the validation set, and the best is chosen there: its accuracy is flattered a little.",
    ]
    if config.synthesis.generator == "program":
        told.append("Answers and checks are a program's; nothing is said of questions that no program can check.")
    if config.validation.human:
        told.append("No human label is in the training, but people's labels chose the round.")
    if config.validation.synthetic:
        told.append("The validation pairs were made like the training pairs; on other answers the judge may do worse.")
    if config.warmup is not None:
        told.append("The seed was shown the form of a judgment by a program; every gain is over that seed.")
    return told


def _warm_up(config: Config) -> dict[str, Any] | None:
    return None if config.warmup is None else config.warmup.model_dump(mode="json")


def _terms(config: Config) -> str:
    if config.synthesis.generator == "program":
        return "Written by Fairtrial's own programs: no model's terms apply."
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        step = "Go on with it: fairtrial judge train CONFIG"
        raise BadInput("this run is not finished.", where=str(path), next_step=step) from None
    except ValueError:
        raise BadInput("this file of the run is damaged.", where=str(path)) from None
    return found
