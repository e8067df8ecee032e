import dataclasses

import pytest

from fairtrial.core import Board
from fairtrial.ranking import rank
from fairtrial.reports import accounts
from fairtrial.reports.words import LANGUAGES, Sentence, say


def words(lines, lang="en"):
    return [say(line, lang) if isinstance(line, Sentence) else line for line in lines]


def test_how_a_board_was_made_is_said_with_its_numbers(plain_ranking):
    board = plain_ranking.whole
    group = board.fit["groups"][0]
    text = " ".join(words(accounts.account(board)))
    assert f"Davidson's model, ν = {group['nu']:.3g}" in text
    assert "jackknife over raters (CR3), jackknife over prompts (CR3); their variances added" in text
    assert "at 95% (max-T over all pairs, 4\u202f000 draws, seed 0)" in text
    ratios = group["cross_check"]["se_ratio"]
    assert f"{ratios['rater']:.2g} (by raters)" in text
    assert "Estimated: the best fit to the votes as they were paired" in text


def test_pairs_without_zero_are_counted_neighbours_and_all(plain_ranking):
    board = plain_ranking.whole
    apart = [d for d in board.differences if d.ci[0] > 0 or d.ci[1] < 0]
    order = [row.name for row in board.models]
    near = [d for d in apart if abs(order.index(d.a) - order.index(d.b)) == 1]
    assert (
        say(accounts.separation(board))
        == f"{len(near)} of 5 neighbouring pairs are separated, and {len(apart)} of all 15."
    )
    alone = Board(evidence="human", scope="panel", view={}, models=board.models[:1])
    assert accounts.separation(alone) is None


def test_clusters_have_effective_numbers_and_a_large_one_is_named():
    board = rank(
        {
            "model_a": ["a", "b"] * 20,
            "model_b": ["b", "a"] * 20,
            "winner": ["model_a", "model_a", "tie", "model_b"] * 10,
            "question_id": [f"p{i}" for i in range(40)],
            "rater": ["one"] * 30 + ["two", "three"] * 5,
        }
    )
    said = words(accounts.clusters(board))
    effective = board.fit["groups"][0]["effective_clusters"]["rater"]
    assert said[0] == f"3 raters, who weigh as much as {effective:.3g} with equal numbers of votes."
    assert "One rater cast 75% of the votes." in said
    assert any("40 prompts, which weigh as much as 40" in line for line in said)


def test_controls_say_points_and_coefficients(full_ranking):
    board = full_ranking.whole
    said = words(accounts.controls(board))
    length = board.controls["length"]
    assert f"length: +{length['points_per_sd']:.0f} points per standard deviation" in said[0]
    assert said[1].startswith("being shown first: ")
    assert say(accounts.control_name("relative:length")) == "length, relative to the sum"
    fixed = dataclasses.replace(board, controls={"position": length | {"sd": 0.0}})
    assert words(accounts.controls(fixed))[0].startswith("being shown first: coefficient +")


@pytest.mark.parametrize(
    ("ties", "graded", "words_in"),
    [
        ("half", False, "a tie counts as half a win"),
        ("rao-kupper", False, "Rao and Kupper's model, θ = "),
        ("davidson", True, "grades by a cumulative link, cut points ± "),
    ],
)
def test_every_outcome_model_is_named(ties, graded, words_in):
    grades = [2, 1, 0, -1, -2, 1, -1, 2] * 6
    winner = {1: "model_a", 0: "tie", -1: "model_b"}
    columns = {
        "model_a": ["a", "b", "c", "a"] * 12,
        "model_b": ["b", "c", "a", "c"] * 12,
        "winner": [winner[(g > 0) - (g < 0)] for g in grades],
        "grade": grades,
        "question_id": [f"p{i}" for i in range(48)],
    }
    board = rank(columns, ties=ties, graded=graded)
    assert words_in in " ".join(words(accounts.account(board)))


def test_a_chosen_tie_model_shows_its_losses_and_is_exploratory(votes_columns):
    board = rank(votes_columns, ties="auto")
    text = " ".join(words(accounts.account(board)))
    assert "Exploratory" in text
    assert all(name in text for name in ("davidson", "half", "rao-kupper"))


def test_both_bad_as_ties_is_compared_with_the_board_without_controls(controlled_ranking):
    board = controlled_ranking.whole
    other = board.raw.fit["ratings_with_both_bad_as_tie"]
    moved = max(board.raw.models, key=lambda row: abs(other[row.name] - row.rating))
    text = " ".join(words(accounts.account(board)))
    assert f"from {moved.rating:.0f} to {other[moved.name]:.0f}" in text


def test_agreement_has_words_for_what_is_missing(full_ranking):
    said = words(accounts.agreement(full_ranking.agreement))
    assert said[0].startswith("Krippendorff's alpha 0.")
    nobody = {
        "estimate": None,
        "lower": None,
        "upper": None,
        "reason": "no two raters rated the same unit",
        "units": 0,
        "values": 0,
        "raters": 0,
    }
    found = {"nominal": nobody, "ordinal": nobody, "observed": None, "raters": [], "repeats": 0}
    assert "no two raters voted on the same battle" in words(accounts.agreement(found))[0]
    assert accounts.against_rest(found) == []
    kappas = [row["kappa"] for row in accounts.against_rest(full_ranking.agreement)]
    assert kappas == sorted(kappas)


def test_a_scorers_board_has_no_such_account(make_up):
    _, report = make_up()
    assert accounts.account(report.boards[1]) == []
    assert accounts.sizes(report.boards[1]) is None


def test_everything_is_said_in_korean_too(full_ranking):
    board = full_ranking.whole
    for lang in LANGUAGES:
        for line in (*accounts.account(board), *accounts.clusters(board), *accounts.controls(board)):
            assert "{" not in say(line, lang)
    assert all(any("가" <= letter <= "힣" for letter in line) for line in words(accounts.account(board), "ko"))
