"""Every refusal that ranking makes is a sentence of the catalogue, so that it can be said in Korean."""

import pytest

from fairtrial.ranking import rank, rank_by, score_board
from fairtrial.reports.refusals import in_words
from fairtrial.reports.words import Sentence, say


def battles(*votes, **more):
    columns = {"model_a": [v[0] for v in votes], "model_b": [v[1] for v in votes], "winner": [v[2] for v in votes]}
    return columns | {name: list(values)[: len(votes)] for name, values in more.items()}


A, B, T = "model_a", "model_b", "tie"
MANY = (("a", "b", A), ("b", "a", A), ("b", "c", A), ("c", "a", A))
BOARDS = {
    "one vote": lambda: rank(battles(("a", "b", A))),
    "only ties": lambda: rank(battles(("a", "b", T), ("a", "b", T))),
    "ties but one way": lambda: rank(battles(("a", "b", A), ("a", "b", T))),
    "undefeated and a core": lambda: rank(battles(*MANY, ("z", "a", A))),
    "two islands": lambda: rank(battles(*MANY, ("x", "y", A), ("y", "x", A))),
    "hanging on one": lambda: rank(
        battles(*MANY * 5, ("z", "a", A), ("z", "a", B), question_id=[*range(20), 99, 99]), evidence="scorer"
    ),
    "a judge": lambda: rank(battles(*MANY), evidence="judge"),
    "few raters": lambda: rank(battles(*MANY * 3, rater="xyz" * 4, question_id=range(12))),
    "one rater": lambda: rank(battles(*MANY * 3, rater="x" * 11 + "y", question_id=range(12))),
    "mostly no rater": lambda: rank(battles(*MANY * 3, rater=[""] * 11 + ["y"], question_id=range(12))),
    "names alike": lambda: rank(battles(*MANY, ("A ", "a", A))),
    "nothing in a part": lambda: rank_by(battles(*MANY, ("a", "b", "tie (bothbad)"), lang="eeeek"), "lang")[2],
    "all wrong": lambda: score_board(["a", "b"], [[0, 0]] * 4),
    "all right": lambda: score_board(["a", "b"], [[1, 1]] * 4),
    "unscored": lambda: score_board(["a", "b"], [[1, float("nan")], [0, float("nan")]]),
}


@pytest.mark.parametrize("name", BOARDS)
def test_refusals_are_known_sentences(name):
    board = BOARDS[name]()
    assert board.refusals
    for refusal in board.refusals:
        said = in_words(refusal)
        assert isinstance(said, Sentence), refusal
        assert say(said, "en") == refusal
        assert any("가" <= letter <= "힣" for letter in say(said, "ko")), refusal


def test_an_unknown_refusal_is_shown_as_it_is():
    assert in_words("Nobody \u202eknows.") == "Nobody ⟨RLO⟩knows."


def test_names_in_refusals_cannot_hide():
    board = rank(battles(("a\u202e", "b", A)))
    assert all("\u202e" not in say(in_words(refusal), "ko") for refusal in board.refusals)
