"""Who may enter the admin pages: a token, given once, becomes a session in memory. Read `needs` first.

A session holds the token's id, never the token; what the token allows is looked up at every request, so revoking it
ends the session. Sentences about what was done wait in the session, so that no address carries text.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from fairtrial.arena import access
from fairtrial.arena.access import Token
from fairtrial.core import FairtrialError
from fairtrial.web.failures import Denied, is_ours, sentence, status_of
from fairtrial.web.pages import page
from fairtrial.web.security import Bucket
from fairtrial.web.voting import arena_of, there
from fairtrial.web.words import words_of

_log = logging.getLogger("fairtrial.web")

COOKIE = "admin"
HOURS = 12
_TRIES = 10
"""Logins that one address may try in a minute."""
_MESSAGES = 20
_SESSIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence that the next page says."""

    key: str
    """Of the catalogue, after ``admin.said.``; empty for an `error`."""
    params: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    kept: str = ""
    """What was typed, where it was refused."""
    shown_once: tuple[str, ...] = ()
    """Tokens or links."""


@dataclass(slots=True, kw_only=True)
class Session:
    """Somebody who gave a token."""

    token: str
    """Its id."""
    until: float
    messages: dict[str, Message] = field(default_factory=dict)


class Entrance:
    """The sessions of a server, in memory: a restart ends them.

    Args:
        clock: Seconds now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self.tries = Bucket(rate=_TRIES / 60, most=_TRIES, clock=clock)

    def begin(self, token: str) -> str:
        """A new session for a token's id; gives what the cookie holds."""
        self._sessions = {name: one for name, one in self._sessions.items() if one.until > self._clock()}
        if len(self._sessions) >= _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        name = secrets.token_urlsafe(32)
        self._sessions[name] = Session(token=token, until=self._clock() + HOURS * 3600)
        return name

    def find(self, name: str | None) -> Session | None:
        """The session that a cookie stands for, or None."""
        found = self._sessions.get(name or "")
        return found if found is not None and found.until > self._clock() else None

    def end(self, name: str | None) -> None:
        """Forget a session."""
        self._sessions.pop(name or "", None)


def entrance_of(request: Request) -> Entrance:
    """The server's entrance."""
    found: Entrance = request.app.state.entrance
    return found


def holder_of(request: Request) -> Token | None:
    """The token that the visitor came with, if it is still in force and lets them look."""
    session = entrance_of(request).find(request.cookies.get(COOKIE))
    if session is None:
        return None
    with arena_of(request).store.reading() as connection:
        token = next((one for one in access.every(connection) if one.id == session.token), None)
    if token is None or not token.may("read"):
        return None
    request.state.session, request.state.holder = session, token
    return token


def needs(scope: str) -> Callable[[Request], Awaitable[Token]]:
    """What a page or an action asks for: a session whose token allows `scope`; others log in, or are refused."""

    async def holder(request: Request) -> Token:
        token = holder_of(request)
        if token is None:
            raise HTTPException(303, words_of(request)("admin.log_in_first"), headers={"Location": "/admin"})
        if not token.may(scope):
            raise Denied("wrong_scope", scope=scope)
        return token

    return holder


Reader = Annotated[Token, Depends(needs("read"))]
Moderator = Annotated[Token, Depends(needs("moderate"))]
Owner = Annotated[Token, Depends(needs("own"))]


class Action(APIRoute):
    """A route whose refusals are said on the page that its form stands on: the path without its last part."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI wants it."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except FairtrialError as error:
                if request.method != "POST" or isinstance(error, Denied):
                    raise
                form = await request.form()
                kept = next((text for name in ("reason", "why", "text") if isinstance(text := form.get(name), str)), "")
                said = Message(key="", error=sentence(error, words_of(request)), kept=kept)
                if is_ours(error) and hasattr(request.state, "holder"):
                    # No fault of the form's: told by the status, too, and what was typed stays in sight.
                    _log.error("%s", error)
                    section = request.url.path.split("/")[2]
                    return page(
                        request,
                        "admin",
                        status=status_of(error),
                        message=said,
                        error="",
                        holder=request.state.holder,
                        section=section,
                    )
                return _said(request, request.url.path.rsplit("/", 1)[0], said)

        return handled


def done(request: Request, path: str, key: str, *, shown_once: tuple[str, ...] = (), **params: Any) -> RedirectResponse:
    """Go on to one of our pages, which says what was done."""
    return _said(request, path, Message(key=key, params=params, shown_once=shown_once))


def _said(request: Request, path: str, message: Message) -> RedirectResponse:
    messages: dict[str, Message] = request.state.session.messages
    while len(messages) >= _MESSAGES:
        del messages[next(iter(messages))]
    name = secrets.token_hex(8)
    messages[name] = message
    return there(f"{path}?said={name}")


def admin_page(request: Request, template: str, *, status: int = 200, error: str = "", **context: Any) -> HTMLResponse:
    """A page of the admin pages, with the sentence that waits for it."""
    session: Session = request.state.session
    name = request.query_params.get("said", "")
    # What is shown once goes when it is shown; the sentence stays, for a page that is loaded again.
    message = session.messages.get(name)
    if message is not None and message.shown_once:
        del session.messages[name]
    return page(
        request,
        template,
        status=status,
        message=message,
        error=error,
        holder=request.state.holder,
        section=template.removeprefix("admin_").removesuffix("_new"),
        **context,
    )


router = APIRouter(include_in_schema=False)


@router.post("/admin/login")
async def log_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
    """Begin a session. Every token that does not open is answered alike."""
    entrance, arena = entrance_of(request), arena_of(request)
    wait = entrance.tries.wait(request.client.host if request.client else "")
    if wait:
        answer = _login(request, words_of(request)("admin.too_many_tries", seconds=wait), 429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    found = arena.access.find(token.strip())
    if found is None or found.task is not None or not found.may("read"):
        return _login(request, words_of(request)("admin.wrong_token"), 401)
    go = there("/admin")
    entrance.end(request.cookies.get(COOKIE))
    go.set_cookie(
        COOKIE,
        entrance.begin(found.id),
        max_age=HOURS * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/admin",
    )
    return go


@router.post("/admin/logout")
async def log_out(request: Request) -> Response:
    """End the session."""
    entrance_of(request).end(request.cookies.get(COOKIE))
    answer = there("/admin")
    answer.delete_cookie(COOKIE, path="/admin")
    return answer


def _login(request: Request, error: str = "", status: int = 200) -> HTMLResponse:
    return page(request, "admin_login", status=status, error=error)


def login_page(request: Request) -> HTMLResponse:
    """Where a token is given."""
    return _login(request)
