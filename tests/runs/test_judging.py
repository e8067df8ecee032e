"""Judges' cards: each judge's votes are its own."""

from pathlib import Path

from fairtrial.lab import Lab
from fairtrial.runs import parse_trial

TRIAL = {
    "name": "judging",
    "seed": 1,
    "prompts": "builtin:starter",
    "limit": 12,
    "select": {"referenced": True},
    "contestant": [{"name": "a", "model": "sim/skill-0.9"}, {"name": "b", "model": "sim/skill-0.2"}],
    "evaluator": [
        {"kind": "scorer"},
        {"kind": "judge", "model": "sim/judge-0.9", "name": "llama3"},
        {"kind": "judge", "model": "sim/first", "name": "llama3:8b"},
    ],
}


def test_a_judge_whose_name_begins_with_anothers_keeps_its_votes(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    report = lab.run(lab.plan(parse_trial(TRIAL))).report
    assert [(card["name"], card["n"]) for card in report.judges] == [("llama3", 12), ("llama3:8b", 12)]
    assert {card["evaluator"].rpartition(":")[0] for card in report.judges} == {"judge:llama3", "judge:llama3:8b"}
