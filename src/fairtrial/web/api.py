"""The JSON API. It obeys the rules of the pages, because it asks the same arena. Read `begin` first."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from fairtrial.arena import ballots
from fairtrial.arena.access import Token
from fairtrial.arena.arena import Arena
from fairtrial.arena.ballots import Ballot
from fairtrial.arena.boards import View
from fairtrial.arena.live import LiveBattle
from fairtrial.arena.raters import Rater
from fairtrial.arena.refusals import Refused
from fairtrial.arena.releases import latest
from fairtrial.arena.reveal import Verdict
from fairtrial.core import FairtrialError, Interrupted, NoConclusion
from fairtrial.ranking import board_json
from fairtrial.store import history
from fairtrial.web.failures import NOT_RECORDED, Denied, Problem, problem

router = APIRouter(prefix="/api/v1")
_bearer = HTTPBearer(auto_error=False, description="A token with the scope that the call needs.")

BattleId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


Text = Annotated[str, Field(min_length=1, pattern=r"\S", description="At most as long as the lab's limit says.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _no_truth(value: object) -> object:
    if isinstance(value, bool):  # in Python true equals 1
        raise ValueError("true and false are no grades")  # noqa: TRY004 - what pydantic wants
    return value


class Ask(_Body):
    """What both contestants are asked."""

    prompt: Text | None = None
    """None takes a prompt from the lab's pool."""
    stream: bool = False
    """Answer with server-sent events while both write."""


class Say(_Body):
    """The next message of a battle."""

    prompt: Text
    stream: bool = False


class Opinion(_Body):
    """A vote."""

    grade: Annotated[Literal[-2, -1, 0, 1, 2, "both_bad", "skip"], BeforeValidator(_no_truth)]
    """Positive when the answer shown as ``a`` is better."""


class Answers(BaseModel):
    """The latest answers as shown: ``a`` is the one shown first."""

    a: str
    b: str


class Battle(BaseModel):
    """A battle before its vote: nothing in it tells who answers."""

    battle: str
    prompt: str
    answers: Answers
    state: Literal["answering", "answered"]


class Contestant(BaseModel):
    """Who it was."""

    name: str
    facts: dict[str, str] = {}
    simulated: bool = False


class Voted(BaseModel):
    """What a vote gives back."""

    new: bool
    """False when this ballot had been used before: the first vote stands."""
    entry: int | None
    """The vote's place in the lab's log."""
    reveal: dict[Literal["a", "b"], Contestant]


class LogHead(BaseModel):
    """The end of the lab's log: write it down to hold the lab to its history later."""

    size: int
    link: str


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said}
    for status, said in {
        400: "The request cannot be read.",
        401: "No token, or one that is not in force.",
        403: "The token lacks the scope.",
        404: "Unknown, or not yours.",
        409: "Not possible in the battle's state.",
        410: "Expired or withdrawn.",
        413: "Too long.",
        422: "Wrong values.",
        429: "Too fast; see Retry-After.",
        502: "A contestant failed.",
        503: "Not now; nothing was lost.",
    }.items()
}


_EVENT = {
    "type": "object",
    "properties": {"event": {"enum": ["battle", "text", "done", "failed"]}, "data": {"type": "string"}},
    "required": ["event", "data"],
}
STREAMED = ERRORS | {
    200: {
        "description": "Both answers; or, with `stream`, events: battle, text …, then done or failed.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}


async def arena_of(request: Request) -> Arena:
    """The arena that is served."""
    arena: Arena = request.app.state.arena
    return arena


ArenaOf = Annotated[Arena, Depends(arena_of)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _token(arena: Arena, bearer: HTTPAuthorizationCredentials | None, scope: str) -> Token:
    token = arena.access.find(bearer.credentials if bearer else None)
    if token is None or token.state != "active":
        raise Denied("no_token")
    if not token.may(scope):
        raise Denied("wrong_scope", scope=scope)
    return token


async def voter(arena: ArenaOf, bearer: Bearer) -> Rater:
    """The rater that a token with scope ``vote`` stands for; one for each token."""
    _token(arena, bearer, "vote")
    assert bearer is not None
    found = arena.rater(bearer.credentials)
    if found is None:
        await arena.enrol("token", secret=bearer.credentials)
        found = arena.rater(bearer.credentials)
    if found is None:
        raise Refused("unknown_rater")
    return found


Voter = Annotated[Rater, Depends(voter)]


@router.post("/battles", responses=STREAMED, response_model=Battle)
async def begin(body: Ask, arena: ArenaOf, rater: Voter) -> Response | Battle:
    """Draw two contestants and let them answer; with ``stream`` as events, else when both are done."""
    battle = await arena.begin(rater, body.prompt)
    return await _answered(battle, stream=body.stream)


@router.post("/battles/{battle}/turns", responses=STREAMED, response_model=Battle)
async def say(battle: BattleId, body: Say, arena: ArenaOf, rater: Voter) -> Response | Battle:
    """Go on with a battle: one more message to both contestants."""
    return await _answered(arena.say(rater, battle, body.prompt), stream=body.stream)


@router.get("/battles/{battle}", responses=ERRORS)
async def look(battle: BattleId, arena: ArenaOf, rater: Voter) -> Battle:
    """A battle of yours that is not voted on yet."""
    live = arena.live(rater, battle)
    if live is None:
        return _recorded(arena, ballots.usable(arena.ballot(rater, battle), rater.id))
    if live.phase == "failed":
        raise _failed(live, "void")
    return _battle(live)


@router.post("/battles/{battle}/vote", responses=ERRORS)
async def vote(battle: BattleId, body: Opinion, arena: ArenaOf, rater: Voter) -> Voted:
    """Use a ballot, and learn who it was. Sent again it counts once and says ``new: false``."""
    verdict = await arena.vote(rater, battle, body.grade)
    return _voted(verdict)


@router.get("/board", responses=ERRORS)
async def board(
    arena: ArenaOf,
    control: Annotated[Literal["raw", "style"], Query(description="Take style and position out.")] = "raw",
    category: Annotated[str, Query(max_length=80)] = "",
    language: Annotated[str, Query(max_length=16)] = "",
    group: Annotated[
        str, Query(pattern=r"^([a-z]{1,40}=[^=\s]{1,40})?$", description="BAND=VALUE of what raters told.")
    ] = "",
    flagged: Annotated[Literal["counted", "weighted"], Query(description="What becomes of flagged votes.")] = "counted",
) -> JSONResponse:
    """The leaderboard as board JSON, provisional between declared looks."""
    view = View(
        control=control == "style", category=category, language=language, group=group, flagged=flagged == "counted"
    )
    found = await run_in_threadpool(arena.boards.view, view)
    return JSONResponse(board_json(found))


_VOTES = {"parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}


@router.get(
    "/export",
    response_class=FileResponse,
    responses=ERRORS | {200: {"content": {media: {} for media in _VOTES.values()}}},
)
async def export(
    arena: ArenaOf,
    format: Annotated[Literal["parquet", "jsonl"], Query(description="Of the votes.")] = "jsonl",  # noqa: A002 - the face's
) -> FileResponse:
    """The votes of the latest release, with the conversations that may be published."""
    release = await run_in_threadpool(latest, arena.reports) if arena.reports else None
    if release is None:
        raise NoConclusion("nothing has been released yet.")
    name = f"votes.{format}"
    return FileResponse(release.directory / name, media_type=_VOTES[format], filename=f"{release.id}-{name}")


@router.get("/log", responses=ERRORS)
async def log_head(arena: ArenaOf) -> LogHead:
    """The end of the lab's log."""
    with arena.store.reading() as connection:
        end = history.head(connection)
    return LogHead(size=end.size, link=end.link.hex())


async def _answered(battle: LiveBattle, *, stream: bool) -> Response | Battle:
    if stream:
        return StreamingResponse(_events(battle), media_type="text/event-stream")
    await battle.settled()
    if battle.failure:
        raise _failed(battle, "no_answer")
    return _battle(battle)


def _failed(battle: LiveBattle, kind: Literal["no_answer", "void"]) -> FairtrialError:
    """Why a battle has no answers: the contestants, or a lab that could not record their pair."""
    return Interrupted("the pair could not be recorded.") if battle.failure == NOT_RECORDED else Refused(kind)


async def _events(battle: LiveBattle) -> AsyncIterator[bytes]:
    """``battle`` with the id, then ``text`` for what is added, then ``done`` or ``failed``."""
    yield _event("battle", {"battle": battle.ballot.id, "prompt": _asked(battle)})
    async for frame in battle.frames():
        if any(frame.text.values()):
            yield _event("text", {"a": frame.text["A"], "b": frame.text["B"], "votable": frame.votable})
    if battle.failure:
        kind = problem(_failed(battle, "no_answer")).error.kind
        yield _event("failed", {"failure": kind})
    else:
        yield _event("done", _battle(battle).model_dump())


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _asked(battle: LiveBattle) -> str:
    return battle.asked[-1] if battle.asked else ""


def _battle(battle: LiveBattle) -> Battle:
    shown = battle.shown()
    return Battle(
        battle=battle.ballot.id,
        prompt=_asked(battle),
        answers=Answers(a=shown["A"][-1] if shown["A"] else "", b=shown["B"][-1] if shown["B"] else ""),
        state="answering" if battle.phase == "answering" else "answered",
    )


def _recorded(arena: Arena, ballot: Ballot) -> Battle:
    """A battle from before the server was started anew, as it can still be voted on."""
    said = ballot.said
    if not said.a or not said.b:  # it ended before both had answered
        raise Refused("void")
    shown = arena.shown(ballot)
    answers = Answers(a=shown["A"][-1], b=shown["B"][-1])
    return Battle(battle=ballot.id, prompt=said.prompts[-1], answers=answers, state="answered")


def _voted(verdict: Verdict) -> Voted:
    reveal: dict[Literal["a", "b"], Contestant] = {}
    places: tuple[tuple[ballots.Pane, Literal["a", "b"]], ...] = (("A", "a"), ("B", "b"))
    for pane, place in places:
        one = verdict.reveal[pane]
        reveal[place] = Contestant(
            name=one.name,
            facts=dict(one.contestant.facts) if one.contestant else {},
            simulated=bool(one.contestant and one.contestant.model.simulated),
        )
    return Voted(new=verdict.receipt.new, entry=verdict.receipt.entry, reveal=reveal)
