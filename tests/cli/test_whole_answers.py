"""Scorers of whole answers, from a trial file to the evidence."""

import json
from pathlib import Path

import pytest
from command_line import Command

PERSON = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["name"]}
CHECKS = [{"check": "items", "exactly": 2}, {"check": "lacks", "text": "very"}]
ITEMS = {
    # id: (scorer, reference, answer, value, reason)
    "summary": ("rouge_l", "The cat sat on the mat.", "Answer: a cat\nsat on a mat", 2 * 4 / 9, "partial"),
    "요약": ("rouge_l", "서울은 수도다||서울이 수도다", "서울이 수도다.", 1, "right"),
    "person": ("json_schema", PERSON, 'Here you are:\n```json\n{"name": "김||이"}\n```', 1, "right"),
    "nobody": ("json_schema", json.dumps(PERSON), '{"age": 4}', 0, "wrong"),
    "silence": ("json_schema", json.dumps(PERSON), "No.", 0, "unparsable"),
    "list": ("checks", CHECKS, "- one\n- two", 1, "right"),
    "long list": ("checks", json.dumps(CHECKS), "one\ntwo\nthree", 0.5, "partial"),
}


def write(directory: Path, items: dict, *, scorer: str = "auto") -> Path:
    rows = [{"id": key, "prompt": f"Do {key}.", "scorer": of[0], "reference": of[1]} for key, of in items.items()]
    (directory / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answers = ", ".join(f"{json.dumps(key)} = {json.dumps(of[2])}" for key, of in items.items())
    trial = directory / "t.toml"
    trial.write_text(
        'name = "whole"\nprompts = "p.jsonl"\n[[contestant]]\nname = "a"\nmodel = "sim/scripted"\n'
        f'settings = {{ answers = {{ {answers} }} }}\n[[evaluator]]\nkind = "scorer"\nscorer = "{scorer}"\n',
        encoding="utf-8",
    )
    return trial


def test_one_trial_with_all_three(fairtrial: Command, tmp_path: Path) -> None:
    said = fairtrial("run", write(tmp_path, ITEMS))
    assert said.code == 0, said.err
    scores = next(tmp_path.rglob("scores.jsonl"))
    lines = [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]
    assert [line["value"] for line in lines] == pytest.approx([of[3] for of in ITEMS.values()])
    assert [line["reason"] for line in lines] == [of[4] for of in ITEMS.values()]
    assert lines[2]["extracted"] == '{"name": "김||이"}'
    prompts = [json.loads(line) for line in (scores.parent / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert json.loads(prompts[2]["reference"]) == PERSON
    assert json.loads(prompts[5]["reference"]) == CHECKS


@pytest.mark.parametrize(
    ("scorer", "reference", "part"),
    [
        ("checks", [{"check": "items", "exactly": -1}], "item 'q', check 1: check 'items': 'exactly' must be a whole"),
        ("checks", [{"check": "items", "exact": 1}], "Did you mean 'exactly'?"),
        ("json_schema", {"$ref": "http://127.0.0.1:9/schema"}, "nothing is fetched"),
        ("rouge_l", "...", "item 'q' needs a reference"),
        ("exact", {"a": 1}, "must be one text, found an object"),
    ],
)
def test_a_reference_that_cannot_be_used_ends_before_the_first_call(
    fairtrial: Command, tmp_path: Path, scorer: str, reference: object, part: str
) -> None:
    said = fairtrial("run", write(tmp_path, {"q": (scorer, reference, "x")}))
    assert said.code == 2
    assert part in " ".join(said.err.split())


def test_the_trial_may_name_the_scorer(fairtrial: Command, tmp_path: Path) -> None:
    items = {"q": ("", json.dumps(CHECKS), "one\ntwo")}
    said = fairtrial("run", write(tmp_path, items, scorer="checks"), "--json")
    assert said.code == 0, said.err
    assert '"score": 1' in said.out.replace("1.0", "1")
