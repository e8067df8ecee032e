"""The fast readers and the strict one are two ways to the same battles, or to the same error."""

import csv
import gzip
import io
import json
from dataclasses import fields

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.formats import battles as door
from fairtrial.formats import delimited, read_battles, records, tables
from fairtrial.formats.coding import Doubt

LABELS = ("model_a", "model_b", "tie", "tie (bothbad)")
CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "x", "x ", "X", "007", "7", "NULL", "nan", "None", "true", "가나다", "é", "é", '"', '""', "'", "a,b"]
        + ["a\tb", "a\nb", "a\r\nb", "\\", "#", "\u2028", "😀", "1e3", "-0", '{"a": 1}', "[1]", "\x1f", "\ufeff"]
    ),
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=8),
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(one, two):
    for each in fields(one):
        a, b = getattr(one, each.name), getattr(two, each.name)
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            assert (a == b).all(), each.name
        elif each.name == "features":
            assert a.keys() == b.keys()
            assert all((a[name] == b[name]).all() for name in a)
        elif each.name == "labels":
            assert {k: (v.names, v.codes.tolist()) for k, v in a.items()} == {
                k: (v.names, v.codes.tolist()) for k, v in b.items()
            }
        else:
            assert a == b, each.name


def outcome(path, **how):
    try:
        return read_battles(path, **how)
    except BadInput as error:
        return str(error)


def strictly(monkeypatch, path, **how):
    def doubt(*_):
        raise Doubt("so the test wants it")

    with monkeypatch.context() as patch:
        patch.setattr(door, "_fast", doubt)
        return outcome(path, **how)


def both(monkeypatch, path, **how):
    fast, strict = outcome(path, **how), strictly(monkeypatch, path, **how)
    if isinstance(fast, str) or isinstance(strict, str):  # of two faults either may be named first
        assert isinstance(fast, str)
        assert isinstance(strict, str)
    else:
        same(fast, strict)
    return fast


@st.composite
def votes(draw):
    count = draw(st.integers(0, 12))
    names = ["m1", "m2", "모델", " m1", "a,b"]
    pairs = [draw(st.permutations(names))[:2] for _ in range(count)]
    return {
        "model_a": [a for a, _ in pairs],
        "model_b": [b for _, b in pairs],
        "winner": [draw(st.sampled_from(LABELS)) for _ in pairs],
        "question_id": [draw(CELLS) for _ in pairs],
        "rater": [draw(CELLS) for _ in pairs],
        "text": [draw(CELLS) for _ in pairs],
        "language": [draw(CELLS) for _ in pairs],
    }


@FEW
@given(table=votes(), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), data=st.data())
def test_clean_tables(tmp_path, monkeypatch, table, quoting, data):
    mark, suffix = data.draw(st.sampled_from([(",", ".csv"), ("\t", ".tsv")]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=mark, quoting=quoting, lineterminator=end)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    path = tmp_path / f"votes{suffix}"
    path.write_bytes(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.getvalue().encode())
    found = both(monkeypatch, path, by=("language",))
    assert len(found) == len(table["winner"])


@FEW
@given(
    pieces=st.lists(
        st.sampled_from(
            ["x,y,tie", "x,y,tie,1", "x,y", "\n", "\n", "\r\n", "\r", '"', '"x",y,tie', ' "x",y,tie', '"x"z,y,tie', ","]
            + ["x,y,model_a", "x,y,draw", "x,x,tie", "\0", " ", "x,,tie", "x,y,tie\n" * 3, "\t", ";", "가,나,tie"]
        ),
        max_size=12,
    ),
    start=st.sampled_from(["model_a,model_b,winner\n", "\nmodel_a,model_b,winner\r\n", "model_a,model_b,winner", ""]),
    raw=st.sampled_from([b"", b"\xff", b"\xef\xbb\xbf", b"\xc0\xa1"]),
)
def test_any_table(tmp_path, monkeypatch, pieces, start, raw):
    path = tmp_path / "votes.csv"
    path.write_bytes((start + "".join(pieces)).encode() + raw)
    both(monkeypatch, path)


VALUES = st.one_of(CELLS, st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([1.0, 1.5, -0.0, 1e300, 2**70]))
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(CELLS, inner, max_size=2))


@FEW
@given(
    table=votes(),
    odd=st.lists(st.tuples(st.sampled_from(["rater", "question_id", "language", "weight", "winner", "z"]), JSON)),
    data=st.data(),
)
def test_any_json(tmp_path, monkeypatch, table, odd, data):
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    for row, (name, value) in zip(rows, odd, strict=False):
        row[name] = value
    ascii_ = data.draw(st.booleans())
    if data.draw(st.booleans()):
        path = tmp_path / "votes.json"
        path.write_text(json.dumps(rows, ensure_ascii=ascii_, indent=data.draw(st.sampled_from([None, 1]))))
    else:
        path = tmp_path / "votes.jsonl"
        blank = st.sampled_from(["\n", "\n\n", "\r\n", "\n \n"])
        path.write_bytes("".join(json.dumps(row, ensure_ascii=ascii_) + data.draw(blank) for row in rows).encode())
    both(monkeypatch, path, by=("language",) if rows else ())


@FEW
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                '{"model_a": "x", "model_b": "y", "winner": "tie"}',
                '{"model_a": "x", "model_a": "z", "model_b": "y", "winner": "tie"}',
            ]
            + [
                "\n",
                "\n",
                "\n",
                ",",
                "[",
                "]",
                "{}",
                " ",
                "\r\n",
                '{"model_a": 1, "model_b": "y", "winner": "tie"}',
                "[1]",
            ]
            + [
                '{"model_a": "\\ud800", "model_b": "y", "winner": "tie"}',
                '{"z": NaN}',
                '{"z": 1,}',
                '{"z": 1e999}',
                "\0",
                "7",
            ]
            + [
                '{"model_a": "x",\n"model_b": "y", "winner": "tie"}',
                '{"model_a": "x", "model_b": "y", "winner": "tie", "weight": true}',
            ]
            + ['{"model_a": "x", "model_b": "y", "winner": "tie", "weight": 1.5, "rater": 1.0}', '{"rater": ["u"]}'],
        ),
        max_size=8,
    ),
    name=st.sampled_from(["votes.json", "votes.jsonl"]),
)
def test_any_json_text(tmp_path, monkeypatch, pieces, name):
    path = tmp_path / name
    path.write_text("".join(pieces) or " ")
    both(monkeypatch, path)


def test_the_fast_readers_are_the_ones_in_use(tmp_path, monkeypatch):
    rows = [{"model_a": "x", "model_b": "y", "winner": "tie", "rater": "가"}] * 3
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    files = {
        "v.csv": "\n".join(lines).encode(),
        "w.csv": "\r\n".join(lines).encode(),
        "v.csv.gz": gzip.compress("\n".join(lines).encode()),
        "v.jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "v.json": json.dumps(rows).encode(),
        "v.json.gz": gzip.compress(json.dumps(rows).encode()),
    }
    monkeypatch.setattr(door, "read_rows", None)
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert read_battles(path).rater.tolist() == [0, 0, 0], name


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_list_is_cut_between_its_elements(tmp_path, monkeypatch, indent):
    turns = [{"content": "} , {", "role": "user"}, {"content": 'a"},{"b', "role": "assistant"}] * 4
    rows = [
        {"model_a": "x", "model_b": "y", "winner": "tie", "rater": f"r{k % 7}", "conversation_a": turns}
        for k in range(3000)
    ]
    path = tmp_path / "votes.json"
    path.write_text(json.dumps(rows, indent=indent))
    monkeypatch.setattr(door, "read_rows", None)
    assert np.bincount(read_battles(path).rater).tolist() == [429, 429, 429, 429, 428, 428, 428]


def test_types_of_parquet_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "v.parquet"
    select = "select 'x' model_a, 'y' model_b, 'tie' winner, {} from range(300000) t(i)"
    cases = {
        "i question_id, i % 7 rater": (),
        "case when i % 3 > 0 then 'q' || i end question_id, '' rater": (),
        "i / 2.0 question_id, null rater, i % 5 turn, i % 2 = 0 anony": ("turn", "anony"),
        "['author_' || i % 3] rater, 0.5 + i % 2 weight, case when i % 2 = 0 then 0 end::tinyint grade": ("rater",),
    }
    for columns, by in cases.items():
        with duckdb.connect(config={"threads": 1}) as database:
            database.execute(f"copy ({select.format(columns)} ) to '{path}' (format parquet)")
        both(monkeypatch, path, by=by)
    with duckdb.connect() as database:
        database.execute(f"copy (select 7 model_a, 'y' model_b, 'tie' winner) to '{path}' (format parquet)")
    assert "a model name must be text, not int (7)" in both(monkeypatch, path)


def test_two_values_with_one_hash_are_doubted():
    with pytest.raises(Doubt, match="same hash"):
        tables._hashed("", np.array([3, 5, 3], dtype=np.uint64), np.array(["x", "y", "z"]))


def test_what_is_no_rectangle_is_left_to_the_other_reader(tmp_path):
    path = tmp_path / "v.csv"
    for text in ("a,b\n1,2,\n3\n", "a,b\n\n1,2\n", 'a,b\n"1",2\n', "a,b\r\n1,2\r\n"):
        path.write_text(text, newline="")
        with pytest.raises(Doubt):
            tables._rectangle(path, b",", 3)


def test_blocks_may_end_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr("fairtrial.formats.lines._BLOCK", 7)
    rows = [{"model_a": "x", "model_b": "모델", "winner": "tie", "rater": f"r{k}"} for k in range(50)]
    path = tmp_path / "v.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    names = records.names(path)
    assert names == ("model_a", "model_b", "winner", "rater")
    assert read_battles(path).rater.tolist() == list(range(50))
    path = tmp_path / "v.json"
    path.write_text(json.dumps(rows, ensure_ascii=False))
    assert read_battles(path).rater.tolist() == list(range(50))
    path = tmp_path / "v.csv"
    path.write_text("\r\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]), newline="")
    assert delimited.names(path) == names
    assert read_battles(path).rater.tolist() == list(range(50))
