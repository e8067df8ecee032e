"""The rater's pages: an invitation, the next two answers of a rating task, and its end. Read `rate` first.

Whether an invitation holds is asked anew at each item (`assignment.next_item`). Nothing of a ballot but its texts is
shown: what else it says could tell a probe from an item.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from fairtrial.arena import assignment, moderation, raters, tasks
from fairtrial.arena.live import PANES
from fairtrial.arena.refusals import Refused
from fairtrial.privacy import BANDS, check_profile
from fairtrial.web.failures import status_of
from fairtrial.web.pages import page
from fairtrial.web.voting import COOKIE, arena_of, rater_of, remember, there
from fairtrial.web.words import words_of

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]


@router.get("/invite/{secret}")
async def invited(request: Request, secret: str) -> Response:
    """What is asked of a rater, before anything is recorded; for one who has begun, the way on."""
    return _invitation(request, secret)


@router.post("/invite/{secret}")
async def accept(
    request: Request,
    secret: str,
    agree: Field = "",
    age: Field = "",
    region: Field = "",
    language: Field = "",
    expertise: Field = "",
) -> Response:
    """Take up an invitation: from now on the cookie stands for it, and its secret is in no address any more."""
    arena = arena_of(request)
    with arena.store.reading() as connection:
        task = tasks.invited(connection, secret)
    known = arena.rater(secret)
    told = check_profile({"age": age, "region": region, "language": language, "expertise": expertise})
    if known is None:
        if agree != "yes":
            return _invitation(request, secret)
        await arena.enrol("invite", secret=secret, task=task.id)
        known = arena.rater(secret)
    # Also for one who is known: sent again because only the first of the two could be written, the form is whole.
    if known is not None and task.profile_asked and any(told.values()):
        await arena.tell(known, told)
    answer = there(f"/tasks/{task.id}")
    remember(request, answer, COOKIE, secret)
    return answer


@router.get("/tasks/{task}")
async def rate(request: Request, task: str) -> Response:
    """The next item; the same one again until it is voted on, so a rater can leave and come back."""
    rater, arena = rater_of(request), arena_of(request)
    if rater is None:
        raise Refused("bad_link")
    try:
        ballot = await arena.transact(lambda c: assignment.next_item(c, task, rater))
    except Refused as refused:
        if refused.kind != "closed_task":
            raise
        return page(request, "task_over", status=status_of(refused), closed=True, done=_progress(request, task)[0])
    done, total = _progress(request, task)
    if ballot is None:
        return page(request, "task_over", closed=False, done=done)
    with arena.store.reading() as connection:
        about = tasks.find(connection, task)
    assert about is not None
    shown = assignment.shown(ballot, arena.blinding)
    return page(
        request,
        "task",
        task=about,
        ballot=ballot.id,
        turns=[
            {"number": n + 1, "asked": asked, **{pane: shown[pane][n] for pane in PANES}}
            for n, asked in enumerate(ballot.said.prompts)
        ],
        number=min(done + 1, total),
        done=done,
        total=total,
        reasons=moderation.REASONS,
    )


@router.get("/tasks/{task}/pause")
async def pause(request: Request, task: str) -> Response:
    """How to come back."""
    if rater_of(request) is None:
        raise Refused("bad_link")
    return page(request, "task_over", closed=False, paused=True, task=task, done=_progress(request, task)[0])


def _progress(request: Request, task: str) -> tuple[int, int]:
    """How many ballots the visitor has used, and how many it will have been."""
    rater, arena = rater_of(request), arena_of(request)
    assert rater is not None
    with arena.store.reading() as connection:
        return assignment.progress(connection, task, rater)


def _invitation(request: Request, secret: str) -> Response:
    arena = arena_of(request)
    with arena.store.reading() as connection:
        task = tasks.invited(connection, secret)
        known = raters.find(connection, secret)
    t = words_of(request)
    named = {code: t.known("task.language", code) for code in BANDS["language"]}
    languages = sorted(named, key=lambda code: (named[code] == code, named[code]))  # those without a name come last
    return page(
        request,
        "task_invite",
        task=task,
        known=known is not None,
        bands={**BANDS, "language": languages},
        licence=arena.settings.licence,
    )
