"""Battle files that cannot be read: one plain sentence with the place and the next step, never a trace or a guess."""

import contextlib
import gzip
import os
import random
import re

import duckdb
import pytest

from fairtrial.core import BadInput
from fairtrial.formats import coding, file_shape, read_battles, tables

HEAD = "model_a,model_b,winner\n"


def parquet(path, select, rows=1):
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute(f"copy (select {select} from range({rows}) t(i)) to '{path}' (format parquet)")
    return path


@pytest.fixture
def votes(tmp_path):
    return parquet(tmp_path / "v.parquet", "'m' || i % 5 model_a, 'n' || i % 7 model_b, 'tie' winner, i rater", 5000)


def refused(path, **how):
    with pytest.raises(BadInput) as caught:
        read_battles(path, **how)
    assert str(path) in caught.value.where
    assert caught.value.message.endswith(".")
    return str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "", "wide"])
@pytest.mark.parametrize("name", ["v.csv", "v.jsonl"])
def test_a_feature_that_is_no_finite_number(tmp_path, name, value):
    path = tmp_path / name
    if name == "v.csv":
        path.write_text(f"model_a,model_b,winner,feature_w_a,feature_w_b\nx,y,tie,1,2\nx,y,tie,{value},2\n")
    else:
        row = '{"model_a": "x", "model_b": "y", "winner": "tie", "feature_w_a": "%s", "feature_w_b": 2}\n'
        path.write_text(row % 1 + row % value)
    assert "row 2, feature_w_a" in refused(path, control=("w",))


@pytest.mark.parametrize("value", ["'nan'::double", "'inf'::double", "true", "'x'", "null", "[1]"])
def test_a_feature_in_parquet_that_is_no_finite_number(tmp_path, value):
    parquet(tmp_path / "v.parquet", f"'x' model_a, 'y' model_b, 'tie' winner, {value} feature_w_a, 1 feature_w_b")
    assert "row 1, feature_w_a" in refused(tmp_path / "v.parquet", control=("w",))


def test_a_control_that_is_not_there(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("model_a,model_b,winner,feature_length_a,feature_length_b\nx,y,tie,1,2\n")
    assert "no column 'feature_lenght_a' to control for 'lenght'. Did you mean 'length'?" in refused(
        path, control=("lenght",)
    )
    path.write_text(HEAD + "x,y,tie\n")
    assert "Controls need columns feature_NAME_a and feature_NAME_b" in refused(path, control=("length",))
    assert len(read_battles(path, control=("position",))) == 1


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999, -8, -4, -1])
def test_a_parquet_file_that_is_cut(tmp_path, votes, share):
    raw = votes.read_bytes()
    path = tmp_path / "cut.parquet"
    path.write_bytes(raw[: int(share * len(raw)) if share >= 0 else share])
    refused(path)


def test_parquet_files_with_wrong_bytes_never_end_in_a_trace(tmp_path, votes):
    raw, dice = votes.read_bytes(), random.Random(3)
    path = tmp_path / "wrong.parquet"
    for turn in range(60):
        wrong = bytearray(raw)
        start = 0 if turn % 2 else len(raw) - 1500
        for _ in range(1 + turn % 5):
            wrong[dice.randrange(start, len(raw))] = dice.randrange(256)
        path.write_bytes(wrong)
        with contextlib.suppress(BadInput):
            assert len(read_battles(path)) == 5000


def test_files_of_another_kind_than_their_name_says(tmp_path, votes):
    for name in ("v.csv", "v.json", "v.jsonl"):
        path = tmp_path / name
        path.write_bytes(votes.read_bytes())
        refused(path)
    path = tmp_path / "w.parquet"
    path.write_text(HEAD)
    assert "not a readable Parquet file" in refused(path)


def test_mixed_types(tmp_path):
    path = tmp_path / "v.jsonl"
    rows = [f'{{"model_a": {name}, "model_b": "y", "winner": "tie"}}\n' for name in ('"x"', "7", "true", "1.0", "[]")]
    for k in range(1, len(rows)):
        path.write_text(rows[0] + "\n" + rows[k])
        assert "row 3, model_a: a model name must be text, not" in refused(path)
    for value in ("7", "1.5", "true", "'x'::blob", "date '2026-01-01'"):
        parquet(tmp_path / "v.parquet", f"{value} model_a, 'y' model_b, 'tie' winner")
        assert "row 1, model_a: a model name must be text, not" in refused(tmp_path / "v.parquet")
    parquet(tmp_path / "v.parquet", "'x' model_a, 'y' model_b, true winner")
    assert "row 1, winner: True is not a known label" in refused(tmp_path / "v.parquet")


def test_half_a_character_in_a_name(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text('{"model_a": "x\\ud83d", "model_b": "y", "winner": "tie"}')
    assert refused(path).isprintable()


def test_no_file_at_all(tmp_path):
    assert "directory" in refused(tmp_path)
    (tmp_path / "v.csv").mkdir()
    assert "directory" in refused(tmp_path / "v.csv")
    assert "no such file" in refused(tmp_path / "none.parquet")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "not a regular file" in refused(tmp_path / "pipe.jsonl")
    (tmp_path / "v.xlsx").write_text("x")
    assert "Save it as one of" in refused(tmp_path / "v.xlsx")


@pytest.mark.parametrize("name", ["v.csv", "v.jsonl", "v.parquet", "v.csv.gz"])
@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path, name):
    path = tmp_path / name
    path.write_text(HEAD)
    path.chmod(0)
    assert "permissions" in refused(path)


@pytest.mark.parametrize("name", ["a*b?[c]", "it's", '"quoted"', "'; drop table votes; --", "%s", "https:", "가 나"])
def test_file_names_are_names(tmp_path, votes, name):
    path = tmp_path / f"{name}.parquet"
    path.write_bytes(votes.read_bytes())
    assert len(read_battles(path)) == 5000
    path = tmp_path / f"{name}.csv"
    path.write_text(HEAD + "x,y,tie\n")
    assert len(read_battles(path)) == 1


def test_column_names_and_values_are_no_statements(tmp_path):
    evil = 'x") FROM votes; DROP TABLE votes; --'
    path = parquet(
        tmp_path / "v.parquet", "'x' model_a, 'y' model_b, 'tie' winner, 'v' \"" + evil.replace('"', '""') + '"'
    )
    assert read_battles(path, by=(evil,)).labels[evil].names == ("v",)
    assert "Values there: v." in refused(path, only={evil: "v' OR 1=1 --"})
    path = tmp_path / "v.csv"
    path.write_text("model_a,model_b,winner,c'); drop table votes; --\nx,y,tie,1\n")
    assert len(read_battles(path, by=("c'); drop table votes; --",))) == 1


def test_selecting_rows(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("user,model_a,model_b,winner,lang\n1,x,y,tie,en\n2,x,y,tie,ko\n1,x,y,draw,ko\n1,x,y,tie,\n")
    assert len(read_battles(path, only={"lang": "en"})) == 1
    assert len(read_battles(path, only={"lang": ""})) == 1
    assert len(read_battles(path, only={"lang": "ko", "rater": "2"})) == 1
    assert "row 3, winner: 'draw'" in refused(path, only={"lang": "ko"})
    assert "no row has lang 'kr'. Values there: (empty), en, ko." in refused(path, only={"lang": "kr"})
    assert "no row has rater '2'. Values there: 1." in refused(path, only={"lang": "en", "rater": "2"})
    assert "no column 'language' to select by" in refused(path, only={"language": "ko"})
    assert "no column 'langs' to split by" in refused(path, by=("langs",))
    assert "cannot be split by 'winner'" in refused(path, by=("winner",))


@pytest.mark.parametrize("name", ["v.csv", "v.tsv", "v.jsonl", "v.json", "v.parquet", "v.csv.gz", "v.json.gz"])
@pytest.mark.parametrize("start", ["", HEAD + "x,y,tie\n", '{"model_a": "x", "model_b": "y", "winner": "tie"}\n'])
def test_ten_gigabytes_of_nothing(tmp_path, name, start):
    path = tmp_path / name
    path.write_text(start)
    os.truncate(path, 10 * 2**30)
    refused(path)
    with pytest.raises(BadInput):
        file_shape(path)


def test_a_large_file_with_a_fault_is_refused_by_what_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr("fairtrial.formats.battles.MAX_FILE", 10)
    path = tmp_path / "v.csv"
    path.write_text(HEAD + "x,y,tie\n" * 3 + "x,y\n")
    assert "cannot be read as CSV: not every row has 3 cells, near row 1." in refused(path)
    path = tmp_path / "v.jsonl"
    path.write_text('{"model_a": \n')
    assert "cannot be read as JSONL" in refused(path)


def test_gzip_files_that_unpack_to_more_than_is_credible(tmp_path):
    for name in ("v.csv.gz", "v.jsonl.gz", "v.parquet.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress((HEAD + "x,y,tie\n" * 3_000_000).encode()))
        assert re.search("not credible|cannot be read|not valid JSON", refused(path))


def test_too_many_votes(tmp_path, votes, monkeypatch):
    monkeypatch.setattr(coding, "MAX_VOTES", 2)
    monkeypatch.setattr(tables, "MAX_VOTES", 2)
    assert "more than 2 votes" in refused(votes)
    for name in ("v.csv", "w.csv"):
        path = tmp_path / name
        path.write_text(HEAD + "x,y,tie\n" * 3 + ('"x",y,tie\n' if name == "w.csv" else ""))
        assert "more than 2 votes" in refused(path)


def test_a_parquet_file_needs_little_memory(tmp_path, monkeypatch):
    columns = "'m' || i % 5 model_a, 'n' model_b, 'tie' winner, md5(i::varchar) question_id"
    path = parquet(tmp_path / "v.parquet", columns, 300_000)
    monkeypatch.setattr(tables, "MEMORY", "40MB")
    assert len(read_battles(path)) == 300_000
    monkeypatch.setattr(tables, "MEMORY", "3MB")
    assert "takes more than 3MB of memory" in refused(path)
