"""A real store, and simulated contestants of known strength (labelled so), for the arena's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fairtrial.arena.settings import check_settings
from fairtrial.content import load
from fairtrial.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "lab.db") as made:
        yield made


def lab_tables(names: tuple[str, ...] = ("north", "south", "east"), **arena: object) -> dict:
    return {
        "format": 1,
        "arena": arena,
        "contestant": [
            {"name": name, "model": f"sim/{name}", "settings": {"accuracy": 0.3 + 0.2 * k}}
            for k, name in enumerate(names)
        ],
    }


@pytest.fixture
async def arena(store: Store) -> AsyncIterator["Arena"]:  # noqa: F821
    from fairtrial.arena.arena import Arena

    settings, entries = check_settings(lab_tables(), where="lab.toml")
    made = Arena(store, settings, load("builtin:starter"))
    await made.open(entries)
    yield made
    await made.close()
