"""Trial files: unknown keys, wrong values and secrets end in one plain sentence."""

from pathlib import Path

import pytest

from fairtrial.core import BadInput
from fairtrial.runs import parse_trial, read_trial

GOOD = {
    "name": "t",
    "prompts": "builtin:starter",
    "contestant": [{"name": "a", "model": "sim/skill-0.8"}],
    "evaluator": [{"kind": "scorer"}],
}


def broken(**changes: object) -> str:
    with pytest.raises(BadInput) as caught:
        parse_trial(GOOD | changes, where="trial.toml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults_are_filled_in() -> None:
    trial = parse_trial(GOOD)
    assert trial.contestants[0].sampling().temperature == 0
    assert trial.verdicts.margin == 0.05
    assert trial.digest == parse_trial(GOOD | {"workers": 8}).digest  # workers change no evidence
    assert trial.digest != parse_trial(GOOD | {"seed": 1}).digest


def test_reasoning_models_get_no_temperature_unless_asked() -> None:
    entry = {"name": "r", "model": "openai/o", "reasoning_effort": "low"}
    assert parse_trial(GOOD | {"contestant": [entry]}).contestants[0].sampling().temperature is None
    entry["temperature"] = "default"
    assert parse_trial(GOOD | {"contestant": [entry]}).contestants[0].sampling().temperature is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"promts": "x"}, ["unknown key 'promts'", "Did you mean 'prompts'"]),
        (
            {"contestant": [{"name": "a", "model": "sim/x", "temprature": 1}]},
            ["'temprature'", "[[contestant]]", "temperature"],
        ),
        (
            {"contestant": [{"name": "a", "model": "sim/x"}, {"name": "a", "model": "sim/y"}]},
            ["two contestants", "'a'"],
        ),
        ({"contestant": []}, ["contestant"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "strategy": "few-shots"}]}, ["Did you mean 'few-shot'"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "k": 3}]}, ["strategy 'direct' has no setting 'k'"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "strategy": "persona"}]}, ["needs 'persona'"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "temperature": -1}]}, ["temperature", "-1"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "api_key": "abc"}]}, ["holds a key", "api_key_env"]),
        ({"contestant": [{"name": "a", "model": "sim/x", "api_key_env": "sk-abcdefghijkl"}]}, ["holds a key"]),
        ({"evaluator": [{"kind": "scorer", "scorer": "exakt"}]}, ["Did you mean 'exact'"]),
        ({"evaluator": [{"kind": "jury"}]}, ["jury"]),
        ({"battles": {"design": "uniform"}}, ["needs a budget"]),
        ({"battles": {"design": "adaptive"}}, ["uniform"]),
        ({"verdicts": {"margn": 0.1}}, ["'margn'", "margin"]),
        ({"repeats": 0}, ["repeats"]),
        ({"evaluator": [{"kind": "judge", "model": "sim/first", "on_trial": True}]}, ["scorer"]),
    ],
)
def test_bad_trials(changes: dict[str, object], words: list[str]) -> None:
    message = broken(**changes)
    for word in words:
        assert word in message
    assert "sk-abcdefghijkl" not in message
    assert "trial.toml" in message


def test_missing_key_is_named() -> None:
    with pytest.raises(BadInput, match="'prompts' is missing"):
        parse_trial({k: v for k, v in GOOD.items() if k != "prompts"})


def test_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such trial file"):
        read_trial(tmp_path / "none.toml")
    broken_toml = tmp_path / "b.toml"
    broken_toml.write_text("name = \n")
    with pytest.raises(BadInput, match="line 1"):
        read_trial(broken_toml)
    broken_toml.write_bytes('name = "\uac00"'.encode("cp949"))
    with pytest.raises(BadInput, match="not UTF-8"):
        read_trial(broken_toml)
    with pytest.raises(BadInput):
        read_trial(tmp_path)


def test_a_wrong_name_is_named_and_not_called_a_short_list() -> None:
    said = broken(contestant=[{"name": "meta/llama", "model": "sim/skill-0.8"}])
    assert said.startswith("trial.toml: 'name' in [[contestant]] 'meta/llama' is")
    assert "should have at least 1 item" in broken(contestant=[])


def test_people_as_evaluators_are_checked() -> None:
    two = {"contestant": [{"name": n, "model": f"sim/skill-{s}"} for n, s in (("a", 0.8), ("b", 0.2))]}
    people = {"kind": "human", "battles": 10, "votes": 3}
    (entry,) = parse_trial(GOOD | two | {"evaluator": [people]}).people
    assert (entry.battles, entry.votes, entry.question) == (10, 3, "Which answer is better?")
    assert "only one" in broken(evaluator=[people])
    assert "two evaluators of kind 'human' have no name" in broken(**two, evaluator=[people, people])
    named = people | {"name": "experts"}
    assert "are named 'experts'" in broken(**two, evaluator=[named, named])
    assert "Did you mean 'votes'" in broken(**two, evaluator=[people | {"vote": 3}])
    assert "'battles' in [[evaluator]] 1 is 0" in broken(**two, evaluator=[people | {"battles": 0}])
    assert "'question' in [[evaluator]] 1 is '  '" in broken(**two, evaluator=[people | {"question": "  "}])
