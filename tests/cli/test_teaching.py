"""Rounds of a judge on a server, of known skill, taught by a command: the loop without any learning library."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
from aiohttp import web
from endpoint_server import answer

SKILL = {"seed": 0.7, "judge-1": 0.85, "judge-2": 0.97}
TEACH = (
    "import sys; rows = open(sys.argv[1]).readlines(); assert rows; open('taught.log', 'a').write(sys.argv[2] + '\\n')"
)


def config(url: str, **changes: str) -> str:
    told = {
        "teach": json.dumps([sys.executable, "-c", TEACH, "{rows}", "{round}"]),
        "success": "0.6",
        "more": "",
        "most": "2",
    } | changes
    return f"""
name = "served"
seed = 3
[instructions]
families = ["items", "contains", "starts_with"]
limit = 40
[synthesis]
generator = "program"
[judge]
model = "openai/seed"
base_url = "{url}"
template = "verdict"
[sampling]
samples = 5
[keeping]
success = {told["success"]}
{told["more"]}
[learning]
method = "command"
command = {told["teach"]}
serves = "judge-{{round}}"
[rounds]
most = {told["most"]}
[validation]
synthetic = 120
"""


def judge_of(skill: dict[str, float], *, always: str = ""):
    """A server whose judges are right with a known probability, drawn from the request itself."""

    async def reply(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        text = body["messages"][-1]["content"]
        better_first = truth(text)
        drawn = hashlib.sha256(f"{body['model']} {body.get('seed')} {text}".encode()).digest()[0] / 256
        right = drawn < skill[body["model"]]
        letter = always or ("A" if better_first == right else "B")
        return web.json_response(answer(f"So it is. Verdict: {letter}") | {"model": body["model"]})

    return reply


def truth(text: str) -> bool:
    """Whether the better answer stands first in what the judge was shown; told by the run's own files."""
    for file in ("pairs.jsonl", "validation.jsonl"):
        for line in (Path("served") / file).read_text().splitlines():
            pair = json.loads(line)
            if pair["prompt"] in text and pair["response_a"] in text and pair["response_b"] in text:
                better, worse = ("response_a", "response_b") if pair["label"] == "a" else ("response_b", "response_a")
                return text.index(pair[better]) < text.index(pair[worse])
    raise AssertionError(text)


@pytest.fixture
def served(fairtrial, endpoint):
    endpoint.listing = lambda _request: _listed()
    endpoint.script = [judge_of(SKILL)]
    Path("served.toml").write_text(config(endpoint.url))
    return endpoint


async def _listed() -> web.StreamResponse:
    return web.json_response({"data": [{"id": name} for name in SKILL]})


def test_rounds_of_a_served_judge_are_taught_compared_and_told(fairtrial, served):
    said = fairtrial("judge", "train", "served.toml", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    rounds = told["rounds"]
    for one, skill in zip(rounds, SKILL.values(), strict=True):
        low, high = one["accuracy"]["ci"]
        assert low - 0.03 < skill < high + 0.03
        assert one["invalid"] == 0
    assert told["best_round"] == 2
    assert told["sentence"].startswith("Round 2 judges better than its seed")
    assert rounds[1]["drawn"] == 40 * 2 * 5 == rounds[1]["kept"] + sum(rounds[1]["discarded"].values())
    assert rounds[2]["right"] > rounds[1]["right"]  # by the judge of the round before: 0.85 after 0.7
    assert Path("taught.log").read_text() == "1\n2\n"
    assert "Round 1: of 400 judgments" in fairtrial("judge", "card", "served").out
    before = len(served.bodies)
    assert json.loads(fairtrial("judge", "train", "served.toml", "--json").out)["sentence"] == told["sentence"]
    assert len(served.bodies) == before


def test_a_command_that_fails_says_so_and_the_round_goes_on_with_it(fairtrial, served):
    stumbling = "import os, sys; sys.exit(0 if os.path.exists('mended') else 3)"
    Path("served.toml").write_text(
        config(served.url, teach=json.dumps([sys.executable, "-c", stumbling, "{rows}"]), most="1")
    )
    said = fairtrial("judge", "train", "served.toml")
    assert said.code != 0
    assert "the command that teaches round 1 failed with 3" in said.err
    asked = len(served.bodies)
    Path("mended").touch()
    assert fairtrial("judge", "train", "served.toml").code == 0
    assert len(served.bodies) == asked + 2 * 120  # only the validation of round 1 was left


def test_a_judge_that_always_says_a_has_nothing_to_teach_itself(fairtrial, served):
    served.script = [judge_of(SKILL, always="A")]
    said = fairtrial("judge", "train", "served.toml")
    assert said.code != 0
    assert "no judgment was kept" in said.err
    assert "always says A" in said.err


def test_a_signed_card_is_checked(fairtrial, served):
    assert fairtrial("init", "lab").code == 0
    Path("served.toml").write_text(config(served.url, most="1"))
    told = json.loads(fairtrial("judge", "train", "served.toml", "--json", "--lab", "lab").out)
    assert told["signed"]
    assert fairtrial("verify", "served/card", "--trust", "lab/keys/lab.pub.pem").code == 0
    card = Path("served/card/card.json")
    card.write_text(card.read_text().replace('"best_round": 1', '"best_round": 0'))
    assert fairtrial("verify", "served/card", "--trust", "lab/keys/lab.pub.pem").code != 0
