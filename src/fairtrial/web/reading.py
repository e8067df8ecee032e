"""The reader's pages: leaderboard, contestants, integrity, languages, about. Read `board` first; data is in `looks`.

Everything is readable without JavaScript; switches are links.
"""

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairtrial.arena import moderation, tasks
from fairtrial.arena.arena import Arena
from fairtrial.arena.boards import CROWD, View
from fairtrial.arena.disparities import disparities
from fairtrial.arena.integrity import Rules
from fairtrial.arena.picture import picture
from fairtrial.arena.registry import Entrant
from fairtrial.arena.releases import latest
from fairtrial.core import BadInput, Board, NoConclusion
from fairtrial.lab.lab import Lab, load_report
from fairtrial.reports import typeset
from fairtrial.reports.findings import keyed_boards
from fairtrial.reports.refusals import in_words
from fairtrial.reports.words import say
from fairtrial.web import looks
from fairtrial.web.boards_shown import Beside, beside, by_reason, headline, told
from fairtrial.web.pages import page
from fairtrial.web.voting import arena_of
from fairtrial.web.words import Words, words_of

router = APIRouter(include_in_schema=False)
router.include_router(looks.router)


@router.get("/board")
async def board(
    request: Request,
    control: str = "raw",
    category: str = "",
    language: str = "",
    flagged: str = "counted",
    group: str = "",
    task: str = "",
    evidence: str = "",
) -> Response:
    """The live leaderboard and its views, or a board of the latest signed report; the two are never pooled."""
    arena, t = arena_of(request), words_of(request)
    groups = _groups(arena)
    view = View(
        control=control == "style",
        category=category,
        language=language,
        group=group if group in groups else "",
        flagged=flagged != "weighted",
        task=task,
    )
    name, reported = await run_in_threadpool(_reported, request.app.state.opened.lab, public=arena.settings.reports)
    if evidence in reported:
        found, nothing, refused = reported.get(evidence), "", ""
    else:
        evidence = ""
        found, nothing, refused = await _shown(arena, view, t)
    # A trial may call another contestant by the same name, so only the arena's own rows lead to their pages.
    links = (
        {} if evidence else {entrant.contestant.name: _short(entrant) for entrant in arena.registry.entrants.values()}
    )
    flagged_said, second = ("", {}) if evidence or not found or not view.plain else await _flagged(arena, t)
    return page(
        request,
        "board",
        place="board",
        **told(found, t),
        nothing=nothing,
        refused=refused,
        report=name if evidence else "",
        live=view.plain,
        headline=t("board.unranked") if refused else headline(found, t),
        links=links,
        simulated={row.name for row in found.models if row.simulated}
        if evidence and found
        else {one.contestant.name for one in arena.registry.entrants.values() if one.contestant.model.simulated},
        switches=_switches(arena, view, groups, t, evidence, list(reported)),
        look=await run_in_threadpool(latest, arena.reports) if arena.reports else None,
        flagged=flagged_said,
        beside=second,
        beside_title=t("board.beside.weighted"),
    )


@router.get("/contestants/{short}")
async def contestant(request: Request, short: str) -> Response:
    """One contestant: facts, place, exposure, votes over time, history."""
    arena = arena_of(request)
    entrant = next((one for one in arena.registry.entrants.values() if _short(one) == short), None)
    if entrant is None:
        raise HTTPException(404)
    found, _ = await _board(arena, View())
    key = entrant.contestant.id
    return page(
        request,
        "contestant",
        place="board",
        entrant=entrant,
        row=next((row for row in found.models if row.name == entrant.contestant.name), None) if found else None,
        rank=typeset.places,
        number=typeset.number,
        interval=typeset.interval,
        standing=arena.exposure.contestants.get(key),
        days=_days(arena, entrant.contestant.name),
        changes=await run_in_threadpool(arena.registry.changes, key),
    )


@router.get("/integrity")
async def integrity(request: Request) -> Response:
    """How the arena was conducted, in numbers."""
    arena = arena_of(request)
    found = await run_in_threadpool(picture, arena)
    with arena.store.reading() as connection:
        handled = moderation.handled(connection)
    plain, _ = await _board(arena, View())
    return page(
        request,
        "integrity",
        place="integrity",
        found=found,
        handled=handled,
        excluded=plain.excluded if plain else {},
        policies=dict(found.exposure.policies),
        rules=Rules(),
    )


@router.get("/languages")
async def languages(request: Request) -> Response:
    """Whether contestants stand otherwise in one language than in another."""
    arena = arena_of(request)

    def compute() -> Any:
        return disparities(arena.boards.selected(View()), lambda one: arena.boards.view(View(language=one)))

    rows, gaps = await run_in_threadpool(compute)
    t = words_of(request)
    unsaid = {row.language: say(in_words(row.unsaid), t.language) for row in rows if row.unsaid}
    return page(request, "languages", place="integrity", rows=rows, gaps=gaps, unsaid=unsaid, number=typeset.number)


@router.get("/about")
async def about(request: Request) -> Response:
    """Who runs this, by which rules, and what is promised."""
    return page(request, "about", place="about")


async def _shown(arena: Arena, view: View, t: Words) -> tuple[Board | None, str, str]:
    """The board of a view, or why there is none, and what the fit said where that is why.

    A group is never narrowed to so few raters that its board would tell what one of them thinks.
    """
    try:
        arena.boards.selected(view)
    except NoConclusion:
        return None, t("board.few_raters", least=CROWD), ""
    try:
        return await run_in_threadpool(arena.boards.view, view), "", ""
    except (NoConclusion, BadInput) as error:
        winners = Counter(arena.boards.selected(view)["winner"])
        if not winners:
            return None, "", ""
        if set(winners) <= {"both_bad", "abstain"}:
            left = ", ".join(f"{t.known('reason', name)} {count}" for name, count in winners.items())
            return None, t("board.uncounted", left=left), ""
        return None, t("board.refused" if view.flagged else "board.refused_weighted"), error.message


async def _flagged(arena: Arena, t: Words) -> tuple[str, dict[str, Beside]]:
    """How many votes count less, and the board with their weights; nothing where every vote counts in full.

    The live board's places hold at every look and are wider for it. So the weighted board, which holds for one look, is
    held against one of the same votes counted in full at one look: what differs is due to the flagged votes alone.
    """

    def compute() -> tuple[dict[str, int], int, Board | None, Board | None]:
        weights, reasons = arena.boards.weights()
        counts = Counter(reason for weight, reason in zip(weights, reasons, strict=True) if weight < 1)
        if not counts:
            return {}, 0, None, None
        return counts, len(weights), *arena.boards.compared()

    counts, votes, weighted, counted = await run_in_threadpool(compute)
    if not counts:
        return "", {}
    said = t(
        "board.flagged_said",
        count=t.number(sum(counts.values())),
        votes=t.number(votes),
        reasons=by_reason(counts, t),
    )
    return said if weighted else f"{said} {t('board.refused_weighted')}", beside(weighted, counted)


def _reported(lab: Lab, *, public: bool) -> tuple[str, dict[str, Board]]:
    """Name and boards of the lab's latest report, by kind of evidence; empty unless it is what the lab signed."""
    latest_one = next(iter(lab.reports()), None) if public else None
    if latest_one is None:
        return "", {}
    return latest_one.name, _signed_boards(lab, latest_one, (latest_one / "report.json").stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _signed_boards(lab: Lab, directory: Path, changed: int) -> dict[str, Board]:  # noqa: ARG001 - `changed` is its age
    if lab.verify(directory).word != "TRUSTED":
        return {}
    return keyed_boards(load_report(directory))


async def _board(arena: Arena, view: View) -> tuple[Board | None, str]:
    """The board of a view, or why there is none."""
    try:
        return await run_in_threadpool(arena.boards.view, view), ""
    except (NoConclusion, BadInput) as error:
        return None, error.message


def _short(entrant: Entrant) -> str:
    return entrant.contestant.id[7:23]


def _groups(arena: Arena) -> list[str]:
    """Groups of raters by what they told, ``BAND=VALUE``; of fewer than five raters nothing is shown."""
    counts = Counter(f"{band}={value}" for told in arena.profiles().values() for band, value in told.items() if value)
    return sorted(group for group, raters in counts.items() if raters >= CROWD)


def _tasks(arena: Arena) -> list[tuple[str, str]]:
    """Id and name of each rating task that has votes."""
    voted = set(arena.boards.values("task"))
    with arena.store.reading() as connection:
        return [(task.id, task.name) for task in tasks.every(connection) if task.id in voted]


def _switches(
    arena: Arena, view: View, groups_known: list[str], t: Words, evidence: str, reported: list[str]
) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Groups of links: what they say, where they lead, whether it is chosen."""

    def link(**changes: Any) -> str:
        changed = replace(view, **changes)
        query = {
            "control": "style" if changed.control else "",
            "category": changed.category,
            "language": changed.language,
            "flagged": "" if changed.flagged else "weighted",
            "group": changed.group,
            "task": changed.task,
        }
        chosen = {name: value for name, value in query.items() if value}
        return "/board" + ("?" + urlencode(chosen) if chosen else "")

    groups: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
        (t("board.style"), [(t("board.raw"), {"control": False}), (t("board.controlled"), {"control": True})]),
        (t("board.flagged"), [(t("board.counted"), {"flagged": True}), (t("board.weighted"), {"flagged": False})]),
    ]
    for field in ("category", "language"):
        values = [value for value in arena.boards.values(field) if value][:12]
        if len(values) > 1:
            options = [
                (t("board.all"), {field: ""}),
                *((t.known(f"word.{field}", one), {field: one}) for one in values),
            ]
            groups.append((t(f"board.{field}"), options))
    if groups_known:
        groups.append(
            (t("board.group"), [(t("board.all"), {"group": ""}), *((one, {"group": one}) for one in groups_known)])
        )
    rated = _tasks(arena)
    if rated:
        groups.append(
            (t("board.task"), [(t("board.arena"), {"task": ""}), *((name, {"task": one}) for one, name in rated)])
        )
    kinds = []
    if reported:
        options_of = [(t("board.evidence.human"), link(), not evidence)]
        options_of += [(_kind(t, one), "/board?" + urlencode({"evidence": one}), one == evidence) for one in reported]
        kinds = [(t("board.evidence"), options_of)]
    return (
        kinds
        if evidence
        else kinds
        + [
            (name, [(said, link(**change), replace(view, **change) == view) for said, change in options])
            for name, options in groups
        ]
    )


def _kind(t: Words, key: str) -> str:
    """``judge-2``: the second judge's board of a report."""
    kind, _, place = key.partition("-")
    return f"{t(f'board.reported.{kind}')} {place}".strip()


def _days(arena: Arena, name: str) -> list[tuple[str, int]]:
    """Votes of each day, the last thirty with any."""
    columns = arena.votes.columns()
    counts: dict[str, int] = {}
    for a, b, at in zip(columns["model_a"], columns["model_b"], columns["tstamp"], strict=True):
        if name in (a, b):
            counts[at[:10]] = counts.get(at[:10], 0) + 1
    return sorted(counts.items())[-30:]
