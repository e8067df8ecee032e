"""Statements: the bytes that are signed, and names that may not leave the report."""

import json

import pytest

from fairtrial.provenance import EVALUATION, Statement
from fairtrial.provenance._strict_json import Malformed
from fairtrial.provenance.statements import is_plain_name, read_statement

DIGEST = "ab" * 32
STATEMENT = Statement(
    subjects={"report.json": DIGEST, "data/scores.jsonl": DIGEST}, predicate_type=EVALUATION, predicate={"name": "시험"}
)


def test_canonical_and_back():
    data = STATEMENT.to_json()
    assert data.startswith(b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"name":"')
    assert [entry["name"] for entry in json.loads(data)["subject"]] == ["data/scores.jsonl", "report.json"]
    assert read_statement(data) == STATEMENT


def test_a_predicate_without_canonical_form_is_refused():
    with pytest.raises(ValueError, match="nan"):
        Statement(subjects={"a": DIGEST}, predicate_type=EVALUATION, predicate={"mean": float("nan")}).to_json()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "x" * 1001,
    ],
)
def test_names_that_leave_the_report_or_confuse(name: str):
    assert not is_plain_name(name)
    data = json.loads(STATEMENT.to_json())
    data["subject"][0]["name"] = name
    with pytest.raises(Malformed, match="not the name of a file") as caught:
        read_statement(json.dumps(data).encode())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["report.json", "a/b/c.txt", "보고서.html", ".hidden", "a b", "..."])
def test_names_that_are_fine(name: str):
    assert is_plain_name(name)


def _changed(**changes: object) -> bytes:
    return json.dumps(json.loads(STATEMENT.to_json()) | changes).encode()


def _subject(name: str = "a", **digest: object) -> dict[str, object]:
    return {"name": name, "digest": digest}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_changed(_type="https://in-toto.io/Statement/v0.1"), "no in-toto statement"),
        (_changed(subject=[]), "names 0 files"),
        (_changed(subject=[_subject(sha256=DIGEST)] * 2), "named twice"),
        (_changed(subject=[_subject(sha256="abc")]), "no SHA-256"),
        (_changed(subject=[_subject(sha256=DIGEST.upper())]), "no SHA-256"),
        (_changed(subject=[_subject(md5=DIGEST)]), "no proper 'sha256'"),
        (_changed(predicate=[]), "no proper 'predicate'"),
        (b'{"_type":"x","_type":"y"}', "twice"),
    ],
)
def test_what_is_no_statement(data: bytes, said: str):
    with pytest.raises(Malformed, match=said):
        read_statement(data)
