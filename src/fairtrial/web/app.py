"""The application: routes, errors, and what stands before them. Read `create` first."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import fairtrial
from fairtrial.core import FairtrialError
from fairtrial.lab.serving import Opened
from fairtrial.web import api
from fairtrial.web.failures import Detail, Problem, problem, status_of, wait_seconds

_WHERE = ("body", "query", "path")


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
    app.include_router(api.router)
    app.add_api_route("/healthz", _health, methods=["GET"], include_in_schema=True)
    app.add_exception_handler(FairtrialError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    return app


async def _health() -> dict[str, str]:
    """Whether the server answers."""
    return {"status": "ok", "version": fairtrial.__version__}


async def _failed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FairtrialError)
    wait = wait_seconds(error)
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if status_of(error) == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem(error).model_dump(), status_code=status_of(error), headers=headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in _WHERE)
    said = Detail(kind="bad_request", message=first["msg"], where=where)
    status = 400 if first["type"] == "json_invalid" else 422
    return JSONResponse(Problem(error=said).model_dump(), status_code=status)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    said = Detail(kind="http", message=str(error.detail))
    return JSONResponse(Problem(error=said).model_dump(), status_code=error.status_code, headers=error.headers)
