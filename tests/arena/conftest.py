"""A real store, and an arena of simulated contestants, for the arena's tests."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from fairtrial.arena.arena import Arena
from fairtrial.arena.settings import check_settings
from fairtrial.content import load
from fairtrial.store import Store

Tables = dict[str, Any]


def _sim(name: str, **settings: object) -> Tables:
    return {"name": name, "model": f"sim/{name}", "settings": {"skill": 0.5, "length": 20} | settings}


@pytest.fixture
def sim() -> Callable[..., Tables]:
    """Makes the ``[[contestant]]`` table of a simulated model."""
    return _sim


@pytest.fixture
def store(place: Any) -> Iterator[Store]:
    with Store.create(place) as made:
        yield made


_THREE = [_sim("north", skill=0.2), _sim("south", skill=0.5), _sim("east", skill=0.8)]
OpenArena = Callable[..., Awaitable[Arena]]


@pytest.fixture
async def open_arena(store: Store) -> AsyncIterator[OpenArena]:
    """Opens arenas over one store: ``await open_arena([sim("x"), …], floor=0.5)``."""
    opened: list[Arena] = []

    async def opening(contestants: list[Tables] | None = None, **arena: object) -> Arena:
        tables = {"format": 1, "arena": arena, "contestant": contestants or _THREE}
        settings, entries = check_settings(tables, where="lab.toml")
        made = Arena(store, settings, load("builtin:starter"))
        await made.open(entries)
        opened.append(made)
        return made

    yield opening
    for one in opened:
        await one.close()


@pytest.fixture
async def arena(open_arena: OpenArena) -> Arena:
    return await open_arena()
