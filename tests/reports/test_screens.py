import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from fairtrial.ranking import rank
from fairtrial.reports import Ranking, print_ranking


def printed(ranking, *, width=80, lang="en", encoding="utf-8"):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    print_ranking(ranking, Console(file=stream, width=width), lang=lang)
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("which", ["plain_ranking", "full_ranking", "controlled_ranking", "large_ranking"])
def test_no_line_is_wider_than_the_terminal(request, which, width, lang):
    text = printed(request.getfixturevalue(which), width=width, lang=lang)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "{" not in text


def test_a_board_says_its_finding_what_is_separated_and_how_it_was_made(plain_ranking):
    text = printed(plain_ranking)
    assert text.startswith("six.csv\natlas is in first place.")
    assert "neighbouring pairs are separated" in text
    assert "25 raters, who weigh as much as" in text
    assert "Left out: " in text
    assert "Davidson's model" in text
    assert "Raw" not in text


def test_sixty_models_stay_one_line_each_with_a_whisker(large_ranking):
    text = printed(large_ranking, width=80)
    lines = [line for line in text.splitlines() if line.startswith("model-") and "[" in line]
    assert len(lines) == 60
    assert all("●" in line for line in lines)
    assert all(re.search(r"\[\d+, \d+\]", line) for line in lines)
    assert "── tier 1" in text
    assert "win matrix of 60 models does not fit" in text


def test_the_raw_rating_stands_beside_the_controlled_one(controlled_ranking):
    text = printed(controlled_ranking, width=100)
    board = controlled_ranking.whole
    raw = {row.name: row.rating for row in board.raw.models}
    assert "Raw" in text
    line = next(line for line in text.splitlines() if line.startswith("fjord"))
    assert f"{board.models[-1].rating:.0f}" in line
    assert f"{raw['fjord']:.0f}" in line
    assert "Controlled for" in text


def test_boards_side_by_side_hold_every_value_and_only_their_own_refusals(full_ranking):
    text = printed(full_ranking)
    assert "Boards by language" in text
    head = next(line for line in text.splitlines() if "all votes" in line and "ko" in line)
    assert head.split() == ["all", "votes", "de", "en", "ko"]
    row = next(line for line in text.splitlines() if line.startswith("fjord"))
    assert len(re.findall(r"\d+ +\d(?:–\d)?", row)) == 4
    for value in ("de", "en", "ko"):
        assert re.search(rf"^{value} · .* votes, 25 raters", text, re.MULTILINE)
    assert "its error rate is 5%" in text


def test_narrow_terminals_get_several_tables(full_ranking):
    text = printed(full_ranking, width=40)
    assert text.count("\nfjord ") >= 2
    assert max(cell_len(line) for line in text.splitlines()) <= 40


def test_the_win_matrix_is_printed_where_it_fits(controlled_ranking):
    text = printed(controlled_ranking)
    board = controlled_ranking.whole
    first = next(line for line in text.splitlines() if line.startswith(f"1 {board.models[0].name}"))
    assert [int(cell) for cell in re.findall(r"\d+", first)[1:]] == list(board.matrix[0][1:])
    assert "·" in first


def test_agreement_names_the_raters_who_agree_least(full_ranking):
    text = printed(full_ranking)
    assert "Krippendorff's alpha" in text
    lowest = min(
        (row for row in full_ranking.agreement["raters"] if row["kappa"] is not None), key=lambda r: r["kappa"]
    )
    assert re.search(rf"^{lowest['name']} +{lowest['kappa']:.2f} ".replace("-", "−"), text, re.MULTILINE)


def test_hostile_names_cannot_steer_the_terminal():
    hostile = "[red]x[/red]\x1b[2J\u202e"
    columns = {"model_a": [hostile, "b"] * 3, "model_b": ["b", hostile] * 3, "winner": ["model_a"] * 6}
    columns |= {"lang": [hostile, "y"] * 3}
    text = printed(Ranking(title=hostile, boards=(rank(columns),), matrix=True), width=120)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]⟨ESC⟩[2J⟨RLO⟩" in text


def test_a_board_without_ratings_says_that_it_supports_no_ranking():
    text = printed(Ranking(title="v", boards=(rank({"model_a": ["a"], "model_b": ["b"], "winner": ["model_a"]}),)))
    assert "The evidence supports no ranking." in text
    assert "max-T" not in text


def test_an_empty_part_says_why(plain_ranking):
    whole = plain_ranking.whole
    empty = dataclasses.replace(
        whole,
        models=(),
        differences=(),
        matrix=(),
        fit={},
        view={"lang": "x"},
        refusals=("no votes to rank by: 0 in all.",),
    )
    text = printed(Ranking(title="v", boards=(whole, empty), by="lang"))
    assert "no votes to rank by: 0 in all." in text
    assert "In none of the 1 boards" in text
