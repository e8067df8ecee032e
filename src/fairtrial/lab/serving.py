"""The lab's arena, opened for the time that it is served. Read `open_arena` first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fairtrial.arena import access
from fairtrial.arena.arena import Arena
from fairtrial.arena.settings import read_settings
from fairtrial.content import resolve
from fairtrial.lab.lab import Lab
from fairtrial.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An arena, and the lab that it belongs to."""

    lab: Lab
    arena: Arena
    first_token: str | None
    """The owner's first token, to be shown once; None where somebody holds one already."""


@asynccontextmanager
async def open_arena(lab: Lab) -> AsyncIterator[Opened]:
    """Open the arena of a lab: settings, contestants, votes so far; close all of it at the end.

    Raises:
        BadInput: Settings in ``lab.toml`` make no sense, or another process holds the lab.
    """
    settings, entries = read_settings(lab.directory.settings)
    prompts = resolve(settings.prompts, lab.path)
    with lab.directory.lock():
        store = Store.open(lab.directory.database)
        try:
            arena = Arena(store, settings, prompts, reports=lab.directory.reports)
            await arena.open(entries)
            try:
                yield Opened(lab=lab, arena=arena, first_token=await _first_token(arena))
            finally:
                await arena.close()
        finally:
            store.close()


async def _first_token(arena: Arena) -> str | None:
    with arena.store.reading() as connection:
        if access.has_owner(connection):
            return None
    secret, _ = await arena.access.change(lambda c: access.grant(c, "first owner", {"owner"}, by="serve", days=3650))
    return secret
