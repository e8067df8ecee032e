"""The moderators' pages: reports, texts that wait for a release, objections. Read `decide` first."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from fairtrial.arena import ballots, moderation, objections, releases
from fairtrial.core import BadInput
from fairtrial.web.admin import key_of
from fairtrial.web.admin_entrance import Action, Moderator, Owner, Reader, admin_page, done
from fairtrial.web.voting import arena_of

router = APIRouter(include_in_schema=False, route_class=Action)
Field = Annotated[str, Form()]
_RULINGS: dict[str, tuple[Any, moderation.Action]] = {
    "dismissed": ("dismissed", "none"),
    "none": ("upheld", "none"),
    "texts": ("upheld", "texts"),
    "battle": ("upheld", "battle"),
}
"""What a moderator may choose: the decision, and what is done."""


@router.get("/admin/moderation")
async def queue(request: Request, _: Moderator) -> Response:
    """Reports that wait, with the answers; and texts that wait before a release."""
    with arena_of(request).store.reading() as connection:
        found = moderation.queue(connection)
        battles = {one.ballot: ballots.find(connection, one.ballot) for one in found}
        pending = releases.pending(connection)
        handled = moderation.handled(connection)
    rows = []
    for one in found:
        ballot = battles[one.ballot]
        reported = "" if ballot is None or not one.side else "A" if ballot.shown("A") == one.side else "B"
        turns = [] if ballot is None else _turns(ballot)
        rows.append({"report": one, "pane": reported, "turns": turns})
    texts = [
        {"item": item, "pieces": _pieces(item.text, [(f.start, f.end, f.kind) for f in item.findings])}
        for item in pending
    ]
    return admin_page(request, "admin_moderation", rows=rows, texts=texts, handled=handled, rulings=tuple(_RULINGS))


@router.post("/admin/moderation/decide")
async def decide(
    request: Request, holder: Moderator, report: Field = "", ruling: Field = "", why: Field = ""
) -> Response:
    """Decide on a report; what is taken down is let go of at once."""
    if ruling not in _RULINGS:
        raise BadInput("choose what is to be done.", where="ruling")
    decision, action = _RULINGS[ruling]
    arena = arena_of(request)
    decided = await arena.transact(
        lambda c: moderation.decide(c, report, decision, why=why, by=holder.id, action=action)
    )
    arena.apply(decided)
    return done(
        request,
        "/admin/moderation",
        f"ruled_{ruling}",
        texts=len(decided.withheld),
        votes=len(decided.uncounted),
    )


@router.post("/admin/moderation/screen")
async def screen(request: Request, holder: Moderator, text: Field = "", decision: Field = "") -> Response:
    """Say what the next release does with a text."""
    chosen = cast("releases.Decision", decision)  # `decide` refuses any other
    await arena_of(request).transact(lambda c: releases.decide(c, text, chosen, holder.id))
    return done(request, "/admin/moderation", f"screened_{decision.replace(' ', '_')}")


@router.get("/admin/objections")
async def objected(request: Request, _: Reader) -> Response:
    """Objections and corrections to what was published, those without an answer first."""
    with arena_of(request).store.reading() as connection:
        found = objections.public(connection)
    return admin_page(request, "admin_objections", objections=sorted(found, key=lambda one: one.state != "open"))


@router.post("/admin/objections/answer")
async def answer(
    request: Request, holder: Owner, objection: Field = "", outcome: Field = "", text: Field = ""
) -> Response:
    """Answer in the lab's name, signed with its key."""
    chosen, key = cast("Any", outcome), key_of(request)
    await arena_of(request).transact(lambda c: objections.answer(c, objection, chosen, text, by=holder.id, key=key))
    return done(request, "/admin/objections", "answered", fingerprint=key.public.fingerprint)


def _turns(ballot: ballots.Ballot) -> list[dict[str, str]]:
    """What was said, by pane and unmasked: a moderator must see what is reported."""
    texts = {"a": ballot.said.a, "b": ballot.said.b}
    a, b = texts[ballot.shown("A")], texts[ballot.shown("B")]
    return [{"asked": q, "A": x, "B": y} for q, x, y in zip(ballot.said.prompts, a, b, strict=False)]


def _pieces(text: str, findings: list[tuple[int, int, str]]) -> list[tuple[str, str]]:
    """A text in pieces, each with the kind of finding it is, or with none."""
    pieces, at = [], 0
    for start, end, kind in findings:
        pieces += [(text[at:start], ""), (text[start:end], kind)]
        at = end
    return [*pieces, (text[at:], "")]
