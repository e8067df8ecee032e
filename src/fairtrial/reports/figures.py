"""The charts of a report, as SVG: each title says its finding, each caption its n.

Read `charts` first. `figures` lists what there is to draw; the drawing itself is in `drawing.py`. Colours are mid tones
that can be read on white and on black; a page may re-colour them by its own tokens (see ``static/report.css``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairtrial.core import Board, Report
from fairtrial.reports import board_drawing, chart_titles, drawing
from fairtrial.reports.accounts import level_of, sizes, votes_of
from fairtrial.reports.findings import board_n, failures_counted, headline_board, keyed_boards, namer, span
from fairtrial.reports.marks import has_hangul, romanised
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.svg import korean_font, tidy
from fairtrial.reports.typeset import cost_unit
from fairtrial.reports.words import Language, Sentence, say, sentence

LARGEST_SHADES = 120
"""Most models whose wins can still be told apart as shades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One chart: what it finds, what it is drawn from, and how."""

    key: str
    """Stable name: ``board-scorer``, ``matrix-judge``, ``strata-category``, ``cost``, ``judges``, ``failures``."""
    title: Sentence
    caption: Sentence
    draw: Callable[[drawing.Pen], Any]
    """Makes the Altair chart."""


def charts(report: Report, *, lang: Language = "en") -> dict[str, str]:
    """Every chart the report has evidence for, as self-contained SVG with its title and caption inside.

    Args:
        report: The report; nothing is computed from it but positions on paper.
        lang: Language of titles and axes. Where no Korean font is found, English is used, Korean labels are romanised,
            and the caption says so.

    Returns:
        SVG text by key, in reading order.
    """
    return {figure.key: render(figure, lang=lang, titled=True) for figure in figures(report)}


def render(figure: Figure, *, lang: Language, titled: bool, narrow: bool = False) -> str:
    """One chart as SVG; with `titled` its title and caption are drawn too, else a page sets them beside it.

    A `narrow` drawing is for a phone.
    """
    import vl_convert

    pen = drawing.Pen(lang=lang, narrow=narrow)
    title, caption = say(figure.title, pen.lang), say(figure.caption, pen.lang)
    chart = figure.draw(pen)
    if not korean_font() and (has_hangul(title) or pen.romanised):
        title, caption = romanised(title), f"{caption} {say('chart.romanised', pen.lang)}"
    spec = drawing.finish(chart, pen, title=title if titled else "", caption=caption if titled else "")
    return tidy(
        vl_convert.vegalite_to_svg(spec),
        key=f"{figure.key}-{lang}{'-narrow' if narrow else ''}",
        title=title,
        description=caption,
    )


def figures(report: Report) -> list[Figure]:
    """What there is to draw, in reading order; a chart without evidence is absent."""
    found: list[Figure] = []
    for key, board in keyed_boards(report).items():
        if board.models:
            found.extend(board_figures(key, board))
    for by in ("category", "language"):
        rows = [row for row in report.strata if row["by"] == by]
        if len({row["value"] for row in rows}) > (by == "language"):  # one language alone repeats the board
            found.append(_strata_figure(report, by))
    headline = headline_board(report)
    if headline is not None and any(row.score is not None for row in headline.models):
        found.extend(_cost_figure(headline))
    if report.judges:
        found.append(_judges_figure(report))
    if report.failures:
        found.append(_failures_figure(report))
    return found


def board_figures(key: str, board: Board, *, largest_matrix: int = board_drawing.LARGEST_MATRIX) -> list[Figure]:
    """The pictures of one board: whiskers with rank sets, and the win matrix up to a size.

    Args:
        key: Name that is unique on the page.
        board: The board, with models.
        largest_matrix: Most models of a matrix that is worth drawing.
    """
    pictures = [
        Figure(
            key=f"board-{key}",
            title=chart_titles.board(board),
            caption=board_caption(board),
            draw=lambda pen: board_drawing.whiskers(pen, board),
        )
    ]
    if board.matrix and len(board.matrix) <= largest_matrix:
        caption = sentence("chart.matrix.caption", n=span(board_n(board)))
        title = chart_titles.matrix(board)
        draw = lambda pen: board_drawing.matrix(pen, board)  # noqa: E731 - one line in both places
        pictures.append(Figure(key=f"matrix-{key}", title=title, caption=caption, draw=draw))
    return pictures


def board_caption(board: Board) -> Sentence:
    """What the marks mean, how many votes or answers a row has, and how many there are in all."""
    caption = sentence("chart.board.caption", level=level_of(board), n=n_of(board))
    if board.raw is not None:
        caption = sentence("join.two", first=caption, second=sentence("chart.raw.caption"))
    if len({row.tier for row in board.models}) > 1:
        caption = sentence("join.two", first=caption, second=sentence("chart.tier.caption"))
    return caption


def n_of(board: Board) -> Sentence | str:
    """``n = 120 to 410``, and where the board says so votes, raters and prompts in all."""
    rows, whole = span(board_n(board)), sizes(board)
    return rows if whole is None else sentence("chart.in.all", rows=rows, whole=whole)


def ranking_figures(ranking: Ranking) -> list[Figure]:
    """The pictures of what `rank` found: the board, or boards side by side; the win matrix where it was asked for."""
    found: list[Figure] = []
    if ranking.parts:
        found.append(_side_by_side_figure(ranking))
    if ranking.whole.models:
        largest = LARGEST_SHADES if ranking.matrix else 0
        own = board_figures("all", ranking.whole, largest_matrix=largest)
        found += own[1:] if ranking.parts else own
    return found


def _side_by_side_figure(ranking: Ranking) -> Figure:
    caption = sentence("chart.byside.caption", level=level_of(ranking.whole), n=n_of(ranking.whole))
    if ranking.whole.raw is not None:
        caption = sentence("join.two", first=caption, second=sentence("chart.raw.caption"))

    def draw(pen: drawing.Pen) -> Any:
        names = [pen.word("col.all"), *(ranking.value(part) for part in ranking.parts)]
        votes = [say(votes_of(board), pen.lang) for board in ranking.boards]
        return board_drawing.side_by_side(pen, ranking.boards, list(zip(names, votes, strict=True)))

    return Figure(key="boards", title=chart_titles.side_by_side(ranking), caption=caption, draw=draw)


def _strata_figure(report: Report, by: str) -> Figure:
    rows = [row for row in report.strata if row["by"] == by]
    return Figure(
        key=f"strata-{by}",
        title=chart_titles.strata(report, by),
        caption=sentence("chart.strata.caption", n=span([row["n"] for row in rows])),
        draw=lambda pen: drawing.strata(pen, rows, namer(report)),
    )


def _cost_figure(board: Board) -> list[Figure]:
    unit = cost_unit(board.models)
    rows = [row for row in board.models if row.score is not None and getattr(row, unit) is not None]
    if not rows:
        return []
    caption = sentence("chart.cost.caption", unit=sentence(f"chart.cost.{unit}"), n=span([row.score_n for row in rows]))
    title = chart_titles.cost(board, unit)
    return [Figure(key="cost", title=title, caption=caption, draw=lambda pen: drawing.cost(pen, rows, unit))]


def _judges_figure(report: Report) -> Figure:
    return Figure(
        key="judges",
        title=chart_titles.judges(report.judges),
        caption=sentence("chart.judges.caption", n=span([card["n"] for card in report.judges])),
        draw=lambda pen: drawing.judges(pen, report.judges),
    )


def _failures_figure(report: Report) -> Figure:
    n = span([row["n"] for row in report.failures])
    return Figure(
        key="failures",
        title=chart_titles.failures(report),
        caption=sentence("chart.failures.caption", counted=failures_counted(report), n=n),
        draw=lambda pen: drawing.failures(pen, report.failures, namer(report)),
    )
