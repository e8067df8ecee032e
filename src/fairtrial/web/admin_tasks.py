"""The owner's pages about rating tasks: make one of pairs, invite raters, see how far they are. Read `create` first."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from fairtrial.arena import access, assignment, tasks
from fairtrial.arena.items import from_pairs
from fairtrial.core import BadInput, FairtrialError
from fairtrial.formats.pairs import Pair, read_pairs
from fairtrial.ranking.sources import as_battles
from fairtrial.stats.agreement import rater_agreement
from fairtrial.web.admin_entrance import Action, Owner, Reader, admin_page, done
from fairtrial.web.failures import is_ours, sentence, status_of
from fairtrial.web.voting import arena_of
from fairtrial.web.words import words_of

router = APIRouter(include_in_schema=False, route_class=Action)
Field = Annotated[str, Form()]
_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
"""Files that may be given; packed ones may not, because they can be of any size within."""
_MOST_LINKS = 500


@router.get("/admin/tasks")
async def listing(request: Request, _: Reader) -> Response:
    """All rating tasks."""
    with arena_of(request).store.reading() as connection:
        found = tasks.every(connection)
    return admin_page(request, "admin_tasks", tasks=found)


@router.get("/admin/tasks/new")
async def blank(request: Request, _: Owner) -> Response:
    """Where a task is declared."""
    return _form(request, {})


@router.post("/admin/tasks/new")
async def create(request: Request, holder: Owner, file: UploadFile | None = None) -> Response:
    """Make a rating task of uploaded or pasted pairs; what was typed is kept where something is wrong."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    try:
        raw = await file.read() if file is not None and file.filename else b""
        name = file.filename or "" if file is not None and raw else ""
        pairs = await run_in_threadpool(_pairs, raw or typed.get("pairs", "").encode(), name, typed.get("fields", ""))
        items, probes = from_pairs(pairs)
        plan = tasks.TaskPlan(
            name=typed.get("name", ""),
            question=typed.get("question", "").strip(),
            guidelines=typed.get("guidelines", "").replace("\r\n", "\n"),
            language=words_of(request).language if typed.get("language") not in ("en", "ko") else typed["language"],
            items=items,
            probes=probes,
            overlap=_whole("overlap", typed.get("overlap", "")),
            probe_every=_whole("probe_every", typed.get("probe_every", "")) or 10,
            profile_asked=typed.get("profile") == "yes",
            reveal=typed.get("reveal") == "yes",
        )
        task = await arena_of(request).transact(lambda c: tasks.create(c, plan, by=holder.id))
    except BadInput as error:
        place = f"{error.where}: " if error.where and not is_ours(error) else ""
        return _form(request, typed, error=place + sentence(error, words_of(request)), status=status_of(error))
    return done(request, f"/admin/tasks/{task.id}", "task_made", name=task.name, items=task.items, probes=task.probes)


@router.get("/admin/tasks/{task}")
async def look(request: Request, task: str, _: Reader) -> Response:
    """How far a task is, and how far its raters agree."""
    arena = arena_of(request)

    def gathered() -> tuple[assignment.Summary, list[tasks.Invitation], Any]:
        with arena.store.reading() as connection:
            found = assignment.summary(connection, task)
            invited = tasks.invitations(connection, task)
        return found, invited, _agreement(found)

    summary, invitations, agreement = await run_in_threadpool(gathered)
    done_by = {one.rater: one for one in summary.raters}
    return admin_page(
        request,
        "admin_task",
        task=summary.task,
        summary=summary,
        invitations=[(one, done_by.get(one.rater or "")) for one in invitations],
        agreement=agreement,
        votes=len(summary.columns["rater"]),
    )


@router.post("/admin/tasks/{task}/invite")
async def invite(request: Request, holder: Owner, task: str, name: Field = "", count: Field = "") -> Response:
    """Make invitations; the next page shows their links once."""
    wanted = _whole("count", count) or 1
    if not 1 <= wanted <= _MOST_LINKS:
        raise BadInput(f"at most {_MOST_LINKS} invitations can be made at once.", where="count")
    names = [name.strip()] if wanted == 1 else [f"{name.strip()} {n + 1}" for n in range(wanted)]
    made = await arena_of(request).access.change(
        lambda c: [tasks.invite(c, task, one, by=holder.id)[0] for one in names]
    )
    links = tuple(f"{request.base_url}invite/{secret}" for secret in made)
    return done(request, f"/admin/tasks/{task}", "invited", shown_once=links, count=wanted)


@router.post("/admin/tasks/{task}/revoke")
async def revoke(request: Request, holder: Owner, task: str, token: Field = "") -> Response:
    """Put an invitation out of force; the votes that were cast with it stay."""
    gone = await arena_of(request).access.change(lambda c: access.revoke(c, token, by=holder.id))
    return done(request, f"/admin/tasks/{task}", "uninvited", name=gone.name)


@router.post("/admin/tasks/{task}/close")
async def close(request: Request, holder: Owner, task: str) -> Response:
    """Accept no more votes."""
    found = await arena_of(request).transact(lambda c: tasks.close(c, task, by=holder.id))
    return done(request, f"/admin/tasks/{task}", "task_closed", name=found.name)


@router.post("/admin/tasks/{task}/reopen")
async def reopen(request: Request, holder: Owner, task: str) -> Response:
    """Go on with a closed task."""
    found = await arena_of(request).transact(lambda c: tasks.reopen(c, task, by=holder.id))
    return done(request, f"/admin/tasks/{task}", "task_reopened", name=found.name)


def _form(request: Request, typed: dict[str, str], *, error: str = "", status: int = 200) -> Response:
    return admin_page(request, "admin_tasks_new", status=status, error=error, typed=typed)


def _pairs(raw: bytes, name: str, fields: str) -> tuple[Pair, ...]:
    """The pairs of a file that was sent, or of a text that was pasted; it lies on disk only while it is read."""
    if not raw.strip():
        raise BadInput("there are no pairs.", where="pairs", next_step="Choose a file, or paste rows.")
    suffix = Path(name).suffix.lower() if name else _guessed(raw)
    if suffix not in _SUFFIXES:
        raise BadInput(
            f"files of the kind '{suffix:.20}' are not read here.",
            where="file",
            next_step=f"Known: {', '.join(_SUFFIXES)}; packed ones with: fairtrial import.",
        )
    columns = dict(line.split("=", 1) for line in fields.splitlines() if "=" in line)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"pairs{suffix}"
        path.write_bytes(raw)
        try:
            return read_pairs(path, fields={ours.strip(): theirs.strip() for ours, theirs in columns.items()})
        except FairtrialError as error:
            where, said, step = (
                text.replace(f"{directory}/", "") for text in (error.where, error.message, error.next_step)
            )
            raise BadInput(said, where=where, next_step=step) from None


def _guessed(raw: bytes) -> str:
    first = raw.lstrip(b"\xef\xbb\xbf \r\n\t")
    if first[:1] in (b"{", b"["):
        return ".jsonl" if first[:1] == b"{" else ".json"
    return ".tsv" if b"\t" in first.split(b"\n", 1)[0] else ".csv"


def _whole(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise BadInput(f"'{text:.40}' is no whole number.", where=name)
    return int(text)


def _agreement(summary: assignment.Summary) -> Any:
    """Krippendorff's alpha over the votes so far, or None while nobody voted."""
    if len(set(summary.columns["rater"])) < 2:
        return None
    try:
        return rater_agreement(as_battles(summary.columns), draws=200)
    except FairtrialError:  # only skips so far
        return None
