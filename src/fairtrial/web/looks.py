"""The public data and its looks: each release with its signed boards, and whether they verify. Read `look` first.

A look is shown only while it is what this lab signed and what the lab's log tells of.
"""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairtrial.arena import tasks
from fairtrial.arena.arena import Arena
from fairtrial.arena.releases import BOARDS, Look, Place, listed, place, read_look, statement_digest
from fairtrial.lab import Lab
from fairtrial.provenance import PublicKey
from fairtrial.web.boards_shown import beside, by_reason, headline, told
from fairtrial.web.pages import page
from fairtrial.web.voting import arena_of
from fairtrial.web.words import Words, words_of

router = APIRouter(include_in_schema=False)
_MEDIA = {"jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet", "json": "application/json"}
_OTHER = {"weighted": "unweighted", "unweighted": "weighted"}
"""The board that stands beside another: the same votes with the flagged ones weighted, or counted in full."""
KEY = "lab.pub.pem"
"""What the lab's key is called where it can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A look, where the log has it, and why it does not count if it does not."""

    look: Look
    place: Place | None
    why: str
    """The word of the verdict, or ``REPLACED`` or ``RENAMED``; empty where the look stands."""


@router.get("/data")
async def data(request: Request) -> Response:
    """Releases of the public data."""
    arena = arena_of(request)
    found, damaged = await run_in_threadpool(listed, arena.reports) if arena.reports else ([], [])
    releases = [(one, _files(one.directory)) for one in found]
    return page(request, "data", place="data", releases=releases, damaged=damaged)


@router.get(f"/data/{KEY}")
async def key(request: Request) -> Response:
    """The key that releases are checked with."""
    lab: Lab = request.app.state.opened.lab
    pem = (await run_in_threadpool(lambda: lab.public_key)).pem()
    headers = {"Content-Disposition": f'attachment; filename="{KEY}"'}
    return Response(pem, media_type="application/x-pem-file", headers=headers)


@router.get("/data/{release}")
async def look(request: Request, release: str, view: str = "weighted") -> Response:
    """A look: its boards as they were signed, or why they do not count."""
    arena, t = arena_of(request), words_of(request)
    lab: Lab = request.app.state.opened.lab
    directory = next((one for one in _directories(arena) if one.name == release), None)
    if directory is None:
        raise HTTPException(404)
    trusted = await run_in_threadpool(lambda: lab.public_key)
    async with _one_at_a_time(request):  # a large release takes a while, and nobody else's pages are to wait for it
        found = await run_in_threadpool(_found, arena, directory, trusted)
    if found.why or found.look.release is None or found.place is None:
        return page(
            request,
            "look_refused",
            place="data",
            name=release,
            key=trusted.fingerprint,
            why=found.why,
            problems=found.look.verdict.problems,
        )
    manifest = found.look.release.manifest
    view = view if view in BOARDS else "weighted"
    shown = found.look.boards.get(view)
    other = found.look.boards.get(_OTHER.get(view, "")) if manifest["weighted"] else None
    gone = await run_in_threadpool(found.look.release.withheld)
    return page(
        request,
        "look",
        place="data",
        name=release,
        key=trusted.fingerprint,
        **told(shown, t),
        live=False,
        headline=headline(shown, t) if shown else t("board.unranked"),
        manifest=manifest,
        at=found.place,
        day=manifest["created"][:10],
        days=[str(day) for day in arena.settings.looks],
        task=await run_in_threadpool(_task_name, arena, manifest["task"]),
        views=[(t(f"look.board.{one}"), _link(release, one), one == view) for one in BOARDS],
        refused=found.look.refused.get(view, ""),
        flagged=_flagged(manifest, t),
        withheld=gone,
        beside=beside(other, shown),
        beside_title=t("board.beside.weighted" if view == "unweighted" else "board.beside.unweighted"),
        links={one["name"]: one["id"][7:23] for one in manifest["contestants"] if one["id"] in arena.registry.entrants},
        simulated={one["name"] for one in manifest["contestants"] if one.get("simulated")},
    )


@router.get("/data/{release}/{file}")
async def download(request: Request, release: str, file: str) -> Response:
    """One file of a release, under the name that the signature knows it by."""
    arena = arena_of(request)
    for one in await run_in_threadpool(_directories, arena):
        if one.name == release and file in _files(one):
            media = _MEDIA.get(file.rpartition(".")[2], "text/plain; charset=utf-8")
            return FileResponse(one / file, media_type=media, filename=file)
    raise HTTPException(404)


def _found(arena: Arena, directory: Path, trusted: PublicKey) -> _Found:
    stamp = tuple(sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in directory.iterdir()))
    found = _checked(directory, trusted, stamp)
    if found.release is None:
        return _Found(look=found, place=None, why=found.verdict.word)
    if found.release.id != directory.name:
        return _Found(look=found, place=None, why="RENAMED")
    others, _ = listed(directory.parent)
    with arena.store.reading() as connection:
        at = place(connection, found.release, others)
    # The lab's own key signs whatever the lab likes, also anew; the log says what was signed at the time.
    replaced = at.statement and at.statement != statement_digest(found.release)
    return _Found(look=found, place=at, why="REPLACED" if replaced else "")


@lru_cache(maxsize=16)
def _checked(directory: Path, trusted: PublicKey, stamp: tuple[Any, ...]) -> Look:  # noqa: ARG001 - `stamp` is its age
    return read_look(directory, [trusted])


def _one_at_a_time(request: Request) -> asyncio.Lock:
    state = request.app.state
    if not hasattr(state, "looking"):
        state.looking = asyncio.Lock()
    lock: asyncio.Lock = state.looking
    return lock


def _directories(arena: Arena) -> list[Path]:
    """The directories of releases, readable or not."""
    return [one.parent for one in arena.reports.glob("release-*/manifest.json")] if arena.reports else []


def _files(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir() if file.is_file() and not file.name.startswith("."))


def _link(release: str, view: str) -> str:
    return f"/data/{release}" + ("" if view == "weighted" else f"?view={view}")


def _flagged(manifest: Any, t: Words) -> str:
    """How many votes count less than in full, by reason; empty for none."""
    counts: dict[str, int] = manifest["weighted"]
    if not counts:
        return ""
    told_count, rows = t.number(sum(counts.values())), t.number(manifest["rows"])
    return t("board.flagged_said", count=told_count, votes=rows, reasons=by_reason(counts, t))


def _task_name(arena: Arena, task: str | None) -> str:
    """The name of a rating task, or its id where it is not known here; empty for the arena."""
    if task is None:
        return ""
    with arena.store.reading() as connection:
        return next((one.name for one in tasks.every(connection) if one.id == task), task)
