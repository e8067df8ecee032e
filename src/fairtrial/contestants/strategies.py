"""How a model is used. Each strategy is a small async function from an `Ask` to the answer of every turn.

Read `direct` first; the others are variations. None of them sees the reference.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fairtrial.contestants.ask import Ask
from fairtrial.contestants.reading import answer_kind, normalise, read_answer
from fairtrial.contestants.wording import shown_reference, user_message, words
from fairtrial.core import BadInput, Message, Prompt, nearest, seed_of

Strategy = Callable[[Ask], Awaitable[tuple[str, ...]]]


async def direct(ask: Ask) -> tuple[str, ...]:
    """Ask, and take the answer: one call a turn."""
    return await _converse(ask, _opening(ask))


async def few_shot(ask: Ask) -> tuple[str, ...]:
    """Show `shots` worked examples of the same category and language first, then ask.

    The examples come from the prompt set's own example pool, never from its items; which ones, and in what order, is
    drawn by category and language, so that one strategy shows every prompt of a stratum the same examples.
    """
    messages = _opening(ask)
    for example in _examples_for(ask):
        messages.append(Message(role="user", content=user_message(example)))
        messages.append(Message(role="assistant", content=shown_reference(example)))
    return await _converse(ask, messages)


async def chain_of_thought(ask: Ask) -> tuple[str, ...]:
    """Ask for reasoning first and a marked final answer (Wei et al. 2022; zero-shot as in Kojima et al. 2022)."""
    return await _converse(ask, _opening(ask), think=True)


async def self_consistency(ask: Ask) -> tuple[str, ...]:
    """Draw `k` chains of thought and give the answer most of them reach (Wang et al. 2022).

    Ties go to the answer reached first. Every sample is kept in the trace with the answer read from it, so majority@k
    and pass@k for any smaller k can be computed later at no cost. Only the first turn of a prompt is used.
    """
    params = ask.contestant.params
    think = bool(params.get("think", True))
    messages = [*_opening(ask), Message(role="user", content=user_message(ask.prompt, think=think))]
    sampling = ask.contestant.sampling
    if sampling.temperature == 0:
        sampling = replace(sampling, temperature=DEFAULT_SAMPLE_TEMPERATURE)
    kind = answer_kind(ask.prompt)
    ballots: list[tuple[str, str]] = []
    for sample in range(int(params.get("k", 5))):
        done = await ask.chat(f"sample {sample + 1}", messages, sample=sample, sampling=sampling, shown=False)
        read = read_answer(done.text, kind, ask.prompt.choices)
        ask.read(read)
        ballots.append((normalise(read), done.text))
    counts = Counter(vote for vote, _ in ballots if vote)
    if not counts:
        return (*ask.past, ballots[0][1])
    winner = counts.most_common(1)[0][0]
    return (*ask.past, next(text for vote, text in ballots if vote == winner))


async def persona(ask: Ask) -> tuple[str, ...]:
    """Ask someone in particular: a system message gives the model the expert's part (`persona`)."""
    part = words(ask.prompt, "persona").format(persona=ask.contestant.params["persona"])
    system = "\n\n".join(filter(None, [part, *(m.content for m in _opening(ask))]))
    return await _converse(ask, [Message(role="system", content=system)])


DEFAULT_SAMPLE_TEMPERATURE = 0.7
"""Used by self-consistency at temperature 0: equal samples could not vote. The provider's own default stays."""

STRATEGIES: dict[str, Strategy] = {
    "direct": direct,
    "few-shot": few_shot,
    "chain-of-thought": chain_of_thought,
    "self-consistency": self_consistency,
    "persona": persona,
}


@dataclass(frozen=True, slots=True)
class _Setting:
    kind: type
    least: float | None = None
    required: bool = False


_SETTINGS: dict[str, dict[str, _Setting]] = {
    "direct": {},
    "few-shot": {"shots": _Setting(int, 1)},
    "chain-of-thought": {},
    "self-consistency": {"k": _Setting(int, 1), "think": _Setting(bool)},
    "persona": {"persona": _Setting(str, required=True)},
}


def check_strategy(name: str, params: Mapping[str, Any], *, where: str) -> None:
    """Make sure that a strategy exists and its settings are its own.

    Raises:
        BadInput: Naming the setting, with the nearest known one.
    """
    if name not in STRATEGIES:
        raise BadInput(f"unknown strategy '{name}'.", where=where, next_step=nearest(name, STRATEGIES))
    known = _SETTINGS[name]
    for key, value in params.items():
        if key in ("system", "budget"):
            continue
        if key not in known:
            raise BadInput(
                f"strategy '{name}' has no setting '{key}'.", where=where, next_step=nearest(key, [*known, "system"])
            )
        setting = known[key]
        if not isinstance(value, setting.kind) or (isinstance(value, bool) and setting.kind is int):
            raise BadInput(f"'{key}' must be {setting.kind.__name__}, not {value!r}.", where=where)
        if setting.least is not None and isinstance(value, int) and value < setting.least:
            raise BadInput(f"'{key}' must be at least {setting.least:g}, not {value}.", where=where)
    for key, setting in known.items():
        if setting.required and not params.get(key):
            raise BadInput(f"strategy '{name}' needs '{key}'.", where=where, next_step=f'Add {key} = "…".')


def _opening(ask: Ask) -> list[Message]:
    system = "\n\n".join(filter(None, [str(ask.contestant.params.get("system", "")), ask.prompt.system]))
    return [Message(role="system", content=system)] if system else []


async def _converse(ask: Ask, messages: list[Message], *, think: bool = False) -> tuple[str, ...]:
    answers: list[str] = []
    last = len(ask.prompt.turns) - 1
    for turn in range(last + 1):
        content = user_message(ask.prompt, turn, think=think and turn == last)
        messages.append(Message(role="user", content=content))
        said = ask.past[turn] if turn < len(ask.past) else (await ask.chat(f"turn {turn + 1}", messages)).text
        answers.append(said)
        messages.append(Message(role="assistant", content=said))
    return tuple(answers)


def _examples_for(ask: Ask) -> list[Prompt]:
    shots = int(ask.contestant.params.get("shots", 4))
    stratum = [
        e
        for e in ask.examples
        if e.category == ask.prompt.category and e.language == ask.prompt.language and e.reference is not None
    ]
    if not stratum:  # a category without worked examples is asked plainly; the trace shows it
        return []
    return sorted(stratum, key=lambda e: seed_of("shots", e.id))[:shots]
