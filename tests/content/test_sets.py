"""From a trial file's words to a prompt set."""

import json
from pathlib import Path

import pytest

from fairtrial.content import builtin_sets, load, resolve
from fairtrial.core import BadInput


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "questions.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps({"question": "Why?", "reference": "so"}))
    return path


def refused(reference: str, base: Path, fields: dict[str, str] | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        resolve(reference, base, fields)
    assert caught.value.next_step
    return caught.value


def test_every_builtin_set_loads_and_keeps_its_identity(tmp_path):
    for name, line in builtin_sets().items():
        found = resolve(f"builtin:{name}", tmp_path)
        assert found.name == name
        assert found.id == load(f"builtin:{name}").id
        assert line


def test_paths_start_at_the_trial_file(questions):
    found = resolve("data/questions.jsonl", questions.parent.parent, {"prompt": "question"})
    assert found.prompts[0].turns == ("Why?",)
    assert resolve(str(questions), Path("/elsewhere"), {"prompt": "question"}).id == found.id


def test_environment_variables_name_directories(questions, monkeypatch):
    monkeypatch.setenv("SOME_DATA", str(questions.parent.parent))
    found = resolve("env:SOME_DATA/data/questions.jsonl", Path("/elsewhere"), {"prompt": "question"})
    assert found.name == "questions"
    assert load("env:SOME_DATA/data/questions.jsonl", fields={"prompt": "question"}).id == found.id
    assert "no such file" in refused("env:SOME_DATA/none.jsonl", questions).message


def test_what_cannot_be_resolved_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_DATA", raising=False)
    error = refused("env:NO_SUCH_DATA/a.jsonl", tmp_path)
    assert "NO_SUCH_DATA is not set" in error.message
    assert "export NO_SUCH_DATA=" in error.next_step
    assert "'starter'" in refused("builtin:startr", tmp_path).next_step
    assert "[fields]" in refused("builtin:starter", tmp_path, {"prompt": "q"}).message
    assert "from files" in refused("https://example.org/a.jsonl", tmp_path).message
    assert "env:NAME/" in refused("env:ALONE", tmp_path).next_step
    assert "no prompts are named" in refused(" ", tmp_path).message
    with pytest.raises(BadInput, match="names no prompt set"):
        load("starter")
