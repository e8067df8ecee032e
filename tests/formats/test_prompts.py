"""Prompt files of every shape, good and bad, and the published benchmarks a trial file must reach with [fields] alone."""

import codecs
import csv
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import duckdb
import pytest

from fairtrial.core import BadInput, Prompt
from fairtrial.formats import read_prompts

ROWS = [
    {"id": "007", "prompt": "What is 3 + 4?", "reference": "007", "tags": "sum,easy", "language": "en"},
    {
        "id": "8",
        "prompt": "'하늘'을 소리 내어 읽으면?\n두 줄입니다.",
        "reference": "하늘",
        "tags": "",
        "language": "ko",
    },
]


def write(path: Path, rows: list[dict]) -> Path:
    """Write rows in the format that the name tells."""
    name = path.name.removesuffix(".gz")
    plain = path.with_name(name)
    if name.endswith(".jsonl"):
        plain.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    elif name.endswith(".json"):
        plain.write_text(json.dumps(rows, ensure_ascii=False, indent=2), encoding="utf-8")
    elif name.endswith(".parquet"):
        source = path.with_name("source.json")
        source.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        columns = ", ".join(f"'{key}': 'VARCHAR'" for key in rows[0])
        duckdb.sql(f"COPY (FROM read_json('{source}', columns={{{columns}}})) TO '{plain}' (FORMAT parquet)")
    else:
        with plain.open("w", encoding="utf-8", newline="") as target:
            table = csv.DictWriter(target, rows[0], delimiter="\t" if name.endswith(".tsv") else ",")
            table.writeheader()
            table.writerows(rows)
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


def jsonl(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def only(path: Path, **fields: str) -> Prompt:
    (prompt,) = read_prompts(path, fields=fields).prompts
    return prompt


def refused(path: Path, **fields: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_prompts(path, fields=fields)
    assert caught.value.next_step
    return caught.value


# --- every shape says the same ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_each_format_gives_the_same_prompts(tmp_path, kind, packed):
    path = write(tmp_path / f"set.{kind}{packed}", ROWS)
    found = read_prompts(path)
    assert found.name == "set"
    first, second = found.prompts
    assert (first.key, first.turns, first.reference) == ("007", ("What is 3 + 4?",), "007")
    assert first.tags == ("sum", "easy")
    assert (second.turns[0], second.language, second.tags) == (ROWS[1]["prompt"], "ko", ())


def test_byte_order_mark_and_blank_lines_are_no_matter(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + b'\n{"prompt": "one"}\r\n\n{"prompt": "two"}')
    assert [p.key for p in read_prompts(path).prompts] == ["row 2", "row 4"]
    table = tmp_path / "a.csv"
    table.write_bytes(codecs.BOM_UTF8 + b"prompt,reference\r\none,1\r\n")
    assert only(table).reference == "1"


def test_a_name_with_pattern_letters_is_one_file(tmp_path):
    odd = tmp_path / "a[1]*.parquet"
    write(tmp_path / "plain.parquet", ROWS).rename(odd)
    assert len(read_prompts(odd).prompts) == 2


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_messages_become_system_and_turns(tmp_path):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": "Again"},
    ]
    prompt = only(jsonl(tmp_path, {"messages": messages}))
    assert (prompt.system, prompt.turns) == ("Be brief.", ("Hello", "Again"))


def test_assistant_turns_are_refused(tmp_path):
    error = refused(
        jsonl(tmp_path, {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    )
    assert "assistant" in error.message
    assert "row 1" in error.where


@pytest.mark.parametrize(
    "messages",
    [
        "text",
        [1],
        [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        [{"role": "tool", "content": "a"}],
        [{"role": "user", "content": "a"}, {"role": "system", "content": "late"}],
        [{"role": "system", "content": "alone"}],
        [],
    ],
)
def test_odd_messages_are_refused(tmp_path, messages):
    assert "messages" in refused(jsonl(tmp_path, {"messages": messages})).where


def test_lists_in_cells_are_json(tmp_path):
    path = write(tmp_path / "a.csv", [{"turns": '["one", "two"]', "choices": '["x", "y"]', "reference": "y"}])
    prompt = only(path)
    assert (prompt.turns, prompt.choices, prompt.reference) == (("one", "two"), ("x", "y"), "B")


def test_template_fills_columns_and_keeps_braces(tmp_path):
    path = jsonl(tmp_path, {"p": {"text": "Passage"}, "q": "Why {so}?", "n": 7})
    assert only(path, template="{p.text}\n{{n}}={n}: {q}").turns == ("Passage\n{n}=7: Why {so}?",)
    assert "'nn'" in refused(path, template="{nn}").message
    assert "lone" in refused(path, template="{n").message


def test_row_with_two_questions_is_refused_unless_one_is_mapped(tmp_path):
    path = jsonl(tmp_path, {"prompt": "a", "turns": ["b"]})
    assert "also has" in refused(path).message
    assert only(path, turns="turns").turns == ("b",)
    assert "twice" in refused(path, turns="turns", prompt="prompt").message


def test_examples_are_kept_apart(tmp_path):
    found = read_prompts(jsonl(tmp_path, {"prompt": "a"}, {"prompt": "b", "is_example": True}))
    assert [p.turns[0] for p in found.prompts] == ["a"]
    assert [p.turns[0] for p in found.examples] == ["b"]
    assert "no prompts" in refused(jsonl(tmp_path, {"prompt": "b", "is_example": True})).message
    assert "true or false" in refused(jsonl(tmp_path, {"prompt": "b", "is_example": "perhaps"})).message


def test_constant_and_switched_off_fields(tmp_path):
    path = jsonl(tmp_path, {"prompt": "a", "tags": ["x"], "reference": ["long", "list"]})
    prompt = only(path, language="=ko", reference="", tags="tags")
    assert (prompt.language, prompt.reference, prompt.tags) == ("ko", None, ("x",))
    assert 'reference = ""' in refused(path).next_step


# --- choices and references -------------------------------------------------------------------------------------------

CHOICES = {
    "list": ["red", "blue"],
    "objects": [{"label": "A", "text": "red"}, {"label": "B", "text": "blue"}],
    "two lists": {"text": ["red", "blue"], "label": ["A", "B"]},
    "labelled": {"A": "red", "B": "blue"},
}


@pytest.mark.parametrize("shape", CHOICES)
@pytest.mark.parametrize("reference", ["B", "blue", " BLUE "])
def test_choices_in_each_shape(tmp_path, shape, reference):
    prompt = only(jsonl(tmp_path, {"prompt": "?", "choices": CHOICES[shape], "reference": reference}))
    assert (prompt.choices, prompt.reference) == (("red", "blue"), "B")


def test_choices_over_columns_and_numbers_with_a_base(tmp_path):
    path = write(tmp_path / "a.csv", [{"prompt": "?", "1": "red", "2": "blue", "answer": "2"}])
    mapped = {"choices": "1,2", "reference": "answer"}
    assert only(path, **mapped, reference_base="1").reference == "B"
    assert "counted from 0" in refused(path, **mapped, reference_base="0").message
    assert "reference_base" in refused(path, **mapped).next_step
    assert "0 or 1" in refused(path, **mapped, reference_base="2").message
    assert "there is no '3'" in refused(path, choices="1,3", reference="answer").message


def test_own_labels_win_over_letters(tmp_path):
    path = jsonl(
        tmp_path,
        {
            "prompt": "?",
            "choices": [{"label": "1", "text": "red"}, {"label": "2", "text": "blue"}],
            "reference": 2,
        },
    )
    assert only(path).reference == "B"


@pytest.mark.parametrize(
    ("choices", "reference", "part"),
    [
        (["red", "blue"], "green", "neither"),
        (["red", "blue"], "C", "neither"),
        (["B", "A"], "A", "may mean A or B"),
        (["same", "same"], "same", "may mean"),
        (["one"], "A", "1 option"),
        (["x"] * 27, "A", "27 option"),
        (["red", " "], "A", "empty"),
        ("red, blue", "A", "list"),
        ({"text": ["a", "b"], "label": ["A"]}, "A", "as many"),
    ],
)
def test_references_and_choices_that_do_not_fit(tmp_path, choices, reference, part):
    error = refused(jsonl(tmp_path, {"prompt": "?", "choices": choices, "reference": reference}))
    assert part in error.message
    assert "row 1" in error.where


def test_reference_after_a_mark(tmp_path):
    path = jsonl(tmp_path, {"prompt": "?", "reference": "2 + 2 #### is #### 4"})
    assert only(path, reference_after="####").reference == "4"
    assert "mark" in refused(path, reference_after="=>").message


def test_numbers_and_truths_as_references(tmp_path):
    found = read_prompts(jsonl(tmp_path, *({"prompt": "?", "reference": value} for value in (4, 2.5, True, "", None))))
    assert [p.reference for p in found.prompts] == ["4", "2.5", "true", None, None]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_unknown_field_names_the_nearest(tmp_path):
    error = refused(jsonl(tmp_path, {"prompt": "a"}), refrence="x")
    assert "'refrence'" in error.message
    assert "'reference'" in error.next_step


def test_missing_columns_name_the_nearest(tmp_path):
    path = jsonl(tmp_path, {"question": "a", "answer": "b"})
    error = refused(path, prompt="qestion")
    assert "question, answer" in error.message
    assert "'question'" in error.next_step
    assert "[fields] prompt" in refused(path).next_step
    error = refused(path, prompt="question", reference="anser")
    assert "'anser'" in error.message
    assert "'answer'" in error.next_step


def test_no_such_file_directory_and_kind(tmp_path):
    assert "no such file" in refused(tmp_path / "none.csv").message
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "dir.csv" / "real.csv").write_text("prompt\na\n")
    error = refused(tmp_path / "dir.csv")
    assert "directory" in error.message
    assert "real.csv" in error.next_step
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    assert ".jsonl" in refused(tmp_path / "a.xlsx").next_step


def test_nothing_in_it(tmp_path):
    empty = tmp_path / "a.jsonl"
    empty.touch()
    assert "empty" in refused(empty).message
    empty.write_text("\n\n")
    assert "no prompts" in refused(empty).message
    (tmp_path / "a.json").write_text("[]")
    assert "no prompts" in refused(tmp_path / "a.json").message
    (tmp_path / "a.csv").write_text("prompt\n")
    assert "no prompts" in refused(tmp_path / "a.csv").message


@pytest.mark.parametrize("value", ["", "  \n ", None, [], ["", " "]])
def test_rows_without_text(tmp_path, value):
    name = "turns" if isinstance(value, list) else "prompt"
    error = refused(jsonl(tmp_path, {"prompt": "fine"}, {name: value}))
    assert "no text" in error.message
    assert "row 2" in error.where


@pytest.mark.parametrize("value", [7, ["a"], {"a": 1}, True])
def test_prompts_that_are_not_text(tmp_path, value):
    assert "must be text" in refused(jsonl(tmp_path, {"prompt": value})).message


def test_half_characters_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "\\ud800"}')
    assert "half" in refused(path).message


def test_ids_that_meet_twice_name_both_rows(tmp_path):
    error = refused(jsonl(tmp_path, {"id": "a", "prompt": "1"}, {"id": "b", "prompt": "2"}, {"id": "a", "prompt": "3"}))
    assert "row 3" in error.where
    assert "row 1" in error.message


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ('{"prompt": "a"}\n{"prompt": "한국어로 쓴 글"}'.encode("cp949"), "CP949"),
        ('{"prompt": "a"}\n{"prompt": "déjà vu"}'.encode("cp1252"), "WINDOWS-1252"),
    ],
)
def test_other_encodings_are_named_with_the_spot(tmp_path, data, encoding):
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    error = refused(path)
    spot = next(i for i, byte in enumerate(data) if byte > 127)
    assert f"line 2, byte {spot} " in error.message
    assert encoding in error.message
    assert "iconv" in error.next_step


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf16_is_named(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("prompt\na\n".encode(encoding))
    assert "UTF-16" in refused(path).message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"prompt": "a"}\n{"prompt": "b"', "column 15"),
        ('{"prompt": "a"}\n{"prompt": "b"} {"prompt": "c"}', "something follows"),
        ('{"prompt": "a"}\n["b"]', "list"),
        ('{"prompt": "a"}\n{"prompt": NaN}', "NaN"),
        ('{"prompt": "a"}\n' + '{"prompt": ' * 100_000, "deep"),
        ('{"prompt": "a"}\n{"prompt": "b", "n": ' + "9" * 5000 + "}", "digits"),
    ],
)
def test_broken_json_lines_name_row_and_column(tmp_path, text, part):
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    error = refused(path)
    assert part in error.message
    assert "row 2" in error.where


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"data": []}', "one JSON list"),
        ('[{"prompt": "a"},\n {"prompt": "b"', "line 2"),
        ('[{"prompt": "a"},\n {"prompt": "b"}', "line 2, column 17"),
        ('[{"prompt": "a"}\n {"prompt": "b"}]', "',' or ']'"),
        ('[{"prompt": "a"}, 3]', "int"),
    ],
)
def test_broken_json_lists_name_the_spot(tmp_path, text, part):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert part in refused(path).message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("prompt,reference\na,1\nb\n", "1 cells where the header has 2 (line 3)"),
        ("prompt,reference\na,1\nb,2,3\n", "3 cells"),
        ("prompt,prompt\na,b\n", "twice"),
        ("prompt;reference\na;b\n", "separated by ';'"),
        ('prompt,reference\n"a"x,b\n', "broken table at line 2"),
        ('prompt,reference\n"a,b\n', "broken table"),
    ],
)
def test_broken_tables_name_row_and_line(tmp_path, text, part):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert part in refused(path).message


def test_endless_rows_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "' + "a" * (5 * 2**20))
    assert "line 1 is longer" in refused(path).message
    table = tmp_path / "a.csv"
    table.write_text('prompt\nfine\n"open\n' + "more text\n" * 500_000)
    assert "row 2 is longer" in refused(table).message


def test_long_documents_fit(tmp_path):
    text = "word " * 100_000
    assert only(write(tmp_path / "a.csv", [{"prompt": text}])).turns == (text,)


def test_packed_files_that_lie(tmp_path):
    whole = write(tmp_path / "a.jsonl.gz", ROWS * 1)
    data = whole.read_bytes()
    whole.write_bytes(data[:-20])
    assert "cut off" in refused(whole).message
    whole.write_bytes(data[:40] + bytes([data[40] ^ 255]) + data[41:])
    assert "damaged" in refused(whole).message
    whole.write_bytes(b"plain text")
    assert "damaged" in refused(whole).message
    wrong = tmp_path / "b.jsonl"
    wrong.write_bytes(data)
    assert "gzipped" in refused(wrong).message


def test_packed_bombs_are_refused(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=9) as target:
        for _ in range(20):
            target.write(b"\n" * 2**20)
    assert path.stat().st_size < 2**16
    assert "not credible" in refused(path).message
    other = tmp_path / "a.parquet.gz"
    other.write_bytes(path.read_bytes())
    assert "not credible" in refused(other).message


def test_parquet_that_is_none(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 not really PAR1")
    assert "Parquet" in refused(path).message
    path.write_text("prompt\na\n")
    assert "Parquet" in refused(path).message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    path = jsonl(tmp_path, {"prompt": "a"})
    path.chmod(0)
    assert "cannot be read" in refused(path).message


def test_many_rows_need_little_more_than_their_prompts(tmp_path):
    path = tmp_path / "many.csv"
    rows = 20_000
    with path.open("w", encoding="utf-8") as target:
        target.write("id,prompt,reference\n")
        target.writelines(f"{i},What is {i} + {i}?,{2 * i}\n" for i in range(rows))
    tracemalloc.start()
    try:
        found = read_prompts(path)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.prompts) == rows
    assert found.prompts[7].reference == "14"
    assert peak < rows * 1200
    assert peak - kept < rows * 400


# --- published benchmarks ---------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> Path:
    place = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not place:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    return Path(place)


@pytest.mark.data
def test_commonsenseqa(data):
    fields = {"prompt": "question.stem", "choices": "question.choices", "reference": "answerKey", "language": "=en"}
    found = read_prompts(data / "commonsenseqa" / "dev_rand_split.jsonl.gz", fields=fields)
    assert len(found.prompts) == 584
    assert all(len(p.choices) == 5 and p.reference in tuple("ABCDE") for p in found.prompts)


@pytest.mark.data
def test_kobest_boolq_with_a_template(data):
    fields = {
        "id": "ID",
        "template": "{Text}\n\n질문: {Question}\nTrue 또는 False로만 답하세요.",
        "reference": "Answer",
        "language": "=ko",
        "tags": "=boolq",
    }
    found = read_prompts(data / "kobest" / "BoolQ.test.tsv.gz", fields=fields)
    assert len(found.prompts) == 701
    assert {(p.reference or "").title() for p in found.prompts} == {"True", "False"}
    assert all("질문: " in p.turns[0] and p.category == "boolq" for p in found.prompts)
    lettered = read_prompts(data / "kobest" / "BoolQ.test.tsv.gz", fields=fields | {"choices": "=True,False"})
    assert {p.reference for p in lettered.prompts} == {"A", "B"}


@pytest.mark.data
def test_kobest_copa_and_sentineg_with_numbered_answers(data):
    copa = {"id": "ID", "template": "{sentence}\n{question}:", "choices": "1,2", "reference": "Answer"}
    found = read_prompts(data / "kobest" / "COPA.test.tsv.gz", fields=copa | {"reference_base": "1"})
    assert {p.reference for p in found.prompts} == {"A", "B"}
    feeling = {"id": "ID", "prompt": "Text", "choices": "=부정,긍정", "reference": "Label", "reference_base": "0"}
    found = read_prompts(data / "kobest" / "SentiNeg.test.tsv.gz", fields=feeling)
    assert {p.choices for p in found.prompts} == {("부정", "긍정")}


@pytest.mark.data
def test_mt_bench_with_both_turns(data):
    fields = {"id": "question_id", "tags": "category", "reference": ""}
    found = read_prompts(data / "mt_bench" / "questions.jsonl.gz", fields=fields)
    assert len(found.prompts) == 44
    assert {len(p.turns) for p in found.prompts} == {2}
    assert len({p.category for p in found.prompts}) == 8


@pytest.mark.data
def test_gsm8k_answers_after_the_mark(data):
    fields = {"prompt": "question", "reference": "answer", "reference_after": "####", "scorer": "=number"}
    found = read_prompts(data / "gsm8k" / "test.jsonl.gz", fields=fields)
    assert len(found.prompts) == 655
    assert all((p.reference or "").replace(",", "").lstrip("-").isdigit() for p in found.prompts)


def test_a_prompt_with_braces_is_a_template(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("context,q\nIt rains.,Is it dry?\n")
    found = read_prompts(file, fields={"prompt": "{context} {q}"})
    assert found.prompts[0].turns == ("It rains. Is it dry?",)
