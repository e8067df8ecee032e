"""Teaching a judge from its file to its signed card. Read `teach` first."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairtrial.evaluators.examining import items_of
from fairtrial.lab.lab import Lab
from fairtrial.provenance import CARD, SigningKey, sign_directory
from fairtrial.reports.judge_drawing import rounds_svg
from fairtrial.runs import Progress
from fairtrial.training.card import against_seed, sentence_of, training_card
from fairtrial.training.config import read_config
from fairtrial.training.rounds import Outcome, Round, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A finished run and its card."""

    outcome: Outcome
    card: dict[str, Any]
    sentence: str
    directory: Path
    """Of the card."""
    signed: bool


def teach(
    file: Path,
    *,
    out: Path,
    lab: Lab | None,
    progress: Progress | None = None,
    told: Callable[[Round], None] | None = None,
) -> Taught:
    """Run all rounds of a training file, or go on with them, and write the card; signed by the lab, where there is one.

    Raises:
        BadInput: See `read_config` and `Run`.
    """
    config = read_config(file)
    run = Run(config, home=file.parent, directory=out, progress=progress, told=told)
    outcome = asyncio.run(run.train())
    items = items_of(run.material.validation())
    compared = asyncio.run(against_seed(outcome, items, votes=config.rounds.votes))
    card = training_card(outcome, config, run.template, compared)
    said = sentence_of(outcome, compared)
    final, fresh = out / "card", out / ".card.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (fresh / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    cards = [one.card for one in outcome.rounds]
    gain = compared.get(outcome.best)
    (fresh / "rounds.svg").write_text(rounds_svg(cards, gain, outcome.best), encoding="utf-8")
    (fresh / "rounds.ko.svg").write_text(rounds_svg(cards, gain, outcome.best, lang="ko"), encoding="utf-8")
    for name in ("metrics.jsonl", "manifest.json", "config.json"):
        shutil.copyfile(out / name, fresh / name)
    if lab is not None:
        about = {"judge": card["name"], "seed_model": card["seed_model"], "best_round": card["best_round"]}
        sign_directory(fresh, SigningKey.load(lab.directory.keys / "lab.pem"), about, predicate_type=CARD)
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return Taught(outcome=outcome, card=card, sentence=said, directory=final, signed=lab is not None)
