import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vote_tables import columns, duel, joined

from fairtrial.core import BadInput
from fairtrial.stats import ABSTAIN, B_WINS, BOTH_BAD, INVALID, TIE, Battles


def test_names_once_and_small_integers():
    votes = Battles.from_columns(joined(duel("model_a", a="zeta", b="alpha"), duel("tie", a="alpha", b="zeta")))
    assert votes.names == ("alpha", "zeta")
    assert votes.a.tolist() == [1, 0]
    assert votes.b.tolist() == [0, 1]
    assert votes.outcome.tolist() == [2, TIE]


@pytest.mark.parametrize("label", ["Model_A", "model_b ", "TIE", "left", "", None, 1])
def test_unknown_label_is_an_error_with_row_and_label_and_never_a_tie(label):
    # A peer's table lookup with a default of one half counts every one of these as a tie.
    table = duel("model_a", "tie", "model_b")
    table["winner"][1] = label
    with pytest.raises(BadInput) as caught:
        Battles.from_columns(table, where="votes.csv")
    assert caught.value.where == "votes.csv, row 2, winner"
    assert (repr(label) if label not in ("", None) else "empty") in caught.value.message


def test_unknown_label_suggests_the_near_one():
    with pytest.raises(BadInput, match="Did you mean 'model_a'"):
        Battles.from_columns(duel("Model_A"))


@pytest.mark.parametrize(
    ("winner", "grade"), [("model_a", -1), ("model_b", 2), ("tie", 1), ("model_a", 0), ("both_bad", 1)]
)
def test_grade_against_the_winner_is_an_error(winner, grade):
    table = duel("tie", winner) | {"grade": [0, grade]}
    with pytest.raises(BadInput, match="contradicts winner") as caught:
        Battles.from_columns(table)
    assert "row 2, grade" in caught.value.where
    assert winner in caught.value.message


@pytest.mark.parametrize("grade", [3, 0.5, "much", float("inf"), True])
def test_grade_off_the_scale_is_an_error(grade):
    with pytest.raises(BadInput, match="row 1, grade"):
        Battles.from_columns(duel("model_a") | {"grade": [grade]})


def test_grade_that_agrees_or_is_empty_passes():
    table = duel("model_a", "model_b", "tie", "model_a") | {"grade": [2, "-1", 0, None]}
    assert len(Battles.from_columns(table)) == 4


def test_missing_column_names_it_and_what_was_found():
    table = duel("model_a")
    table["win"] = table.pop("winner")
    with pytest.raises(BadInput, match="'winner' is missing; columns found: model_a, model_b, question_id, win"):
        Battles.from_columns(table)


def test_model_against_itself_names_row_and_model():
    with pytest.raises(BadInput, match=r"row 2, model_b: 'x' battles against itself"):
        Battles.from_columns(joined(duel("model_a"), duel("tie", a="x", b="x")))


@pytest.mark.parametrize("name", ["", None, float("nan"), 7])
def test_model_names_are_text(name):
    with pytest.raises(BadInput, match="row 1, model_a"):
        Battles.from_columns(duel("model_a", a=name))


@pytest.mark.parametrize("weight", [0, -1, "heavy", float("inf")])
def test_weights_are_above_zero(weight):
    with pytest.raises(BadInput, match="row 1, weight"):
        Battles.from_columns(duel("model_a") | {"weight": [weight]})


def test_ragged_columns_are_an_error():
    table = duel("model_a", "tie")
    table["winner"].pop()
    with pytest.raises(BadInput, match="'winner' has 1 rows, 'model_a' has 2"):
        Battles.from_columns(table)


def test_unnamed_prompts_stand_alone_and_unnamed_raters_together():
    table = duel("model_a", "tie", "model_b", "tie")
    table["question_id"] = ["q", "q", None, ""]
    table["rater"] = ["r", None, "", float("nan")]
    votes = Battles.from_columns(table)
    assert len(np.unique(votes.clusters("prompt"))) == 3
    assert len(np.unique(votes.clusters("rater"))) == 2


def test_votes_without_prompts_are_their_own_clusters_and_raters_cannot_be_made_up():
    table = duel("model_a", "tie")
    del table["question_id"]
    votes = Battles.from_columns(table)
    assert votes.clusters("prompt").tolist() == [0, 1]
    with pytest.raises(BadInput, match="name no raters"):
        votes.clusters("rater")


def test_both_bad_is_no_tie_and_every_exclusion_has_its_reason():
    table = duel("tie", "tie (bothbad)", "both_bad", "abstain", "invalid", "model_b")
    votes = Battles.from_columns(table)
    assert votes.outcome.tolist() == [TIE, BOTH_BAD, BOTH_BAD, ABSTAIN, INVALID, B_WINS]
    assert votes.excluded() == {"both_bad": 2, "abstain": 1, "invalid": 1}
    assert len(votes.decided()) == 2
    assert votes.cells().sum() == 2


def test_order_shown_and_kind_are_checked():
    table = duel("tie", "tie", "tie") | {"order": ["ab", "ba", None], "evaluator_kind": ["human", "judge", None]}
    votes = Battles.from_columns(table)
    assert votes.order.tolist() == [0, 1, -1]
    assert votes.kind.tolist() == [0, 2, -1]
    with pytest.raises(BadInput, match="row 1, order"):
        Battles.from_columns(duel("tie") | {"order": ["left"]})


def test_records_and_columns_are_the_same_votes():
    table = columns(votes=30)
    records = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    one, other = Battles.from_columns(table), Battles.from_records(records)
    assert one.names == other.names
    assert (one.cells() == other.cells()).all()
    assert (one.prompt == other.prompt).all()


def test_among_numbers_models_anew():
    votes = Battles.from_columns(columns(votes=200))
    part = votes.among((1, 3))
    assert part.names == ("m1", "m3")
    assert set(part.a.tolist()) | set(part.b.tolist()) == {0, 1}
    assert (part.cells() == votes.cells()[np.ix_([1, 3], [1, 3])]).all()


@given(st.permutations(range(60)))
def test_order_of_rows_changes_no_count(turn):
    table = columns(votes=60)
    mixed = {name: [values[k] for k in turn] for name, values in table.items()}
    assert (Battles.from_columns(table).cells() == Battles.from_columns(mixed).cells()).all()
