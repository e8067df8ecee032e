"""Judges beside rules: paired differences with known answers, clustered, their error shared among the rules."""

import asyncio
from dataclasses import replace

import pytest

from fairtrial.core import Vote
from fairtrial.evaluators import Heuristic, Judge
from fairtrial.evaluators.examining import Examined, examine, items_of
from fairtrial.formats.pairs import Pair
from fairtrial.lab.judges_beside import beside_rules
from fairtrial.reports.judges_told import rule_of
from fairtrial.stats import compare_judges


@pytest.fixture(scope="module")
def items():
    """Forty prompts of two pairs each; the longer answer is right in the first pair of a prompt and wrong in the other."""
    long, short = "long " * 9, "short"
    return items_of(
        [
            Pair(
                key=f"{n}-{k}",
                prompts=(f"Question {n}?",),
                a=(f"{long}{n}{k}",),
                b=(f"{short} {n}{k}",),
                label=None if n == 39 else "ab"[k],
                model_a="x",
            )
            for n in range(40)
            for k in (0, 1)
        ]
    )


def judge_that(items, says, name="judge:made:1"):
    """A judge whose vote on each pair is +1, 0 or -1 by `says`."""
    card = asyncio.run(examine(Judge(Heuristic("first")), items, injections=0)).card
    votes = [
        Vote(
            battle=item.battle.id,
            evaluator=name,
            kind="judge",
            status="graded",
            grade=says(n, item),
            order="both",
            detail={"ab": "tie", "ba": "tie"},
        )
        for n, item in enumerate(items)
    ]
    return Examined(card=replace(card, evaluator=name), votes=tuple(votes))


def rule(items, name):
    return asyncio.run(examine(Judge(Heuristic(name)), items, injections=0))


def test_a_rule_is_known_by_its_id_and_not_by_its_name():
    assert rule_of(Judge(Heuristic("longer")).id) == "longer"
    assert rule_of("judge:heuristic/longer:00000000") is None
    assert rule_of(Judge(Heuristic("longer"), repeats=2).id) is None


def test_the_difference_is_that_of_labelled_pairs_over_prompts(items):
    right = judge_that(items, lambda n, item: item.label or 1)
    (one,) = beside_rules(items, [rule(items, "longer"), right])
    assert (one.judge, one.rule, one.alpha) == ("judge:made:1", "longer", 0.05)
    assert one.found.estimate == pytest.approx(0.5)
    assert (one.found.items, one.found.clusters) == (78, 39)
    assert one.found.verdict.word == "better"


def test_the_error_is_shared_among_the_rules_and_rules_are_not_compared(items):
    coin = judge_that(items, lambda n, _: (1, -1)[n % 2])
    found = beside_rules(items, [rule(items, "longer"), coin, rule(items, "first"), rule(items, "overlap")])
    assert [one.rule for one in found] == ["longer", "first", "overlap"]
    assert {one.alpha for one in found} == {0.05 / 3}
    assert {one.judge for one in found} == {"judge:made:1"}
    (alone,) = beside_rules(items, [rule(items, "longer"), coin])
    assert found[0].found.upper > alone.found.upper, "three rules, a wider interval each"


def test_two_pairs_of_a_prompt_are_one_piece_of_evidence(items):
    half = judge_that(items, lambda n, item: item.label if n % 4 < 2 and item.label else -(item.label or 1))
    (one,) = beside_rules(items, [rule(items, "longer"), half])
    apart = compare_judges(
        [float(n % 4 < 2) for n, item in enumerate(items) if item.label],
        [float(item.label == 1) for item in items if item.label],
        margin=0.05,
    )
    assert one.found.estimate == pytest.approx(apart.estimate, abs=0.02)
    assert one.found.upper - one.found.lower > apart.upper - apart.lower


def test_without_labels_or_without_rules_nothing_is_compared(items):
    coin = judge_that(items, lambda _n, _item: 1)
    assert beside_rules(items, [coin]) == ()
    unlabelled = [item for item in items if item.label is None]
    short = Examined(card=coin.card, votes=coin.votes[-2:])
    assert beside_rules(unlabelled, [rule(unlabelled, "longer"), short]) == ()
