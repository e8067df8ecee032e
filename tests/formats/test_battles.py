import gzip
import json
from pathlib import Path

import duckdb
import pytest
from vote_tables import columns

from fairtrial.core import BadInput
from fairtrial.formats import read_battles
from fairtrial.stats import Battles

TABLE = columns(votes=40) | {"grade": [None] * 40, "turn": ["1"] * 40}
ROWS = [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]


def csv_text(mark=","):
    lines = [mark.join(TABLE), *(mark.join("" if v is None else v for v in row.values()) for row in ROWS)]
    return "\n".join(lines) + "\n"


def write(path):
    name = path.name
    if name.endswith(".parquet"):
        lines = path.with_suffix(".jsonl")
        lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        with duckdb.connect() as database:
            database.execute(f"copy (select * from read_json('{lines}')) to '{path}' (format parquet)")
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(csv_text().encode()))
    elif name.endswith(".json"):
        path.write_text(json.dumps(ROWS))
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        path.write_text(csv_text("\t" if name.endswith(".tsv") else ","))
    return path


@pytest.mark.parametrize("name", ["v.csv", "v.tsv", "v.jsonl", "v.json", "v.parquet", "v.csv.gz"])
def test_every_format_holds_the_same_votes(tmp_path, name):
    want, found = Battles.from_columns(TABLE), read_battles(write(tmp_path / name))
    assert found.names == want.names
    assert (found.cells() == want.cells()).all()
    assert (found.prompt == want.prompt).all()


@pytest.mark.parametrize("label", ["Model_A", "model_b ", "bothbad"])
def test_a_label_error_names_file_row_label_and_the_near_one(tmp_path, label):
    path = tmp_path / "votes.csv"
    path.write_text(f"model_a,model_b,winner\nx,y,tie\nx,y,{label}\n")
    with pytest.raises(BadInput) as caught:
        read_battles(path)
    assert caught.value.where == f"{path}, row 2, winner"
    assert repr(label) in caught.value.message
    assert "Known labels: model_a, model_b, tie" in caught.value.next_step


def test_rows_are_those_of_the_file(tmp_path):
    path = tmp_path / "votes.jsonl"
    good, bad = ({"model_a": "x", "model_b": "y", "winner": w} for w in ("tie", "draw"))
    path.write_text(f"{json.dumps(good)}\n\n{json.dumps(bad)}\n")
    with pytest.raises(BadInput, match="row 3, winner"):
        read_battles(path)


def test_a_grade_against_the_winner(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner,grade\nx,y,tie,0\nx,y,model_a,-2\n")
    with pytest.raises(BadInput, match="row 2, grade: grade -2 contradicts winner 'model_a'"):
        read_battles(path)


def test_a_missing_column_is_named_with_those_found(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,victor\nx,y,tie\n")
    with pytest.raises(BadInput, match="'winner' is missing; columns found: model_a, model_b, victor"):
        read_battles(path)


def test_keys_that_appear_late_and_rows_that_lack_some(tmp_path):
    path = tmp_path / "votes.jsonl"
    rows = [
        {"model_a": "x", "model_b": "y", "winner": "tie"},
        {"model_a": "x", "model_b": "y", "winner": "tie", "rater": "r1"},
        {"model_a": "x", "model_b": "y", "winner": "tie"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_battles(path).rater.tolist() == [0, 1, 0]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"model_a": "x", "model_b": "y"}]))
    with pytest.raises(BadInput, match="row 4, winner: an empty field is not a known label"):
        read_battles(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.csv", b"", "empty"),
        ("v.csv", "model_a,model_b,winner\ncaf\xe9,y,tie\n".encode("latin-1"), "UTF-8"),
        ("v.parquet", b"PAR1 and no more", "Parquet"),
        ("v.jsonl", b'{"model_a": "x", \n', "JSON"),
        ("v.xlsx", b"anything", "cannot be read"),
    ],
)
def test_broken_files_end_in_one_plain_sentence(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"(?i){message}") as caught:
        read_battles(path)
    assert str(path) in caught.value.where


def test_a_missing_file(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_battles(tmp_path / "nothing.csv")


def test_a_header_alone_holds_no_votes(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\n")
    assert len(read_battles(path)) == 0


def test_a_column_under_a_common_other_name_is_found(tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_text("prompt,user,model_a,model_b,winner\n1,u,x,y,model_a\n2,u,y,x,tie\n2,w,x,y,model_b\n")
    battles = read_battles(file)
    assert list(battles.clusters("prompt")) == [0, 1, 1]
    assert list(battles.clusters("rater")) == [0, 0, 1]
