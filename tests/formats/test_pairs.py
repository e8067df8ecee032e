"""Pair files of every shape, good and hostile: read whole, or refused in a sentence that names file, row and field."""

import codecs
import csv
import gzip
import json
import os
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.formats.pairs import MAX_TEXT, read_pairs

PLAIN = {"id": "007", "prompt": "2 + 2?", "response_a": "4", "response_b": "5", "label": "a"}


def jsonl(tmp_path: Path, *rows: object, name: str = "pairs.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def refused(path: Path, **fields: str) -> str:
    with pytest.raises(BadInput) as caught:
        read_pairs(path, fields=fields)
    assert str(path.name) in str(caught.value)
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.tsv", "p.parquet", "p.jsonl.gz", "p.csv.gz"])
def test_every_format_gives_the_same_pairs(tmp_path: Path, name: str):
    rows = [
        PLAIN,
        {"id": "8", "prompt": "'하늘'?\n두 줄", "response_a": '하늘, "하늘"', "response_b": "땅", "label": ""},
    ]
    path = tmp_path / name.removesuffix(".gz")
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", encoding="utf-8", newline="") as target:
            table = csv.DictWriter(target, rows[0], delimiter="\t" if path.suffix == ".tsv" else ",")
            table.writeheader()
            table.writerows(rows)
    elif path.suffix == ".parquet":
        source = tmp_path / "source.json"
        source.write_text(json.dumps(rows), encoding="utf-8")
        columns = ", ".join(f"'{key}': 'VARCHAR'" for key in rows[0])
        duckdb.sql(f"COPY (FROM read_json('{source}', columns={{{columns}}})) TO '{path}' (FORMAT parquet)")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if name.endswith(".gz"):
        packed = tmp_path / name
        packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path = packed
    first, second = read_pairs(path)
    assert (first.key, first.prompts, first.a, first.b, first.label) == ("007", ("2 + 2?",), ("4",), ("5",), "a")
    assert second.prompts == ("'하늘'?\n두 줄",)
    assert second.a == ('하늘, "하늘"',)
    assert second.label is None


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(codecs.BOM_UTF8 + b"prompt,response_a,response_b\nq,one,two\n")
    (pair,) = read_pairs(path)
    assert (pair.key, pair.a) == ("row 1", ("one",))


def test_one_empty_answer_is_an_answer(tmp_path: Path):
    path = tmp_path / "sheet.csv"
    path.write_text("prompt,response_a,response_b\nq,,two\n", encoding="utf-8")
    assert read_pairs(path)[0].a == ("",)


def test_all_fields(tmp_path: Path):
    row = PLAIN | {
        "system": "Be brief.", "label": "TIE", "label_source": "human", "annotators": ["a", "b", "tie"],
        "model_a": "north", "model_b": "south", "language": "en", "category": "sum", "probe": True, "meta": {"x": [1]},
    }  # fmt: skip
    (pair,) = read_pairs(jsonl(tmp_path, row))
    assert (pair.system, pair.label, pair.label_source, pair.annotators) == (
        "Be brief.",
        "tie",
        "human",
        ("a", "b", "tie"),
    )
    assert (pair.model_a, pair.model_b, pair.language, pair.category) == ("north", "south", "en", "sum")
    assert pair.probe
    assert pair.meta == {"x": [1]}


@pytest.mark.parametrize("said", [{"north": "a", "south": None, "이": "TIE"}, '{"north": "a", "이": "tie"}'])
def test_annotators_may_be_named(tmp_path: Path, said: object):
    (pair,) = read_pairs(jsonl(tmp_path, PLAIN | {"annotators": said}))
    assert (pair.annotators, pair.raters) == (("a", "tie"), ("north", "이"))
    assert read_pairs(jsonl(tmp_path, PLAIN | {"annotators": ["a", "tie"]}))[0].raters == ()


def test_chosen_and_rejected_say_who_won(tmp_path: Path):
    (pair,) = read_pairs(jsonl(tmp_path, {"prompt": "q", "chosen": "good", "rejected": "bad"}))
    assert (pair.a, pair.b, pair.label) == (("good",), ("bad",), "a")


def test_chats_as_trl_writes_them(tmp_path: Path):
    asked = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    good, bad = ({"role": "assistant", "content": text} for text in ("2", "3"))
    explicit = {"id": "e", "prompt": asked, "chosen": [good], "rejected": [bad]}
    implicit = {"id": "i", "chosen": [*asked, good], "rejected": [*asked, bad]}
    both = {"id": "b", "prompt": "two", "chosen": [*asked, good], "rejected": [*asked, bad]}
    for pair in read_pairs(jsonl(tmp_path, explicit, implicit, both)):
        assert (pair.system, pair.prompts, pair.a, pair.b) == ("S", ("one", "two"), ("1", "2"), ("1", "3"))


def test_chats_that_part_before_the_last_answer(tmp_path: Path):
    a, b = (
        [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, texts, strict=True)]
        for texts in (("one", "1", "two", ""), ("one", "x", "two", "y"))
    )
    (pair,) = read_pairs(jsonl(tmp_path, {"response_a": a, "response_b": b}))
    assert (pair.prompts, pair.a, pair.b) == (("one", "two"), ("1", ""), ("x", "y"))
    other = [*b[:2], {"role": "user", "content": "three"}, b[3]]
    assert "asks something else than in 'response_a'" in refused(
        jsonl(tmp_path, {"response_a": a, "response_b": other})
    )
    assert "both answers are empty" in refused(jsonl(tmp_path, {"response_a": a, "response_b": [*b[:3], a[3]]}))


def test_a_spreadsheet_with_columns_of_its_own(tmp_path: Path):
    path = tmp_path / "sheet.csv"
    path.write_text("Frage,Hinweis,links,rechts,besser\nWas?,Kurz.,eins,zwei,b\n", encoding="utf-8")
    fields = {"prompt": "{Frage} {Hinweis}", "response_a": "links", "response_b": "rechts", "label": "besser"}
    (pair,) = read_pairs(path, fields=fields | {"model_a": "=eine", "model_b": "=andere"})
    assert (pair.prompts, pair.a, pair.b, pair.label) == (("Was? Kurz.",), ("eins",), ("zwei",), "b")
    assert (pair.model_a, pair.model_b) == ("eine", "andere")


def test_clear_names_need_no_map(tmp_path: Path):
    (pair,) = read_pairs(jsonl(tmp_path, {"instruction": "q", "output_1": "one", "output_2": "two"}))
    assert (pair.prompts, pair.a, pair.b) == (("q",), ("one",), ("two",))
    said = refused(jsonl(tmp_path, {"instruction": "q", "input": "q2", "output_1": "one", "output_2": "two"}))
    assert "nothing that was asked" in said
    assert "response_a" in refused(jsonl(tmp_path, {"prompt": "q", "output_1": "1", "output_2": "2", "output_0": "0"}))


def test_text_that_looks_like_json_stays_text(tmp_path: Path):
    (pair,) = read_pairs(jsonl(tmp_path, PLAIN | {"response_a": '[{"x": 1}]', "response_b": '{"y": 2}'}))
    assert (pair.a, pair.b) == (('[{"x": 1}]',), ('{"y": 2}',))


# --- Argilla ----------------------------------------------------------------------------------------------------------

RECORD = {
    "id": "r1",
    "fields": {"instruction": "q", "response_1": "one", "response_2": "two"},
    "metadata": {"source": "x"},
    "suggestions": {"better": {"value": "response_1", "score": None, "agent": "m"}},
    "responses": {
        "better": [
            {"value": v, "user_id": u} for u, v in (("u", "response_2"), ("v", "response_2"), ("w", "response_1"))
        ],
        "comment": [{"value": "fine", "user_id": "u"}],
    },
    "vectors": {},
    "_server_id": "s",
}


def test_argilla_records_as_exported(tmp_path: Path):
    path = tmp_path / "records.json"
    path.write_text(json.dumps([RECORD, RECORD | {"id": "r2", "responses": {}}]), encoding="utf-8")
    judged, bare = read_pairs(path)
    assert (judged.key, judged.prompts, judged.a, judged.b) == ("r1", ("q",), ("one",), ("two",))
    assert (judged.annotators, judged.label, judged.label_source) == (("b", "b", "a"), "b", "most of 3 annotators")
    assert judged.meta == {"source": "x"}
    assert (bare.label, bare.annotators) == (None, ())


def test_argilla_flattened_ranked_and_of_the_first_sdk(tmp_path: Path):
    ranking = [{"value": "response_1", "rank": 1}, {"value": "response_2", "rank": 1}]
    flat = {
        "id": "f",
        **RECORD["fields"],
        "rank.responses": [ranking, ranking],
        "rank.responses.status": ["submitted", "draft"],
    }
    old = {
        "external_id": "o",
        "fields": RECORD["fields"],
        "responses": [
            {"user_id": "u", "status": "submitted", "values": {"better": {"value": "response_1"}}},
            {"user_id": "v", "status": "discarded", "values": {"better": {"value": "response_2"}}},
        ],
    }
    first, second = read_pairs(jsonl(tmp_path, flat, old))
    assert (first.key, first.annotators, first.label) == ("f", ("tie",), "tie")
    assert (second.key, second.annotators, second.label) == ("o", ("a",), "a")


def test_annotators_who_do_not_agree_give_no_label(tmp_path: Path):
    split = RECORD | {"responses": {"better": [{"value": v, "user_id": "u"} for v in ("response_1", "response_2")]}}
    (pair,) = read_pairs(jsonl(tmp_path, split))
    assert (pair.annotators, pair.label) == (("a", "b"), None)


def test_two_argilla_questions_are_not_mixed(tmp_path: Path):
    answers = [{"value": "response_1", "user_id": "u"}]
    path = jsonl(tmp_path, RECORD | {"responses": {"helpful": answers, "harmless": answers}})
    assert 'label = "helpful"' in refused(path)
    assert read_pairs(path, fields={"label": "harmless"})[0].label == "a"
    assert "no row has the column 'harmles'" in refused(path, label="harmles")
    assert "'comment' names neither" in refused(jsonl(tmp_path, RECORD), label="comment")
    assert read_pairs(path, fields={"label": ""})[0].annotators == ()


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"response_b": None}, "row 2, field 'response_b'"),
        ({"response_a": "", "response_b": ""}, "both answers are empty"),
        ({"response_a": ["x"]}, "row 2, field 'response_a'"),
        ({"response_a": "x" * (MAX_TEXT + 1)}, "200,001 characters"),
        ({"prompt": ""}, "nothing that was asked"),
        ({"prompt": {"text": "q"}}, "row 2, field 'prompt'"),
        ({"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, "end with the user"),
        ({"prompt": [{"role": "tool", "content": "q"}]}, "no role"),
        ({"response_a": [{"role": "user", "content": "q"}]}, "one answer of the assistant"),
        ({"prompt": "\ud800"}, "lone surrogate"),
        ({"label": "model_a"}, "unknown label 'model_a'"),
        ({"label": 1}, "unknown label '1'"),
        ({"annotators": 3}, "list of labels"),
        ({"annotators": ["a", "c"]}, "unknown label 'c'"),
        ({"annotators": ["a", None]}, "row 2, field 'annotators'"),
        ({"annotators": {"x": "c"}}, "unknown label 'c'"),
        ({"annotators": {"x": ["a"]}}, "row 2, field 'annotators'"),
        ({"annotators": {" ": "a"}}, "a name of their own"),
        ({"annotators": {"x": "a", "x ": "b"}}, "a name of their own"),
        ({"annotators": {"x" * 201: "a"}}, "at most 200 printable"),
        ({"chosen": "x", "rejected": "y"}, "also has 'chosen'"),
        ({"id": "007"}, "already the id of row 1"),
        ({"id": "x" * 201}, "at most 200 printable"),
        ({"model_a": "a\x1b[2J"}, "printable"),
        ({"probe": True, "label": ""}, "a probe needs a label"),
        ({"probe": "maybe"}, "true or false"),
        ({"meta": [1]}, "an object"),
        ({"meta": {"x": "y" * 10_000}}, "at most 10,000 bytes"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_nothing_is_read(tmp_path: Path, row: dict, said: str):
    assert said in refused(jsonl(tmp_path, PLAIN, PLAIN | {"id": "8"} | row))


def test_a_label_beside_chosen_is_refused(tmp_path: Path):
    assert "say who won already" in refused(
        jsonl(tmp_path, {"prompt": "q", "chosen": "x", "rejected": "y", "label": "b"})
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.jsonl", b"", "empty"),
        ("e.csv", b"prompt,response_a,response_b\n", "no pairs"),
        ("u.csv", codecs.BOM_UTF16_LE + "prompt,response_a,response_b\nq,a,b\n".encode("utf-16-le"), "UTF-16"),
        ("k.csv", "prompt,response_a,response_b\n질문,하나,둘\n".encode("cp949"), "CP949"),
        ("n.jsonl", b'{"prompt": "q\0"}\n', "NUL"),
        ("x.xlsx", b"PK\x03\x04", "cannot be read"),
        ("g.jsonl.gz", gzip.compress(json.dumps(PLAIN).encode(), mtime=0)[:-12], "cut off"),
        ("z.jsonl.gz", gzip.compress(b" " * 2**23, mtime=0), "not credible"),
        ("h.csv", b"prompt,response_a,response_b\nq," + b"x" * (4 * 2**20 + 1) + b",b\n", "longer than 4 MiB"),
        ("c.csv", b"prompt,response_a,response_b\nq,a\n", "2 cells where the header has 3"),
        ("d.csv", b"prompt,response_a,response_a\nq,a,b\n", "names a column twice"),
        ("l.json", b'{"prompt": "q"}', "one JSON list"),
        ("j.jsonl", b'{"prompt": "q", "prompt": "r"}\n', "stands twice"),
        ("q.jsonl", b'["q"]\n', "must be a JSON object"),
        ("p.parquet", b"PAR1 no", "not a readable Parquet"),
    ],
)
def test_hostile_files(tmp_path: Path, name: str, content: bytes, said: str):
    path = tmp_path / name
    path.write_bytes(content)
    assert said in refused(path)


def test_a_map_to_nowhere(tmp_path: Path):
    path = jsonl(tmp_path, PLAIN)
    assert "no row has the column 'modle'" in refused(path, model_a="modle")
    with pytest.raises(BadInput, match="unknown key 'promt'"):
        read_pairs(path, fields={"promt": "x"})


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "value", "rank", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_NAMES = ["id", "prompt", "response_a", "response_b", "chosen", "rejected", "label", "annotators", "fields", "responses",
          "metadata", "x.responses", "output_1", "output_2", "meta", "probe"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(_NAMES), _json, max_size=8), min_size=1, max_size=3))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, rows):
    path = jsonl(tmp_path_factory.mktemp("any"), *rows)
    pairs, refusal = (), ""
    try:
        pairs = read_pairs(path)
    except BadInput as error:
        refusal = str(error)
    assert (str(path) in refusal) != (len(pairs) == len(rows))
    assert all(pair.prompts and len(pair.prompts) == len(pair.a) == len(pair.b) for pair in pairs)


def test_published_sets():
    data = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not data:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of test data")
    llmbar = read_pairs(Path(data, "llmbar", "items.jsonl.gz"), fields={"label": ""})
    assert len(llmbar) == 239
    pandalm = Path(data, "pandalm", "pairs.jsonl.gz")
    assert len(read_pairs(pandalm, fields={"prompt": "{instruction}\n{input}"})) == 567
    hhh = read_pairs(Path(data, "hhh_alignment", "pairs.jsonl.gz"))
    assert len(hhh) == 109
    assert {pair.label for pair in hhh} == {"a"}
