"""From entries of a trial file to opened models and contestants. Read `Entrants.open` first.

Contestants that use the same model share one provider: one child process, one connection pool, one throttle.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fairtrial.contestants.reading import READING
from fairtrial.contestants.wording import WORDING
from fairtrial.core import BadInput, Contestant, PromptSet, Provider, canonical_json
from fairtrial.models import Gate, Model, open_provider
from fairtrial.runs.progress import Progress
from fairtrial.runs.trial import ContestantEntry, JudgeEntry, ModelSettings, Trial


class Entrants:
    """The opened models of a trial, by contestant and judge."""

    def __init__(self) -> None:
        self.contestants: list[Contestant] = []
        self.models: dict[str, Model] = {}
        """By contestant id."""
        self.judges: list[tuple[JudgeEntry, Model]] = []


@contextlib.asynccontextmanager
async def open_entrants(trial: Trial, prompts: PromptSet, gate: Gate, progress: Progress) -> AsyncIterator[Entrants]:
    """Open every model of the trial, and close them all at the end, whatever happens.

    Raises:
        BadInput: A model cannot be opened, or lacks a capability its use needs; before anything is asked.
    """
    entrants = Entrants()
    opened: dict[bytes, Provider] = {}
    async with contextlib.AsyncExitStack() as stack:
        for entry in trial.contestants:
            provider = await _open(entry, entry.name, prompts, opened, stack, progress)
            contestant = make_contestant(entry, provider, prompts)
            if contestant.id in entrants.models:
                same = next(c.name for c in entrants.contestants if c.id == contestant.id)
                raise BadInput(
                    f"contestants '{same}' and '{entry.name}' are the same model used in the same way.",
                    next_step="Remove one of them, or let them differ.",
                )
            model = Model(provider, gate, price=entry.price or (0.0, 0.0))
            check_use(entry, model)
            entrants.contestants.append(contestant)
            entrants.models[contestant.id] = model
        for judge in trial.judges:
            provider = await _open(judge, judge.name or judge.model, prompts, opened, stack, progress)
            entrants.judges.append((judge, Model(provider, gate, price=judge.price or (0.0, 0.0))))
        yield entrants


def make_contestant(entry: ContestantEntry, provider: Provider, prompts: PromptSet) -> Contestant:
    """The contestant of an entry; everything that can change an answer is in its id."""
    params: dict[str, Any] = entry.params() | {"wording": WORDING}
    if not provider.capabilities.chat:
        params["asked_in"] = "plain text"  # the same model asked in chat turns would answer otherwise
    if entry.strategy == "few-shot":
        params.setdefault("shots", 4)
        if not prompts.examples:
            raise BadInput(
                f"contestant '{entry.name}' shows worked examples, but the prompt set has none.",
                next_step='Add examples = "examples.jsonl" to the trial file.',
            )
        params["examples"] = PromptSet(name="", prompts=prompts.examples).id
    if entry.strategy == "self-consistency":
        params = {"k": 5, "reading": READING} | params
    return Contestant(
        name=entry.name,
        model=provider.identity,
        strategy=entry.strategy,
        params=params,
        sampling=entry.sampling(),
        facts=entry.facts(),
    )


async def _open(
    entry: ModelSettings,
    name: str,
    prompts: PromptSet,
    opened: dict[bytes, Provider],
    stack: contextlib.AsyncExitStack,
    progress: Progress,
) -> Provider:
    settings = entry.provider_settings()
    key = canonical_json([entry.model, settings])
    if key in opened:
        return opened[key]
    try:
        provider = open_provider(entry.model, settings)
    except BadInput as error:
        raise BadInput(error.message, where=error.where or f"'{name}'", next_step=error.next_step) from error
    learn = getattr(provider, "learn", None)
    if learn is not None:  # simulated models must know the answers to be of known strength
        learn(prompts.prompts)
    progress.say(f"Opening {entry.model} …")
    await provider.open()
    stack.push_async_callback(provider.close)
    opened[key] = provider
    return provider


def check_use(entry: ContestantEntry, model: Model) -> None:
    """Make sure that a model can do what its use needs, before anything is asked.

    Raises:
        BadInput: It cannot.
    """
    can = model.capabilities
    if not (can.chat or can.complete):
        raise BadInput(f"contestant '{entry.name}': '{entry.model}' can neither chat nor complete.")
    if entry.strategy == "persona" and not can.chat:
        raise BadInput(
            f"contestant '{entry.name}': a persona needs a chat model, and '{entry.model}' is a base model.",
            next_step="Use strategy 'few-shot' or 'direct' with it.",
        )
    if not can.temperature and entry.sampling().temperature is not None:
        raise BadInput(
            f"contestant '{entry.name}': '{entry.model}' takes no temperature.",
            next_step='Write temperature = "default".',
        )
