import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from fairtrial.core import Board
from fairtrial.reports import print_board, print_report_summary
from fairtrial.reports.terminal import whisker


def printed(call, *arguments, width=100, encoding="utf-8", **settings):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    call(*arguments, Console(file=stream, width=width, **settings.pop("console", {})), **settings)
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_a_board_shows_score_interval_whisker_places_n_and_cost(make_up):
    _, report = make_up()
    board = report.boards[1]
    text = printed(print_board, board)
    best = next(line for line in text.splitlines() if line.startswith("few-shot"))
    row = board.models[0]
    low, high = row.score_ci
    assert f"{row.score * 100:.1f}" in best
    assert f"[{low * 100:.1f}, {high * 100:.1f}]" in best
    assert "●" in best
    assert "├" in best
    assert "1–3" in best
    assert "40" in best
    assert "202" in best
    assert re.search(r"Tokens\s.*per answer", text, re.DOTALL)
    assert "anchor (simulated)" in text
    assert "Speaks for these prompts only." in text
    assert "No claim about prompts beyond these" in text


def test_missing_values_and_open_sides_are_said(make_up):
    _, report = make_up()
    text = printed(print_board, report.boards[0])
    assert "≥ 1041" in text
    assert "►" in text
    assert "no evidence" in text
    assert "Left out: 3 × invalid, 1 × abstained" in text
    empty = Board(evidence="human", scope="panel", view={}, models=())
    assert "no evidence" in printed(print_board, empty)


@pytest.mark.parametrize("width", [200, 80, 60, 40, 30])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(make_up, width, lang):
    _, report = make_up()
    text = printed(print_report_summary, report, width=width, lang=lang)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    if width >= 40:
        for row in report.boards[1].models:
            assert f"{row.score * 100:.1f}" in text
    assert "…" not in text


def test_the_summary_says_verdict_judges_and_failures(make_up):
    _, report = make_up()
    text = printed(print_report_summary, report)
    assert "What can be said" in text
    assert "What cannot be said" in text
    assert "chose the answer shown first" in text
    assert "96.7%" in text
    assert "each order alone" in text
    assert "n = 25" in text
    assert "cut by the token limit" in text
    assert text.index("Scorers") < text.index("Judge models' opinion")


def test_an_empty_report_says_so(empty_report):
    text = printed(print_report_summary, empty_report)
    assert "No evidence: nothing was ranked." in text
    assert "No answer failed" not in text


def test_names_can_neither_colour_nor_move_the_cursor(make_up):
    _, report = make_up()
    board = report.boards[1]
    rows = (dataclasses.replace(board.models[0], name="[red]x[/red]\x1b[2J\u202e"), *board.models[1:])
    text = printed(print_board, dataclasses.replace(board, models=rows))
    assert "[red]x[/red]⟨ESC⟩[2J" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_no_color_is_obeyed(make_up, monkeypatch):
    _, report = make_up()
    coloured = printed(print_board, report.boards[1], console={"force_terminal": True, "color_system": "standard"})
    assert "\x1b[36m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(print_board, report.boards[1], console={"force_terminal": True, "color_system": "standard"})
    assert "\x1b[36m" not in plain


def test_whiskers_stand_where_the_numbers_are():
    assert whisker(0.5, (0.0, 1.0), (0.0, 1.0), 11, ascii_only=False) == "├────●────┤"
    assert whisker(None, (0.5, None), (0.0, 1.0), 11, ascii_only=True) == "     |---->"
    assert whisker(None, (None, None), (0.0, 1.0), 11, ascii_only=True) == ""


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("width", [120, 80, 60])
def test_names_and_numbers_stay_whole_and_missing_columns_are_named(make_up, width, lang):
    _, report = make_up()
    board = report.boards[1]
    rows = (dataclasses.replace(board.models[0], name="chain of thought, three shots"), *board.models[1:])
    text = printed(print_board, dataclasses.replace(board, models=rows), width=width, lang=lang)
    for row in rows:
        line = next(line for line in text.splitlines() if line.startswith(row.name))
        low, high = row.score_ci
        assert f"{row.score * 100:.1f}  [{low * 100:.1f}, {high * 100:.1f}]" in line
        assert f"{row.rank_set[0]}–{row.rank_set[1]}" in line
    heads = {"en": ("Tier", "per answer"), "ko": ("등급", "토큰")}[lang]
    assert all(head.casefold() in text.casefold() for head in heads)  # as a column, lines between rows, or missing
    left_out = "Left out at this width" in text or "폭이 좁아" in text
    if width != 80:  # there, lines between tiers may have made the room
        assert left_out == (width < 80)
    assert ("├" in text or "●" in text) == (width >= 80)  # the picture goes last


def test_costs_of_a_board_are_in_one_unit(make_up):
    _, report = make_up()
    board = report.boards[1]
    paid = [dataclasses.replace(row, usd=None if row.simulated else 0.0123) for row in board.models]
    text = printed(print_board, dataclasses.replace(board, models=tuple(paid)))
    assert "USD" in text
    assert "0.012" in text
    assert "Tokens" not in text
    real = next(place for place, row in enumerate(paid) if not row.simulated)
    paid[real] = dataclasses.replace(paid[real], usd=0.0)
    mixed = printed(print_board, dataclasses.replace(board, models=tuple(paid)))
    assert "USD" not in mixed
    assert "Tokens" in mixed


def test_what_was_left_out_of_the_headline_board_is_said_in_the_summary(make_up):
    _, report = make_up()
    alone = dataclasses.replace(report, boards=report.boards[:1])
    assert "Left out: 3 × invalid" in printed(print_report_summary, alone)
