"""The judge of a round, ready to be asked: an embedded base with its adapter, or a model on a server.

Read `opened` first. A served judge is taught by a command of the user's, which trains on the rows and serves the result
under a name of its own (docs/self-taught-judge.md shows one for vLLM).
"""

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.evaluators.judge_models import PairwiseModel
from fairtrial.evaluators.templates import Template
from fairtrial.models import Gate, Model, open_provider
from fairtrial.runs.trial import ModelSettings
from fairtrial.training.config import Config
from fairtrial.training.judges import TaughtJudge

SLOTS = 8
DONE = "taught.json"


class Nothing:
    """No memory of calls: what a run keeps is its judgments."""

    def recall(self, _key: str) -> None:
        """Nothing is known."""
        return

    def record(self, *_told: object) -> None:
        """Nothing is kept."""
        return


def is_served(config: Config) -> bool:
    """Whether the judge's weights are elsewhere."""
    return not config.judge.model.startswith("embedded/")


@contextlib.asynccontextmanager
async def opened(config: Config, directory: Path, template: Template) -> AsyncIterator[tuple[PairwiseModel, int]]:
    """The judge of a round's directory, and the calls worth having in flight."""
    if is_served(config):
        name = json.loads((directory / DONE).read_bytes())["model"]
        async with asked(config.judge, template, config.seed, model=name) as found:
            yield found
        return
    judge = TaughtJudge.read(directory)
    provider = judge.provider(directory, threads=config.judge.threads, slots=config.judge.slots or SLOTS)
    await provider.open()
    try:
        yield judge.reader(Model(provider, Gate(Nothing()))), provider.capabilities.connections
    finally:
        await provider.close()


@contextlib.asynccontextmanager
async def asked(
    told: ModelSettings, template: Template, seed: int, *, model: str = ""
) -> AsyncIterator[tuple[PairwiseModel, int]]:
    """A model that was never taught here, by its settings."""
    provider = open_provider(model or told.model, told.provider_settings())
    await provider.open()
    try:
        asking = Model(provider, Gate(Nothing()), price=told.price or (0.0, 0.0))
        reader = PairwiseModel(asking, name=told.model, template=template, seed=seed)
        yield reader, provider.capabilities.connections
    finally:
        await provider.close()


def seed_of_served(config: Config, directory: Path) -> None:
    """Round 0 of a served judge: the model itself."""
    _write(directory, config.judge.model)


def taught_by_command(config: Config, directory: Path, number: int) -> None:
    """Have the user's command train on ``rows.jsonl`` and serve the result.

    ``{rows}``, ``{out}`` and ``{round}`` in its words are filled in; no shell reads them.

    Raises:
        BadInput: It is not there, or it failed; run again, the round goes on with it.
    """
    if (directory / DONE).exists():
        return
    holes = {"{rows}": str(directory / "rows.jsonl"), "{out}": str(directory), "{round}": str(number)}
    words = [_filled(word, holes) for word in config.learning.command]
    try:
        ended = subprocess.run(words, check=False)  # noqa: S603 - the user's own command, from the user's own file
    except OSError as error:
        raise BadInput(f"'{words[0]}' cannot be started: {error.strerror}.", where="[learning] command") from error
    if ended.returncode:
        raise BadInput(
            f"the command that teaches round {number} failed with {ended.returncode}.",
            where="[learning] command",
            next_step="Mend it and run this again: the round goes on with it.",
        )
    _write(directory, "openai/" + config.learning.serves.replace("{round}", str(number)))


def _filled(word: str, holes: dict[str, str]) -> str:
    for hole, value in holes.items():
        word = word.replace(hole, value)
    return word


def _write(directory: Path, model: str) -> None:
    draft = directory / f".{DONE}.new"
    draft.write_text(json.dumps({"model": model}) + "\n", encoding="utf-8")
    draft.replace(directory / DONE)
