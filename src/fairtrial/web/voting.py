"""The voter's pages: notice, question, two answers, vote, reveal. Read `begin` first, then `battle`.

Everything works with plain forms; the script shows answers as they come and lets keys press the buttons.
"""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from fairtrial.arena import ballots, moderation, raters, tasks
from fairtrial.arena.arena import Arena
from fairtrial.arena.ballots import Ballot
from fairtrial.arena.live import PANES, LiveBattle
from fairtrial.arena.raters import Rater
from fairtrial.arena.refusals import Refused
from fairtrial.web.failures import NOT_RECORDED, sentence, status_of
from fairtrial.web.pages import THEMES, page
from fairtrial.web.words import LANGUAGES, Words, words_of

router = APIRouter(include_in_schema=False)
COOKIE = "rater"
_YEAR = 365 * 24 * 3600
_GRADES: dict[str, Any] = {
    "2": 2, "1": 1, "0": 0, "-1": -1, "-2": -2, "both_bad": "both_bad", "skip": "skip",
}  # fmt: skip
_NAMES = {2: "a2", 1: "a1", 0: "tie", -1: "b1", -2: "b2"}

Field = Annotated[str, Form()]


def arena_of(request: Request) -> Arena:
    """The arena that is served."""
    arena: Arena = request.app.state.arena
    return arena


def rater_of(request: Request) -> Rater | None:
    """Who the cookie says votes here, if they agreed to the notice as it is now."""
    rater = arena_of(request).rater(request.cookies.get(COOKIE))
    return rater if rater is not None and rater.consent == raters.NOTICE else None


def remember(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie; only over TLS where the page came over TLS."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="lax", secure=secure, path="/")


def there(path: str) -> RedirectResponse:
    """Go on with a GET of `path`, which is always one of ours."""
    return RedirectResponse(
        path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/", status_code=303
    )


@router.get("/")
async def start(request: Request) -> Response:
    """Where a battle begins, or the notice for those who have not seen it."""
    if rater_of(request) is None:
        return page(request, "notice", place="battle", next="/")
    return _start(request)


@router.post("/consent")
async def consent(request: Request, agree: Field = "", next: Field = "/") -> Response:  # noqa: A002 - the form's
    """Agree to the notice; only then is anyone recorded."""
    if agree != "yes":
        return page(request, "notice", place="battle", next=next)
    answer = there(next)
    remember(request, answer, COOKIE, await arena_of(request).enrol("cookie"))
    return answer


@router.post("/settings")
async def settings(
    request: Request, back: Field = "/", lang: Field = "", theme: Field = "", shortcuts: Field = ""
) -> Response:
    """Language, colours, keys: kept in cookies."""
    answer = there(back)
    for name, value, known in (
        ("lang", lang, LANGUAGES),
        ("theme", theme, THEMES),
        ("shortcuts", shortcuts, ("on", "off")),
    ):
        if value in known:
            remember(request, answer, name, value)
    return answer


@router.post("/battles")
async def begin(request: Request, prompt: Field = "", pool: Field = "") -> Response:
    """Begin a battle with a question of one's own, or with one from the pool."""
    rater = rater_of(request)
    if rater is None:
        return page(request, "notice", place="battle", next="/")
    text = None if pool else prompt.replace("\r\n", "\n")
    try:
        found = await arena_of(request).begin(rater, text, page=words_of(request).language)
    except Refused as refused:
        return _start(request, prompt=prompt, refused=refused)
    return there(f"/battles/{found.ballot.id}")


@router.get("/battles/{battle}")
async def battle(request: Request, battle: str) -> Response:
    """A battle as it stands: being answered, answered, or used up."""
    return _battle(request, battle)


@router.get("/battles/{battle}/events")
async def events(request: Request, battle: str) -> Response:
    """What is added to both answers, as it comes."""
    rater = rater_of(request)
    live = arena_of(request).live(rater, battle) if rater else None
    if live is None:
        return Response("event: over\ndata: {}\n\n", media_type="text/event-stream")
    return StreamingResponse(_frames(live), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/battles/{battle}/turns")
async def say(request: Request, battle: str, prompt: Field = "") -> Response:
    """One more message to both."""
    try:
        arena_of(request).say(_known(request), battle, prompt.replace("\r\n", "\n"))
    except Refused as refused:
        return _battle(request, battle, refused=refused)
    return there(f"/battles/{battle}")


@router.post("/battles/{battle}/vote")
async def vote(request: Request, battle: str, grade: Field = "") -> Response:
    """Use the ballot; the battle's page then shows who it was."""
    rater, arena = _known(request), arena_of(request)
    try:
        used = (await arena.vote(rater, battle, _GRADES.get(grade, grade))).receipt.ballot
    except Refused as refused:
        if refused.kind in ("not_yet", "bad_grade"):
            return _battle(request, battle, refused=refused)
        raise
    if used.task is not None and not _may_reveal(arena, used):
        return there(f"/tasks/{used.task}")
    return there(f"/battles/{battle}")


@router.post("/battles/{battle}/withdraw")
async def withdraw(request: Request, battle: str) -> Response:
    """Take a vote back."""
    await arena_of(request).withdraw(_known(request), battle)
    return there("/history")


@router.post("/battles/{battle}/report")
async def report(request: Request, battle: str, pane: Field = "", reason: Field = "", note: Field = "") -> Response:
    """Report an answer to the moderators."""
    rater, t = _known(request), words_of(request)
    chosen: ballots.Pane | None = "A" if pane == "A" else "B" if pane == "B" else None
    await arena_of(request).transact(
        lambda c: moderation.report(c, rater, battle, reason, pane=chosen, note=note.replace("\r\n", "\n"))
    )
    return page(request, "message", title=t("report.title"), said=t("report.done"), bad=False, kept="", place="battle")


@router.get("/history")
async def own(request: Request) -> Response:
    """What this browser voted on."""
    rater, t = rater_of(request), words_of(request)
    arena = arena_of(request)
    rows = []
    for ballot in arena.history(rater) if rater else []:
        hidden = ballot.task is not None and not _may_reveal(arena, ballot)
        rows.append(
            {
                "id": ballot.id,
                "at": ballot.outcome.at if ballot.outcome else ballot.opened,
                "asked": ballot.said.prompts[0] if ballot.said.prompts else "",
                "vote": _said(t, ballot) or t("vote.skip"),
                "who": "…" if hidden else " · ".join(arena.registry.name(ballot.contestant(pane)) for pane in PANES),
                "down": ballot.state == "taken down",
            }
        )
    return page(request, "history", rows=rows)


def _known(request: Request) -> Rater:
    rater = rater_of(request)
    if rater is None:
        raise Refused("unknown_rater")
    return rater


def _start(request: Request, *, prompt: str = "", refused: Refused | None = None) -> HTMLResponse:
    arena = arena_of(request)
    return page(
        request,
        "start",
        status=status_of(refused) if refused else 200,
        place="battle",
        prompt=prompt,
        error=sentence(refused, words_of(request)) if refused else "",
        alive=len(arena.registry.alive()),
        most=arena.settings.limits.prompt_characters,
    )


def _battle(request: Request, battle: str, *, refused: Refused | None = None) -> Response:
    rater = rater_of(request)
    if rater is None:
        return page(request, "notice", place="battle", next="/")
    arena, t = arena_of(request), words_of(request)
    live = arena.live(rater, battle)
    ballot = live.ballot if live else arena.ballot(rater, battle)
    if live is None and ballot.outcome is not None:
        return _reveal(request, arena, t, ballot)
    if ballot.task is not None:
        return there(f"/tasks/{ballot.task}")
    said = live.said if live else ballot.said
    shown = live.shown() if live else arena.shown(ballot)
    turns = [
        {"number": n + 1, "asked": asked, **{pane: shown[pane][n] for pane in PANES}}
        for n, asked in enumerate(said.prompts[: len(shown["A"])])
    ]
    running = live is not None and live.phase == "answering"
    failed = live.phase == "failed" if live else not turns or ballot.state != "open"
    failure = (live.failure if live else ballot.failure) or ("stopped" if failed else "")
    unwritten = failure == NOT_RECORDED
    limits = arena.settings.limits
    context: dict[str, Any] = {
        "battle": battle,
        "turns": turns,
        "asked": live.asked[-1] if live and running else "",
        "votable": bool(live.votable) if live else bool(turns),
        "failed": failed,
        "failure": t("error.not_now") if unwritten else t("refused.no_answer") if failure else "",
        "again": (live.asked if live else said.prompts or ("",))[-1],
        "error": sentence(refused, t) if refused else "",
        "more": live is not None and not running and not failed and len(turns) < limits.turns,
        "reasons": moderation.REASONS,
    }
    status = status_of(refused) if refused else 503 if unwritten else 200
    return page(request, "battle", status=status, place="battle", **context)


def _reveal(request: Request, arena: Arena, t: Words, ballot: Ballot) -> HTMLResponse:
    may = _may_reveal(arena, ballot)
    shown = arena.shown(ballot)
    grade = ballot.outcome.grade if ballot.outcome else None
    if grade is not None and ballot.pairing.order == "ba":
        grade = -grade
    return page(
        request,
        "reveal",
        place="battle",
        ballot=ballot,
        turns=[
            {"number": n + 1, "asked": asked, **{pane: shown[pane][n] for pane in PANES}}
            for n, asked in enumerate(ballot.said.prompts[: len(shown["A"])])
        ],
        reveal=arena.reveal(ballot) if may else None,
        vote=_said(t, ballot),
        better={1: "A", -1: "B"}.get((grade > 0) - (grade < 0) if grade else 0, ""),
        entry=ballot.seq or 0,
        next=f"/tasks/{ballot.task}" if ballot.task else "/",
    )


def _may_reveal(arena: Arena, ballot: Ballot) -> bool:
    with arena.store.reading() as connection:
        return tasks.may_reveal(connection, ballot)


def _said(t: Words, ballot: Ballot) -> str:
    """The vote in words, as it was shown; empty for a skip."""
    outcome = ballot.outcome
    if outcome is None or outcome.status == "abstain":
        return ""
    if outcome.grade is None:
        return t("vote.both_bad")
    grade = outcome.grade if ballot.pairing.order == "ab" else -outcome.grade
    return t(f"vote.{_NAMES[grade]}")


async def _frames(live: LiveBattle) -> AsyncIterator[bytes]:
    async for frame in live.frames():
        if frame.first or any(frame.text.values()):
            data = json.dumps(frame.text | {"votable": frame.votable, "first": frame.first}, ensure_ascii=False)
            yield f"event: text\ndata: {data}\n\n".encode()
    yield b"event: over\ndata: {}\n\n"
