"""The judge card's numbers, computed a second time in plain Python; what swaps, repeats and missing labels do to them."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from fairtrial.core import Battle, Prompt, Response, Vote
from fairtrial.evaluators.card import judge_card
from fairtrial.evaluators.tables import Item

SIDES = ("first", "second", "tie", "invalid")


def item(n, prompt, label, lengths, annotators=()):
    asked = Prompt(key=f"p{prompt}", turns=(f"Question {prompt}",))
    a, b = (
        Response(prompt=asked.id, contestant=side, turns=(side * size,))
        for side, size in zip("xy", lengths, strict=True)
    )
    battle = Battle(prompt=asked.id, a=a.id, b=b.id, contestant_a="x", contestant_b="y", seed=n)
    return Item(
        key=str(n), battle=battle, prompt=asked, a=a, b=b, label=label, annotators=annotators, category="ab"[n % 2]
    )


def vote(one, ab, ba, grade):
    valid = "invalid" not in (ab, ba)
    return Vote(
        battle=one.battle.id,
        evaluator="judge:j:1",
        kind="judge",
        status="graded" if valid else "invalid",
        grade=grade if valid else None,
        order="both",
        detail={"ab": ab, "ba": ba},
    )


@pytest.fixture(scope="module")
def trial():
    draw = random.Random(5)
    items, votes = [], []
    for n in range(300):
        one = item(
            n, draw.randrange(90), draw.choice([1, 1, -1, -1, 0, None]), (draw.randint(1, 30), draw.randint(1, 30))
        )
        ab, ba = draw.choice(SIDES), draw.choice(SIDES)
        lean = {"first": 1, "second": -1}.get(ab, 0) - {"first": 1, "second": -1}.get(ba, 0)
        items.append(one)
        votes.append(vote(one, ab, ba, (lean > 0) - (lean < 0)))
    return items, votes


def points(verdict, better_is_first):
    return {"first": float(better_is_first), "second": float(not better_is_first), "tie": 0.5, "invalid": 0.0}[verdict]


def test_every_rate_is_what_plain_counting_gives(trial):
    items, votes = trial
    card = judge_card("j", items, votes)
    decided = [(i, v) for i, v in zip(items, votes, strict=True) if i.label]
    right = [0.0 if v.grade is None else (1 + v.grade * i.label) / 2 for i, v in decided]
    single = [(points(v.detail["ab"], i.label > 0), points(v.detail["ba"], i.label < 0)) for i, v in decided]
    by_order = [(s if i.label > 0 else s[::-1]) for s, (i, _) in zip(single, decided, strict=True)]
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    assert card.n == len(decided)
    assert card.label_ties == sum(i.label == 0 for i in items)
    assert card.unlabelled == sum(i.label is None for i in items)
    assert card.accuracy.estimate == pytest.approx(mean(right))
    assert card.consistent_accuracy.estimate == pytest.approx(mean([float(s == (1, 1)) for s in single]))
    assert card.single_order_accuracy.estimate == pytest.approx(mean([mean(s) for s in single]))
    assert card.better_first.estimate == pytest.approx(mean([s[0] for s in by_order]))
    assert card.order_gap.estimate == pytest.approx(mean([s[0] - s[1] for s in by_order]))
    chosen = [v.detail[o] for v in votes for o in ("ab", "ba") if v.detail[o] in ("first", "second")]
    assert card.first_rate.estimate == pytest.approx(mean([c == "first" for c in chosen]))
    both = [v.detail for v in votes if {v.detail["ab"], v.detail["ba"]} <= {"first", "second"}]
    assert card.consistency.estimate == pytest.approx(mean([d["ab"] != d["ba"] for d in both]))
    lengths = [(len(i.a.text) > len(i.b.text)) - (len(i.a.text) < len(i.b.text)) for i, _ in decided]
    strata = [
        mean([r for r, (i, _), s in zip(right, decided, lengths, strict=True) if s * i.label == k]) for k in (1, -1)
    ]
    assert card.length_matched_accuracy.estimate == pytest.approx(mean(strata))
    assert card.longer_is_better == pytest.approx(
        mean([float(s == i.label) for s, (i, _) in zip(lengths, decided, strict=True) if s])
    )
    assert card.invalid == sum(v.status == "invalid" for v in votes)
    assert card.by_category["a"].n + card.by_category["b"].n == card.n


def test_kappa_is_cohens_with_invalid_as_a_value_of_its_own(trial):
    items, votes = trial
    pairs = [
        (9 if v.grade is None else v.grade, i.label) for i, v in zip(items, votes, strict=True) if i.label is not None
    ]
    n = len(pairs)
    observed = sum(x == y for x, y in pairs) / n
    said, label = Counter(x for x, _ in pairs), Counter(y for _, y in pairs)
    expected = sum(said[k] * label[k] for k in said) / n**2
    found = judge_card("j", items, votes).kappa
    assert found.estimate == pytest.approx((observed - expected) / (1 - expected))
    assert found.ci[0] < found.estimate < found.ci[1]


def test_nothing_changes_when_a_and_b_change_places(trial):
    items, votes = trial
    turned_items = [replace(i, a=i.b, b=i.a, label=None if i.label is None else -i.label) for i in items]
    turned_votes = [
        replace(v, grade=None if v.grade is None else -v.grade, detail={"ab": v.detail["ba"], "ba": v.detail["ab"]})
        for v in votes
    ]
    before, after = judge_card("j", items, votes), judge_card("j", turned_items, turned_votes)
    for name in (
        "accuracy",
        "consistent_accuracy",
        "first_rate",
        "better_first",
        "order_gap",
        "length_matched_accuracy",
    ):
        assert getattr(after, name).estimate == pytest.approx(getattr(before, name).estimate), name
    assert after.kappa.estimate == pytest.approx(before.kappa.estimate)


def test_pairs_of_one_prompt_are_one_cluster(trial):
    items, votes = trial
    card = judge_card("j", items, votes)
    apart = [replace(i, prompt=replace(i.prompt, turns=(f"{i.prompt.turns[0]} {n}",))) for n, i in enumerate(items)]
    alone = judge_card("j", apart, votes)
    assert card.accuracy.prompts < alone.accuracy.prompts == alone.n
    tripled = judge_card("j", items * 3, votes * 3)
    width = lambda rate: rate.ci[1] - rate.ci[0]  # noqa: E731
    assert width(tripled.accuracy) == pytest.approx(width(card.accuracy), rel=0.05), "copies are no new evidence"


def test_people_are_the_ceiling():
    draw = random.Random(3)
    items, votes = [], []
    for n in range(200):
        truth = draw.choice([1, -1])
        said = tuple(truth if draw.random() < 0.8 else -truth for _ in range(3))
        one = item(n, n, 1 if sum(said) > 0 else -1, (5, 9), said)
        mine = truth if draw.random() < 0.6 else -truth
        items.append(one)
        votes.append(vote(one, "first" if mine > 0 else "second", "second" if mine > 0 else "first", mine))
    people = judge_card("j", items, votes).people
    left = [
        (said == sum(rest) / 2, v.grade == sum(rest) / 2)
        for i, v in zip(items, votes, strict=True)
        for n, said in enumerate(i.annotators)
        if sum(rest := [*i.annotators[:n], *i.annotators[n + 1 :]])
    ]
    assert people.ceiling.estimate == pytest.approx(sum(p for p, _ in left) / len(left))
    assert people.judge_accuracy.estimate == pytest.approx(sum(j for _, j in left) / len(left))
    assert people.with_judge.estimate < people.people.estimate


def test_without_labels_there_is_no_accuracy_and_without_choices_no_rate():
    items = [item(n, n, None, (3, 3)) for n in range(4)]
    card = judge_card("j", items, [vote(i, "tie", "tie", 0) for i in items])
    for name in (
        "accuracy",
        "consistent_accuracy",
        "order_gap",
        "length_matched_accuracy",
        "kappa",
        "first_rate",
        "people",
    ):
        assert getattr(card, name) is None, name
    assert (card.unlabelled, card.vote_ties) == (4, 4)


def test_a_judge_that_always_says_a_is_half_right_and_told():
    items = [item(n, n, 1 if n % 2 else -1, (3, 4 + n % 3)) for n in range(40)]
    card = judge_card("j", items, [vote(i, "first", "first", 0) for i in items])
    assert card.accuracy.estimate == 0.5
    assert card.first_rate.estimate == 1
    assert card.consistent_accuracy.estimate == 0
    assert card.order_gap.estimate == 1
    assert card.kappa.ci == (None, None)
