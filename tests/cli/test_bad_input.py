"""Every bad input ends in one plain sentence with the next step and the right exit code, and nothing is lost."""

import asyncio
import json
import os
import sqlite3
from pathlib import Path

import pytest
from aiohttp import web
from command_line import Command, write_trial
from endpoint_server import EndpointServer, as_bytes, as_json, complaint, raw, said

from fairtrial.lab import Lab


async def slow(request: web.Request) -> web.Response:
    """Answer later than anyone waits."""
    await asyncio.sleep(1.5)
    return web.Response()


def plain(err: str) -> str:
    """What went wrong, on one line, with a next step on another; never a traceback."""
    assert "Traceback" not in err
    assert err.count("fairtrial: ") == 1
    return err.replace("\n", " ")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ('{"id": "1", "prompt": "x"}\n{"id": "2"}', ["row 2"]),
        ('{"id": "1", "prompt": "x"}\n{"id": "1", "prompt": "y"}', ["'1'", "row 2"]),
        ('{"id": "1", "prompt": "x"', ["row 1"]),
        ("", ["empty"]),
        ('{"id": "1", "prompt": "x", "reference": "four", "scorer": "number"}', ["no number"]),
        ('{"id": "1", "prompt": "x"}', ["scorer needs references"]),
    ],
)
def test_prompt_files(fairtrial: Command, tmp_path: Path, rows: str, words: list[str]) -> None:
    (tmp_path / "p.jsonl").write_text(rows)
    got = fairtrial("run", write_trial(tmp_path))
    assert got.code == 2
    message = plain(got.err)
    for word in words:
        assert word in message


def test_a_prompt_file_in_another_encoding(fairtrial: Command, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes('{"prompt": "수도는?", "reference": "서울"}'.encode("cp949"))
    got = fairtrial("run", write_trial(tmp_path))
    assert got.code == 2
    assert "UTF-8" in plain(got.err)


def test_missing_files(fairtrial: Command, tmp_path: Path) -> None:
    assert "no such trial file" in plain(fairtrial("run", "none.toml").err)
    trial = write_trial(tmp_path, prompts="gone.jsonl")
    got = fairtrial("run", trial)
    assert got.code == 2
    assert "gone.jsonl" in plain(got.err)


def test_unknown_models_and_providers(fairtrial: Command, tmp_path: Path) -> None:
    got = fairtrial("run", write_trial(tmp_path, model="simm/echo"))
    assert got.code == 2
    assert "names no known provider" in plain(got.err)
    got = fairtrial("run", write_trial(tmp_path, model="embedded/no-such-model"))
    assert got.code == 2
    assert "models pull" in plain(got.err)


def test_a_key_is_read_from_the_environment_only(
    fairtrial: Command, tmp_path: Path, endpoint: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f'base_url = "{endpoint.url}"'
    got = fairtrial(
        "run", write_trial(tmp_path, model="openai/small", contestant=f'{at}\napi_key = "sk-verysecret123"')
    )
    assert got.code == 2
    assert "api_key_env" in plain(got.err)
    assert "verysecret" not in got.err + got.out
    trial = write_trial(tmp_path, model="openai/small", contestant=f'{at}\napi_key_env = "MY_KEY"')
    monkeypatch.delenv("MY_KEY", raising=False)
    got = fairtrial("run", trial)
    assert got.code == 2
    assert "MY_KEY" in plain(got.err)
    monkeypatch.setenv("MY_KEY", "sk-marker-0123456789")
    got = fairtrial("run", trial)
    assert got.code == 0, got.err
    assert endpoint.seen[-1].headers["Authorization"] == "Bearer sk-marker-0123456789"
    for file in (tmp_path / "lab").rglob("*"):
        if file.is_file():
            assert b"sk-marker" not in file.read_bytes(), file


def test_an_endpoint_that_is_down(fairtrial: Command, tmp_path: Path) -> None:
    got = fairtrial("run", write_trial(tmp_path, model="openai/m", contestant='base_url = "http://127.0.0.1:9/v1"'))
    assert got.code in (2, 5)
    assert "127.0.0.1:9" in plain(got.err)


def test_an_endpoint_that_does_not_know_the_model(fairtrial: Command, tmp_path: Path, endpoint: EndpointServer) -> None:
    got = fairtrial("run", write_trial(tmp_path, model="openai/smal", contestant=f'base_url = "{endpoint.url}"'))
    assert got.code == 2
    assert "small" in plain(got.err)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (as_bytes(b"<html>Bad gateway</html>"), "web page"),
        (as_bytes(b'{"choices": [{"message": {"conte', kind="application/json"), "JSON"),
        (complaint(503, "overloaded"), "503"),
        (complaint(429, "slow down", headers={"Retry-After": "0"}), "429"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), ""),
        (slow, "seconds"),
    ],
)
def test_an_endpoint_that_fails_loses_nothing_and_the_same_command_goes_on(
    fairtrial: Command, tmp_path: Path, endpoint: EndpointServer, reply: object, words: str
) -> None:
    settings = f'base_url = "{endpoint.url}"\ntimeout = 0.3\nconnections = 1\nsettings = {{retries = 0}}'
    trial = write_trial(tmp_path, model="openai/small", contestant=settings)
    endpoint.script = [said("Answer: 2"), reply]  # type: ignore[list-item]
    got = fairtrial("run", trial)
    assert got.code == 5, got.err
    message = plain(got.err)
    assert words in message
    assert "same command" in message
    bought = len(endpoint.bodies)
    endpoint.script = [said("Answer: 3")]
    got = fairtrial("run", trial)
    assert got.code == 0, got.err
    assert len(endpoint.bodies) == bought + 2  # the first answer was recorded, the other two are bought now


def test_failures_can_be_accepted_and_stay_in_the_denominator(
    fairtrial: Command, tmp_path: Path, endpoint: EndpointServer
) -> None:
    settings = f'base_url = "{endpoint.url}"\nconnections = 1\nsettings = {{retries = 0}}'
    trial = write_trial(tmp_path, model="openai/small", contestant=settings)
    endpoint.script = [said("Answer: 2"), complaint(503, "overloaded")]
    got = fairtrial("run", trial, "--accept-failures", "--json")
    assert got.code == 0, got.err
    report = json.loads(got.out)["report"]
    assert report["contestants"][0]["n"] == 3
    assert report["contestants"][0]["failed"] == 2
    assert report["boards"][0]["models"][0]["score"] == pytest.approx(1 / 3)


def test_a_rejected_request_is_an_answer_that_failed(
    fairtrial: Command, tmp_path: Path, endpoint: EndpointServer
) -> None:
    endpoint.script = [complaint(400, "prompt too long")]
    got = fairtrial("run", write_trial(tmp_path, model="openai/small", contestant=f'base_url = "{endpoint.url}"'))
    assert got.code == 0, got.err
    assert "refused_request" in got.out or "rejected" in got.out or "failed" in got.out.casefold()


def test_a_model_that_is_not_who_it_says(fairtrial: Command, tmp_path: Path, endpoint: EndpointServer) -> None:
    endpoint.script = [
        as_json(
            {
                "model": "other-model",
                "choices": [{"message": {"role": "assistant", "content": "2"}, "finish_reason": "stop"}],
            }
        )
    ]
    got = fairtrial("run", write_trial(tmp_path, model="openai/small", contestant=f'base_url = "{endpoint.url}"'))
    assert got.code == 0, got.err
    assert "other-model" in got.out + got.err


def test_a_capability_the_model_lacks(fairtrial: Command, tmp_path: Path, endpoint: EndpointServer) -> None:
    more = (
        f'[[evaluator]]\nkind = "judge"\nread = "probabilities"\nmodel = "openai/small"\nbase_url = "{endpoint.url}"\n'
        "settings = {logprobs = false}"
    )
    trial = write_trial(tmp_path)
    trial.write_text(trial.read_text() + '\n[[contestant]]\nname = "b"\nmodel = "sim/skill-0.5"\n' + more)
    got = fairtrial("run", trial)
    assert got.code == 2
    assert "logprobs" in plain(got.err)
    assert "read = 'verdict'" in got.err
    assert not endpoint.bodies  # found before anything was asked


def test_a_budget_stops_the_run_and_the_rest_is_bought_later(fairtrial: Command, tmp_path: Path) -> None:
    trial = write_trial(tmp_path, more="budget = {calls = 2}")
    got = fairtrial("run", trial)
    assert got.code == 4
    assert "budget of 2 calls" in plain(got.err)
    trial.write_text(trial.read_text().replace("calls = 2", "calls = 3"))
    assert fairtrial("run", trial).code == 0


def test_a_budget_is_the_trials_and_counts_what_was_bought_before(
    fairtrial: Command, tmp_path: Path, endpoint: EndpointServer
) -> None:
    settings = f'base_url = "{endpoint.url}"'
    trial = write_trial(tmp_path, model="openai/small", contestant=settings, more="budget = {calls = 2}")
    for _ in range(3):
        got = fairtrial("run", trial)
        assert got.code == 4
        assert "2 calls spent" in plain(got.err)
    assert len(endpoint.bodies) == 2  # no more, however often it is tried, and with many connections
    trial.write_text(trial.read_text().replace("calls = 2", "calls = 3"))
    assert fairtrial("run", trial).code == 0
    assert len(endpoint.bodies) == 3


def test_an_endpoint_that_is_gone_can_be_accepted(fairtrial: Command, tmp_path: Path, endpoint: EndpointServer) -> None:
    rows = [json.dumps({"id": str(i), "prompt": f"{i}?", "reference": "2", "scorer": "number"}) for i in range(30)]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    settings = f'base_url = "{endpoint.url}"\nconnections = 1\nsettings = {{retries = 0}}'
    trial = write_trial(tmp_path, model="openai/small", contestant=settings)
    endpoint.script = [said("Answer: 2"), complaint(503, "gone")]
    assert fairtrial("run", trial).code == 5
    got = fairtrial("run", trial, "--accept-failures", "--json")
    assert got.code == 0, got.err
    report = json.loads(got.out)["report"]
    assert report["contestants"][0]["n"] == 30
    assert report["boards"][0]["models"][0]["score"] == pytest.approx(1 / 30, abs=1e-5)


def test_errors_are_json_too(fairtrial: Command) -> None:
    got = fairtrial("run", "none.toml", "--json")
    assert got.code == 2
    assert json.loads(got.out)["exit_code"] == 2
    assert json.loads(got.out)["error"]["message"] in got.err


def test_a_dry_run_looks_at_the_models_too(fairtrial: Command, tmp_path: Path) -> None:
    assert fairtrial("run", write_trial(tmp_path, model="openai/gpt"), "--dry-run").code == 2
    assert fairtrial("run", write_trial(tmp_path, model="sim/foo"), "--dry-run").code == 2
    assert fairtrial("run", write_trial(tmp_path), "--dry-run").code == 0


def test_equal_prompts_are_one_piece_of_evidence(fairtrial: Command, tmp_path: Path) -> None:
    rows = [json.dumps({"id": str(i), "prompt": "1 + 1?", "reference": "2", "scorer": "number"}) for i in range(9)]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    got = fairtrial("run", write_trial(tmp_path))
    assert got.code == 0, got.err
    assert "8 prompts were left out" in got.out


def test_what_cannot_be_ranked_exits_with_3(fairtrial: Command, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(
        "question_id,model_a,model_b,winner\n1,a,b,model_a\n2,a,b,tie\n3,c,d,tie\n4,d,c,model_a\n"
    )
    assert fairtrial("rank", "v.csv").code == 3
    trial = write_trial(tmp_path)
    trial.write_text(trial.read_text().split("[[evaluator]]")[0])
    assert fairtrial("run", trial).code == 3


def test_no_lab(fairtrial: Command, tmp_path: Path) -> None:
    got = fairtrial("report", "--lab", "nowhere")
    assert got.code == 2
    assert "fairtrial init" in plain(got.err)
    got = fairtrial("run", write_trial(tmp_path), "--lab", "nowhere")
    assert got.code == 2


def test_a_directory_that_is_no_lab_is_left_alone(fairtrial: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"x")
    got = fairtrial("init", "photos")
    assert got.code == 2
    assert "not empty" in plain(got.err)
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory(fairtrial: Command, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    got = fairtrial("init", "locked/lab")
    assert got.code == 2
    assert "locked" in plain(got.err)


def test_a_database_from_a_newer_version(fairtrial: Command, tmp_path: Path) -> None:
    trial = write_trial(tmp_path)
    assert fairtrial("run", trial).code == 0
    with sqlite3.connect(tmp_path / "lab" / "lab.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    got = fairtrial("run", trial)
    assert got.code == 6
    assert "9999" in plain(got.err)


def test_two_runs_at_once(fairtrial: Command, tmp_path: Path) -> None:
    trial = write_trial(tmp_path)
    assert fairtrial("run", trial).code == 0
    with Lab.open(tmp_path / "lab").directory.lock():
        got = fairtrial("run", trial)
        assert got.code == 2
        assert str(os.getpid()) in plain(got.err)
        assert fairtrial("report").code == 0  # reading needs no lock


def test_doctor_finds_it_first(fairtrial: Command, tmp_path: Path) -> None:
    trial = write_trial(tmp_path, model="openai/m", contestant='base_url = "http://127.0.0.1:9/v1"')
    got = fairtrial("doctor", trial)
    assert got.code == 2
    assert "127.0.0.1:9" in got.out
    good = write_trial(tmp_path, name="good")
    assert fairtrial("doctor", good).code == 0
    (tmp_path / "p.jsonl").write_text("")
    assert fairtrial("doctor", good).code == 2


def test_a_forged_report(fairtrial: Command, tmp_path: Path) -> None:
    assert fairtrial("run", write_trial(tmp_path)).code == 0
    (report,) = (tmp_path / "lab" / "reports").glob("t-*")
    assert fairtrial("verify", report).code == 0
    assert fairtrial("verify", report, "--lab", "elsewhere").code == 3
    (report / "boards.json").write_bytes((report / "boards.json").read_bytes() + b" ")
    got = fairtrial("verify", report)
    assert got.code == 6
    assert "TAMPERED" in got.out
    assert "boards.json" in got.out


def test_reports_are_listed_by_name_and_date(fairtrial: Command, tmp_path: Path) -> None:
    assert fairtrial("init").code == 0
    assert "No report yet" in fairtrial("report", "--list").out
    assert fairtrial("run", write_trial(tmp_path)).code == 0
    (row,) = json.loads(fairtrial("report", "--list", "--json").out)["reports"]
    listed = fairtrial("report", "--list").out
    assert Path(row["directory"]).name in listed
    assert row["created"] in listed
    assert fairtrial("report", row["directory"]).code == 0  # a path will do, too


def test_internal_errors_ask_for_a_report(fairtrial: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("fairtrial.runs.trial.parse_trial", broken)
    got = fairtrial("run", write_trial(tmp_path))
    assert got.code == 70
    assert "--debug" in plain(got.err)
