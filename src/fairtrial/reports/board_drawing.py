"""Drawings of boards: whiskers and rank sets, boards side by side, the win matrix. Read `whiskers` first."""

from collections.abc import Sequence
from typing import Any

from fairtrial.core import Board, BoardModel
from fairtrial.reports.drawing import ACCENT, FAINT, INK, Pen, dot_of, dots
from fairtrial.reports.findings import rating_span
from fairtrial.reports.marks import visible
from fairtrial.reports.typeset import estimate_of, places

LARGEST_MATRIX = 30
"""Most models whose wins are written out as numbers; above that they are shades."""
_VALUE = 18


def _domain(boards: Sequence[Board]) -> tuple[float, float]:
    """The axis: 0 … 1 for scores, the finite bounds with some air for ratings."""
    rows = [row for board in boards for row in board.models]
    if any(row.score is not None for row in rows):
        return 0.0, 1.0
    low, high = rating_span(boards) or (900.0, 1100.0)
    air = max((high - low) * 0.06, 10.0)
    return low - air, high + air


def _values(pen: Pen, board: Board, labels: dict[str, str], domain: tuple[float, float]) -> list[dict[str, Any]]:
    """One entry for each row with a label: estimate, interval, and the rating before controls."""
    raw = {row.name: row.rating for row in board.raw.models} if board.raw is not None else {}
    rows: dict[str, BoardModel] = {row.name: row for row in board.models}
    values = []
    for name, label in labels.items():
        estimate, ci = estimate_of(rows[name]) if name in rows else (None, (None, None))
        note = pen.word("no_evidence") if estimate is None and ci == (None, None) else None
        left_open = places(rows[name].rank_set) if name in rows else ""
        entry = {"row": label, "note": note, "places": left_open, "raw": raw.get(name)}
        values.append(entry | dot_of(estimate, ci, domain))
    return values


def whiskers(pen: Pen, board: Board) -> Any:
    """Left: each row's estimate and interval. Right: the places its rank set leaves open, as a bar; tiers by lines."""
    import altair as alt

    domain, labels, total = _domain([board]), pen.rows(board.models), len(board.models)
    named = dict(zip((row.name for row in board.models), labels, strict=True))
    values = _values(pen, board, named, domain)
    unit = "score" if domain == (0.0, 1.0) else "rating"
    title, height = pen.word(f"chart.axis.{unit}"), pen.row(labels) * total
    ends = _tier_ends(board, labels)
    side = pen.side(labels)
    left = _ruled(pen, dots(pen, values, y=side, domain=domain, title=title), side, ends).properties(
        width=pen.span(330, 150), height=height
    )
    sets = [
        {"row": label, "best": row.rank_set[0] - 0.5, "worst": row.rank_set[1] + 0.5}
        for label, row in zip(labels, board.models, strict=True)
        if row.rank_set is not None
    ]
    ticks = list(range(1, total + 1)) if total <= pen.span(12, 6) else None  # beyond that the axis chooses
    axis = alt.Axis(values=ticks, format="d", grid=False) if ticks else alt.Axis(format="d", grid=False, tickCount=4)
    scale = alt.Scale(domain=[0.5, total + 0.5], nice=False, zero=False)
    thick = min(9, round(pen.row(labels) * 0.5))
    bars = alt.Chart(pen.data(sets)).mark_bar(height=thick, cornerRadius=thick / 2, color=ACCENT, opacity=0.55)
    rows = alt.Y("row:N", sort=labels, title=None, axis=None, scale=alt.Scale(type="band", padding=0, domain=labels))
    right = bars.encode(
        x=alt.X("best:Q", title=pen.word("chart.axis.places"), scale=scale, axis=axis), x2="worst:Q", y=rows
    )
    right = _ruled(pen, right, rows, ends).properties(width=pen.span(130, 56), height=height)
    return alt.hconcat(left, right, spacing=pen.span(28, 12))


def _tier_ends(board: Board, labels: Sequence[str]) -> list[str]:
    """Labels of the rows with which a new tier begins."""
    pairs = zip(board.models, board.models[1:], labels[1:], strict=False)
    return [label for above, row, label in pairs if row.tier is not None and row.tier != above.tier]


def _ruled(pen: Pen, chart: Any, y: Any, ends: Sequence[str]) -> Any:
    """The chart with a line above each row that begins a tier."""
    import altair as alt

    if not ends:
        return chart
    edge = y.copy()
    edge["bandPosition"] = 0
    line = alt.Chart(pen.data([{"row": label} for label in ends])).mark_rule(color=FAINT, strokeDash=[2, 3])
    return alt.layer(line.encode(y=edge), chart)


def side_by_side(pen: Pen, boards: Sequence[Board], titles: Sequence[tuple[str, str]]) -> Any:
    """A panel for each board, the same rows in each: estimates, intervals, and the places left open in figures.

    `titles` are each board's name and its number of votes, in words.
    """
    import altair as alt

    whole = boards[0]
    labels = pen.rows(whole.models)
    named = dict(zip((row.name for row in whole.models), labels, strict=True))
    domain = _domain(boards)
    unit = "score" if domain == (0.0, 1.0) else "rating"
    width, height, columns = pen.span(150, 150), pen.row(labels) * len(labels), pen.span(4, 1)
    panels = []
    for place, (board, (name, votes)) in enumerate(zip(boards, titles, strict=True)):
        values = _values(pen, board, named, domain)
        first = place % columns == 0
        y = pen.side(labels)
        if not first:
            y = alt.Y("row:N", sort=labels, title=None, axis=None, scale=alt.Scale(type="band", padding=0))
        cells = dots(pen, values, y=y, domain=domain, title=pen.word(f"chart.axis.{unit}"), ticks=3)
        figures = alt.Chart(pen.data(values)).mark_text(align="right", fontSize=11, color=INK)
        sets = figures.encode(x=alt.value(width + 38), y=y, text="places:N")
        heading = alt.TitleParams(
            text=f"{pen.label(visible(name, _VALUE))} · {votes}", fontSize=12.5, offset=6, anchor="start"
        )
        panels.append(alt.layer(cells, sets).properties(width=width, height=height, title=heading))
    lines = [alt.hconcat(*panels[at : at + columns], spacing=54) for at in range(0, len(panels), columns)]
    return alt.vconcat(*lines, spacing=26)


def matrix(pen: Pen, board: Board) -> Any:
    """Wins of the row over the column: numbers on shades, or for many models shades alone."""
    import altair as alt

    labels = pen.rows(board.models)
    values = [
        {"row": labels[i], "column": labels[j], "wins": wins}
        for i, line in enumerate(board.matrix)
        for j, wins in enumerate(line)
        if i != j
    ]
    most = max((wins for line in board.matrix for wins in line), default=0) or 1
    large = len(labels) > LARGEST_MATRIX
    step = pen.span(12, 7) if large else None
    size: dict[str, Any] = {"labelFontSize": pen.span(10, 6)} if large else {}
    split = "replace(datum.label, /\\n/g, ' ')"
    top = alt.Axis(orient="top", labelAngle=-90 if large else -40, labelExpr=split, labelOverlap=False, **size)
    side = alt.Axis(labelExpr=split, labelOverlap=False, **size) if large else alt.Axis()
    y = alt.Y("row:N", sort=labels, title=None, axis=side) if large else pen.side(labels)
    base = alt.Chart(pen.data(values)).encode(x=alt.X("column:N", sort=labels, title=None, axis=top), y=y)
    strength = alt.Opacity("wins:Q", scale=alt.Scale(domain=[0, most], range=[0.04, 1 if large else 0.55]), legend=None)
    cells = base.mark_rect(color=ACCENT, cornerRadius=0 if large else 2).encode(opacity=strength)
    if step:
        return cells.properties(width=alt.Step(step), height=alt.Step(step))
    text = base.mark_text(color=INK, fontSize=13).encode(text="wins:Q")
    return (cells + text).properties(width=alt.Step(pen.span(52, 36)), height=alt.Step(max(34, pen.row(labels))))
