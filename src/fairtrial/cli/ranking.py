"""`fairtrial rank`: a board from a battle file, or from a lab's latest report."""

from pathlib import Path

import typer

from fairtrial.cli.output import as_json, console
from fairtrial.core import Board, NoConclusion
from fairtrial.ranking import board_json, rank
from fairtrial.stats import Ties


def rank_file(file: Path, *, ties: Ties, cluster: tuple[str, ...], seed: int, json: bool) -> None:
    """Rank the battles of a file."""
    board = rank(file, ties=ties, cluster=cluster, seed=seed)
    _show(board, str(file), json=json)
    if len(board.models) > 1 and all(model.rating is None for model in board.models):
        raise typer.Exit(NoConclusion.exit_code)  # no joint ranking is possible, and the board says why


def rank_lab(lab: Path, *, json: bool) -> None:
    """The boards of a lab's latest report, one for each kind of evidence."""
    from fairtrial.lab import Lab

    _, report = Lab.open(lab).report()
    if json:
        as_json({"boards": [board_json(board) for board in report.boards]})
        return
    for board in report.boards:
        _show(board, report.name, json=False)


def _show(board: Board, title: str, *, json: bool) -> None:
    if json:
        as_json(board_json(board))
        return
    from fairtrial.reports import print_board

    print_board(board, console(), title=title)
