"""Finds what would stop a run, before it does. Read `examine` first; every finding names its next step."""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fairtrial.core import FairtrialError
from fairtrial.core.plugins import GROUPS, available

FREE_MB = 500
"""Less free disk than this is a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["ok", "note", "bad"]
    message: str
    next_step: str = ""

    def as_plain(self) -> dict[str, str]:
        """As a dict, for JSON."""
        return asdict(self)


def examine(lab: Path, trial: Path | None = None) -> list[Finding]:
    """Look at Python, the disk, plugins, embedded models, the lab, and a trial file with all its models."""
    findings = [_python(), _sqlite(), _disk(lab), *_plugins(), _embedded()]
    findings += _lab(lab)
    if trial is not None:
        findings += _trial(trial)
    return findings


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(what="Python", state="ok", message=version)


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info < (3, 35):
        return Finding(
            what="SQLite",
            state="bad",
            message=f"{sqlite3.sqlite_version} is older than 3.35.",
            next_step="Update Python.",
        )
    return Finding(what="SQLite", state="ok", message=sqlite3.sqlite_version)


def _disk(lab: Path) -> Finding:
    place = next(p for p in [lab.absolute(), *lab.absolute().parents] if p.exists())
    free = shutil.disk_usage(place).free // 2**20
    if free < FREE_MB:
        return Finding(
            what="disk",
            state="bad",
            message=f"only {free} MB free at {place}.",
            next_step="Make room, or use --lab elsewhere.",
        )
    if not os.access(place, os.W_OK):
        return Finding(
            what="disk",
            state="bad",
            message=f"{place} may not be written.",
            next_step="Use --lab with a directory of yours.",
        )
    return Finding(what="disk", state="ok", message=f"{free:,} MB free")


def _plugins() -> list[Finding]:
    broken = []
    count = 0
    for group in GROUPS:
        for name, point in available(group).items():
            count += 1
            try:
                point.load()
            except Exception as error:  # noqa: BLE001 - anything may be wrong with a plugin
                broken.append(
                    Finding(
                        what="plugin",
                        state="bad",
                        message=f"{name} cannot be loaded: {error}.",
                        next_step="Reinstall it.",
                    )
                )
    return broken or [Finding(what="plugins", state="ok", message=f"{count} load")]


def _embedded() -> Finding:
    import importlib.util

    from fairtrial.models.catalog import pulled

    if importlib.util.find_spec("xllamacpp") is None:
        return Finding(
            what="embedded models",
            state="note",
            message="their runtime is not installed.",
            next_step="pip install 'fairtrial[local]'",
        )
    try:
        here = pulled()
    except FairtrialError as error:
        return _failed("embedded models", error)
    names = ", ".join(m.name for m in here)
    step = "" if here else "fairtrial models pull smollm2-135m"
    return Finding(what="embedded models", state="ok", message=names or "none pulled yet.", next_step=step)


def _lab(path: Path) -> list[Finding]:
    from fairtrial.lab.lab import Lab
    from fairtrial.store import Reader

    if not path.exists():
        return [Finding(what="lab", state="note", message=f"none at {path} yet.", next_step=f"fairtrial init {path}")]

    def key() -> str:
        return f"signs as {Lab.open(path).public_key.fingerprint}"

    def database() -> str:
        reader = Reader.open(Lab.open(path).directory.database)
        try:
            return f"{len(reader.trials())} trials"
        finally:
            reader.close()

    def unlocked() -> str:
        with Lab.open(path).directory.lock():
            return "free"

    return [_try("lab key", key), _try("database", database), _try("lock", unlocked)]


def _trial(path: Path) -> list[Finding]:
    from fairtrial.lab.lab import Lab
    from fairtrial.models import open_provider
    from fairtrial.runs import read_trial

    try:
        trial = read_trial(path)
        plan = Lab.plan(trial, base=path.parent)
    except FairtrialError as error:
        return [_failed("trial", error)]
    findings = [
        Finding(what="trial", state="ok", message=f"{len(plan.prompts.prompts)} prompts, {plan.answers} answers")
    ]
    seen = set()
    for entry in [*trial.contestants, *trial.judges]:
        settings = entry.provider_settings()
        if (key := f"{entry.model} {settings}") in seen:
            continue
        seen.add(key)

        def reach(model: str = entry.model, settings: dict[str, object] = settings) -> str:
            async def knock() -> str:
                provider = open_provider(model, settings)
                try:
                    await provider.open()
                    return "answers"
                finally:
                    await provider.close()

            return asyncio.run(knock())

        findings.append(_try(entry.model, reach))
    return findings


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, state="ok", message=look())
    except FairtrialError as error:
        return _failed(what, error)


def _failed(what: str, error: FairtrialError) -> Finding:
    place = f"{error.where}: " if error.where else ""
    return Finding(what=what, state="bad", message=f"{place}{error.message}", next_step=error.next_step)
