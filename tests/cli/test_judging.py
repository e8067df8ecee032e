"""`judge evaluate` as a person uses it: cards in text and JSON, with and without a lab, and what is refused."""

import json
from pathlib import Path

import pytest
from endpoint_server import said as said_of

from fairtrial.lab import Lab

PROMISED = ("n", "accuracy", "ci", "consistent_accuracy", "first_rate", "kappa", "invalid", "length_matched_accuracy")


@pytest.fixture
def pairs(fairtrial) -> Path:
    rows = [
        {
            "id": f"k{n}",
            "prompt": f"Why {n}?",
            "response_a": "x" * (5 + n % 3),
            "response_b": "y" * 6,
            "label": "ab"[n % 2],
        }
        for n in range(40)
    ]
    Path("pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return Path("pairs.jsonl")


def test_one_judge_s_figures_stand_on_top(fairtrial, pairs):
    said = fairtrial("judge", "evaluate", pairs, "--judge", "heuristic/first", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert set(PROMISED) <= set(told)
    assert (told["n"], told["accuracy"], told["first_rate"], told["consistent_accuracy"]) == (40, 0.5, 1.0, 0.0)
    assert told["ci"][0] < 0.5 < told["ci"][1]
    assert told["directory"] is None
    assert len(told["judges"]) == 1


def test_several_judges_stand_side_by_side_and_a_lab_keeps_them(fairtrial, pairs):
    Lab.create(Path("lab"))
    said = fairtrial(
        "judge", "evaluate", pairs, "--judge", "heuristic/longer", "--judge", "sim/judge-0.9", "--panel", "majority"
    )
    assert said.code == 0, said.err
    for words in ("heuristic/longer", "sim/judge-0.9", "panel", "length matched", "injection succeeded", "40 pairs"):
        assert words in said.out, words
    (directory,) = Path("lab/reports").glob("judges-pairs.jsonl-*")
    assert f"fairtrial verify lab/reports/{directory.name}" in said.out
    assert fairtrial("verify", directory).out.startswith("TRUSTED")
    (directory / "cards.json").write_text("{}")
    assert fairtrial("verify", directory).code == 6


def test_without_a_lab_nothing_is_kept_and_that_is_said(fairtrial, pairs):
    said = fairtrial("judge", "evaluate", pairs, "--judge", "heuristic/overlap")
    assert said.code == 0
    assert "nothing is kept" in said.err
    assert [path.name for path in Path().iterdir()] == ["pairs.jsonl"]


def test_an_endpoint_that_shows_no_probabilities_is_asked_for_none(fairtrial, pairs, endpoint):
    asked = ("judge", "evaluate", pairs, "--judge", "openai/small", "--base-url", endpoint.url)
    said = fairtrial(*asked, "--read", "probabilities")
    assert said.code == 2
    assert "gives no log-probabilities" in said.err
    assert "verdict" in said.err
    endpoint.script[:] = [said_of("It is shorter.\nVerdict: B")] * 500
    said = fairtrial(*asked, "--json", "--injections", 0)
    assert said.code == 0, said.err
    assert (json.loads(said.out)["first_rate"], json.loads(said.out)["accuracy"]) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        ("", (), "empty"),
        ('{"prompt": "q", "response_a": "x", "response_b": "y", "label": "A wins"}', (), "unknown label 'A wins'"),
        ('{"id": "1", "prompt": "q", "response_a": "x", "response_b": "y"}\n' * 2, (), "already the id of row 1"),
        ('{"prompt": "q", "response_a": "x"}', (), "response_b"),
        (
            '{"prompt": "q", "response_a": "x", "response_b": "y"}',
            ("--manifest", "pairs.jsonl"),
            "no training manifest",
        ),
        ('{"prompt": "q", "response_a": "x", "response_b": "y"}', ("--lab", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_judged_is_named(fairtrial, content, words, told):
    Path("pairs.jsonl").write_text(content)
    said = fairtrial("judge", "evaluate", "pairs.jsonl", "--judge", "heuristic/first", *words)
    assert said.code == 2
    assert told in said.err
    assert "pairs.jsonl" in said.err or words


def test_a_budget_stops_before_it_is_passed_and_the_rest_is_bought_later(fairtrial, pairs, endpoint):
    Lab.create(Path("lab"))
    endpoint.script[:] = [said_of("Verdict: A")] * 500
    asked = ("judge", "evaluate", pairs, "--judge", "openai/small", "--base-url", endpoint.url, "--read", "verdict")
    assert fairtrial(*asked, "--budget", 1).code == 2
    said = fairtrial(*asked, "--price", 1000, 1000, "--budget", 2, "--injections", 0)
    assert said.code == 4
    assert "budget" in said.err
    bought = len(endpoint.seen)
    assert 0 < bought < 80
    said = fairtrial(*asked, "--price", 1000, 1000, "--injections", 0, "--json")
    assert said.code == 0, said.err
    calls = [one for one in endpoint.seen if one.path.endswith("/chat/completions")]
    assert len(calls) == 80, "what was bought before is not bought again"


def test_a_lab_s_own_votes_need_a_lab_a_task_and_a_vote(fairtrial, pairs):
    asked = ("judge", "evaluate", "--judge", "heuristic/first")
    for words, told in (
        ((), "either a file of pairs or --votes"),
        ((pairs, "--votes", "arena"), "either a file of pairs or --votes"),
        (("--votes", "arena"), "no lab here"),
    ):
        said = fairtrial(*asked, *words)
        assert (said.code, told in said.err) == (2, True), said.err
    Lab.create(Path("lab"))
    assert "nobody has decided a battle yet" in fairtrial(*asked, "--votes", "arena").err
    assert "no rating task 't-1'" in fairtrial(*asked, "--votes", "t-1").err


WORDS = """
rubric = "Which is kinder?"
kind = "verdict"
case = '''
Answer A:
{fence}
{first}
{fence}

Answer B:
{fence}
{second}
{fence}
Asked was {question}
'''
"""


@pytest.fixture
def people(fairtrial) -> Path:
    rows = [
        {"prompt": f"How {n}?", "response_a": "x" * (5 + n % 3), "response_b": "y" * 6, "label": "ab"[n % 5 == 0], "label_source": "human"}
        for n in range(60)
    ]  # fmt: skip
    Path("people.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return Path("people.jsonl")


def test_models_are_asked_in_the_words_of_a_file(fairtrial, pairs, endpoint):
    Path("words.toml").write_text(WORDS + "ask = \"End with 'Verdict: A' or 'Verdict: B'.\"")
    endpoint.script[:] = [said_of("Verdict: A")] * 500
    asked = ("judge", "evaluate", pairs, "--judge", "openai/small", "--base-url", endpoint.url, "--injections", 0)
    said = fairtrial(*asked, "--template", "words.toml", "--limit", 3, "--json")
    assert said.code == 0, said.err
    sent = [one.body["messages"][-1]["content"] for one in endpoint.seen if one.path.endswith("/chat/completions")]
    assert all(text.startswith("Which is kinder?") for text in sent[-6:])
    plain = fairtrial(*asked, "--read", "verdict", "--limit", 3, "--json")
    assert json.loads(plain.out)["evaluator"] != json.loads(said.out)["evaluator"]


@pytest.mark.parametrize(
    ("content", "judge", "told"),
    [
        (WORDS + 'ask = "Which?"', "sim/judge-0.9", "words.toml: ask"),
        (WORDS + 'ask = "Which?"', "sim/judge-0.9", "Let 'ask' name the form, for example: Verdict: A"),
        (WORDS, "sim/judge-0.9", "has no 'ask'"),
        (WORDS + 'ask = "Verdict: A"', "heuristic/first", "no judge here is a model"),
        (None, "sim/judge-0.9", "words.toml: cannot be read"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(fairtrial, pairs, content, judge, told):
    if content is not None:
        Path("words.toml").write_text(content)
    said = fairtrial("judge", "evaluate", pairs, "--judge", judge, "--template", "words.toml")
    assert (said.code, told in " ".join(said.err.split())) == (2, True), said.err


def test_weights_and_calibration_stand_on_the_cards(fairtrial, pairs, people):
    asked = ("judge", "evaluate", pairs, "--judge", "sim/judge-0.9", "--judge", "heuristic/first")
    learned = ("--panel", "majority", "--weigh-by", people)
    said = fairtrial(*asked, *learned)
    assert said.code == 0, said.err
    assert "weights of its jurors" in said.out
    assert "heuristic/first 0.00" in " ".join(said.out.split())
    said = fairtrial(*asked, "--calibrate", people, "--json")
    assert said.code == 0, said.err
    own, first, calibrated, nothing = json.loads(said.out)["judges"]
    assert (first["log_loss"], first["brier"]) == (None, None)
    assert own["log_loss"] > 0
    assert calibrated["judge"] == "sim/judge-0.9 calibrated"
    assert 0 < calibrated["card"]["further"]["calibration"]["after"]["log_loss"]["estimate"] < 0.69
    assert nothing["log_loss"] == pytest.approx(0.6931, abs=1e-3)
    said = fairtrial(*asked, "--calibrate", people)
    for words in ("calibrated by human labels", "log loss", "Brier score", "calibration error"):
        assert words in said.out, words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--weigh-by", "people.jsonl"), "Add: --panel majority"),
        (("--panel", "majority", "--weigh-by", "pairs.jsonl"), "pairs.jsonl: label_source"),
        (("--calibrate", "pairs.jsonl"), "pairs.jsonl: label_source"),
        (("--calibrate", "none.jsonl"), "none.jsonl"),
    ],
)
def test_what_teaches_nothing_is_named(fairtrial, pairs, people, words, told):
    said = fairtrial("judge", "evaluate", pairs, "--judge", "heuristic/first", "--judge", "heuristic/longer", *words)
    assert (said.code, told in said.err) == (2, True), said.err
