"""Objections and corrections to what was published, with the lab's answers beside them. Read `file` first."""

import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairtrial.arena import objections
from fairtrial.arena.receipts import public_document
from fairtrial.arena.releases import listing
from fairtrial.core import FairtrialError
from fairtrial.lab import Lab
from fairtrial.provenance import SigningKey
from fairtrial.web.failures import sentence, status_of
from fairtrial.web.pages import page
from fairtrial.web.voting import arena_of, there
from fairtrial.web.words import words_of

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]


@router.get("/objections")
async def every(request: Request) -> Response:
    """Every objection and its answer, and the form for one more."""
    return await _page(request)


@router.post("/objections")
async def file(
    request: Request,
    about: Field = "",
    kind: Field = "objection",
    text: Field = "",
    name: Field = "",
    affiliation: Field = "",
) -> Response:
    """Record an objection; the lab signs its receipt."""
    lab = _lab(request)
    published = await run_in_threadpool(_published, lab, reports=arena_of(request).settings.reports)
    key = SigningKey.load(lab.directory.keys / "lab.pem")
    text = text.replace("\r\n", "\n")
    try:
        await arena_of(request).transact(
            lambda c: objections.file(
                c, about, text, published=published, key=key, kind=kind, name=name, affiliation=affiliation
            )
        )
    except FairtrialError as error:
        typed = {"about": about, "kind": kind, "text": text, "name": name, "affiliation": affiliation}
        return await _page(request, error=error, typed=typed)
    return there("/objections")


@router.get("/objections/{objection}")
async def document(request: Request, objection: str) -> Response:
    """The signed document of one objection, for whoever wants to check it."""
    with arena_of(request).store.reading() as connection:
        found = next((one for one in objections.public(connection) if one.id == objection), None)
    if found is None:
        raise HTTPException(404)
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.json"'}
    return Response(public_document(found), media_type="application/json", headers=headers)


def _lab(request: Request) -> Lab:
    lab: Lab = request.app.state.opened.lab
    return lab


def _published(lab: Lab, *, reports: bool) -> dict[str, str]:
    """SHA-256 of what each published verdict says: a release's manifest, a report's report.json."""
    found = {one.id: one.directory / "manifest.json" for one in listing(lab.directory.reports)}
    if reports:
        found |= {directory.name: directory / "report.json" for directory in lab.reports()}
    return {name: _digest(path) for name, path in found.items() if path.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def _page(
    request: Request, *, error: FairtrialError | None = None, typed: dict[str, str] | None = None
) -> Response:
    with arena_of(request).store.reading() as connection:
        found = objections.public(connection)
    return page(
        request,
        "objections",
        status=status_of(error) if error else 200,
        place="data",
        found=found,
        verdicts=list(await run_in_threadpool(_published, _lab(request), reports=arena_of(request).settings.reports)),
        error=sentence(error, words_of(request)) if error else "",
        typed=typed or dict.fromkeys(("about", "kind", "text", "name", "affiliation"), ""),
    )
