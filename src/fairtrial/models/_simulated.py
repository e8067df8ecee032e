"""What a simulated model is made of, and how a trial file says it. Read `SimulatedModel` first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fairtrial.core import BadInput, nearest

Answers = tuple[str, ...] | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModel:
    """How a simulated model answers and judges. Its digest is the model's identity.

    As a judge it knows what it sees by the words of the built-in judge: ``Answer A:`` and ``Answer B:``, each between
    two equal lines, after the question. With probability `judging` it perceives the right answer as the better one
    (the same in both orders); its log-odds towards the first position are `position` plus or minus `conviction`.
    Between two right or two wrong answers only length counts.
    """

    skill: float | None = None
    """Probability of a right answer, the same for every prompt."""
    strength: float | None = None
    """Instead of `skill`: the probability is logistic(strength − difficulty of the prompt)."""
    difficulty_spread: float = 1.0
    """Standard deviation of the prompts' difficulties, in logits; each prompt has the same one for every model."""
    length: float = 0.0
    """Mean number of words said before the answer."""
    refusal_rate: float = 0.0
    position: float = 0.0
    """As a judge: log-odds towards the first position, whatever stands there."""
    judging: float = 0.8
    conviction: float = 1.0
    """As a judge: log-odds towards the answer perceived as better."""
    length_preference: float = 0.0
    """As a judge: log-odds for every doubling of length."""
    echo: bool = False
    """Say the question back."""
    answers: Answers | None = None
    """Scripted: by prompt key or prompt text (a mapping), or by the prompt's place among those learned (a list)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong on the way, and how long it takes. Recorded answers do not depend on it."""

    timeout_rate: float = 0.0
    rate_limit_rate: float = 0.0
    server_error_rate: float = 0.0
    cut_rate: float = 0.0
    """Answers broken off half-way."""
    retries: int = 6
    """Further tries of one call before its failure is raised, as with a real endpoint but without waiting."""
    latency_s: float = 0.0
    """Mean seconds of an answer; each takes between half and one and a half times as long."""
    words_per_s: float = 0.0
    """How fast a streamed answer comes; 0 is all at once."""
    connections: int = 64


NAMES = ("skill-0.8", "strength-1.5", "judge-0.9", "first", "echo", "scripted")
ALWAYS = 12.0
"""Log-odds of a judge that always picks one position."""


def read_settings(name: str, settings: Mapping[str, object]) -> tuple[SimulatedModel, Faults]:
    """The definition behind a name and the settings of a trial file.

    Args:
        name: ``skill-0.8`` (right four times in five), ``strength-1.5`` (logits), ``judge-0.9`` (a judge right nine
            times in ten), ``first`` (a judge that always picks the first answer), ``echo``, ``scripted`` (with
            ``answers``), or any name with ``skill`` or ``strength`` among the settings.
        settings: Any field of `SimulatedModel` or `Faults`; they win over the name.

    Raises:
        BadInput: An unknown name or setting, or a value out of range.
    """
    where = f"sim/{name}"
    given: dict[str, Any] = {**_by_name(name), **{k: v for k, v in settings.items() if v is not None}}
    habits = {f.name for f in fields(SimulatedModel)}
    faults = {f.name for f in fields(Faults)}
    for setting, value in given.items():
        if setting not in habits | faults:
            step = nearest(setting, habits | faults)
            raise BadInput(f"a simulated model has no setting '{setting}'.", where=where, next_step=step)
        wanted = _wrong(setting, value)
        if wanted:
            raise BadInput(f"{setting} must be {wanted}, not {value!r}.", where=where)
    if not {"skill", "strength", "echo", "answers", "judging", "position"} & set(given):
        step = "It needs answers." if name == "scripted" else f"Known: {', '.join(NAMES)}."
        raise BadInput(f"the simulated model '{name}' has no way to answer.", where=where, next_step=step)
    if "answers" in given and not isinstance(given["answers"], Mapping):
        given["answers"] = tuple(given["answers"])
    return (
        SimulatedModel(**{k: v for k, v in given.items() if k in habits}),
        Faults(**{k: v for k, v in given.items() if k in faults}),
    )


def _by_name(name: str) -> dict[str, Any]:
    """What a built-in name stands for."""
    plain: dict[str, dict[str, Any]] = {
        "echo": {"echo": True},
        "first": {"position": ALWAYS, "conviction": 0.0},
        "scripted": {},
    }
    if name in plain:
        return plain[name]
    kind, _, number = name.partition("-")
    setting = {"skill": "skill", "strength": "strength", "judge": "judging"}.get(kind)
    try:
        return {setting: float(number)} if setting else {}
    except ValueError:
        return {}


def _wrong(name: str, value: object) -> str:
    """What the setting wants instead of `value`; empty when it is good."""
    if name == "echo":
        return "" if isinstance(value, bool) else "true or false"
    if name == "answers":
        texts = tuple(value.values()) if isinstance(value, Mapping) else value
        good = isinstance(texts, list | tuple) and bool(texts) and all(isinstance(t, str) for t in texts)
        return "" if good else "a list of texts, or a table from prompt to text"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "a number"
    if name in ("retries", "connections"):
        least = int(name == "connections")
        return "" if isinstance(value, int) and value >= least else f"a whole number from {least}"
    if name.endswith("_rate") or name in ("skill", "judging"):
        return "" if 0 <= value <= 1 else "a number from 0 to 1"
    signed = name in ("strength", "position", "length_preference", "conviction")
    return "" if signed or value >= 0 else "a number, not negative"
