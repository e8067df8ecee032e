"""`import` as a person uses it: pairs in, a rating task and its invitations out."""

import json
from pathlib import Path

import pytest

from fairtrial.arena import tasks
from fairtrial.lab import Lab
from fairtrial.store import Reader

WORDS = ("--lab", "lab", "--name", "Help", "--question", "Which answer helps more?")


@pytest.fixture
def lab(fairtrial) -> Lab:
    made = Lab.create(Path("lab"))
    rows = [
        {"id": "k1", "prompt": "Why is the sky blue?", "response_a": "Scattering.", "response_b": "Paint."},
        {"id": "p", "prompt": "2 + 2?", "response_a": "4", "response_b": "fish", "label": "a", "probe": True},
    ]
    Path("pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return made


def test_pairs_become_a_task_with_invitations(fairtrial, lab):
    Path("guide.md").write_text("# Read both", encoding="utf-8")
    said = fairtrial(
        "import", "pairs.jsonl", *WORDS, "--guidelines", "guide.md", "--overlap", 2, "--invite", 3, "--json"
    )
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["items"], told["probes"], told["overlap"]) == (1, 1, 2)
    assert len(set(told["invitations"])) == 3
    with Reader.open(lab.directory.database) as reader, reader.reading() as connection:
        for link in told["invitations"]:
            found = tasks.invited(connection, link.removeprefix("/invite/"))
            assert (found.id, found.guidelines) == (told["task"], "# Read both")


def test_it_says_what_to_hand_on(fairtrial, lab):
    said = fairtrial("import", "pairs.jsonl", *WORDS, "--invite", 1)
    assert "1 items and 1 probes" in said.out
    assert "/invite/ft_" in said.out


def test_columns_of_other_names_are_mapped(fairtrial, lab):
    Path("sheet.csv").write_text("asked,one,two\nWhy?,Because.,So.\n")
    said = fairtrial(
        "import", "sheet.csv", *WORDS, "--field", "prompt=asked", "--field", "response_a=one", "--field",
        "response_b=two", "--json",
    )  # fmt: skip
    assert json.loads(said.out)["items"] == 1


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        ('{"prompt": "x", "response_a": "y"}', (), "row 1, field 'response_b'"),
        ("", (), "is empty"),
        ('{"prompt": "x", "response_a": "y", "response_b": "z"}', ("--field", "prompt"), "names no column"),
        ('{"prompt": "x", "response_a": "y", "response_b": "z"}', ("--field", "id=a", "--field", "id=b"), "twice"),
        ('{"prompt": "x", "response_a": "y", "response_b": "z"}', ("--guidelines", "none.md"), "none.md"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(fairtrial, lab, text, more, told):
    Path("bad.jsonl").write_text(text)
    said = fairtrial("import", "bad.jsonl", *WORDS, *more)
    assert (said.code, told in said.err) == (2, True), said.err


def test_a_lab_that_is_served_is_left_alone(fairtrial, lab):
    with lab.directory.lock():
        said = fairtrial("import", "pairs.jsonl", *WORDS)
    assert said.code == 2
    with Reader.open(lab.directory.database) as reader, reader.reading() as connection:
        assert tasks.every(connection) == []
