"""The application: routes, errors, and what stands before them. Read `create` first."""

import logging
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

import fairtrial
from fairtrial.arena.refusals import Refused
from fairtrial.core import FairtrialError
from fairtrial.lab.serving import Opened
from fairtrial.web import admin, admin_entrance, admin_reports, admin_tasks, api, objecting, rating, reading, voting
from fairtrial.web.admin_entrance import Entrance
from fairtrial.web.failures import Detail, Problem, problem, sentence, status_of, wait_seconds
from fairtrial.web.pages import page
from fairtrial.web.security import HEADERS, Guard
from fairtrial.web.words import words_of

_log = logging.getLogger("fairtrial.web")

_WHERE = ("body", "query", "path")
_PAGES_SAY = {404: "error.unknown_page", 405: "error.wrong_method"}


def create(opened: Opened, *, hosts: Sequence[str] = ()) -> FastAPI:
    """The arena's pages and API.

    Args:
        opened: An arena, opened.
        hosts: Host names under which it may be asked for, besides those of ``lab.toml`` and loopback.
    """
    app = FastAPI(
        title="Fairtrial",
        version=fairtrial.__version__,
        summary="Blind battles of language models, and what they support.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.arena = opened.arena
    app.state.opened = opened
    app.state.entrance = Entrance()
    settings = opened.arena.settings
    rate = settings.limits.requests_per_second
    app.add_middleware(Guard, hosts=(*settings.hosts, *hosts), proxies=settings.proxies, rate=rate)
    for room in (api, voting, rating, reading, admin_entrance, admin, admin_tasks, admin_reports, objecting):
        app.include_router(room.router)
    app.add_api_route("/healthz", _health, methods=["GET"])
    app.mount("/static", _static_files())
    app.add_exception_handler(FairtrialError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    return app


def _static_files() -> StaticFiles:
    files = StaticFiles(packages=[("fairtrial.web", "static")])
    files.all_directories = [*files.all_directories, Path(str(resources.files("fairtrial.reports"))) / "static"]
    return files


async def _health() -> dict[str, str]:
    """Whether the server answers."""
    return {"status": "ok", "version": fairtrial.__version__}


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, FairtrialError)
    wait = wait_seconds(error)
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if status_of(error) == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status_of(error) >= 500 and not isinstance(error, Refused):
        _log.error("%s", error)
    if _is_program(request):
        return JSONResponse(problem(error).model_dump(), status_code=status_of(error), headers=headers)
    return _page(request, sentence(error, words_of(request)), status_of(error), headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in _WHERE)
    status = 400 if first["type"] == "json_invalid" else 422
    if not _is_program(request):
        return _page(request, words_of(request)("error.bad_field", field=where or "?"), status, {})
    said = Detail(kind="bad_request", message=first["msg"], where=where)
    return JSONResponse(Problem(error=said).model_dump(), status_code=status)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if not _is_program(request):
        said = words_of(request)(_PAGES_SAY.get(error.status_code, "error.refused"), status=error.status_code)
        return _page(request, said, error.status_code, dict(error.headers or {}))
    detail = Detail(kind="http", message=str(error.detail))
    return JSONResponse(Problem(error=detail).model_dump(), status_code=error.status_code, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    """A defect of ours: what it was is for the log alone."""
    _log.error("internal error in %s %s", request.method, request.url.path, exc_info=error)
    said = words_of(request)("error.internal")
    if _is_program(request):
        detail = Detail(kind="internal", message=said)
        past_the_guard = HEADERS | {"Cache-Control": "no-store"}
        return JSONResponse(Problem(error=detail).model_dump(), status_code=500, headers=past_the_guard)
    return _page(request, said, 500, {})


def _page(request: Request, said: str, status: int, headers: dict[str, str]) -> Response:
    answer = page(
        request, "message", status=status, title=words_of(request)("error.title"), said=said, bad=True, kept=""
    )
    answer.headers.update(headers)
    return answer


def _is_program(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/healthz"))
