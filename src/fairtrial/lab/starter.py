"""Trial files to start from, shipped with the package. Read `starter_trial` first."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any


def starter_text() -> str:
    """The demo's trial file, as text."""
    return files("fairtrial.lab").joinpath("trials/demo.toml").read_text(encoding="utf-8")


def starter_trial() -> dict[str, Any]:
    """The demo's trial file, as tables."""
    return tomllib.loads(starter_text())


def write_starter_trial(directory: Path) -> Path:
    """Write ``trial.toml`` into a lab; an existing one is left as it is."""
    path = directory / "trial.toml"
    if not path.exists():
        path.write_text(starter_text(), encoding="utf-8")
    return path


def add_arena(settings: Path) -> None:
    """Give a lab's ``lab.toml`` an arena to start from, unless it declares one or a contestant."""
    text = settings.read_text(encoding="utf-8")
    if {"arena", "contestant"} & set(tomllib.loads(text)):
        return
    start = files("fairtrial.lab").joinpath("trials/arena.toml").read_text(encoding="utf-8")
    settings.write_text(text + start, encoding="utf-8")
