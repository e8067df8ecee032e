"""Judge benchmarks in their published shapes: read without a field map, or refused by file, row and field."""

import json
import os
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.formats.pairs import Pair, read_pairs, winner_share

LLMBAR = {"input": "q", "output_1": "one", "output_2": "two", "label": 2}
PANDALM = {
    "idx": 7, "motivation_app": "Mail", "cmp_key": "north-7b_south-6.9b", "instruction": "Do it.", "input": "on this",
    "response1": "one", "response2": "two", "annotator1": 1, "annotator2": 0, "annotator3": 1,
}  # fmt: skip
ALPACA = {"instruction": "q", "output_1": "one", "output_2": "two", "preference": 2, "generator_1": "base",
          "generator_2": "new", "annotator": "judge-x"}  # fmt: skip
REWARD = {"prompt": "q", "chosen": "good", "chosen_model": "m1", "rejected": "bad", "rejected_model": "m2",
          "subset": "easy", "id": 4}  # fmt: skip


CHAT = '[{"role": "assistant", "content": "x"}]'


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


MT = {
    "question_id": 81, "model_a": "north", "model_b": "south-7b", "winner": "model_a", "judge": "expert_0", "turn": 1,
    "conversation_a": talk("q1", "a1", "q2", "a2"), "conversation_b": talk("q1", "b1", "q2", "b2"),
}  # fmt: skip


def swapped(row: dict) -> dict:
    return row | {"model_a": row["model_b"], "model_b": row["model_a"],
                  "conversation_a": row["conversation_b"], "conversation_b": row["conversation_a"]}  # fmt: skip


def read(tmp_path: Path, *rows: dict, name: str = "set.jsonl") -> tuple[Pair, ...]:
    path = tmp_path / name
    lines = "\n".join(map(json.dumps, rows))
    path.write_text(lines if path.suffix == ".jsonl" else json.dumps(rows), encoding="utf-8")
    return read_pairs(path)


# --- LLMBar -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dataset.json", "dataset.jsonl"])
def test_llmbar_as_its_authors_publish_it(tmp_path: Path, name: str):
    first, second = read(tmp_path, LLMBAR, LLMBAR | {"label": 1}, name=name)
    assert (first.key, first.prompts, first.a, first.b, first.label) == ("row 1", ("q",), ("one",), ("two",), "b")
    assert second.label == "a"


def test_llmbar_joined_takes_category_and_key_from_the_subset(tmp_path: Path):
    rows = [LLMBAR | {"subset": subset, "item": 0} for subset in ("Natural", "GPTOut")]
    first, second = read(tmp_path, *rows)
    assert (first.key, first.category, second.key, second.category) == ("Natural/0", "Natural", "GPTOut/0", "GPTOut")
    assert read(tmp_path, LLMBAR | {"item": 12})[0].key == "12"
    with pytest.raises(BadInput, match=r"'Natural/0' is already the id of row 1"):
        read(tmp_path, rows[0], rows[0])


def test_our_own_labels_in_these_columns_stay_ours(tmp_path: Path):
    rows = [LLMBAR | {"label": label} for label in ("a", "TIE", "", None, "1", "2.0")]
    assert [pair.label for pair in read(tmp_path, *rows)] == ["a", "tie", None, None, "a", "b"]
    (pair,) = read(tmp_path, LLMBAR | {"category": "mine", "id": "x"})
    assert (pair.category, pair.key) == ("mine", "x")


def test_a_field_map_that_names_answers_or_labels_goes_first(tmp_path: Path):
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(LLMBAR | {"better": "tie"}), encoding="utf-8")
    assert read_pairs(path, fields={"label": "better"})[0].label == "tie"
    assert read_pairs(path, fields={"label": ""})[0].label is None
    (turned,) = read_pairs(path, fields={"response_a": "output_2", "response_b": "output_1", "label": "better"})
    assert turned.a == ("two",)
    (tagged,) = read_pairs(path, fields={"language": "=en"})
    assert (tagged.language, tagged.label) == ("en", "b")


def test_texts_that_look_like_chats_stay_texts(tmp_path: Path):
    (pair,) = read(tmp_path, LLMBAR | {"input": CHAT, "output_1": CHAT, "output_2": ""})
    assert (pair.prompts, pair.a, pair.b) == ((CHAT,), (CHAT,), ("",))


# --- PandaLM ----------------------------------------------------------------------------------------------------------


def test_pandalm(tmp_path: Path):
    split = PANDALM | {"idx": 8, "annotator1": 2, "input": " "}
    first, second = read(tmp_path, PANDALM, split)
    assert (first.key, first.prompts, first.a, first.b) == ("7", ("Do it.\n\non this",), ("one",), ("two",))
    assert (first.annotators, first.raters) == (("a", "tie", "a"), ("annotator1", "annotator2", "annotator3"))
    assert (first.label, first.label_source, first.category) == ("a", "majority of 3 annotators", "Mail")
    assert (first.model_a, first.model_b) == ("north-7b", "south-6.9b")
    assert second.prompts == ("Do it.",)
    assert (second.label, second.label_source, second.annotators) == (None, "", ("b", "tie", "a"))


@pytest.mark.parametrize("key", ["a_b_c", "alone", "_b", "a_"])
def test_models_that_cannot_be_told_apart_are_not_guessed(tmp_path: Path, key: str):
    (pair,) = read(tmp_path, PANDALM | {"cmp_key": key})
    assert (pair.model_a, pair.model_b, pair.meta) == ("", "", {"cmp_key": key})


# --- MT-Bench ---------------------------------------------------------------------------------------------------------


def test_mt_bench_votes_on_one_pair_become_one_pair(tmp_path: Path):
    rows = [
        MT,
        swapped(MT) | {"judge": "expert_1", "winner": "model_b"},
        MT | {"judge": "author_2", "winner": "tie (inconsistent)"},
        MT | {"turn": 2, "winner": "model_b", "judge": "expert_1"},
        MT,
    ]
    first, second = read(tmp_path, *rows)
    assert (first.key, first.category) == ("81/north/south-7b/turn 1", "turn 1")
    assert (first.prompts, first.a, first.b) == (("q1",), ("a1",), ("b1",))
    assert (first.model_a, first.model_b) == ("north", "south-7b")
    assert dict(zip(first.raters, first.annotators, strict=True)) == {
        "expert_0": "a", "expert_1": "a", "author_2": "tie"}  # fmt: skip
    assert (first.label, first.label_source) == ("a", "most of 3 annotators")
    assert first.meta == {"repeated_votes": 1}
    assert (second.prompts, second.a, second.b) == (("q1", "q2"), ("a1", "a2"), ("b1", "b2"))
    assert (second.label, second.label_source, second.raters) == ("b", "expert_1", ("expert_1",))


def test_mt_bench_judges_who_are_split_give_no_label(tmp_path: Path):
    (pair,) = read(tmp_path, MT, MT | {"judge": "expert_1", "winner": "model_b"})
    assert (pair.label, pair.label_source, pair.annotators) == (None, "", ("a", "b"))


def test_mt_bench_from_parquet_with_an_answer_of_nothing(tmp_path: Path):
    source, path = tmp_path / "source.json", tmp_path / "human.parquet"
    source.write_text(json.dumps([MT | {"conversation_b": talk("q1", "", "q2", "b2")}]), encoding="utf-8")
    duckdb.sql(f"COPY (FROM read_json('{source}')) TO '{path}' (FORMAT parquet)")
    (pair,) = read_pairs(path)
    assert (pair.a, pair.b, pair.label) == (("a1",), ("",), "a")


# --- AlpacaEval -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preference", "label", "kept"),
    [(1, "a", None), (2.0, "b", None), ("2", "b", None), (0, "tie", None), (1.5, "tie", 1.5), (1.49, "a", 1.49),
     (1.51, "b", 1.51), (None, None, None)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["annotations.json", "annotations.jsonl"])
def test_alpaca_eval_preferences(tmp_path: Path, name: str, preference: object, label: str | None, kept: float | None):
    (pair,) = read(tmp_path, ALPACA | {"preference": preference}, name=name)
    assert (pair.label, pair.label_source) == (label, "judge-x" if label else "")
    assert pair.meta == ({} if kept is None else {"preference": kept})
    assert (pair.prompts, pair.a, pair.b) == (("q",), ("one",), ("two",))
    assert (pair.model_a, pair.model_b, pair.annotators) == ("base", "new", ())


@pytest.mark.parametrize("column", ["annotator", "annotator_index"])
def test_alpaca_eval_people_one_row_a_vote(tmp_path: Path, column: str):
    plain = {name: value for name, value in ALPACA.items() if name != "annotator"} | {"dataset": "d"}
    rows = [plain | {column: rater, "preference": said} for rater, said in ((3, 2), (0, 2), (11, 1))]
    turned = plain | {column: 5, "preference": 1.25, "output_1": "two", "output_2": "one", "generator_1": "new",
                      "generator_2": "base"}  # fmt: skip
    unread = plain | {column: 6, "preference": None}
    (pair, other) = read(tmp_path, *rows, turned, unread, plain | {column: 3, "instruction": "q'"})
    assert pair.raters == ("annotator3", "annotator0", "annotator11", "annotator5")
    assert pair.annotators == ("b", "b", "a", "b")
    assert (pair.label, pair.label_source, pair.category) == ("b", "most of 4 annotators", "d")
    assert pair.meta == {"preferences": {"annotator5": 1.75}}
    assert (other.key, other.raters) == ("row 6", ("annotator3",))


def test_alpaca_eval_several_judges_in_one_file_are_not_people(tmp_path: Path):
    first, second = read(tmp_path, ALPACA, ALPACA | {"annotator": "judge-y", "preference": 1})
    assert (first.label_source, first.raters, second.label_source) == ("judge-x", (), "judge-y")


# --- RewardBench ------------------------------------------------------------------------------------------------------


def test_reward_bench(tmp_path: Path):
    first, second = read(tmp_path, REWARD, REWARD | {"subset": "hard", "chosen_model": None})
    assert (first.key, first.category, first.model_a, first.model_b) == ("easy/4", "easy", "m1", "m2")
    assert (first.prompts, first.a, first.b, first.label) == (("q",), ("good",), ("bad",), "a")
    assert (second.key, second.model_a) == ("hard/4", "")
    assert winner_share([first, second]) == 1.0


# --- bad rows ---------------------------------------------------------------------------------------------------------


def without(row: dict, column: str) -> dict:
    return {name: value for name, value in row.items() if name != column}


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (LLMBAR, LLMBAR | {"label": 3}, "row 2, field 'label': unknown label '3'"),
        (LLMBAR, LLMBAR | {"label": "output_1"}, "unknown label 'output_1'"),
        (LLMBAR, LLMBAR | {"label": [1]}, "row 2, field 'label'"),
        (LLMBAR, LLMBAR | {"output_2": None}, "row 2, field 'output_2'"),
        (LLMBAR, without(LLMBAR, "output_2"), "row 2, field 'response_a'"),
        (LLMBAR, LLMBAR | {"output_1": "", "output_2": ""}, "both answers are empty"),
        (PANDALM, PANDALM | {"annotator3": 3}, "row 2, field 'annotator3': unknown label '3'; a label here is 0, 1, 2"),
        (PANDALM, without(PANDALM, "annotator3"), "row 2, field 'annotator3': there is none"),
        (PANDALM, PANDALM | {"annotator2": None}, "row 2, field 'annotator2': there is none"),
        (PANDALM, without(PANDALM, "instruction"), "row 2, field 'instruction'"),
        (PANDALM, without(PANDALM, "response2"), "row 2, field 'response_a'"),
        (PANDALM, PANDALM, "'7' is already the id of row 1"),
        (ALPACA, ALPACA | {"preference": 2.5}, "row 2, field 'preference': unknown preference '2.5'"),
        (ALPACA, ALPACA | {"preference": 0.5}, "unknown preference '0.5'"),
        (ALPACA, ALPACA | {"preference": True}, "unknown preference 'True'"),
        (ALPACA, ALPACA | {"preference": "NaN"}, "row 2, field 'preference': unknown preference 'NaN'"),
        (ALPACA, ALPACA | {"preference": float("nan")}, "row 2: not valid JSON"),
        (ALPACA, ALPACA | {"preference": [1]}, "row 2, field 'preference'"),
        (ALPACA, ALPACA | {"output_1": None}, "row 2, field 'output_1'"),
        (REWARD, REWARD | {"chosen": None}, "row 2, field 'chosen'"),
        (MT, MT | {"judge": "x", "winner": "model_c"}, "row 2, field 'winner': unknown label 'model_c'"),
        (MT, MT | {"judge": "x", "winner": None}, "row 2, field 'winner': there is none"),
        (MT, MT | {"judge": ""}, "row 2, field 'judge'"),
        (MT, without(MT, "turn"), "row 2, field 'turn'"),
        (MT, MT | {"turn": 0}, "row 2, field 'turn': must be 1"),
        (MT, MT | {"turn": "1" * 5000}, "row 2, field 'turn': must be 1"),
        (MT, MT | {"turn": 3}, "row 2, field 'conversation_a': must begin with 3"),
        (MT, MT | {"conversation_b": "b1"}, "row 2, field 'conversation_b'"),
        (MT, MT | {"conversation_a": talk("q1", "a1")[::-1]}, "row 2, field 'conversation_a'"),
        (MT, MT | {"conversation_a": [{"role": "user", "content": None}, 1]}, "row 2, field 'conversation_a'"),
        (MT, MT | {"conversation_b": talk("q9", "b1")}, "the user asks something else"),
        (MT, MT | {"judge": "x", "conversation_b": talk("q1", "b9")}, "are not those of row 1"),
        (MT, MT | {"winner": "model_b"}, "row 2, field 'judge': 'expert_0' has said 'a'"),
        (MT, swapped(MT), "row 2, field 'judge': 'expert_0' has said 'a' of this pair already, and now 'b'"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path: Path, good: dict, bad: dict, said: str):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, good, bad)
    assert said in str(caught.value)
    assert str(tmp_path / "set.jsonl") in caught.value.where
    assert caught.value.next_step


def test_not_a_number_in_parquet_is_named_too(tmp_path: Path):
    path = tmp_path / "annotations.parquet"
    rows = "SELECT 'q' instruction, 'one' output_1, 'two' output_2, 'NaN'::FLOAT preference"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    with pytest.raises(BadInput, match=r"row 1, field 'preference': unknown preference 'nan'"):
        read_pairs(path)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats(0, 3) | st.text(max_size=4) | st.sampled_from(["[", CHAT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content"]), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(shape=st.sampled_from([LLMBAR, PANDALM, ALPACA, REWARD, MT]), draw=st.data())
def test_whatever_such_a_row_holds_it_is_read_or_refused(tmp_path_factory, shape, draw):
    path = tmp_path_factory.mktemp("any") / "set.jsonl"
    columns = st.sampled_from([*shape, "annotator_index", "item", "category", "meta"])
    changed = [shape | draw.draw(st.dictionaries(columns, _values, max_size=3)) for _ in range(2)]
    path.write_text("\n".join(map(json.dumps, changed)), encoding="utf-8")
    pairs, refusal = (), ""
    try:
        pairs = read_pairs(path)
    except BadInput as error:
        refusal = str(error)
    assert (str(path) in refusal) != (1 <= len(pairs) <= 2)
    assert all(len(pair.prompts) == len(pair.a) == len(pair.b) for pair in pairs)
    assert all(len(pair.raters) in (0, len(pair.annotators)) for pair in pairs)


# --- published sets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> Path:
    place = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not place:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    return Path(place)


@pytest.mark.data
def test_the_published_llmbar(data: Path):
    path = data / "llmbar" / "items.jsonl.gz"
    pairs = read_pairs(path)
    counted = duckdb.sql(f"SELECT subset, label, count(*) FROM read_json('{path}') GROUP BY ALL").fetchall()
    assert len(pairs) == 239
    assert Counter((pair.category, pair.label) for pair in pairs) == {
        (subset, "ab"[label - 1]): n for subset, label, n in counted
    }
    ((share,),) = duckdb.sql(f"SELECT avg((label = 1)::INT) FROM read_json('{path}')").fetchall()
    assert winner_share(pairs) == pytest.approx(share)


@pytest.mark.data
def test_the_published_mt_bench_pairs(data: Path):
    path = data / "mt_bench_human" / "pairs.jsonl.gz"
    pairs = read_pairs(path)
    labels = dict(duckdb.sql(f"SELECT item::VARCHAR, label FROM read_json('{path}')").fetchall())
    assert len(pairs) == 101
    assert {pair.key: pair.label for pair in pairs} == {item: "ab"[label - 1] for item, label in labels.items()}


@pytest.mark.data
def test_the_published_pandalm(data: Path):
    path = data / "pandalm" / "pairs.jsonl.gz"
    pairs = read_pairs(path)
    assert len(pairs) == 567
    found = duckdb.sql(f"""
        WITH votes AS (
            UNPIVOT (FROM read_json('{path}')) ON annotator1, annotator2, annotator3 INTO NAME rater VALUE said
        ), counts AS (SELECT idx, cmp_key, said, count(*) n FROM votes GROUP BY ALL)
        SELECT idx::VARCHAR, max(CASE WHEN n >= 2 THEN said END), any_value(split_part(cmp_key, '_', 1)),
               any_value(split_part(cmp_key, '_', 2)), sum(CASE WHEN said = 0 THEN n ELSE 0 END)
        FROM counts GROUP BY idx
    """).fetchall()
    labels = {None: None, 0: "tie", 1: "a", 2: "b"}
    assert {pair.key: (pair.label, pair.model_a, pair.model_b, pair.annotators.count("tie")) for pair in pairs} == {
        key: (labels[said], a, b, ties) for key, said, a, b, ties in found
    }
    assert {pair.raters for pair in pairs} == {("annotator1", "annotator2", "annotator3")}


@pytest.mark.data
def test_the_published_preferences_of_alpaca_eval(data: Path, tmp_path: Path):
    source, path = data / "alpaca_eval" / "pairwise.parquet", tmp_path / "annotations.parquet"
    duckdb.sql(f"""COPY (
        SELECT 'prompt ' || prompt_id AS instruction, 'one' AS output_1, 'two' AS output_2, preference,
               model_a AS generator_1, model_b AS generator_2, annotator FROM '{source}'
    ) TO '{path}' (FORMAT parquet)""")  # its texts are not published with it
    counted = duckdb.sql(f"""
        SELECT annotator, CASE WHEN preference IS NULL THEN NULL WHEN preference IN (0, 1.5) THEN 'tie'
               WHEN preference < 1.5 THEN 'a' ELSE 'b' END AS label, count(*)
        FROM '{source}' GROUP BY ALL
    """).fetchall()
    expected = Counter()
    for annotator, label, n in counted:
        expected[annotator if label else "", label] += n
    assert Counter((pair.label_source, pair.label) for pair in read_pairs(path)) == expected
