"""What `fairtrial rank` prints: the board, how much it decides, how it was made; boards side by side; the win matrix.

Read `print_ranking` first. The table of one board is `terminal.print_board`'s.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairtrial.core import Board, BoardModel
from fairtrial.reports import accounts, findings
from fairtrial.reports.chart_titles import side_by_side
from fairtrial.reports.figures import LARGEST_SHADES
from fairtrial.reports.marks import visible
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.refusals import in_words
from fairtrial.reports.terminal import bullet, print_board, shown_name, small_print
from fairtrial.reports.typeset import fixed, number, percent, places
from fairtrial.reports.words import Language, Sentence, say, sentence

_QUIET, _ACCENT, _HEAD = "dim", "bold cyan", "bold"
_GAP = 2
_NAME = 30
_VALUE = 16
MOST_IN_MATRIX = 15
"""Most models whose win matrix a terminal shows."""
_FEW_RATERS, _LOWEST = 12, 6


def print_ranking(ranking: Ranking, console: Console, *, lang: Language = "en") -> None:
    """Print everything that one ranking found, in the order in which people ask.

    Args:
        ranking: What was found.
        console: Where to print; its width, colours and encoding are obeyed.
        lang: Language of the words around the numbers.
    """
    if ranking.parts:
        _print_side_by_side(ranking, console, lang)
    else:
        _print_one(ranking.whole, console, lang, title=ranking.title)
    if ranking.matrix:
        _print_matrix(ranking.whole, console, lang)
    if ranking.agreement is not None:
        _print_agreement(ranking.agreement, console, lang)
    _print_account(ranking.whole, console, lang)


def _print_one(board: Board, console: Console, lang: Language, *, title: str) -> None:
    console.print(Text(visible(title), style=_HEAD))
    console.print(Text(f"{say(findings.headline(board), lang)}.", style=_ACCENT))
    console.print()
    print_board(board, console, scope=False, lang=lang)
    _bullets([*_decided(board), *_limits(board)], console, lang)


def _decided(board: Board) -> list[Sentence]:
    found = accounts.separation(board)
    return [*([] if found is None else [found]), *findings.undecided(board)]


def _limits(board: Board) -> list[Sentence | str]:
    """Scope, clusters and refusals: what the board does not claim, and why."""
    return [findings.scope(board), *accounts.clusters(board), *map(in_words, findings.refusals(board))]


def _print_account(board: Board, console: Console, lang: Language) -> None:
    effects = accounts.controls(board)
    if effects:
        _heading("section.controls", console, lang)
        _bullets(effects, console, lang)
    made = accounts.account(board)
    if made:
        _heading("section.made", console, lang)
        _bullets(made, console, lang)


# ---- boards side by side ----


def _print_side_by_side(ranking: Ranking, console: Console, lang: Language) -> None:
    console.print(Text(visible(ranking.title), style=_HEAD))
    console.print(Text(f"{say(side_by_side(ranking), lang)}.", style=_ACCENT))
    console.print()
    console.print(Text(say(sentence("section.byside", by=visible(ranking.by)), lang), style=_HEAD))
    columns = [_column(board, ranking, lang) for board in ranking.boards]
    names = [shown_name(row, lang) for row in ranking.whole.models]
    for line in _fitting(names, columns, console.width):
        _print_columns(names, line, console)
    console.print(Text(say("byside.wide", lang), style=_QUIET))
    _bullets([_own_error(ranking)], console, lang, style=_QUIET)
    console.print()
    console.print(Text(say("col.all", lang), style=_HEAD))
    _bullets([*_decided(ranking.whole), *_limits(ranking.whole), *small_print(ranking.whole, lang)], console, lang)
    known = set(ranking.whole.refusals)
    for part in ranking.parts:
        console.print()
        size = accounts.sizes(part)
        label = ranking.value(part) + (f" · {say(size, lang)}" if size is not None else "")
        console.print(Text(label, style=_HEAD))
        own = [refusal for refusal in findings.refusals(part) if refusal not in known]
        _bullets([*_decided(part), *map(in_words, own)], console, lang)


def _own_error(ranking: Ranking) -> Sentence:
    return sentence("byside.own", alpha=percent(float(ranking.whole.fit.get("alpha", 0.05))))


def _column(board: Board, ranking: Ranking, lang: Language) -> list[str]:
    """Head and cells of one board, in the order of the board of all votes."""
    head = say("col.all", lang) if board is ranking.whole else visible(board.view.get(ranking.by, ""), _VALUE)
    rows = {row.name: row for row in board.models}
    return [head, *(_cell(rows.get(row.name), lang) for row in ranking.whole.models)]


def _cell(row: BoardModel | None, lang: Language) -> str:
    if row is None:
        return "–"
    rated = number(row.rating) if row.rating is not None else say("one_sided", lang)
    return f"{rated}  {places(row.rank_set):>5}" if row.rating is not None or row.ci != (None, None) else "–"


def _fitting(names: Sequence[Text], columns: list[list[str]], width: int) -> Iterator[list[list[str]]]:
    """The columns, as many beside each other as fit; the rest goes into further tables below."""
    first = max((name.cell_len for name in names), default=0)
    line: list[list[str]] = []
    left = width - first
    for column in columns:
        needed = _GAP + max(map(cell_len, column))
        if line and left < needed:
            yield line
            line, left = [], width - first
        line.append(column)
        left -= needed
    if line:
        yield line


def _print_columns(names: Sequence[Text], columns: list[list[str]], console: Console) -> None:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style=_QUIET)
    table.add_column("", overflow="fold")
    for head, *_ in columns:
        table.add_column(Text(head, justify="right"), justify="right", overflow="fold")
    for place, name in enumerate(names):
        table.add_row(name, *(Text(column[place + 1]) for column in columns))
    console.print(table)


# ---- the win matrix ----


def _print_matrix(board: Board, console: Console, lang: Language) -> None:
    _heading("section.matrix", console, lang)
    size = len(board.matrix)
    digits = max((len(str(wins)) for line in board.matrix for wins in line), default=1)
    step = max(digits, len(str(size))) + 1
    label = min(max((cell_len(visible(row.name, _NAME)) for row in board.models), default=0), _NAME)
    number_of = len(str(size)) + 1
    if size > LARGEST_SHADES:
        console.print(Text(say(sentence("matrix.too_large", n=size), lang), style=_QUIET))
        return
    if not size or size > MOST_IN_MATRIX or number_of + label + size * step > console.width:
        console.print(Text(say(sentence("matrix.large", n=size), lang), style=_QUIET))
        return
    head = " " * (number_of + label) + "".join(f"{place:>{step}}" for place in range(1, size + 1))
    console.print(Text(head, style=_QUIET))
    for place, row in enumerate(board.models):
        name = visible(row.name, _NAME)
        start = f"{place + 1:>{number_of - 1}} {name}{' ' * (label - cell_len(name))}"
        cells = ("·" if other == place else str(wins) for other, wins in enumerate(board.matrix[place]))
        console.print(Text.assemble(start, ("".join(f"{cell:>{step}}" for cell in cells), "")), no_wrap=True)


# ---- agreement ----


def _print_agreement(found: dict[str, Any], console: Console, lang: Language) -> None:
    _heading("section.agreement", console, lang)
    _bullets(accounts.agreement(found), console, lang)
    rows = accounts.against_rest(found)
    if not rows:
        return
    few = len(rows) <= _FEW_RATERS
    console.print(Text(say("agree.each" if few else "agree.lowest", lang)))
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style=_QUIET)
    table.add_column(say("col.rater", lang), overflow="fold")
    for head in ("col.kappa", "col.se", "col.shared"):
        table.add_column(say(head, lang), justify="right")
    for row in rows if few else rows[:_LOWEST]:
        table.add_row(
            Text(visible(row["name"], _NAME)), Text(fixed(row["kappa"])), Text(fixed(row["se"])), str(row["units"])
        )
    console.print(table)
    console.print(Text(say("agree.few", lang), style=_QUIET))
    alone = len(found["raters"]) - len(rows)
    if alone:
        console.print(Text(say(sentence("agree.unshared", n=alone), lang), style=_QUIET))


def _heading(key: str, console: Console, lang: Language) -> None:
    console.print()
    console.print(Text(say(key, lang), style=_HEAD))


def _bullets(lines: Sequence[Sentence | str], console: Console, lang: Language, *, style: str = "") -> None:
    for line in lines:
        bullet(console, say(line, lang) if isinstance(line, Sentence) else visible(line), style=style)
