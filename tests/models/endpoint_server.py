"""A scripted OpenAI-compatible server on loopback: each test says what it answers, and reads what it was asked.

Read `EndpointServer` first. A script's entries are used one after the other, the last one from then on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class EndpointServer:
    """Answers every POST by its script, and ``GET /v1/models`` by `listing`."""

    script: list[Reply] = field(default_factory=lambda: [said("The answer is 42.")])
    listing: Reply = field(default_factory=lambda: as_json({"data": [{"id": "small"}, {"id": "large"}]}))
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    in_flight: int = 0
    peak: int = 0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all POSTs so far."""
        return [seen.body for seen in self.seen if seen.method == "POST"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, dict(request.headers), json.loads(body) if body else {}))
        if request.method == "GET":
            return await self.listing(request)
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await reply(request)
        finally:
            self.in_flight -= 1


@asynccontextmanager
async def serving(server: EndpointServer | None = None) -> AsyncIterator[EndpointServer]:
    """A running server; its `url` ends in ``/v1``."""
    server = server or EndpointServer()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{anything:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


def as_json(answer: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Answer with this JSON."""
    return as_bytes(json.dumps(answer).encode(), status=status, headers=headers, kind="application/json")


def as_bytes(
    body: bytes, *, status: int = 200, headers: dict[str, str] | None = None, kind: str = "text/html"
) -> Reply:
    """Answer with these bytes."""

    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers, content_type=kind)

    return reply


def complaint(status: int, message: str, *, headers: dict[str, str] | None = None, **facts: object) -> Reply:
    """Refuse with an error body as the published API has it."""
    return as_json({"error": {"message": message, **facts}}, status=status, headers=headers)


def answer(text: str | None = "The answer is 42.", **facts: Any) -> dict[str, Any]:
    """A chat completion; `message`, `choice` and further top-level fields may be given."""
    message = {"role": "assistant", "content": text} | facts.pop("message", {})
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | facts.pop("choice", {})
    usage = {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26}
    return {"id": "c-0", "model": "small", "choices": [choice], "usage": usage} | facts


def said(text: str | None = "The answer is 42.", **facts: Any) -> Reply:
    """Answer with a chat completion."""
    return as_json(answer(text, **facts))


def chunk(text: str = "", *, finish: str | None = None, **facts: Any) -> dict[str, Any]:
    """One piece of a streamed chat completion."""
    delta = {"content": text} | facts.pop("delta", {})
    return {"id": "c-0", "model": "small", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | facts


def events(*chunks: object, done: bool = True) -> bytes:
    """Chunks as server-sent events."""
    lines = [b"data: " + json.dumps(c, ensure_ascii=False).encode() + b"\n\n" for c in chunks]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def streaming(pieces: Iterable[bytes], *, pause_s: float = 0.0, cut: bool = False, linger_s: float = 0.0) -> Reply:
    """Stream these bytes as they are cut; `cut` ends the connection without ending the answer."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(linger_s)
        if cut:
            hang_up(request)
        return response

    return reply


def hang_up(request: web.Request) -> None:
    """Break the connection off."""
    if request.transport is not None:
        request.transport.abort()


async def no_answer(request: web.Request) -> web.StreamResponse:
    """Break the connection off instead of answering."""
    hang_up(request)
    return web.Response()


async def never(request: web.Request) -> web.StreamResponse:
    """Keep the caller waiting."""
    await asyncio.sleep(3600)
    return web.Response()


def raw(data: bytes) -> Reply:
    """Send these bytes in place of an HTTP answer, then close."""

    async def reply(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        await asyncio.sleep(0)
        return web.Response()

    return reply


async def endless(request: web.Request) -> web.StreamResponse:
    """Send 100 MB of an answer in chunks, or as much as the caller takes."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        for _ in range(100):
            await response.write(b" " * 2**20)
    except ConnectionError:
        hang_up(request)
    return response
