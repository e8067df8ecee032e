"""HTTP with an endpoint, and nothing else: one POST or GET, one bounded answer, every failure in plain words.

Read `Transport` first. No redirect is followed, no cookie kept, no proxy or password file of the environment used, and
no exception of the HTTP library gets out, because those show request headers and with them the key.
"""

import functools
import io
import os
import socket
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs
from yarl import URL

from fairtrial.core import BadInput, FairtrialError
from fairtrial.models._addresses import AddressPolicy, AddressRefused, GuardedResolver, guarded_socket
from fairtrial.models._retry import Passing
from fairtrial.models._secret import Secret

LONGEST_ANSWER = 16 * 2**20
LONGEST_STREAM = 128 * 2**20
"""Bytes of a body; an event stream repeats about 300 bytes for every token."""
LARGE_REQUEST = 2**20
CONNECT_S = 10.0
UNREACHABLE_STEP = "Start the server, or correct base_url."

Failure = Passing | FairtrialError


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Connections to one base URL under one address policy.

    Args:
        base_url: As `check_url` returns it.
        policy: What the addresses behind it may be.
        secret: The key, sent as a bearer token.
        timeout_s: Seconds for one answer, from the first byte sent to the last byte read.
    """

    def __init__(self, base_url: str, *, policy: AddressPolicy, secret: Secret | None, timeout_s: float) -> None:
        self.base_url = base_url
        self._policy = policy
        self._secret = secret
        self._timeout_s = timeout_s
        self._urls: dict[str, URL] = {}
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make ready; connections are made when they are needed."""
        if self._session is not None:
            return
        headers = {
            hdrs.USER_AGENT: f"fairtrial/{version('fairtrial')}",
            hdrs.ACCEPT_ENCODING: "identity",  # answers are small, unpacking them costs more than sending them
            hdrs.CONTENT_TYPE: "application/json",
        }
        if self._secret is not None:
            headers[hdrs.AUTHORIZATION] = f"Bearer {self._secret.reveal()}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the throttle counts
                resolver=GuardedResolver(self._policy),
                socket_factory=functools.partial(guarded_socket, self._policy),
            ),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(CONNECT_S, self._timeout_s)),
        )

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str) -> Answer:
        """One GET.

        Raises:
            BadInput: The address is refused, or it redirects elsewhere.
            Passing: No answer, or not a whole one.
        """
        return await self._exchange(hdrs.METH_GET, path, None, None)

    async def post(self, path: str, body: bytes, on_bytes: Callable[[bytes], bool] | None = None) -> Answer:
        """One POST of a JSON body.

        Args:
            path: Below the base URL, with its slash.
            body: JSON.
            on_bytes: Is handed the pieces of an event stream, and returns True when it has read enough; the answer's
                body is then empty.

        Raises:
            BadInput: The address is refused, or it redirects elsewhere.
            Passing: No answer, or not a whole one.
        """
        return await self._exchange(hdrs.METH_POST, path, body, on_bytes)

    async def _exchange(
        self, method: str, path: str, body: bytes | None, on_bytes: Callable[[bytes], bool] | None
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("the provider is not open")
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self.base_url + path)
        data = io.BytesIO(body) if body is not None and len(body) > LARGE_REQUEST else body
        try:
            async with self._session.request(method, url, data=data, allow_redirects=False) as response:
                answer = await _read(response, on_bytes)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure = self._explain(error)
        else:
            if 300 <= answer.status < 400:
                raise self._redirected(url, answer.headers.get(hdrs.LOCATION, ""))
            return answer
        raise failure  # outside the except block: the library's error must not hang on as its context

    def _redirected(self, url: URL, location: str) -> BadInput:
        try:
            target = url.join(URL(location)).host or "an unnamed host"
        except ValueError:
            target = "an unreadable address"
        return BadInput(
            f"the endpoint redirects to {self._clean(target)}, and redirects are not followed.",
            where=self.base_url,
            next_step="Put the final address into base_url, if you trust it.",
        )

    def _clean(self, text: str) -> str:
        return text if self._secret is None else self._secret.scrub(text)

    def _explain(self, error: Exception) -> Failure:  # noqa: PLR0911 - one line a cause
        """A failure of the HTTP library in our words."""
        cause = getattr(error, "os_error", error)
        if isinstance(cause, AddressRefused):
            return BadInput(f"the endpoint is refused: {cause}.", where=self.base_url, next_step=cause.next_step)
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return Passing("no connection in time", kind="timeout", congested=True, next_step=UNREACHABLE_STEP)
        if isinstance(error, TimeoutError):
            said = f"no whole answer within {self._timeout_s:g} seconds"
            return Passing(said, kind="timeout", congested=True, next_step="Raise timeout if the model is just slow.")
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return BadInput(
                "no encrypted connection can be made: the certificate or the protocol does not fit.",
                where=self.base_url,
                next_step="Check http:// or https:// in base_url, and the server's certificate.",
            )
        if isinstance(error, aiohttp.InvalidURL):
            return BadInput("base_url is not a usable address.", where=self.base_url)
        if isinstance(cause, socket.gaierror):
            return Passing("the host name has no address", kind="unreachable", next_step="Check base_url.")
        if isinstance(error, aiohttp.ClientConnectorError):
            number = cause.errno if isinstance(cause, OSError) else None
            why = f" ({os.strerror(number).lower()})" if number else ""
            return Passing(f"nothing answers{why}", kind="unreachable", next_step=UNREACHABLE_STEP)
        if isinstance(error, aiohttp.ClientPayloadError):
            return Passing("the answer was cut short", kind="bad_answer")
        if isinstance(error, aiohttp.ClientResponseError):
            return Passing("the answer is not HTTP", kind="bad_answer", next_step=UNREACHABLE_STEP)
        return Passing("the connection was closed before an answer came", kind="unreachable")


async def _read(response: aiohttp.ClientResponse, on_bytes: Callable[[bytes], bool] | None) -> Answer:
    """The whole answer, within its bounds."""
    status, headers = response.status, response.headers
    if on_bytes is not None and status == 200 and response.content_type == "text/event-stream":
        size = 0
        async for piece in response.content.iter_any():
            size += len(piece)
            _bound(response, size, LONGEST_STREAM)
            if on_bytes(piece):
                break
        return Answer(status, headers, b"")
    length = response.content_length
    if length is not None and hdrs.CONTENT_ENCODING not in headers:
        _bound(response, length, LONGEST_ANSWER)
        return Answer(status, headers, await response.read())
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        _bound(response, len(body), LONGEST_ANSWER)
    return Answer(status, headers, bytes(body))


def _bound(response: aiohttp.ClientResponse, size: int, most: int) -> None:
    """Hang up on an answer that is longer than any honest one."""
    if size > most:
        response.close()
        raise Passing(f"the answer is longer than {most // 2**20} MB", kind="bad_answer", final=True)
