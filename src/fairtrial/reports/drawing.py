"""Altair charts, one function a picture. They place what is already computed and decide nothing.

Read `whiskers` first. A `Pen` carries the language and turns names into labels that can be drawn here.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fairtrial.core import Board, BoardModel
from fairtrial.core.flow import Params
from fairtrial.reports.findings import judge_name, measures, reason, span
from fairtrial.reports.marks import has_hangul, romanised, visible
from fairtrial.reports.svg import korean_font
from fairtrial.reports.typeset import estimate_of
from fairtrial.reports.words import Language, known, say

_Box = tuple[float, float, float, float]
INK, FAINT, ACCENT, ALARM = "#767676", "#a6a6a6", "#2f86a6", "#bf5a36"
"""Mid tones: text 4.5 : 1 on white and on black, marks at least 3 : 1. A page re-colours them by these very values."""

_FONT = "Liberation Sans, Arial, Noto Sans CJK KR, Apple SD Gothic Neo, Malgun Gothic, sans-serif"
_PERCENT = "format(datum.value * 100, 'd')"  # scores are set as 0 … 100, as in the tables
_LABEL = 30
_ROW, _LINE = 26, 15
_FOLD = 17  # characters a line of a label in a narrow drawing
_SUBTITLE = 92


@dataclass(slots=True)
class Pen:
    """The language of a drawing, whether it is to fit a phone, and whether its labels had to be romanised."""

    lang: Language = "en"
    narrow: bool = False
    """Draws for a frame of about 350 pixels: smaller panels below each other, labels on several lines."""
    romanised: bool = field(default=False, init=False)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.lang == "ko" and not korean_font():
            self.lang, self.romanised = "en", True

    def word(self, key: str) -> str:
        """A text of the catalogue."""
        return say(key, self.lang)

    def data(self, values: list[dict[str, Any]]) -> Any:
        """The table under a name: Altair copies inline tables again and again while it composes layers."""
        import altair as alt

        name = f"table{len(self.tables)}"
        self.tables[name] = values
        return alt.NamedData(name=name)

    def label(self, text: str) -> str:
        """A name as it can be drawn: hidden characters spelt out, long ones cut, romanised without a Korean font."""
        text = visible(text, _LABEL)
        if has_hangul(text) and not korean_font():
            self.romanised = True
            return romanised(text)
        return text

    def labels(self, texts: Sequence[str]) -> list[str]:
        """Labels for several names; two that look alike after cutting are told apart by a number."""
        seen: dict[str, int] = {}
        result = []
        for text in texts:
            label = self.label(text)
            seen[label] = seen.get(label, 0) + 1
            result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
        return result

    def fold(self, labels: Sequence[str]) -> list[str]:
        """The labels, broken into short lines where the drawing is narrow."""
        return ["\n".join(textwrap.wrap(label, _FOLD)) for label in labels] if self.narrow else list(labels)

    def side(self, labels: Sequence[str], column: str = "row") -> Any:
        """The vertical axis of rows in this order."""
        import altair as alt

        axis = alt.Axis(labelExpr="split(datum.label, '\\n')") if self.narrow else alt.Axis()
        return alt.Y(f"{column}:N", sort=list(labels), title=None, axis=axis)

    def row(self, labels: Sequence[str]) -> int:
        """The height of one row, so that the labels have room."""
        lines = max((label.count("\n") for label in labels), default=0)
        return _ROW + lines * _LINE

    def span(self, wide: int, narrow: int) -> int:
        """A width or a number of columns, by the room there is."""
        return narrow if self.narrow else wide

    def rows(self, models: Sequence[BoardModel]) -> list[str]:
        """Labels of a board's rows; simulated contestants say so."""
        marked = [
            f"{visible(row.name, _LABEL - 12)} · {self.word('simulated')}" if row.simulated else row.name
            for row in models
        ]
        return self.fold(self.labels(marked))


def finish(chart: Any, pen: Pen, *, title: str = "", caption: str = "") -> dict[str, Any]:
    """The chart as Vega-Lite, with the house's type and colours and, where given, a title and a caption."""
    import altair as alt

    if title:
        lines = textwrap.wrap(caption, _SUBTITLE)
        chart = chart.properties(title=alt.TitleParams(text=textwrap.wrap(title, 64), subtitle=lines, anchor="start"))
    styled = (
        chart.configure(background="transparent", font=_FONT, padding={"left": 16, "right": 34, "top": 6, "bottom": 6})
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, titleColor=INK, domainColor=FAINT, tickColor=FAINT, gridColor=FAINT, gridOpacity=0.3,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelLimit=320, titlePadding=8, domain=False,
        )
        .configure_axisY(grid=False, ticks=False, labelPadding=10)
        .configure_title(
            color=INK, subtitleColor=INK, fontSize=15, subtitleFontSize=12, fontWeight="bold",
            subtitlePadding=6, offset=14,
        )
        .configure_header(labelColor=INK, labelFontSize=13, labelFontWeight="bold", labelAnchor="start", titleColor=INK)
    )  # fmt: skip
    # Values were checked as they were set; a wrong spec fails in the renderer.
    return {**styled.to_dict(validate=False), "datasets": pen.tables}


def _dots(pen: Pen, values: list[dict[str, Any]], *, y: Any, domain: tuple[float, float], title: str | None) -> Any:
    """Estimates as dots on their intervals; a side left open runs to the edge and ends in an arrow head."""
    import altair as alt

    scale = alt.Scale(domain=domain, nice=False, zero=False)
    axis = alt.Axis(tickCount=5, labelExpr=_PERCENT) if domain == (0, 1) else alt.Axis(tickCount=6, format="d")

    def x(column: str) -> Any:
        return alt.X(f"{column}:Q", title=title, scale=scale, axis=axis)

    base = alt.Chart().encode(y=y)
    line = base.mark_rule(strokeWidth=2, color=ACCENT).encode(x=x("low"), x2="high:Q")
    dot = base.mark_circle(size=75, color=ACCENT, opacity=1).encode(x=x("value"))
    layers = [line.transform_filter("isValid(datum.low)"), dot.transform_filter("isValid(datum.value)")]
    for column, shape in (("low", "triangle-left"), ("high", "triangle-right")):
        if any(value[f"open_{column}"] for value in values):
            arrow = base.mark_point(shape=shape, size=60, filled=True, color=ACCENT, opacity=1)
            layers.append(arrow.encode(x=x(column)).transform_filter(f"datum.open_{column}"))
    if any(value["note"] for value in values):
        nothing = base.mark_text(color=INK, align="left", dx=4, fontSize=12).encode(x=alt.value(0), text="note:N")
        layers.append(nothing.transform_filter("isValid(datum.note)"))
    return alt.layer(*layers, data=pen.data(values))


def _dot(value: float | None, ci: Sequence[float | None], domain: tuple[float, float]) -> dict[str, Any]:
    low, high = ci
    known_at_all = value is not None or low is not None or high is not None
    return {
        "value": value,
        "low": (domain[0] if low is None else low) if known_at_all else None,
        "high": (domain[1] if high is None else high) if known_at_all else None,
        "open_low": known_at_all and low is None,
        "open_high": known_at_all and high is None,
    }


def _domain(board: Board) -> tuple[float, float]:
    """The axis: 0 … 1 for scores, the finite bounds with some air for ratings."""
    if any(row.score is not None for row in board.models):
        return 0.0, 1.0
    bounds = [x for row in board.models for x in (row.rating, *row.ci) if x is not None]
    low, high = (min(bounds), max(bounds)) if bounds else (900.0, 1100.0)
    air = max((high - low) * 0.06, 10.0)
    return low - air, high + air


def whiskers(pen: Pen, board: Board) -> Any:
    """Left: each row's estimate and interval. Right: the places its rank set leaves open, as a bar."""
    import altair as alt

    domain, labels, total = _domain(board), pen.rows(board.models), len(board.models)
    values: list[dict[str, Any]] = []
    for label, row in zip(labels, board.models, strict=True):
        estimate, ci = estimate_of(row)
        note = pen.word("no_evidence") if estimate is None and ci == (None, None) else None
        values.append({"row": label, "note": note, **_dot(estimate, ci, domain)})
    unit = "score" if domain == (0.0, 1.0) else "rating"
    title, height = pen.word(f"chart.axis.{unit}"), pen.row(labels) * total
    left = _dots(pen, values, y=pen.side(labels), domain=domain, title=title)
    left = left.properties(width=pen.span(330, 150), height=height)
    sets = [
        {"row": label, "best": row.rank_set[0] - 0.5, "worst": row.rank_set[1] + 0.5}
        for label, row in zip(labels, board.models, strict=True)
        if row.rank_set is not None
    ]
    ticks = list(range(1, total + 1)) if total <= pen.span(12, 6) else None  # beyond that the axis chooses
    axis = alt.Axis(values=ticks, format="d", grid=False) if ticks else alt.Axis(format="d", grid=False)
    scale = alt.Scale(domain=[0.5, total + 0.5], nice=False, zero=False)
    bars = alt.Chart(pen.data(sets)).mark_bar(height=9, cornerRadius=4, color=ACCENT, opacity=0.55)
    right = bars.encode(
        x=alt.X("best:Q", title=pen.word("chart.axis.places"), scale=scale, axis=axis),
        x2="worst:Q",
        y=alt.Y("row:N", sort=labels, title=None, axis=None, scale=alt.Scale(domain=labels)),
    )
    right = right.properties(width=pen.span(130, 56), height=height)
    return alt.hconcat(left, right, spacing=pen.span(28, 12))


def matrix(pen: Pen, board: Board) -> Any:
    """Wins of the row over the column, as numbers on shades."""
    import altair as alt

    labels = pen.rows(board.models)
    values = [
        {"row": labels[i], "column": labels[j], "wins": wins}
        for i, line in enumerate(board.matrix)
        for j, wins in enumerate(line)
        if i != j
    ]
    most = max((wins for line in board.matrix for wins in line), default=0) or 1
    top = alt.Axis(orient="top", labelAngle=-40, labelExpr="replace(datum.label, /\\n/g, ' ')")
    base = alt.Chart(pen.data(values)).encode(
        x=alt.X("column:N", sort=labels, title=None, axis=top),
        y=pen.side(labels),
    )
    strength = alt.Opacity("wins:Q", scale=alt.Scale(domain=[0, most], range=[0.04, 0.55]), legend=None)
    cells = base.mark_rect(color=ACCENT, cornerRadius=2).encode(opacity=strength)
    text = base.mark_text(color=INK, fontSize=13).encode(text="wins:Q")
    return (cells + text).properties(width=alt.Step(pen.span(52, 36)), height=alt.Step(max(34, pen.row(labels))))


def strata(pen: Pen, rows: Sequence[Params], name_of: Callable[[str], str]) -> Any:
    """One small panel a category (or language): every contestant's mean score with its own interval."""
    import altair as alt

    who = list(dict.fromkeys(row["contestant"] for row in rows))
    labels = pen.fold(pen.labels([name_of(one) for one in who]))
    label = dict(zip(who, labels, strict=True))
    panels: list[str] = []
    values = []
    for value in dict.fromkeys(row["value"] for row in rows):
        cells = [row for row in rows if row["value"] == value]
        name = say(known("language", value), pen.lang) if cells[0]["by"] == "language" else pen.label(value)
        panels.append(f"{name}   {say(span([row['n'] for row in cells]), pen.lang)}")
        for row in cells:
            empty = bool(row.get("note")) or row["score"] is None
            dot = _dot(None, (None, None), (0, 1)) if empty else _dot(row["score"], row["ci"] or (None, None), (0, 1))
            note = pen.word("no_evidence") if empty else None
            values.append({"panel": panels[-1], "row": label[row["contestant"]], "note": note, **dot})
    dots = _dots(pen, values, y=pen.side(labels), domain=(0, 1), title=None)
    dots = dots.properties(width=210, height=(pen.row(labels) - 6) * len(who))
    return dots.facet(facet=alt.Facet("panel:N", sort=panels, title=None), columns=pen.span(2, 1), spacing=18)


def cost(pen: Pen, rows: Sequence[BoardModel], unit: str) -> Any:
    """Mean score against what an answer costs, each point named and with its whisker."""
    import altair as alt

    width, height = pen.span(460, 290), 280
    labels = [label.replace("\n", " ") for label in pen.rows(rows)]
    most = max(getattr(row, unit) for row in rows) * 1.08 or 1.0
    values = []
    for label, row in zip(labels, rows, strict=True):
        low, high = row.score_ci or (None, None)
        values.append({"row": label, "paid": getattr(row, unit), "score": row.score, "low": low, "high": high})
    _place(values, most=most, width=width, height=height)
    x = alt.X(
        "paid:Q",
        title=pen.word(f"col.{unit}"),
        scale=alt.Scale(domain=[0, most], nice=False),
        axis=alt.Axis(format="~g" if unit == "usd" else ",d", tickCount=pen.span(6, 4)),
    )
    axis = alt.Axis(grid=True, tickCount=5, labelExpr=_PERCENT)
    y = alt.Y("score:Q", title=pen.word("chart.axis.score"), scale=alt.Scale(domain=[0, 1]), axis=axis)
    base = alt.Chart(pen.data(values)).encode(x=x)
    line = base.mark_rule(color=ACCENT, strokeWidth=1.5, opacity=0.6).encode(
        y=alt.Y("low:Q", title=pen.word("chart.axis.score")), y2="high:Q"
    )
    dot = base.mark_circle(size=85, color=ACCENT, opacity=1).encode(y=y)
    layers = [line, dot]
    for align, dx in _SIDES:
        text = base.mark_text(color=INK, align=align, dx=dx, fontSize=12, yOffset=alt.expr("datum.shift"))
        layers.append(text.encode(y=y, text="row:N").transform_filter(f"datum.align == '{align}'"))
    return alt.layer(*layers).properties(width=width, height=height)


_SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 9), ("right", -9))


def _place(values: list[dict[str, Any]], *, most: float, width: int, height: int) -> None:
    """Choose for each label a side and a small shift, so that it covers as few labels and whiskers as can be."""
    taken: list[_Box] = []
    for point in values:
        at_x = point["paid"] / most * width
        ends = [point["score"] if end is None else end for end in (point["high"], point["low"])]
        taken.append((at_x - 3, at_x + 3, (1 - ends[0]) * height, (1 - ends[1]) * height))
    for point in values:
        at_x, at_y = point["paid"] / most * width, (1 - point["score"]) * height
        length = 7.0 * len(point["row"])
        options = []
        for side in ("left", "right"):  # the text's alignment: left-aligned text stands right of its dot
            start = at_x + 9 if side == "left" else at_x - 9 - length
            outside = max(0.0, start + length - width - 60) + max(0.0, -start)
            for shift in (0, -14, 14, -28, 28):
                box = (start, start + length, at_y + shift - 7, at_y + shift + 7)
                clashes = sum(_overlap(box, other) for other in taken)
                options.append((clashes * 100 + outside + abs(shift), side, shift, box))
        _, point["align"], point["shift"], chosen = min(options)
        taken.append(chosen)


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def judges(pen: Pen, cards: Sequence[Params]) -> Any:
    """Each judge's position rate, consistency and agreement on one axis, 0.5 marked."""
    import altair as alt

    panels = []
    for card in cards:
        values = []
        for measure, rate in measures(card):
            dot = _dot(rate["estimate"], rate["ci"], (0, 1)) if rate else _dot(None, (None, None), (0, 1))
            label = pen.word(f"judge.{measure}") + (f"  n\u00a0=\u00a0{rate['n']}" if rate else "")
            values.append({"row": label, "note": None if rate else pen.word("no_evidence"), **dot})
        order = pen.fold([value["row"] for value in values])
        values = [value | {"row": label} for value, label in zip(values, order, strict=True)]
        dots = _dots(pen, values, y=pen.side(order), domain=(0, 1), title=pen.word("chart.axis.rate"))
        half = alt.Chart(pen.data([{"half": 0.5}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="half:Q")
        heading = alt.TitleParams(text=pen.label(judge_name(card)), fontSize=12.5, offset=6, anchor="start")
        panels.append(
            (half + dots).properties(width=pen.span(330, 180), height=pen.row(order) * len(values), title=heading)
        )
    return alt.vconcat(*panels, spacing=20)


def failures(pen: Pen, rows: Sequence[Params], name_of: Callable[[str], str]) -> Any:
    """Answers that failed, a bar for each contestant and reason."""
    import altair as alt

    texts = [f"{name_of(row['contestant'])} · {say(reason(row['reason']), pen.lang)}" for row in rows]
    labels = pen.fold(_long_labels(pen, texts))
    values = [
        {"row": label, "count": row["count"], "text": f"{row['count']} / {row['n']}"}
        for label, row in zip(labels, rows, strict=True)
    ]
    most = max(row["n"] for row in rows)
    base = alt.Chart(pen.data(values)).encode(y=pen.side(labels))
    scale = alt.Scale(domain=[0, most], nice=False)
    bar = base.mark_bar(color=ALARM, height=10, cornerRadiusEnd=3).encode(
        x=alt.X("count:Q", title=pen.word("chart.axis.answers"), scale=scale, axis=alt.Axis(format="d", tickMinStep=1))
    )
    text = base.mark_text(color=INK, align="left", dx=6, fontSize=12).encode(
        x=alt.X("count:Q", scale=scale), text="text:N"
    )
    return (bar + text).properties(width=pen.span(330, 160), height=pen.row(labels) * len(values))


def _long_labels(pen: Pen, texts: Sequence[str]) -> list[str]:
    """Two-part labels: each may be twice as long as a name."""
    return [pen.label(text[:_LABEL]) + pen.label(text[_LABEL : 2 * _LABEL]) for text in texts]
