"""`fairtrial demo`: the main job in one command, never interactive. Read `run_demo`."""

import asyncio
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from fairtrial.cli.models import pull_with_progress
from fairtrial.cli.output import console, show_report, shown
from fairtrial.cli.progress import shown_progress
from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.lab.starter import add_arena, starter_trial, write_starter_trial
from fairtrial.runs import parse_trial

DEFAULT_MODEL = "smollm2-135m"


def run_demo(directory: Path, *, endpoint: str | None, models: list[str], json: bool) -> None:
    """Make a lab, pull the embedded model, run the demo trial, show its report and how to go on."""
    started = time.monotonic()
    tell = console(stderr=True)
    lab = Lab.create(directory)
    raw = starter_trial()
    if endpoint:
        _add_endpoint(raw, endpoint, models, tell)
    pull_with_progress(DEFAULT_MODEL, tell)
    written = write_starter_trial(lab.path)
    add_arena(lab.directory.settings)
    plan = lab.plan(parse_trial(raw, where=str(written)))
    tell.print(
        f"{len(plan.prompts.prompts)} prompts × {len(plan.trial.contestants)} contestants, then a judge on trial …",
    )
    with shown_progress(quiet=json) as progress:
        result = lab.run(plan, progress=progress)
    show_report(result.report, result.directory, json=json)
    if json:
        return
    seconds = time.monotonic() - started
    screen = console()
    screen.print(f"\nDone in {seconds:.0f} s. {result.bought} calls bought, the rest was recorded.")
    screen.print(
        "Your own models: make demo ENDPOINT=http://localhost:11434/v1   (Ollama, vLLM, any OpenAI-compatible server)\n"
        f"Your own trial:  edit {written}, then: fairtrial run {written} --lab {lab.path}\n"
        f"Vote yourself:   {_command()} serve --lab {lab.path}   opens the arena: these models, blind, in the browser",
        soft_wrap=True,
    )


def _command() -> str:
    """How the command is called from here: in a checkout it lies in the virtual environment."""
    beside = Path(sys.executable).with_name("fairtrial")
    if shutil.which("fairtrial") or not beside.is_file():
        return "fairtrial"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _add_endpoint(raw: dict[str, Any], endpoint: str, models: list[str], tell: Any) -> None:
    from fairtrial.models.openai import served_models

    served = asyncio.run(served_models(endpoint, allow_private=True))
    if not served:
        raise BadInput("the endpoint lists no models.", where=endpoint, next_step="Pull or load one there first.")
    tell.print(shown(f"{endpoint} serves: {', '.join(served[:20])}{' …' if len(served) > 20 else ''}"))
    chosen = models or served[:1]
    for name in chosen:
        entry = {"model": f"openai/{name}", "base_url": endpoint, "allow_private": True, "max_tokens": 256}
        plain = re.sub(r"[\x00-\x1f\x7f/\\]+", " · ", name)[:60]  # a contestant's name holds no slash
        raw["contestant"].insert(0, {"name": f"{plain}, chain of thought", "strategy": "chain-of-thought"} | entry)
        raw["contestant"].insert(0, {"name": plain} | entry)
    if not models and len(served) > 1:
        tell.print(shown(f"Using {chosen[0]}; others: fairtrial demo --endpoint {endpoint} --model NAME"))
