"""`judge train` and `judge card` as a person uses them, where nothing is trained; `tests/training` trains."""

import importlib.util
import json
from pathlib import Path

import pytest

FILE = """
name = "mine"
[instructions]
families = ["items", "contains"]
limit = 10
[synthesis]
generator = "program"
[judge]
model = "embedded/smollm2-135m"
[validation]
synthetic = 10
"""


@pytest.fixture
def config(fairtrial) -> Path:
    Path("mine.toml").write_text(FILE)
    return Path("mine.toml")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_one_sentence_says_so_and_nothing_is_left(fairtrial, config):
    said = fairtrial("judge", "train", config)
    assert said.code != 0
    assert "training needs torch" in said.err
    assert "pip install 'fairtrial[train]'" in said.err
    assert not Path("mine").exists()


def test_a_dry_run_tells_tokens_hours_and_money(fairtrial, config):
    told = json.loads(fairtrial("judge", "train", config, "--dry-run", "--json").out)
    judging = next(stage for stage in told["stages"] if stage["name"] == "judging")
    assert judging["calls"] == 3 * 2 * 10 * 15  # rounds, orders, pairs, samples
    assert judging["written"] == judging["calls"] * 48
    assert told["hours"] == pytest.approx(sum(stage["hours"] for stage in told["stages"]))
    assert told["usd"] == pytest.approx(told["hours"] * 8 * 3.0)
    larger = json.loads(fairtrial("judge", "train", config, "--dry-run", "--json", "--parameters", "140").out)
    assert larger["hours"] == pytest.approx(2 * told["hours"])
    slower = json.loads(fairtrial("judge", "train", config, "--dry-run", "--json", "--node", "8xA100").out)
    assert slower["hours"] > told["hours"]
    text = fairtrial("judge", "train", config, "--dry-run").out
    assert "Assumed:" in text
    assert "70B on 8xH100" in text


@pytest.mark.parametrize(
    ("node", "parameters", "said"),
    [("9xH100", "70", "there is no node '9xH100'"), ("8xA100", "900", "does not fit on 8xA100")],
)
def test_a_dry_run_on_no_node_or_one_too_small_is_refused(fairtrial, config, node, parameters, said):
    told = fairtrial("judge", "train", config, "--dry-run", "--node", node, "--parameters", parameters)
    assert told.code != 0
    assert said in told.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('families = ["items", "contains"]', 'families = ["item"]'), "no family 'item'"),
        (("limit = 10", "limits = 10"), "unknown key 'limits'"),
        (("limit = 10", ""), "say how many pairs are wanted"),
        (("synthetic = 10", 'synthetic = 10\npairs = "x.jsonl"'), "name a validation set"),
        (('generator = "program"', 'generator = "neighbour"'), "families are for programs"),
        (('generator = "program"', 'generator = "given"'), "families are for programs"),
        (('families = ["items", "contains"]', 'pairs = "x.jsonl"'), "a program writes answers to its own tasks only"),
        (("embedded/smollm2-135m", "openai/llama-70b"), "an embedded judge is taught here, one on a server"),
        (('name = "mine"', 'name = "mine"\napi_key = "sk-0123456789abcdef"'), "holds a key"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_one_sentence(fairtrial, config, change, said):
    assert change[0] in FILE
    config.write_text(FILE.replace(*change))
    told = fairtrial("judge", "train", config)
    assert told.code != 0
    assert said in told.err
    assert "Traceback" not in told.err
    assert not Path("mine").exists()


def test_no_file_and_no_card_say_what_to_do(fairtrial):
    assert "there is no such training file" in fairtrial("judge", "train", "none.toml").err
    assert "no card of a finished run here" in fairtrial("judge", "card", "nowhere").err


def test_a_taught_judge_that_is_not_there_is_refused(fairtrial):
    Path("pairs.jsonl").write_text(json.dumps({"prompt": "p", "response_a": "a", "response_b": "b", "label": "a"}))
    said = fairtrial("judge", "evaluate", "pairs.jsonl", "--judge", "taught/run/round-1")
    assert said.code != 0
    assert "there is no taught judge here" in said.err
