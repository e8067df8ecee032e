"""Judge cards for the terminal: a column a judge, a row a measure. Read `print_cards` first."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairtrial.evaluators.card import JudgeCard
from fairtrial.evaluators.tables import Rate
from fairtrial.reports.judge_measures import DECIMALS, Told, Unit, rows
from fairtrial.reports.marks import visible
from fairtrial.reports.words import Sentence, say

NOTHING = Text("no evidence", "dim italic")
_LABELS, _COLUMN = 32, 22
"""Width of the labels, and of a judge's column with the space before it."""


def print_cards(cards: Sequence[JudgeCard], screen: Console) -> None:
    """Cards side by side, as many as fit, in the order in which they were named."""
    fit = max(1, (screen.width - _LABELS) // _COLUMN)
    for start in range(0, len(cards), fit):
        if start:
            screen.print()
        screen.print(_side_by_side(cards[start : start + fit]))
    card = cards[0]
    said = f"{card.pairs:,} pairs, {card.n:,} with a better answer, {card.prompts:,} prompts"
    extras = [f"{card.label_ties:,} labelled ties" if card.label_ties else ""]
    extras.append(f"{card.unlabelled:,} without a label" if card.unlabelled else "")
    screen.print(
        Text(f"\n{', '.join(filter(None, [said, *extras]))}. In brackets 95% intervals, clustered by prompt.", "dim")
    )


def _side_by_side(cards: Sequence[JudgeCard]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True, min_width=_LABELS)
    for card in cards:
        grid.add_column(visible(card.judge), justify="right", overflow="fold", min_width=_COLUMN - 2)
    for row in rows(tuple(cards)):
        label = ("  " if row.measure.nested else "") + say(f"judges.row.{row.measure.key}")
        grid.add_row(Text(label, "dim"), *(_cell(cell, row.measure.unit) for cell in row.cells))
    return grid


def _cell(cell: Told, unit: Unit) -> Text:
    if cell is None:
        return NOTHING
    if isinstance(cell, Rate):
        return Text(shown_rate(cell, unit))
    return Text(say(cell) if isinstance(cell, Sentence) else cell)


def shown_rate(rate: Rate, unit: Unit = "share") -> str:
    """``65.0% [57, 72]``, ``-12.3 pt [-15, -8]``, ``0.42 [0.31, 0.53]``."""
    digits = DECIMALS.get(unit)
    scale, rounded = (100, 0) if digits is None else (1, digits)
    lower, upper = ("?" if end is None else f"{scale * end:.{rounded}f}" for end in rate.ci)
    sign = {"share": "%", "points": " pt"}.get(unit, "")
    return f"{scale * rate.estimate:.{1 if digits is None else digits}f}{sign} [{lower}, {upper}]"
