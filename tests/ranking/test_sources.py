import csv

import numpy as np
import pandas as pd
import pytest
from vote_tables import columns

from fairtrial.core import BadInput
from fairtrial.ranking import as_battles, rank
from fairtrial.ranking.sources import of_kind, read_as
from fairtrial.stats import A_WINS, B_WINS, Battles

TABLE = columns(votes=80)


class ArrowLike:
    """What an Arrow table offers, without the library."""

    def to_pydict(self):
        return dict(TABLE)


@pytest.mark.parametrize(
    "shape", [dict, pd.DataFrame, lambda t: pd.DataFrame(t, dtype="category"), lambda _: ArrowLike()]
)
def test_every_shape_gives_the_same_votes(shape):
    want, found = Battles.from_columns(TABLE), as_battles(shape(TABLE))
    assert found.names == want.names
    assert (found.cells() == want.cells()).all()
    assert (found.prompt == want.prompt).all()


def test_arrays_are_columns_too():
    assert len(as_battles({name: np.array(values) for name, values in TABLE.items()})) == 80


def test_a_path_and_the_columns_give_the_same_board(tmp_path):
    path = tmp_path / "votes.csv"
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(TABLE)
        writer.writerows(zip(*TABLE.values(), strict=True))
    assert rank(path) == rank(str(path)) == rank(TABLE)


def test_missing_values_of_a_data_frame():
    frame = pd.DataFrame(TABLE)
    frame["rater"] = pd.array([None, "r"] * 40, dtype="string")
    frame["weight"] = np.nan
    votes = as_battles(frame)
    assert len(np.unique(votes.rater)) == 2
    assert (votes.weight == 1).all()


ANNOTATIONS = {
    "instruction": ["p", "q", "p"],
    "output_1": ["abc", "abc", "abc"],
    "generator_1": ["base"] * 3,
    "output_2": ["a", "가나", None],
    "generator_2": ["m"] * 3,
    "annotator": ["one", "one", "two"],
    "preference": [1.25, 2, None],
}


@pytest.mark.parametrize("shape", [dict, pd.DataFrame])
def test_published_shapes_are_recognised_in_memory_too(shape):
    source = shape(ANNOTATIONS)
    assert read_as(source) == "AlpacaEval annotations"
    votes = as_battles(source, only={"annotator": "one"}, control=("length",))
    assert votes.outcome.tolist() == [A_WINS, B_WINS, B_WINS]
    assert votes.weight.tolist() == [0.75, 0.25, 1]
    assert votes.features["length"].tolist() == [2, 2, 1]
    with pytest.raises(BadInput, match="verdicts of 2 judges"):
        as_battles(source)
    with pytest.raises(BadInput, match="row 3, output_2: the feature is empty"):
        as_battles(source, only={"annotator": "two"}, control=("length",))


def test_objects_of_other_types_are_not_taken_for_equal():
    frame = pd.DataFrame({"model_a": "x", "model_b": "y", "winner": ["tie"] * 2, "weight": [1, True]}, dtype=object)
    with pytest.raises(BadInput, match="row 2, weight: True is not a finite number"):
        as_battles(frame)
    frame["weight"] = [1, "inf"]
    with pytest.raises(BadInput, match="row 2, weight"):
        as_battles(frame)


def test_only_columns_that_are_needed_are_looked_at():
    class Untouchable:
        def __len__(self):
            raise AssertionError

    assert len(as_battles(TABLE | {"text": Untouchable()})) == 80


def test_columns_of_different_lengths():
    with pytest.raises(BadInput, match="column 'winner' has 1 rows, 'model_a' has 80"):
        as_battles(TABLE | {"winner": ["tie"]})


def test_missing_categories_of_a_data_frame():
    frame = pd.DataFrame(TABLE | {"rater": [None, "r"] * 40, "turn": [1, 2] * 40}, dtype="category")
    votes = as_battles(frame, by=("turn",))
    assert np.bincount(votes.rater).tolist() == [40, 40]
    assert votes.labels["turn"].names == ("1", "2")


def test_battles_must_hold_what_is_asked_for():
    table = TABLE | {"feature_wide_a": [1.0] * 80, "feature_wide_b": [2.0] * 80, "lang": ["en", "ko"] * 40}
    votes = as_battles(table, control=("wide",), by=("lang",))
    assert as_battles(votes, control=("wide", "position"), by=("lang",)) is votes
    assert len(as_battles(votes, only={"lang": "ko"})) == 40
    assert read_as(votes) == "battles"
    for how, message in (
        ({"control": ("tall",)}, "hold no feature 'tall'"),
        ({"by": ("language",)}, "hold no labels 'language'. Did you mean 'lang'?"),
        ({"only": {"lang": "kr"}}, "no vote has lang 'kr'"),
    ):
        with pytest.raises(BadInput) as caught:
            as_battles(votes, **how)
        assert message in str(caught.value)


def test_arrow_and_polars_tables_where_they_are_installed():
    arrow, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    table = TABLE | {"rater": [None, "r"] * 40, "weight": [1.5, None] * 40}
    want = as_battles(table)
    plain = arrow.table(table)
    coded = plain.set_column(0, "model_a", plain["model_a"].dictionary_encode())
    for source in (plain, coded, arrow.concat_tables([plain.slice(0, 7), plain.slice(7)]), polars.DataFrame(table)):
        found = as_battles(source)
        assert found.names == want.names
        assert (found.cells() == want.cells()).all()
        assert (found.rater == want.rater).all()
        assert (found.weight == want.weight).all()


def test_something_else_is_refused():
    with pytest.raises(BadInput, match="of type int"):
        as_battles(7)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (np.array([["tie"]]), "an array of 2 dimensions"),
        (np.array("tie"), "an array of 0 dimensions"),
        ("tie", "a single str"),
        (b"tie", "a single bytes"),
        (5, "a single int"),
        (None, "a single NoneType"),
        ({"tie": 1}, "a single dict"),
        ({"tie"}, "a single set"),
        (pd.DataFrame({"w": ["tie"]}), "an array of 2 dimensions"),
    ],
)
def test_what_is_no_column(column, what):
    table = {"model_a": ["x"], "model_b": ["y"], "winner": ["tie"]}
    for name in table:
        for read in (as_battles, Battles.from_columns):
            with pytest.raises(BadInput, match=f"column '{name}' is {what}, not a list of values"):
                read(table | {name: column})


def test_iterables_are_columns(tmp_path):
    assert len(as_battles({name: iter(values) for name, values in TABLE.items()})) == 80


def test_two_columns_of_one_name():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table([["x"], ["y"], ["tie"], ["tie"]], names=["model_a", "model_b", "winner", "winner"])
    for source in (table, TABLE | {1: ["a"] * 80, "1": ["b"] * 80}):
        with pytest.raises(BadInput, match="the same name"):
            as_battles(source)


def test_one_name_or_none_will_do(tmp_path):
    table = TABLE | {"lang": ["en", "ko"] * 40}
    for source in (table, as_battles(table, by=("lang",))):
        assert "lang" in as_battles(source, by="lang").labels
        assert len(as_battles(source, by=None, control=None)) == 80
        with pytest.raises(BadInput, match="None"):
            as_battles(source, by=(None,))


def test_values_are_selected_by_their_text():
    table = TABLE | {"rater": [5, "6"] * 40, "anony": [True, False] * 40, "note": [None, "x"] * 40}
    votes = as_battles(table, by=("rater", "anony", "note"))
    for source in (table, votes):
        for only in ({"rater": 5}, {"rater": "5"}, {"rater": 6}, {"anony": True}, {"anony": "true"}, {"note": None}):
            assert len(as_battles(source, only=only)) == 40, only
        with pytest.raises(BadInput, match="has rater '7'"):
            as_battles(source, only={"rater": 7})


@pytest.mark.parametrize("field", ["model_a", "lang"])
def test_half_characters_are_refused(field):
    table = {"model_a": ["x"], "model_b": ["y"], "winner": ["tie"], "lang": ["en"]} | {field: ["\ud800"]}
    for read in (as_battles, Battles.from_columns):
        with pytest.raises(BadInput, match=f"row 1, {field}: .*half") as caught:
            read(table, by=("lang",))
        assert str(caught.value).encode()


@pytest.mark.parametrize("weight", [1e-16, 1e16, 1e300, 5e-324])
def test_weights_that_dwarf_all_others(weight):
    with pytest.raises(
        BadInput, match=r"row 2, weight: a weight must lie between 1e-15 and 1e\+15 where the median is 1"
    ):
        as_battles(TABLE | {"weight": [1.0, weight, *[1.0] * 78]})
    with pytest.raises(BadInput, match=r"row 1, weight: a weight must lie between .* 1e[-+]"):
        as_battles(TABLE | {"weight": [1e120 if weight > 1 else 1e-120] * 80})
    assert len(as_battles(TABLE | {"weight": [1e-9, 1e9, *[1e-3] * 78]})) == 80
    assert len(Battles.from_columns({"model_a": [], "model_b": [], "winner": [], "weight": []})) == 0


def test_passed_over_rows_belong_to_the_whole():
    table = {name: [*values, values[0]] for name, values in ANNOTATIONS.items()} | {"annotator": ["one"] * 4}
    table["preference"], table["generator_2"] = [1.25, 2, None, 1.5], ["m", "m", "m", "base"]
    votes = as_battles(table, by=("instruction",))
    assert votes.passed_over == {"baseline against itself": 1}
    assert of_kind(votes, "human")[1] == {"evaluator_kind judge": 3}
    assert of_kind(votes, "judge")[0].passed_over == {}
    assert as_battles(votes, only={"instruction": "p"}).passed_over == {}
