"""Runs: the same evidence in any order of work, nothing lost by a stop, nothing bought twice."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fairtrial.core import BudgetReached, Interrupted, ModelError
from fairtrial.lab import Lab
from fairtrial.runs import Silent, Trial, parse_trial, run_trial
from fairtrial.runs.progress import Tick
from fairtrial.store import Store

BASE: dict[str, Any] = {
    "name": "runner",
    "seed": 4,
    "prompts": "builtin:starter",
    "limit": 24,
    "select": {"referenced": True},
    "contestant": [
        {"name": "a", "model": "sim/skill-0.8", "settings": {"latency_s": 0.004}},
        {"name": "b", "model": "sim/skill-0.5", "settings": {"latency_s": 0.008, "refusal_rate": 0.1}},
        {"name": "c", "model": "sim/skill-0.5", "strategy": "self-consistency", "k": 3, "temperature": 0.7},
    ],
    "evaluator": [{"kind": "scorer"}, {"kind": "judge", "model": "sim/judge-0.9", "name": "j"}],
    "battles": {"design": "uniform", "budget": 20},
}


def trial(**changes: object) -> Trial:
    return parse_trial(BASE | changes)


def evidence(directory: Path) -> dict[str, bytes]:
    files = [*directory.glob("*.jsonl"), directory / "boards.json"]
    assert len(files) == 6
    return {file.name: file.read_bytes() for file in files}


def test_evidence_is_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    seen = []
    for workers in (1, 2, 8):
        lab = Lab.create(tmp_path / str(workers))
        seen.append(evidence(lab.run(lab.plan(trial(workers=workers))).directory))
    assert seen[0] == seen[1] == seen[2]


def test_another_seed_is_another_trial(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    one, other = (lab.run(lab.plan(trial(seed=seed))) for seed in (4, 5))
    assert one.directory != other.directory
    assert evidence(one.directory)["prompts.jsonl"] != evidence(other.directory)["prompts.jsonl"]


class StopAfter(Silent):
    """Presses Ctrl-C once so many jobs are done."""

    def __init__(self, jobs: int, stage: str) -> None:
        self.stop = asyncio.Event()
        self.jobs, self.stage = jobs, stage

    def tick(self, tick: Tick) -> None:
        if tick.stage == self.stage and tick.done >= self.jobs:
            self.stop.set()


@pytest.mark.parametrize(("jobs", "stage"), [(1, "answers"), (30, "answers"), (5, "judging")])
def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path, jobs: int, stage: str) -> None:
    whole = Lab.create(tmp_path / "whole")
    wanted = whole.run(whole.plan(trial()))
    lab = Lab.create(tmp_path / "lab")
    plan = lab.plan(trial(workers=2))
    watch = StopAfter(jobs, stage)

    async def part(store: Store) -> None:
        await run_trial(plan, store, watch, created="2026-01-01T00:00:00Z", stop=watch.stop)

    with Store.open(lab.directory.database) as store, pytest.raises(Interrupted, match="stopped after"):
        asyncio.run(part(store))
    done = lab.run(plan)
    assert 0 < done.bought < wanted.bought
    assert evidence(done.directory) == evidence(wanted.directory)


def test_a_second_trial_on_the_same_answers_buys_none(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    cold = [c for c in BASE["contestant"] if c["name"] != "c"]
    first = lab.run(lab.plan(trial(contestant=cold, evaluator=[{"kind": "scorer"}])))
    assert first.bought == 48
    renamed = [dict(c, name=c["name"].upper()) for c in cold]
    second = lab.run(lab.plan(trial(name="again", contestant=renamed, evaluator=[{"kind": "scorer", "scorer": "f1"}])))
    assert second.bought == 0
    assert [b.view["scorer"] for b in second.report.boards] == ["f1"]
    assert {m.name for m in second.report.boards[0].models} == {"A", "B"}


def test_a_model_that_keeps_failing_stops_its_lane_and_loses_nothing(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    down = {
        "name": "down",
        "model": "sim/skill-0.5",
        "settings": {"server_error_rate": 1.0, "retries": 0, "connections": 2},
    }
    plan = lab.plan(trial(contestant=[*BASE["contestant"][:1], down], evaluator=[{"kind": "scorer"}]))
    with pytest.raises(ModelError, match="8 calls in a row failed"):
        lab.run(plan)
    with Store.open(lab.directory.database) as store:
        (record,) = store.trials()
        counts = store.progress(record.id)["answer"]
        assert counts["failed"] == 0  # to be tried again, not given up
        assert counts["done"] + counts["pending"] == 48
        assert all(r.finish != "error" for _, r in store.responses(record.id))


def test_calls_in_flight_are_kept_when_the_budget_is_reached(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    slow = [{"name": "a", "model": "sim/skill-0.8", "settings": {"latency_s": 0.05, "connections": 8}}]
    plan = lab.plan(trial(contestant=slow, evaluator=[{"kind": "scorer"}], budget={"calls": 10}))
    with pytest.raises(BudgetReached):
        lab.run(plan)
    with Store.open(lab.directory.database) as store:
        (record,) = store.trials()
        assert store.progress(record.id)["answer"]["done"] == 10  # every call that was paid for


def test_calls_in_flight_elsewhere_are_kept_when_a_model_is_down(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    slow = {"name": "a", "model": "sim/skill-0.8", "settings": {"latency_s": 0.3, "connections": 4}}
    down = {
        "name": "down",
        "model": "sim/skill-0.5",
        "settings": {"server_error_rate": 1.0, "retries": 0, "connections": 2},
    }
    with pytest.raises(ModelError, match="8 calls in a row failed"):
        lab.run(lab.plan(trial(contestant=[slow, down], evaluator=[{"kind": "scorer"}])))
    with Store.open(lab.directory.database) as store:
        (record,) = store.trials()
        assert store.progress(record.id)["answer"]["done"] > 0


def test_a_prompt_in_another_language_or_category_is_asked_anew(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    thinker = [{"name": "t", "model": "sim/echo", "strategy": "chain-of-thought"}]
    said = []
    for row in ({"language": "en"}, {"language": "ko"}, {"language": "ko", "tags": ["other"]}):
        asked = {"id": "1", "prompt": "2 + 2?", "reference": "4"} | row
        (tmp_path / "p.jsonl").write_text(json.dumps(asked) + "\n")
        checked = trial(prompts="p.jsonl", limit=None, contestant=thinker, evaluator=[{"kind": "scorer"}])
        result = lab.run(lab.plan(checked, base=tmp_path))
        said.append((json.loads((result.directory / "responses.jsonl").read_text())["turns"][0], result.bought))
    (english, _), (korean, _), (_, bought) = said
    assert "Think step by step" in english
    assert "정답:" in korean
    assert bought == 0  # the same words, so the recorded call answers


def test_judges_go_on_without_answers_that_are_given_up(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    flaky = {"name": "flaky", "model": "sim/skill-0.5", "settings": {"server_error_rate": 0.3, "retries": 0}}
    plan = lab.plan(trial(contestant=[BASE["contestant"][0], flaky], battles={"design": "round-robin"}))
    report = lab.run(plan, accept_failures=True).report
    failed = sum(row["count"] for row in report.failures if row["reason"].startswith("failed"))
    assert failed > 0
    assert report.judges[0]["n"] == 24 - failed


def test_repeats_are_answers_of_their_own(tmp_path: Path) -> None:
    lab = Lab.create(tmp_path / "lab")
    warm = [{"name": "w", "model": "sim/skill-0.5", "temperature": 1.0}]
    result = lab.run(lab.plan(trial(contestant=warm, repeats=3, evaluator=[{"kind": "scorer"}])))
    answers = [json.loads(line) for line in (result.directory / "responses.jsonl").read_text().splitlines()]
    assert [a["repeat"] for a in answers[:3]] == [0, 1, 2]
    assert len({(a["prompt"], a["repeat"]) for a in answers}) == 72
    assert result.report.boards[0].models[0].score_n == 72


def test_no_text_leaves_no_item_text(tmp_path: Path) -> None:
    marker = "ZEBRAFISH"
    rows = [
        {"id": str(i), "prompt": f"{marker} {i}?", "reference": f"{marker}-{i}", "scorer": "exact"} for i in range(4)
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lab = Lab.create(tmp_path / "lab")
    echo = [{"name": "e", "model": "sim/echo"}]
    checked = trial(prompts="p.jsonl", limit=None, contestant=echo, evaluator=[{"kind": "scorer"}])
    result = lab.run(lab.plan(checked, base=tmp_path), text=False)
    for file in result.directory.rglob("*"):
        if file.is_file():
            assert marker not in file.read_text(errors="replace"), file.name
    assert lab.verify(result.directory).word == "TRUSTED"


@pytest.mark.model
@pytest.mark.xdist_group("model")
def test_an_embedded_model_in_reproducible_mode_gives_the_same_bytes(tmp_path: Path) -> None:
    small = {"model": "embedded/smollm2-135m", "mode": "reproducible", "threads": 1, "max_tokens": 6}
    from fairtrial.models.catalog import pull

    pull("smollm2-135m")
    seen = []
    for workers in (1, 2):
        lab = Lab.create(tmp_path / str(workers))
        checked = trial(
            limit=3,
            workers=workers,
            contestant=[{"name": "a"} | small, {"name": "b", "temperature": 0.8} | small],
            evaluator=[
                {"kind": "scorer"},
                {"kind": "judge", "name": "j"} | {k: small[k] for k in ("model", "mode", "threads")},
            ],
            battles={"design": "uniform", "budget": 1},
        )
        seen.append(evidence(lab.run(lab.plan(checked)).directory))
    assert seen[0] == seen[1]
