"""What an owner declares about the arena in ``lab.toml``. Read `ArenaSettings` first, then `read_settings`.

The ``[[contestant]]`` tables have the form that they have in a trial file. Unknown keys are errors.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fairtrial.contestants import check_strategy
from fairtrial.core import BadInput, nearest
from fairtrial.runs.trial import ContestantEntry, Name, explain, refuse_secrets

Positive = Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """``[arena.limits]``: what one person, and the whole arena, may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_characters: Positive = 32_000
    """Longest message of a voter."""
    turns: Positive = 10
    """Most turns of one battle."""
    battles_per_minute: Positive = 10
    """For one rater."""
    requests_per_second: Positive = 50
    """From one address, on average."""
    running: Positive = 64
    """Battles that are being answered at once; whoever comes later is asked to wait."""
    usd_per_day: Annotated[float, Field(gt=0)] | None = None
    """Money that all battles of a day (UTC) may cost by the declared prices; None is no limit."""
    answer_seconds: Annotated[float, Field(gt=0)] = 180.0
    """An answer that takes longer is cut there."""
    answer_characters: Positive = 64_000
    """What an answer says beyond is left out."""


class ArenaSettings(BaseModel):
    """``[arena]``."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Name = "Fairtrial"
    """What the pages call this lab."""
    operator: str = ""
    """Who runs it and how to reach them, as the notice says it."""
    funding: str = ""
    """Who pays for it, and ties to makers of contestants."""
    licence: str = "CC-BY-4.0"
    """Of the public data."""
    question: str = ""
    """What voters are asked; empty: which answer is better."""
    prompts: str = "builtin:starter"
    """Pool of prompts for those who bring none: as ``prompts`` of a trial file."""
    hosts: tuple[str, ...] = ()
    """Host names under which the pages may be asked for, besides loopback."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For is believed."""
    pace: Literal["lockstep", "whole"] = "lockstep"
    """``whole`` shows both answers when both are done, so that no time at all can be read."""
    floor: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of battles that is drawn uniformly; the rest by `weights`."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """By contestant, 1 where unsaid; they are public, and the floor holds against them."""
    reports: bool = False
    """The lab's reports are public: their boards beside the people's, their names among what may be objected to."""
    looks: tuple[date, ...] = ()
    """Days on which a verdict will be made, declared beforehand."""
    ballot_hours: Annotated[float, Field(gt=0)] = 24.0
    """A ballot that was not used by then is void."""
    allowed_endpoints: tuple[str, ...] = ()
    """Hosts besides public ones that may be entered as a contestant's address on the admin page."""
    limits: Limits = Limits()


class _LabFile(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    arena: ArenaSettings = ArenaSettings()
    contestants: tuple[ContestantEntry, ...] = Field(alias="contestant", default=())


def read_settings(path: Path) -> tuple[ArenaSettings, tuple[ContestantEntry, ...]]:
    """The arena's settings and its contestants, from a lab's ``lab.toml``.

    Raises:
        BadInput: Broken TOML, an unknown key (with the nearest known one), a wrong value, two contestants of one name,
            a key that looks like a secret.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"is not valid TOML: {error}.", where=str(path)) from None
    return check_settings(raw, where=str(path))


def check_settings(raw: dict[str, Any], *, where: str) -> tuple[ArenaSettings, tuple[ContestantEntry, ...]]:
    """As `read_settings`, from plain tables."""
    refuse_secrets(raw, where)
    try:
        found = _LabFile.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, where, known=_known) from None
    names = [entry.name for entry in found.contestants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"two contestants are named '{twice[0]}'.", where=where, next_step="Give each its own name.")
    for entry in found.contestants:
        check_strategy(entry.strategy, entry.params(), where=f"{where}: contestant '{entry.name}'")
    unknown = sorted(set(found.arena.weights) - set(names)) if names else []
    if unknown:
        step = nearest(unknown[0], names)
        raise BadInput(f"[arena.weights] names '{unknown[0]}', who is no contestant.", where=where, next_step=step)
    return found.arena, found.contestants


def _known(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that could have been meant where an unknown one stands."""
    if "limits" in loc:
        return list(Limits.model_fields)
    return list((ContestantEntry if loc[0] == "contestant" else ArenaSettings).model_fields)
