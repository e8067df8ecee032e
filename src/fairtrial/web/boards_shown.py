"""How a board is shown, be it live, of a look or of a report: sentence, whiskers, pairs, a second board beside it.

Read `told` first. Nothing is computed from votes here; what is said follows from the board.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairtrial.core import Board, BoardModel
from fairtrial.ranking.live import PROVISIONAL
from fairtrial.reports import typeset
from fairtrial.reports.refusals import in_words
from fairtrial.reports.words import say
from fairtrial.web.words import Words

_WIDTH = 1000
"""Units of a whisker picture's axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """An interval on a board's common axis, in units of the picture."""

    low: float
    high: float
    mark: float | None
    open_low: bool
    open_high: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A contestant on a second board, set beside the first."""

    rating: str
    places: str
    instead: str
    """The places on the board that it is held against, where they differ; otherwise empty."""


def told(board: Board | None, t: Words) -> dict[str, Any]:
    """What ``board_table.html.j2`` needs of a board, but for links, simulated ones and the board beside it."""
    return {
        "board": board,
        "whiskers": whiskers(board.models) if board else {},
        "raw": {row.name: row for row in board.raw.models} if board and board.raw else {},
        "decided": _decided(board),
        "said": [say(in_words(one), t.language) for one in board.refusals if one != PROVISIONAL] if board else [],
        "rank": typeset.places,
        "number": typeset.number,
        "interval": typeset.interval,
        "estimate": typeset.estimate_of,
        "unit": typeset.unit_of,
    }


def headline(board: Board | None, t: Words) -> str:
    """What the board supports, in one sentence."""
    if board is None:
        return t("board.nothing")
    leaders = [row.name for row in board.models if row.rank_set and row.rank_set[0] == 1]
    if not leaders:
        return t("board.unranked")
    if len(leaders) == 1:
        return t("board.first", name=leaders[0])
    if len(leaders) == len(board.models):
        return t("board.none_separated", count=len(board.models))
    return t(
        "board.several_first", count=len(leaders), names=", ".join(leaders[:5]) + (" …" if len(leaders) > 5 else "")
    )


def beside(other: Board | None, against: Board | None) -> dict[str, Beside]:
    """The rows of another board, by name, marked where their places are not those of the board held against it.

    Both are to be boards of one look: what differs is then due to the votes, and not to how long one may look.
    """
    known: Mapping[str, BoardModel] = {row.name: row for row in against.models} if against else {}
    found = {}
    for row in other.models if other else ():
        was = known.get(row.name)
        differs = was is not None and was.rank_set != row.rank_set
        found[row.name] = Beside(
            rating="" if row.rating is None else typeset.number(row.rating),
            places=typeset.places(row.rank_set) or "–",
            instead=(typeset.places(was.rank_set) or "–") if was is not None and differs else "",
        )
    return found


def by_reason(counts: Mapping[str, int], t: Words) -> str:
    """``duplicate prompt 3, influence cap 12``: votes that count less than in full, most first."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{t.known('reason', reason)} {t.number(count)}" for reason, count in ordered)


def whiskers(rows: tuple[BoardModel, ...]) -> dict[str, Whisker]:
    """Each row's interval on one axis; an interval far wider than the rest does not squeeze the others."""
    estimates = [(row.name, *typeset.estimate_of(row)) for row in rows]
    scored = any(row.score is not None for row in rows)
    ratings = [value for _, value, _ in estimates if value is not None]
    ends = [end for _, _, ci in estimates for end in ci if end is not None]
    if not ends and not ratings:
        return {}
    middle = sorted(ratings or ends)
    room = max(0.1 if scored else 200.0, 1.5 * (middle[-1] - middle[0]))
    low = max(min(ends + ratings), middle[0] - room)
    high = min(max(ends + ratings), middle[-1] + room)
    span = max(high - low, 0.01 if scored else 1.0)

    def place(value: float) -> float:
        return round(_WIDTH * min(max((value - low) / span, 0.0), 1.0), 1)

    found = {}
    for name, value, (start, end) in estimates:
        if value is None and start is None and end is None:
            continue
        found[name] = Whisker(
            low=0.0 if start is None else place(start),
            high=float(_WIDTH) if end is None else place(end),
            mark=None if value is None else place(value),
            open_low=start is None or start < low,
            open_high=end is None or end > high,
        )
    return found


def _decided(board: Board | None) -> list[tuple[str, str, float, float | None, str]]:
    """Pairs that the evidence separates: who is better than whom, by how much, at least by how much."""
    found = []
    for one in board.differences if board else ():
        if one.verdict in ("better", "worse"):
            low, high = one.ci
            least = low if one.verdict == "better" else (None if high is None else -high)
            first, second = (one.a, one.b) if one.verdict == "better" else (one.b, one.a)
            found.append((first, second, abs(one.estimate), least, one.unit))
    return found
