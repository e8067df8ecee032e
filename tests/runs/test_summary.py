"""Summaries: floors, failures in the denominator, judges' cards."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairtrial.core import Report
from fairtrial.lab import Lab
from fairtrial.runs import parse_trial


def report_of(tmp_path: Path, rows: list[dict[str, Any]], contestants: list[dict[str, Any]], **more: Any) -> Report:
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lab = Lab.create(tmp_path / "lab")
    body = {"name": "s", "prompts": "p.jsonl", "contestant": contestants, "evaluator": [{"kind": "scorer"}]} | more
    return lab.run(lab.plan(parse_trial(body), base=tmp_path)).report


def choices(n: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(i),
            "prompt": f"Which one, {i}?",
            "choices": ["yes", "no"],
            "reference": "A",
            "tags": ["t"],
            "language": "en",
        }
        for i in range(n)
    ]


def scripted(name: str, text: str, n: int) -> dict[str, Any]:
    return {"name": name, "model": f"sim/{name}", "settings": {"answers": {str(i): text for i in range(n)}}}


def test_pairs_that_no_judge_could_be_shown_are_counted(tmp_path: Path) -> None:
    some = [{"name": "a", "model": "sim/skill-0.8"}, {"name": "b", "model": "sim/skill-0.6"}]
    some[1] |= {"settings": {"refusal_rate": 0.4}}  # type: ignore[dict-item]
    judge = {"kind": "judge", "model": "sim/judge-0.9", "name": "j"}
    report = report_of(tmp_path, choices(20), some, evaluator=[{"kind": "scorer"}, judge])
    refused = sum(row["count"] for row in report.failures if row["reason"] == "refused")
    (board,) = [board for board in report.boards if board.evidence == "judge"]
    assert 0 < refused < 20
    assert board.excluded["pair with a failed or refused answer"] == refused
    assert report.judges[0]["n"] == 20 - refused


def test_a_board_on_which_nobody_beats_guessing_says_so(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, choices(40), [scripted("silent", "I do not know.", 40), {"name": "half", "model": "sim/skill-0.5"}]
    )
    board = report.boards[0]
    assert board.fit["guessing"] == 0.5
    assert board.fit["above_guessing"] == []
    assert any("above guessing (50%)" in refusal for refusal in board.refusals)
    rows = {(r["contestant"], r["by"]): r for r in report.strata}
    assert rows["silent", "category"]["score"] == 0


def test_a_board_with_somebody_above_guessing_does_not(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, choices(40), [scripted("silent", "?", 40), {"name": "good", "model": "sim/skill-0.95"}]
    )
    assert report.boards[0].fit["above_guessing"] == ["good"]
    assert not any("guessing" in refusal for refusal in report.boards[0].refusals)


def test_failures_are_counted_by_kind_and_stay_in_the_denominator(tmp_path: Path) -> None:
    half = {"name": "refuser", "model": "sim/skill-1.0", "settings": {"refusal_rate": 0.5}}
    report = report_of(tmp_path, choices(60), [half, scripted("silent", "I do not know.", 60)])
    counts = {(f["contestant"], f["reason"]): f["count"] for f in report.failures}
    assert counts["silent", "unparsable"] == 60
    assert 15 < counts["refuser", "refused"] < 45
    row = next(m for m in report.boards[0].models if m.name == "refuser")
    assert row.score == pytest.approx(1 - counts["refuser", "refused"] / 60)
    assert row.score_n == 60


def test_a_judges_card_and_opinion(tmp_path: Path) -> None:
    judge = {"kind": "judge", "model": "sim/judge-0.9", "name": "good", "settings": {"position": 1.0}}
    report = report_of(
        tmp_path,
        choices(40),
        [{"name": "strong", "model": "sim/skill-0.95"}, {"name": "weak", "model": "sim/skill-0.3"}],
        evaluator=[{"kind": "scorer"}, judge],
    )
    (card,) = report.judges
    assert card["agreement"]["estimate"] > card["single_order_agreement"]["estimate"]
    assert card["first_rate"]["estimate"] > 0.5
    opinion = next(b for b in report.boards if b.evidence == "judge")
    assert opinion.scope == "judge opinion"
    assert opinion.models[0].name == "strong"


def test_fewer_samples_are_told_from_those_stored(tmp_path: Path) -> None:
    rows = [
        {"id": str(i), "prompt": f"What is {i} + 5?", "reference": str(i + 5), "scorer": "number"} for i in range(60)
    ]
    many = {"name": "many", "model": "sim/skill-0.7", "strategy": "self-consistency", "k": 3, "temperature": 1.0}
    report = report_of(tmp_path, rows, [many, {"name": "one", "model": "sim/skill-0.7"}])
    (line,) = [note for note in report.notes if note.startswith("many, by number of samples (n = 60)")]
    score = next(m.score for m in report.boards[0].models if m.name == "many")
    majority, passed = line.split(": ", 1)[1].split("; ")
    rates = [[float(part.split("%")[0]) for part in text.split("right ")[1].split(", ")] for text in (majority, passed)]
    assert abs(rates[0][2] / 100 - score) < 0.06  # ties are shared, where the contestant takes the first
    assert rates[0][0] == rates[1][0]  # one sample is one sample
    assert rates[1] == sorted(rates[1])


def test_failed_answers_stay_in_the_denominator_of_fewer_samples(tmp_path: Path) -> None:
    rows = [
        {"id": str(i), "prompt": f"What is {i} + 5?", "reference": str(i + 5), "scorer": "number"} for i in range(40)
    ]
    many = {"name": "many", "model": "sim/skill-1.0", "strategy": "self-consistency", "k": 2, "temperature": 1.0}
    many["settings"] = {"refusal_rate": 0.3}
    report = report_of(tmp_path, rows, [many, {"name": "one", "model": "sim/skill-0.7"}])
    (line,) = [note for note in report.notes if note.startswith("many, by number of samples")]
    score = next(m.score for m in report.boards[0].models if m.name == "many")
    assert 0 < score < 1
    assert "(n = 40)" in line
    assert f"{score:.1%} at 2; any right" in line
