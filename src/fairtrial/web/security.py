"""What stands before every page: headers, hosts, cross-site forms, sizes, rates. Read `Guard` first.

Pure ASGI: streams of answers pass through without being held back.
"""

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairtrial.web.words import words_of

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAFE = ("GET", "HEAD", "OPTIONS")
_BODY = 1 << 20
"""Bytes of a request's body."""
_READ_AWAY = 16 << 20
"""Bytes of a longer body that are read for nothing: a connection that is closed on a sender shows them no answer."""

Refusal = tuple[int, str, dict[str, Any], dict[str, str]]
"""Status, key of the sentence, its params, headers."""


class Guard:
    """Refuses what no page wants, and sets the headers that every answer carries.

    Args:
        app: What is guarded.
        hosts: Names under which it may be asked for, besides loopback: a foreign page cannot reach a lab on this
            machine by a name that it made point here (DNS rebinding).
        proxies: Addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        rate: Requests of one address in a second, on average; four seconds' worth may come at once.
        clock: Seconds now.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str] = (),
        proxies: Sequence[str] = (),
        rate: float = 50.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._hosts = {name.lower().rstrip(".") for name in (*_LOOPBACK, *hosts)}
        self._proxies = frozenset(proxies)
        self._bucket = Bucket(rate=rate, most=4 * rate, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._believe(scope, headers)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            if refusal[0] == 413:
                await _read_away(receive)
            await _say(scope, _with_headers(send, scope), refusal)
            return
        passed_on, answering = _with_headers(send, scope), False
        size, too_large = 0, False

        async def limited() -> Message:
            nonlocal size, too_large
            message = await receive()
            size += len(message.get("body", b""))
            if size > _BODY:
                too_large = True
                raise _TooLarge
            return message

        async def answer(message: Message) -> None:
            nonlocal answering
            if too_large and not answering:
                return  # whoever read the body took its end for a fault of another kind
            answering = True
            await passed_on(message)

        with suppress(_TooLarge):
            await self._app(scope, limited, answer)
        if too_large and not answering:
            await _read_away(receive)
            await _say(scope, passed_on, (413, "error.too_large", {}, {"Connection": "close"}))

    def _believe(self, scope: MutableMapping[str, Any], headers: Headers) -> None:
        """Take the visitor's address and scheme from a proxy that the owner named."""
        client = scope.get("client")
        if client is None or client[0] not in self._proxies:
            return
        forwarded = [part.strip() for part in ",".join(headers.getlist("x-forwarded-for")).split(",")]
        # The last stranger: whatever stands before it, in this line or in one of its own, the visitor may have sent.
        strangers = [address for address in forwarded if address and address not in self._proxies]
        if strangers:
            scope["client"] = (strangers[-1][:64], 0)
        if headers.get("x-forwarded-proto", "").strip().lower() == "https":
            scope["scheme"] = "https"

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return 400, "error.bad_host", {}, {}
        if scope["method"] not in _SAFE and not _same_site(scope, headers, host):
            return 403, "error.cross_site", {}, {}
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > _BODY:
            return 413, "error.too_large", {}, {"Connection": "close"}
        if scope["path"].startswith("/static/"):
            return None
        wait = self._bucket.wait(_network(scope))
        if wait:
            return 429, "error.too_fast_address", {"seconds": wait}, {"Retry-After": str(wait)}
        return None


class Bucket:
    """Token buckets by actor, in bounded memory.

    Args:
        rate: Tokens a second.
        most: Tokens a bucket holds.
        clock: Seconds now.
        remembered: Actors at once; when there are more, whoever came longest ago is forgotten.
    """

    def __init__(
        self, *, rate: float, most: float, clock: Callable[[], float] = time.monotonic, remembered: int = 50_000
    ) -> None:
        self._rate, self._most, self._clock, self._remembered = rate, most, clock, remembered
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, actor: str) -> int:
        """Take a token; 0, or the whole seconds until there is one."""
        now = self._clock()
        left, then = self._left.pop(actor, (self._most, now))
        left = min(self._most, left + (now - then) * self._rate)
        taken = left >= 1
        self._left[actor] = (left - taken, now)
        if len(self._left) > self._remembered:
            del self._left[next(iter(self._left))]
        return 0 if taken else int((1 - left) / self._rate) + 1


class _TooLarge(Exception):
    """The body is longer than any page takes."""


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].split("]", maxsplit=1)[0].lower()
    return host.rsplit(":", 1)[0].lower().rstrip(".") if ":" in host else host.lower().rstrip(".")


def _same_site(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether a request that changes something came from our own pages, or from no page at all.

    As in Go's CrossOriginProtection (1.25): browsers say where a request comes from; programs send neither header and
    have no cookie of a visitor. A bearer token is never sent by a browser on its own.
    """
    if headers.get("authorization") and not headers.get("cookie"):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin == f"{scope['scheme']}://{host}"


def _network(scope: Scope) -> str:
    """Whose rate counts: an IPv4 address, or the /64 that one holder of IPv6 addresses has at the least.

    A token is no actor: whoever sends another one with each request would never be asked to wait.
    """
    address = str((scope.get("client") or ("",))[0])
    try:
        found = IPv6Address(address.partition("%")[0])
    except AddressValueError:
        return address
    return str(found.ipv4_mapped or int(found) >> 64)


def _with_headers(send: Send, scope: Scope) -> Send:
    static = scope["path"].startswith("/static/")

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "public, max-age=3600" if static else "no-store")
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await send(message)

    return sending


async def _read_away(receive: Receive) -> None:
    left = _READ_AWAY
    while left > 0:
        message = await receive()
        if not message.get("more_body"):
            return
        left -= len(message["body"])


async def _say(scope: Scope, send: Callable[[Message], Awaitable[None]], refusal: Refusal) -> None:
    status, key, params, headers = refusal
    said = words_of(Request(scope))(key, **params)
    if scope["path"].startswith("/api/"):
        body = json.dumps(
            {"error": {"kind": key.removeprefix("error."), "message": said, "where": "", "next_step": ""}}
        )
        kind = "application/json"
    else:
        body, kind = said, "text/plain; charset=utf-8"
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"content-type", kind.encode()), (b"content-length", str(len(body.encode())).encode())]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body.encode()})
