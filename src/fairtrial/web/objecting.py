"""Objections and corrections to what was published, with the lab's answers beside them. Read `file` first."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairtrial.arena import objections
from fairtrial.arena.receipts import Checked, Objection, public_document, verify_objection
from fairtrial.arena.releases import listed
from fairtrial.core import FairtrialError
from fairtrial.lab import Lab
from fairtrial.provenance import PublicKey, SigningKey, dsse, fingerprint_of
from fairtrial.web.failures import sentence, status_of
from fairtrial.web.pages import page
from fairtrial.web.voting import arena_of, there
from fairtrial.web.words import words_of

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]
Holds = Literal["", "trusted", "unknown", "broken"]
"""Of a signature: by this lab's key, by another, not over what stands here; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An objection on record, and whether its signatures hold."""

    objection: Objection
    document: bool
    """Whether there is a document to be checked elsewhere."""
    receipt: Holds = "broken"
    answer: Holds = ""
    own: Holds = ""
    """Of its author, whom nobody vouches for: ``trusted`` says only that the signature holds."""
    problems: tuple[str, ...] = ()


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
    content = None if found is None else _document(found)
    if found is None or content is None:
        raise HTTPException(404)
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.json"'}
    return Response(content, media_type="application/json", headers=headers)


def _lab(request: Request) -> Lab:
    lab: Lab = request.app.state.opened.lab
    return lab


def _published(lab: Lab, *, reports: bool) -> dict[str, str]:
    """SHA-256 of what each published verdict says: a release's manifest, a report's report.json."""
    found = {one.id: one.directory / "manifest.json" for one in listed(lab.directory.reports)[0]}
    if reports:
        found |= {directory.name: directory / "report.json" for directory in lab.reports()}
    return {name: _digest(path) for name, path in found.items() if path.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _signed(objection: Objection, key: PublicKey) -> Signed:
    """Check an objection as anyone could who has its document, receipt and answer each for itself."""
    without, whole = _document(replace(objection, answer=None)), _document(objection)
    given = objection.answer
    if without is None or whole is None:
        return Signed(objection=objection, document=False, answer="broken" if given else "")
    filed, both = _checked(without, key), _checked(whole, key)
    if both.word == "UNREADABLE":
        answer: Holds = "broken" if given else ""
        return Signed(objection=objection, document=True, answer=answer, problems=both.problems)
    broken = {problem.partition(":")[0] for problem in both.problems}
    return Signed(
        objection=objection,
        document=True,
        receipt=_holds(bool(broken & {"receipt", "withheld"}), known=fingerprint_of(key.keyid) in filed.signers),
        answer=_holds("answer" in broken, known=key.keyid in _keyids(given.receipt)) if given else "",
        own=_holds("own" in broken, known=True) if objection.own or "own" in broken else "",
        problems=both.problems,
    )


@lru_cache(maxsize=2048)  # the page lists every objection each time; one that has not changed is checked once
def _checked(document: bytes, key: PublicKey) -> Checked:
    return verify_objection(document, [key])


def _holds(broken: bool, *, known: bool) -> Holds:
    return "broken" if broken else "trusted" if known else "unknown"


def _keyids(envelope: str) -> set[str]:
    """Who signed an envelope that is known to be one."""
    return {signature.signer.keyid for signature in dsse.read_envelope(envelope.encode()).signatures}


def _document(objection: Objection) -> bytes | None:
    """The public document; None where what is recorded is damaged so far that it makes none."""
    try:
        return public_document(objection)
    except ValueError:
        return None


async def _page(
    request: Request, *, error: FairtrialError | None = None, typed: dict[str, str] | None = None
) -> Response:
    arena, lab = arena_of(request), _lab(request)

    def checked() -> list[Signed]:
        with arena.store.reading() as connection:
            found = objections.public(connection)
        key = lab.public_key
        return [_signed(one, key) for one in found]

    return page(
        request,
        "objections",
        status=status_of(error) if error else 200,
        place="data",
        found=await run_in_threadpool(checked),
        verdicts=list(await run_in_threadpool(_published, lab, reports=arena.settings.reports)),
        error=sentence(error, words_of(request)) if error else "",
        typed=typed or dict.fromkeys(("about", "kind", "text", "name", "affiliation"), ""),
    )
