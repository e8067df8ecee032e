"""A real lab, served over real HTTP on loopback, with simulated contestants."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from fairtrial.arena import access
from fairtrial.arena.arena import Arena
from fairtrial.lab import Lab
from fairtrial.lab.serving import Opened, open_arena
from fairtrial.web.app import create

_LIMITS = {"battles_per_minute": 1000, "requests_per_second": 10_000}


def _sim(name: str, **settings: object) -> dict[str, Any]:
    return {"name": name, "model": f"sim/{name}", "settings": {"skill": 0.5, "length": 20} | settings}


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items() if one is not None)
            + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


@pytest.fixture
def sim() -> Callable[..., dict[str, Any]]:
    """Makes the ``[[contestant]]`` table of a simulated model."""
    return _sim


@dataclass
class Site:
    """A served lab and a client."""

    opened: Opened
    address: str
    client: aiohttp.ClientSession

    @property
    def arena(self) -> Arena:
        return self.opened.arena

    async def token(self, *scopes: str) -> dict[str, str]:
        """The headers of somebody who holds a new token."""
        secret, _ = await self.arena.access.change(lambda c: access.grant(c, "test", scopes, by="test"))
        return {"Authorization": f"Bearer {secret}"}

    async def settle(self) -> None:
        """Wait until the boards have taken in every vote."""
        await asyncio.to_thread(self.arena._keeper.submit(int).result)


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Serves a lab: ``await serve([sim("x"), …], floor=0.5)``; several in one test are several labs."""
    async with contextlib.AsyncExitStack() as stack:
        made = 0

        async def serving(contestants: list[dict[str, Any]] | None = None, **arena: Any) -> Site:
            nonlocal made
            made += 1
            lab = Lab.create(tmp_path / f"lab{made}")
            tables = {
                "format": 1,
                "arena": arena | {"limits": _LIMITS | arena.get("limits", {})},
                "contestant": contestants or [_sim("north", skill=0.2), _sim("south"), _sim("east", skill=0.8)],
            }
            (lab.path / "lab.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in tables.items()))
            opened = await stack.enter_async_context(open_arena(lab))
            server = uvicorn.Server(
                uvicorn.Config(create(opened), http="httptools", lifespan="off", log_level="warning", access_log=False)
            )
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            client = await stack.enter_async_context(aiohttp.ClientSession())

            async def stop() -> None:
                await client.close()
                server.should_exit = True
                await task

            stack.push_async_callback(stop)
            while not server.started:  # noqa: ASYNC110 - it tells in no other way
                await asyncio.sleep(0.01)
            return Site(opened=opened, address=f"http://127.0.0.1:{listener.getsockname()[1]}", client=client)

        yield serving


@pytest.fixture
async def site(serve: Callable[..., Any]) -> Site:
    return await serve()
