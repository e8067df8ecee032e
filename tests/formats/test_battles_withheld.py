"""Rows that a publisher left out with a reason, or withheld: passed over, counted, never silently."""

import json
from pathlib import Path

import pytest

from fairtrial.core import BadInput
from fairtrial.formats import read_battles
from fairtrial.ranking import as_battles, rank

ROWS = [
    {"model_a": "x", "model_b": "y", "winner": "model_a", "weight": 1.0, "weight_reason": None, "withheld": None, "language": "en"},
    {"model_a": "x", "model_b": "y", "winner": "model_b", "weight": 0.0, "weight_reason": "burst", "withheld": None, "language": "ko"},
    {"model_a": "y", "model_b": "x", "winner": "model_b", "weight": 0.5, "weight_reason": "cap", "withheld": None, "language": "en"},
    {"model_a": None, "model_b": None, "winner": None, "weight": None, "weight_reason": None, "withheld": "withdrawn", "language": None},
    {"model_a": "x", "model_b": "y", "winner": "model_b", "weight": 0.0, "weight_reason": "burst", "withheld": None, "language": "en"},
    {"model_a": "y", "model_b": "x", "winner": "model_a", "weight": 1.0, "weight_reason": "", "withheld": "", "language": "ko"},
]  # fmt: skip
LEFT_OUT = {"burst": 2, "withheld: withdrawn": 1}


def write(directory: Path, kind: str) -> Path:
    import duckdb

    lines = directory / "v.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    if kind == "jsonl":
        return lines
    path = directory / f"v.{kind}"
    form = {"csv": "csv, header", "parquet": "parquet"}[kind]
    duckdb.execute(f"COPY (FROM read_json('{lines}')) TO '{path}' (FORMAT {form})")
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_every_format(tmp_path: Path, kind):
    found = read_battles(write(tmp_path, kind))
    assert found.weight.tolist() == [1.0, 0.5, 1.0]
    assert found.passed_over == LEFT_OUT
    assert rank(found).excluded == LEFT_OUT
    plain = read_battles(write(tmp_path, kind), weighted=False)
    assert (len(plain), plain.weight, plain.passed_over) == (5, None, {"withheld: withdrawn": 1})


def test_columns_in_memory():
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    assert as_battles(columns).passed_over == LEFT_OUT
    assert len(rank(columns, weighted=False).models) == 2


def test_only_those_among_the_selected_are_counted(tmp_path: Path):
    path = write(tmp_path, "jsonl")
    assert read_battles(path, only={"language": "ko"}).passed_over == {"burst": 1}
    assert rank(path, where={"language": "ko"}).excluded == {"burst": 1}


@pytest.mark.parametrize("reason", [None, ""])
def test_no_weight_and_no_reason_is_refused_by_its_row(tmp_path: Path, reason):
    path = tmp_path / "v.jsonl"
    rows = [*ROWS, ROWS[1] | {"weight_reason": reason}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BadInput, match="weight must be above 0") as refused:
        read_battles(path)
    assert "7" in refused.value.where


def test_a_negative_weight_is_refused_whatever_the_reason(tmp_path: Path):
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps(ROWS[1] | {"weight": -1.0}) + "\n")
    with pytest.raises(BadInput, match="weight must be above 0"):
        read_battles(path)
