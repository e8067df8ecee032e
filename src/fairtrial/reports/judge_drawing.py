"""The picture of judges on trial: how often each is right, in one order and in both, and what the order is worth.

Read `judges_svg` first.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.tables import Rate
from fairtrial.reports import judge_findings
from fairtrial.reports.drawing import INK, Pen, dot_of, dots, shares
from fairtrial.reports.figures import Figure, render
from fairtrial.reports.findings import span
from fairtrial.reports.judges_told import Told
from fairtrial.reports.marks import visible
from fairtrial.reports.typeset import count, decimal
from fairtrial.reports.words import Language, say, sentence
from fairtrial.stats import JudgeComparison

_NAME = 18
_WIDE, _SLIM = 280, 150
_Panel = tuple[str, list[dict[str, Any]], tuple[float, float], int, list[tuple[float, list[int]]]]
_SHARE, _POINTS = (0.0, 1.0), (-100.0, 100.0)


def judges_svg(told: Told, *, lang: Language = "en") -> str:
    """All judges as self-contained SVG, the finding as the title and what the marks mean in the caption."""
    return render(judges_figure(told), lang=lang, titled=True)


def rounds_svg(
    cards: Sequence[JudgeCard], compared: JudgeComparison | None, best: int, *, lang: Language = "en"
) -> str:
    """A judge before and after each round of its training, in order; the finding about the best one as the title."""
    if compared is None:
        title = sentence("chart.rounds.none")
    else:
        kind = "better" if compared.lower > 0 else "unshown"
        gain = decimal(100 * compared.estimate, signed=True)
        title = sentence(f"chart.rounds.{kind}", round=best, gain=gain)
    names = [sentence("chart.rounds.round", n=k) if k else sentence("chart.rounds.seed") for k in range(len(cards))]
    cards = [replace(card, judge=say(name, lang)) for card, name in zip(cards, names, strict=True)]
    ceiling = _ceiling(cards)
    figure = Figure(
        key="rounds",
        title=title,
        caption=sentence("chart.trial.caption", n=span([card.n for card in cards])),
        draw=lambda pen: _draw(pen, cards, ceiling),
    )
    return render(figure, lang=lang, titled=True)


def judges_figure(told: Told) -> Figure:
    """One row a judge, the best first and rules after the models."""
    cards = judge_findings.ordered(told)
    ceiling = _ceiling(cards)
    caption = sentence("chart.trial.caption", n=span([card.n for card in cards]))
    if ceiling is not None:
        people = sentence("chart.trial.people", n=count(ceiling.n))
        caption = sentence("join.two", first=caption, second=people)
    if any(judge_findings.taught(card) for card in cards):
        caption = sentence("join.two", first=caption, second=sentence("chart.trial.taught"))
    return Figure(
        key="trial",
        title=judge_findings.headline(told),
        caption=caption,
        draw=lambda pen: _draw(pen, cards, ceiling),
    )


def _ceiling(cards: Sequence[JudgeCard]) -> Rate | None:
    """How often people agree; it is of the pairs, so that every card says the same."""
    return next((card.people.ceiling for card in cards if card.people and card.people.ceiling), None)


def _draw(pen: Pen, cards: Sequence[JudgeCard], ceiling: Rate | None) -> Any:
    import altair as alt

    labels = pen.fold(pen.labels([_label(pen, card) for card in cards]))
    height = pen.row(labels) * len(labels)
    right = [card.accuracy for card in cards]
    beside = [card.people.judge_accuracy if card.people else None for card in cards]
    both, gap = [card.consistent_accuracy for card in cards], [card.order_gap for card in cards]
    panels: tuple[_Panel, ...] = (
        ("accuracy", _values(pen, labels, right, _SHARE, beside), _SHARE, _WIDE, _marks(ceiling)),
        ("consistent", _values(pen, labels, both, _SHARE), _SHARE, _SLIM, []),
        ("gap", _values(pen, labels, gap, _POINTS), _POINTS, _SLIM, [(0.0, [4, 3])]),
    )
    drawn = []
    for place, (key, values, domain, width, marks) in enumerate(panels):
        y = pen.side(labels)
        if place and not pen.narrow:
            y = alt.Y("row:N", sort=labels, title=None, axis=None, scale=alt.Scale(type="band", padding=0))
        axis = shares(2) if width == _SLIM and domain == _SHARE else None
        cells = dots(pen, values, y=y, domain=domain, title=pen.word(f"chart.trial.axis.{key}"), ticks=2, axis=axis)
        lines = [
            alt.Chart(pen.data([{"at": at}])).mark_rule(color=INK, strokeDash=dash).encode(x="at:Q")
            for at, dash in marks
        ]
        cells.layer = [*lines, *cells.layer]  # Altair copies a layer within a layer once for each level
        drawn.append(cells.properties(width=pen.span(width, 190), height=height))
    return alt.vconcat(*drawn, spacing=18) if pen.narrow else alt.hconcat(*drawn, spacing=26)


def _marks(ceiling: Rate | None) -> list[tuple[float, list[int]]]:
    coin = (judge_findings.COIN, [4, 3])
    return [coin] if ceiling is None else [coin, (ceiling.estimate, [1, 3])]


def _label(pen: Pen, card: JudgeCard) -> str:
    """A judge's name; what makes its figures no evidence stands beside it."""
    if judge_findings.taught(card):
        return f"{visible(card.judge, _NAME)} · {pen.word('judges.mark.taught')}"
    if judge_findings.simulated(card):
        return f"{visible(card.judge, _NAME)} · {pen.word('simulated')}"
    return card.judge


def _values(
    pen: Pen,
    labels: Sequence[str],
    rates: Sequence[Rate | None],
    domain: tuple[float, float],
    hollow: Sequence[Rate | None] = (),
) -> list[dict[str, Any]]:
    scale = 100 if domain == _POINTS else 1
    values = []
    for place, (label, rate) in enumerate(zip(labels, rates, strict=True)):
        low, high = (None if end is None else end * scale for end in (rate.ci if rate else (None, None)))
        other = hollow[place] if hollow else None
        values.append(
            {"row": label, "note": None if rate else pen.word("no_evidence"), "raw": other.estimate if other else None}
            | dot_of(rate.estimate * scale if rate else None, (low, high), domain)
        )
    return values
