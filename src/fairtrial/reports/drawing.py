"""Altair charts, one function a picture. They place what is already computed and decide nothing.

Read `whiskers` first. A `Pen` carries the language and turns names into labels that can be drawn here.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from fairtrial.core import BoardModel
from fairtrial.core.flow import Params
from fairtrial.reports.findings import judge_name, measures, reason, span
from fairtrial.reports.marks import has_hangul, romanised, visible
from fairtrial.reports.svg import korean_font
from fairtrial.reports.words import Language, known, say

_Box = tuple[float, float, float, float]
INK, FAINT, ACCENT, ALARM = "#767676", "#a6a6a6", "#2f86a6", "#bf5a36"
"""Mid tones: text 4.5 : 1 on white and on black, marks at least 3 : 1. A page re-colours them by these very values."""

_FONT = "Liberation Sans, Arial, Noto Sans CJK KR, Apple SD Gothic Neo, Malgun Gothic, sans-serif"
_PERCENT = "format(datum.value * 100, 'd')"  # scores are set as 0 … 100, as in the tables
_LABEL = 30
_ROW, _CLOSE, _LINE = 26, 17, 15
_TYPE, _SMALL = 12, 11
_MANY = 30  # rows beyond which they stand closer
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
        """The vertical axis of rows in this order: a band each."""
        import altair as alt

        size = _TYPE if len(labels) <= _MANY else _SMALL
        split: dict[str, Any] = {"labelExpr": "split(datum.label, '\\n')"} if self.narrow else {}
        axis = alt.Axis(labelFontSize=size, labelOverlap=False, **split)
        return alt.Y(f"{column}:N", sort=list(labels), title=None, axis=axis, scale=alt.Scale(type="band", padding=0))

    def row(self, labels: Sequence[str]) -> int:
        """The height of one row, so that the labels have room; less where there are many."""
        lines = max((label.count("\n") for label in labels), default=0)
        return (_ROW if len(labels) <= _MANY else _CLOSE) + lines * _LINE

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
        lines = textwrap.wrap(caption, _SUBTITLE * 2 // 3 if has_hangul(caption) else _SUBTITLE)
        chart = chart.properties(title=alt.TitleParams(text=textwrap.wrap(title, 64), subtitle=lines, anchor="start"))
    # Values were checked as they were set; a wrong spec fails in the renderer.
    return {**chart.to_dict(validate=False), "config": _house_style(), "datasets": pen.tables}


@cache
def _house_style() -> dict[str, Any]:
    """Vega-Lite's config, made once and on an empty chart: a chart copies itself whole for each setting."""
    import altair as alt

    styled = (
        alt.Chart(alt.NamedData(name="none"))
        .mark_point()
        .configure(background="transparent", font=_FONT, padding={"left": 16, "right": 34, "top": 6, "bottom": 6})
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
    config: dict[str, Any] = styled.to_dict(validate=False)["config"]
    return config


def shares(ticks: int) -> Any:
    """An axis of shares 0 … 1, set as 0 … 100."""
    import altair as alt

    return alt.Axis(tickCount=ticks, labelExpr=_PERCENT)


def dots(
    pen: Pen,
    values: list[dict[str, Any]],
    *,
    y: Any,
    domain: tuple[float, float],
    title: str | None,
    ticks: int = 6,
    axis: Any = None,
) -> Any:
    """Estimates as dots on their intervals; a side left open runs to the edge and ends in an arrow head.

    Without an `axis` the domain chooses one.
    """
    import altair as alt

    scale = alt.Scale(domain=domain, nice=False, zero=False)
    if axis is None:
        axis = shares(5) if domain == (0, 1) else alt.Axis(tickCount=ticks, format="d")

    def x(column: str) -> Any:
        return alt.X(f"{column}:Q", title=title, scale=scale, axis=axis)

    base = alt.Chart().encode(y=y)
    line = base.mark_rule(strokeWidth=2, color=ACCENT).encode(x=x("low"), x2="high:Q")
    small = len({value["row"] for value in values}) > _MANY
    dot = base.mark_circle(size=45 if small else 75, color=ACCENT, opacity=1).encode(x=x("value"))
    layers = [line.transform_filter("isValid(datum.low)"), dot.transform_filter("isValid(datum.value)")]
    if any(value.get("raw") is not None for value in values):
        hollow = base.mark_point(shape="circle", size=45, filled=False, color=INK, strokeWidth=1.5, opacity=1)
        layers.append(hollow.encode(x=x("raw")).transform_filter("isValid(datum.raw)"))
    for column, shape in (("low", "triangle-left"), ("high", "triangle-right")):
        if any(value[f"open_{column}"] for value in values):
            arrow = base.mark_point(shape=shape, size=60, filled=True, color=ACCENT, opacity=1)
            layers.append(arrow.encode(x=x(column)).transform_filter(f"datum.open_{column}"))
    if any(value["note"] for value in values):
        nothing = base.mark_text(color=INK, align="left", dx=4, fontSize=12).encode(x=alt.value(0), text="note:N")
        layers.append(nothing.transform_filter("isValid(datum.note)"))
    return alt.layer(*layers, data=pen.data(values))


def dot_of(value: float | None, ci: Sequence[float | None], domain: tuple[float, float]) -> dict[str, Any]:
    """An estimate and its interval as `dots` draws them; what is open, or goes on, ends at the edge."""
    low, high = ci
    known_at_all = value is not None or low is not None or high is not None
    return {
        "value": value,
        "low": (domain[0] if low is None else max(low, domain[0])) if known_at_all else None,
        "high": (domain[1] if high is None else min(high, domain[1])) if known_at_all else None,
        "open_low": known_at_all and (low is None or low < domain[0]),
        "open_high": known_at_all and (high is None or high > domain[1]),
    }


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
            dot = (
                dot_of(None, (None, None), (0, 1)) if empty else dot_of(row["score"], row["ci"] or (None, None), (0, 1))
            )
            note = pen.word("no_evidence") if empty else None
            values.append({"panel": panels[-1], "row": label[row["contestant"]], "note": note, **dot})
    cells = dots(pen, values, y=pen.side(labels), domain=(0, 1), title=None)
    cells = cells.properties(width=210, height=(pen.row(labels) - 6) * len(who))
    return cells.facet(facet=alt.Facet("panel:N", sort=panels, title=None), columns=pen.span(2, 1), spacing=18)


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
            dot = dot_of(rate["estimate"], rate["ci"], (0, 1)) if rate else dot_of(None, (None, None), (0, 1))
            label = pen.word(f"judge.{measure}") + (f"  n\u00a0=\u00a0{rate['n']}" if rate else "")
            values.append({"row": label, "note": None if rate else pen.word("no_evidence"), **dot})
        order = pen.fold([value["row"] for value in values])
        values = [value | {"row": label} for value, label in zip(values, order, strict=True)]
        cells = dots(pen, values, y=pen.side(order), domain=(0, 1), title=pen.word("chart.axis.rate"))
        half = alt.Chart(pen.data([{"half": 0.5}])).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="half:Q")
        heading = alt.TitleParams(text=pen.label(judge_name(card)), fontSize=12.5, offset=6, anchor="start")
        panels.append(
            (half + cells).properties(width=pen.span(330, 180), height=pen.row(order) * len(values), title=heading)
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
