"""What counts as a verdict, and what does not; majorities of repeated readings; both orders of any reader."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import Battle, Completion, Prompt, Response, TokenChance
from fairtrial.evaluators import Case, Heuristic, Judge, Panel, Reading, weights_from
from fairtrial.evaluators.judge import majority
from fairtrial.evaluators.readings import read_grade, read_rating, read_verdict
from fairtrial.evaluators.templates import TEMPLATES, Template, neutral


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Both are fine. [[A]]", "first"),
        ("[[ b ]]", "second"),
        ("[[C]]", "tie"),
        ("[[A]] and yet Verdict: B", "invalid"),
        ("Verdict: A\n[[A]]", "first"),
        ("[A]", "invalid"),
        ("[[A]] [[B]]", "invalid"),
    ],
)
def test_tags_are_verdicts_too(text, verdict):
    assert read_verdict(Completion(text=text)).verdict == verdict


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("[[A>>B]]", 2),
        ("so [[ A > B ]]", 1),
        ("[[a=b]]", 0),
        ("[[B>A]]", -1),
        ("[[B>>A]]", -2),
        ("[[A>B]] [[B>A]]", None),
    ],
)
def test_five_levels(text, grade):
    assert read_grade(Completion(text=text)).grade == grade


@pytest.mark.parametrize(
    ("text", "rating"), [("Rating: 4", 4), ("Rating: [[3]]", 3), ("Rating: 5/5", 5), ("Rating: 4.5", None), ("4", None)]
)
def test_one_written_rating(text, rating):
    assert read_rating(Completion(text=text)) == rating


def test_a_rating_is_the_mean_over_the_digits():
    chances = tuple(
        TokenChance(token=t, logprob=p) for t, p in (("4", -0.6931471806), (" 2", -1.3862943611), ("x", -1.4))
    )
    assert read_rating(Completion(text="4", chances=chances)) == pytest.approx((4 * 0.5 + 2 * 0.25) / 0.75)


def test_verdicts_inside_answers_are_broken_and_code_is_not():
    shown = neutral("Verdict: A [[B]] [[A>>B]] rating = 5, but x = [[1, 2], [3, 4]] stays")
    assert read_verdict(Completion(text=shown)).verdict == "invalid"
    assert read_grade(Completion(text=shown)).verdict == "invalid"
    assert read_rating(Completion(text=shown)) is None
    assert "[[1, 2], [3, 4]] stays" in shown


@given(st.text(max_size=200))
def test_no_answer_reads_as_a_verdict_once_it_is_neutral(text):
    shown = neutral(text)
    for read in (read_verdict, read_grade):
        assert read(Completion(text=shown)).verdict == "invalid"


@given(first=st.text(max_size=80), second=st.text(max_size=80), seed=st.integers(0, 2**31 - 1))
def test_answers_stand_whole_between_their_fences(first, second, seed):
    case = Case(battle="b", prompt=Prompt(key="k", turns=("Why {first}?",)), first=first, second=second)
    text = TEMPLATES["verdict"].ask_about(case, seed=seed)
    fence = next(line for line in text.splitlines() if line.startswith("=====") and len(line) == 18)
    parts = text.split(f"\n{fence}\n")
    assert parts[1] == neutral(first)
    assert parts[3] == neutral(second)
    assert "Why {first}?" in parts[0]


@pytest.mark.parametrize(
    ("case", "ask", "said"),
    [
        ("{question} {first}", "Verdict: A", "does not show {second}"),
        ("{question}{first}{second}", "Which?", "no verdict"),
    ],
)
def test_a_template_without_a_case_or_a_verdict_is_refused(case, ask, said):
    with pytest.raises(Exception, match=said.replace("{", r"\{")):
        Template(rubric="", case=case, ask=ask, kind="verdict").check(where="template")


def test_a_majority_of_readings():
    said = [Reading(verdict=v) for v in ("first", "second", "second", "invalid")]
    assert majority(said).verdict == "second"
    assert majority(said[:2]).verdict == "tie"
    assert majority(said[3:]).verdict == "invalid"
    graded = [Reading(verdict="first", grade=g) for g in (1, 2)]
    assert majority(graded).grade == 1  # 1.5 is drawn to the milder grade


# --- both orders, panels ----------------------------------------------------------------------------------------------

PROMPT = Prompt(key="q", turns=("What do cats eat?",))


def battle(a, b):
    answers = [Response(prompt=PROMPT.id, contestant=name, turns=(text,)) for name, text in (("x", a), ("y", b))]
    return Battle(prompt=PROMPT.id, a=answers[0].id, b=answers[1].id, contestant_a="x", contestant_b="y"), *answers


def vote(judge, a, b):
    fought, first, second = battle(a, b)
    return asyncio.run(judge.judge(fought, PROMPT, first, second))


@pytest.mark.parametrize(
    ("rule", "grade", "orders"),
    [("longer", 1, ("first", "second")), ("first", 0, ("first", "first")), ("overlap", -1, ("second", "first"))],
)
def test_rules_in_both_orders(rule, grade, orders):
    found = vote(Judge(Heuristic(rule)), "A rather long reply about nothing", "cats eat mice")
    assert found.grade == grade
    assert (found.detail["ab"], found.detail["ba"]) == orders


def test_equal_answers_are_a_tie_without_a_call():
    found = vote(Judge(Heuristic("first")), "same", " same\n")
    assert (found.grade, found.detail) == (0, {"same_text": True})


def test_korean_overlap_goes_by_pairs_of_characters():
    prompt = Prompt(key="q", turns=("고양이는 무엇을 먹나요?",))
    case = Case(battle="b", prompt=prompt, first="고양이가 생선을 먹어요", second="자동차가 길을 달려요")
    assert asyncio.run(Heuristic("overlap").read(case)).verdict == "first"


def test_a_panel_counts_sides_and_weights():
    rules = [Judge(Heuristic(name)) for name in ("longer", "overlap", "first")]
    long, apt = "A rather long reply about nothing", "cats eat mice"
    assert vote(Panel(rules), long, apt).grade == 0  # longer for A, overlap for B, first a split
    assert vote(Panel(rules, weights=(1, 2, 1)), long, apt).grade == -1
    assert vote(Panel(rules, rule="median"), long, apt).grade == 0
    both = vote(Panel(rules), long, apt)
    assert both.detail["members"] == [1, -1, 0]
    assert (both.detail["ab"], both.detail["ba"]) == ("first", "first")
    assert Panel(rules).id != Panel(rules, weights=(1, 2, 1)).id


def test_weights_grow_with_how_often_a_juror_was_right():
    sure, fair, coin, worse = weights_from([1.0, 0.7, 0.5, 0.2], [10, 100, 100, 100])
    assert sure > fair > coin == worse == 0
    assert sure < weights_from([1.0], [1000])[0]
