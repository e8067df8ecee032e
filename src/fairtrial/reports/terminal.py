"""Boards and reports in a terminal, at any width, with or without colour.

Read `print_board` first. Names pass through `marks.visible` and are never parsed as markup: a contestant's
name can neither colour a line nor move the cursor.
"""

from collections.abc import Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairtrial.core import Board, BoardModel, Report
from fairtrial.core.flow import Interval, Params
from fairtrial.reports import findings
from fairtrial.reports.accounts import level_of
from fairtrial.reports.marks import visible
from fairtrial.reports.refusals import in_words
from fairtrial.reports.typeset import cost, cost_unit, estimate_of, interval, number, places
from fairtrial.reports.words import Language, Sentence, known, say, sentence

_QUIET, _ACCENT = "dim", "bold cyan"
_NAME = 30
_WHISKER = (10, 30)
_GAP = 2
_NARROW = 11  # the name column's least width


def print_board(board: Board, console: Console, *, title: str = "", scope: bool = True, lang: Language = "en") -> None:
    """Print one board: estimate, interval and its whisker, places left open, n, tier, cost; then scope and refusals.

    Where the width is short, the whisker shrinks and goes first, then tier, cost and n, and a line below says which
    columns are missing; the name, the estimate, its interval and the places always stay.

    Args:
        board: The board; an empty one prints "no evidence".
        console: Where to print; its width, colours and encoding are obeyed.
        title: Heading; the kind of evidence by default.
        scope: Whether scope and refusals follow the table; what was left out of it always does.
        lang: Language of the words around the numbers.
    """
    console.print(Text(visible(title) if title else say(findings.board_name(board), lang), style="bold"))
    if board.models:
        table, missing = _table(board, console, lang)
        console.print(table)
        if missing:
            console.print(Text(say(sentence("board.narrow", columns=", ".join(missing)), lang), style=_QUIET))
    else:
        console.print(Text(say("no_evidence", lang), style=_QUIET))
    if scope:
        for line in [findings.scope(board), *map(in_words, findings.refusals(board))]:
            bullet(console, _say(line, lang), style=_QUIET)
    for line in small_print(board, lang):
        bullet(console, line, style=_QUIET)


def print_report_summary(report: Report, console: Console, *, lang: Language = "en") -> None:
    """Print what a report says: the verdict in words, every board, judges, failures by kind, notes."""
    board = findings.headline_board(report)
    console.print(Text(visible(report.name), style="bold"))
    console.print(Text(f"{say(findings.headline(board), lang)}.", style=_ACCENT))
    for heading, lines in (
        ("verdict.expected", findings.expected(report)),
        ("verdict.said", findings.can_be_said(board)),
        ("verdict.unsaid", findings.cannot_be_said(board)),
    ):
        if lines:
            console.print()
            console.print(Text(say(heading, lang), style="bold"))
            for line in lines:
                bullet(console, _say(line, lang))
    for each in findings.boards_in_order(report):
        console.print()
        # The headline board's scope and refusals were just said.
        print_board(each, console, scope=each is not board, lang=lang)
    _print_judges(report.judges, console, lang)
    _print_failures(report, console, lang)
    for note in report.notes:
        console.print(Text(visible(note), style=_QUIET))


def whisker(estimate: float | None, ci: Interval, domain: tuple[float, float], width: int, *, ascii_only: bool) -> str:
    """An interval drawn in `width` cells: ``├──●──┤``; a side that is open, or goes on, ends in an arrow at the edge.

    Empty where neither estimate nor bound is known.
    """
    low, high = ci
    if estimate is None and low is None and high is None:
        return ""
    line, dot, left, right, open_left, open_right = "-o||<>" if ascii_only else "─●├┤◄►"

    def cell(value: float) -> int:
        share = (value - domain[0]) / ((domain[1] - domain[0]) or 1.0)
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    start, end = 0 if low is None else cell(low), width - 1 if high is None else cell(high)
    cells = [" "] * width
    cells[start : end + 1] = line * (end - start + 1)
    cells[start] = open_left if low is None or low < domain[0] else left
    cells[end] = open_right if high is None or high > domain[1] else right
    if estimate is not None:
        cells[cell(estimate)] = dot
    return "".join(cells)


def _table(board: Board, console: Console, lang: Language) -> tuple[Table, list[str]]:
    """The table, and the heads of the columns that it has no room for."""
    columns = _columns(board, lang)
    names = [shown_name(row, lang) for row in board.models]
    unit = next(iter(columns))
    head = say("col.contestant", lang)
    room, width, missing = _fit(columns, head, names, console)
    ruled = "tier" not in columns and len({row.tier for row in board.models}) > 1
    if ruled:  # lines between the rows say it
        missing.remove(say("col.tier", lang))
    fits = width + sum(_GAP + _widest(cells) for cells in columns.values()) <= console.width
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style=_QUIET)
    # In a very narrow terminal cells wrap: neither a number nor the word "simulated" may be cut off.
    table.add_column(Text(head), min_width=width, max_width=width, overflow="fold")
    for name, cells in columns.items():
        least = _widest(cells) if fits else None
        side: Literal["left", "right"] = "left" if name == "interval" else "right"
        table.add_column(Text(cells[0], justify=side), justify=side, overflow="fold", min_width=least)
        if name == "interval" and room:
            table.add_column("", no_wrap=True)
    domain = _domain(board)
    before: int | None = None
    for place, row in enumerate(board.models):
        if ruled and row.tier is not None and row.tier != before:
            dash = "--" if console.options.ascii_only else "──"
            table.add_row(Text(f"{dash} {say(sentence('board.tier', n=row.tier), lang)}", style=_QUIET))
            before = row.tier
        line: list[Text] = [names[place]]
        for name, cells in columns.items():
            line.append(Text(cells[place + 1], style="bold" if name == unit else ""))
            if name == "interval" and room:
                drawn = whisker(*estimate_of(row), domain, room, ascii_only=console.options.ascii_only)
                line.append(Text(drawn, style="cyan"))
        table.add_row(*line)
    return table, missing


def _columns(board: Board, lang: Language) -> dict[str, list[str]]:
    """The cells of each column behind the name, its head first; the cost is left out where none is known."""
    scored = any(row.score is not None for row in board.models)
    unit = "score" if scored else "rating"
    none = say("no_evidence", lang)
    paid = cost_unit(board.models)
    bare = {row.name: row.rating for row in board.raw.models} if board.raw is not None else {}
    columns: dict[str, list[str]] = {name: [] for name in (unit, "interval", "raw", "places", "n", "tier", "cost")}
    for row in board.models:
        estimate, ci = estimate_of(row)
        columns[unit].append(number(estimate, unit) if estimate is not None else _absent(ci, lang))
        columns["raw"].append("" if (raw := bare.get(row.name)) is None else number(raw, "rating"))
        columns["interval"].append(interval(ci, unit) or (none if estimate is not None else ""))
        columns["places"].append(places(row.rank_set) or none)
        columns["n"].append(str(row.score_n if scored else row.votes))
        columns["tier"].append("" if row.tier is None else str(row.tier))
        columns["cost"].append(cost(row, paid))
    for name in ("raw", "cost"):
        if not any(columns[name]):
            del columns[name]
    heads = {"n": "n" if scored else "votes", "cost": f"cost.{paid}"}
    said = {name: say(f"col.{heads.get(name, name)}", lang) for name in columns}
    said["interval"] = say(sentence("col.interval.level", level=level_of(board)), lang)
    said["places"] = said["places"].replace(" ", "\n")  # in Korean two words, wider than any of the cells
    return {name: [said[name], *cells] for name, cells in columns.items()}


def _widest(cells: Sequence[str]) -> int:
    return max(cell_len(line) for text in cells for line in text.split("\n"))


def _fit(columns: dict[str, list[str]], head: str, names: list[Text], console: Console) -> tuple[int, int, list[str]]:
    """Drop columns until the rest fits: tier and cost before the whisker, which people look at first; n and raw after.

    The number of votes goes before the whisker where that makes the room for it, and else only where it must.

    Returns:
        The whisker's width (0: none), the name column's width, and the heads of the columns dropped.
    """
    wanted = max(cell_len(head), *(name.cell_len for name in names))

    def left() -> int:
        return console.width - wanted - sum(_GAP + _widest(cells) for cells in columns.values())

    missing: list[str] = []
    picture = _GAP + _WHISKER[0]
    votes = _GAP + _widest(columns["n"])
    for name in ("tier", "cost", "n", "raw"):
        whole = name in {"tier", "cost"} or (name == "n" and left() + votes >= picture)
        if left() < (picture if whole else 0) and name in columns:
            missing += [columns.pop(name)[0].replace("\n", " ")]
    room = left() - _GAP
    drawn = min(room, _WHISKER[1]) if room >= _WHISKER[0] else 0
    return drawn, max(wanted + min(left(), 0), min(wanted, _NARROW)), missing


def _domain(board: Board) -> tuple[float, float]:
    if any(row.score is not None for row in board.models):
        return 0.0, 1.0
    return findings.rating_span([board]) or (0.0, 1.0)


def _absent(ci: Interval, lang: Language) -> str:
    """What stands where a rating would: one side of its interval, or nothing at all, is known."""
    return say("one_sided" if ci != (None, None) else "no_evidence", lang)


def shown_name(row: BoardModel, lang: Language) -> Text:
    """The name, long ones cut; a simulated contestant says so, whatever its length."""
    if not row.simulated:
        return Text(visible(row.name, _NAME))
    tag = f" ({say('simulated', lang)})"
    return Text.assemble(visible(row.name, _NAME - len(tag)), (tag, _QUIET))


def small_print(board: Board, lang: Language) -> list[str]:
    """What no table shows: refusals about ratings beside scores, and votes left out."""
    lines = [f"{say('board.asides', lang)}: {_say(in_words(refusal), lang)}" for refusal in findings.asides(board)]
    excluded = ", ".join(f"{n} × {_say(known('vote', reason), lang)}" for reason, n in board.excluded.items())
    return [*lines, f"{say('board.excluded', lang)}: {excluded}"] if excluded else lines


def _print_judges(cards: Sequence[Params], console: Console, lang: Language) -> None:
    for card in cards:
        console.print()
        console.print(Text(f"{say(findings.judges_heading([card]), lang)}: {findings.judge_name(card)}", style="bold"))
        table = _plain_table(4)
        for measure, rate in findings.measures(card):
            if rate is None:
                cells = (say("no_evidence", lang), "", "")
            else:
                share, ci = number(rate["estimate"], "score"), interval(tuple(rate["ci"]), "score")
                cells = (f"{share}%", ci, f"n = {rate['n']}")
            table.add_row(Text(say(f"judge.{measure}", lang)), *(Text(cell) for cell in cells))
        console.print(table)
        counts = [say(sentence(f"judge.{name}", n=card[name]), lang) for name in ("battles", "ties", "invalid")]
        console.print(Text(", ".join(counts), style=_QUIET))


def _print_failures(report: Report, console: Console, lang: Language) -> None:
    console.print()
    console.print(Text(say("section.failures", lang), style="bold"))
    if not report.failures:
        console.print(Text(say("chart.failures.none" if report.contestants else "no_evidence", lang), style=_QUIET))
        return
    table = _plain_table(3)
    name_of = findings.namer(report)
    for row in report.failures:
        reason = _say(findings.reason(row["reason"]), lang)
        table.add_row(
            Text(name_of(row["contestant"])), Text(reason), Text(f"{row['count']} / {row['n']}", justify="right")
        )
    console.print(table)
    console.print(Text(say(findings.failures_counted(report), lang), style=_QUIET))


def _say(line: Sentence | str, lang: Language) -> str:
    return say(line, lang) if isinstance(line, Sentence) else visible(line)


def _plain_table(columns: int) -> Table:
    """A table without lines and heads, whose cells wrap and are never cut."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table


def bullet(console: Console, text: str, *, style: str = "") -> None:
    """A list item whose further lines are indented."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column()
    line.add_column(overflow="fold")
    line.add_row(Text("-" if console.options.ascii_only else "•"), Text(text, style=style))
    console.print(line)
