"""The product as a story: prompts, responses, battles, votes, boards, a signed report, and a forger who is caught.

The models are simulated, so the truth is known: one is right nine times in ten, one half the time, and the judge
prefers whatever stands first.
"""

import json
from pathlib import Path

import pytest

from fairtrial.core import BadInput
from fairtrial.lab import Lab, RunResult
from fairtrial.provenance import SigningKey
from fairtrial.runs import parse_trial

TRIAL = {
    "name": "story",
    "seed": 3,
    "prompts": "builtin:starter",
    "limit": 60,
    "select": {"referenced": True},
    "contestant": [
        {"name": "strong", "model": "sim/skill-0.9"},
        {"name": "weak", "model": "sim/skill-0.4"},
        {"name": "weak, three tries", "model": "sim/skill-0.4", "strategy": "self-consistency", "k": 3},
    ],
    "evaluator": [
        {"kind": "scorer"},
        {"kind": "judge", "model": "sim/first", "name": "first-is-best", "on_trial": True, "battles": 20},
    ],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab.create(tmp_path_factory.mktemp("story") / "lab")


@pytest.fixture(scope="module")
def verdict(lab: Lab) -> RunResult:
    return lab.run(lab.plan(parse_trial(TRIAL)))


def lines(result: RunResult, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (result.directory / name).read_text().splitlines()]


def test_every_contestant_answers_every_prompt(verdict: RunResult) -> None:
    assert len(lines(verdict, "prompts.jsonl")) == 60
    answers = lines(verdict, "responses.jsonl")
    assert len(answers) == 60 * 3
    assert {r["name"] for r in answers} == {"strong", "weak", "weak, three tries"}
    three = next(r for r in answers if r["name"] == "weak, three tries")
    assert [s["label"] for s in three["steps"]] == ["sample 1", "sample 2", "sample 3"]


def test_the_board_finds_the_truth_and_claims_no_more(verdict: RunResult) -> None:
    board = next(b for b in verdict.report.boards if b.evidence == "scorer")
    rows = {m.name: m for m in board.models}
    assert board.models[0].name == "strong"
    assert rows["strong"].rank_set == (1, 1)
    low, high = rows["strong"].score_ci
    assert low < 0.9 < high
    assert all(row.simulated for row in board.models)
    strong_weak = next(d for d in board.differences if {d.a, d.b} == {"strong", "weak"})
    assert strong_weak.verdict == ("better" if strong_weak.a == "strong" else "worse")
    twins = next(d for d in board.differences if "strong" not in (d.a, d.b))
    assert twins.verdict != "equivalent"  # not significant never means equal


def test_the_judge_is_on_trial_too(verdict: RunResult) -> None:
    (card,) = verdict.report.judges
    assert card["battles"] == 20
    assert card["first_rate"]["estimate"] > 0.9
    assert card["consistency"]["estimate"] < 0.1
    assert all(vote["order"] == "both" for vote in lines(verdict, "votes.jsonl"))
    assert [b.evidence for b in verdict.report.boards] == ["scorer"]  # chosen battles rank judges, not models


def test_anyone_can_check_the_report(lab: Lab, verdict: RunResult) -> None:
    assert lab.verify(verdict.directory).word == "TRUSTED"
    assert (verdict.directory / "report.html").stat().st_size > 10_000


def test_going_on_buys_nothing_again_and_gives_the_same_evidence(lab: Lab, verdict: RunResult) -> None:
    again = lab.run(lab.plan(parse_trial(TRIAL)))
    assert again.bought == 0
    assert again.report.evidence == verdict.report.evidence


def test_a_forger_is_caught(lab: Lab, verdict: RunResult, tmp_path: Path) -> None:
    scores = verdict.directory / "scores.jsonl"
    honest = scores.read_text()
    try:
        scores.write_text(honest.replace('"value":0.0', '"value":1.0', 1))
        caught = lab.verify(verdict.directory)
        assert caught.word == "TAMPERED"
        assert any("scores.jsonl" in problem for problem in caught.problems)
    finally:
        scores.write_text(honest)
    stranger = SigningKey.create(tmp_path / "stranger.pem")
    assert lab.verify(verdict.directory).word == "TRUSTED"
    from fairtrial.provenance import verify

    assert verify(verdict.directory, trusted=[stranger.public]).word == "UNTRUSTED"


def test_two_runs_at_once_are_refused(lab: Lab) -> None:
    with lab.directory.lock(), pytest.raises(BadInput, match="another run"):
        lab.run(lab.plan(parse_trial(TRIAL)))
