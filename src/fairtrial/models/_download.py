"""Downloading a model file from a web address under the address rules. Read `from_url` first."""

import asyncio
import functools
import threading
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from fairtrial.core import BadInput, ModelError
from fairtrial.models._addresses import AddressPolicy, AddressRefused, GuardedResolver, check_url, guarded_socket
from fairtrial.models._sources import BLOCK, LARGEST, Sink

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
OK = 200


def from_url(url: str, sink: Sink) -> None:
    """Download a model file from a web address.

    The owner may name this machine or a public host; a redirect may only lead to public addresses. Every address a
    name resolves to is checked before it is connected to.

    Raises:
        BadInput: An address that may not be used, or an answer that is no file.
        ModelError: The host cannot be reached, or the download broke off.
    """
    _in_thread(_download(url, sink))


def _in_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also where the caller's thread runs an event loop of its own."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="fairtrial-download", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def _download(url: str, sink: Sink) -> None:
    policy = AddressPolicy()
    for _ in range(MOST_REDIRECTS + 1):
        try:
            forward = await _hop(url, policy, sink)
        except (aiohttp.ClientError, AddressRefused, TimeoutError) as error:
            raise _explain(url, error) from None
        if forward is None:
            return
        url, policy = forward, AddressPolicy(untrusted=True)
    raise BadInput(f"{_shown(url)} redirects more than {MOST_REDIRECTS} times.", next_step="Check the address.")


async def _hop(url: str, policy: AddressPolicy, sink: Sink) -> str | None:
    """One request: the address it redirects to, or None when the file has been taken."""
    _check_text(url, policy)
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(policy), socket_factory=functools.partial(guarded_socket, policy)
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
        session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        if answer.status in REDIRECTS and "Location" in answer.headers:
            return urljoin(url, answer.headers["Location"])
        if answer.status != OK:
            raise BadInput(f"{_shown(url)} answers {answer.status} instead of a file.", next_step="Check the address.")
        sink.total = answer.content_length
        sink.most = LARGEST if sink.total is None else min(LARGEST, sink.total)
        async for block in answer.content.iter_chunked(BLOCK):
            sink.write(block)
    return None


def _check_text(url: str, policy: AddressPolicy) -> None:
    """The rules for addresses as text; path and query are the file's own business."""
    try:
        parts = urlsplit(url)
        check_url(f"{parts.scheme}://{parts.netloc}", untrusted=policy.untrusted)
    except ValueError:
        raise BadInput("this is not a web address.", next_step="It starts with https:// and a host.") from None
    except BadInput as refused:
        raise BadInput(
            refused.message.replace("base_url", "the address"),
            next_step="Download the file yourself and give its path.",
        ) from None


def _explain(url: str, error: Exception) -> BadInput | ModelError:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, AddressRefused):
        return BadInput(
            f"{_shown(url)} is refused: {cause}.", next_step="Download the file yourself and give its path."
        )
    return ModelError(
        f"the download failed: {error or type(error).__name__}.",
        kind="unreachable",
        passing=True,
        where=_shown(url),
        next_step="Try again, or download the file yourself and give its path.",
    )


def _shown(url: str) -> str:
    """An address without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
