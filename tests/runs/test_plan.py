"""Plans: which prompts, which battles, at what cost."""

from collections import Counter

import pytest

from fairtrial.core import BadInput, Prompt, PromptSet, Response
from fairtrial.runs import estimate_plan, parse_trial, plan_trial
from fairtrial.runs.plan import draw_battles

SET = PromptSet(
    name="s",
    prompts=tuple(
        Prompt(
            key=f"{c}{i}",
            turns=(f"{c} {i}?",),
            reference=str(i) if c != "c" else None,
            tags=(c,),
            language="en" if i % 2 else "ko",
        )
        for c in "abc"
        for i in range(10)
    ),
)


def plan(**changes: object):
    body = {
        "name": "t",
        "prompts": "x",
        "contestant": [{"name": "m", "model": "sim/echo"}],
        "evaluator": [{"kind": "scorer"}],
    }
    return plan_trial(parse_trial(body | changes), SET)


def test_a_limit_is_drawn_evenly_over_categories_and_by_the_seed() -> None:
    drawn = plan(limit=9).prompts.prompts
    assert Counter(p.category for p in drawn) == {"a": 3, "b": 3, "c": 3}
    assert [p.key for p in drawn] == [p.key for p in plan(limit=9).prompts.prompts]
    assert [p.key for p in drawn] != [p.key for p in plan(limit=9, seed=1).prompts.prompts]


def test_select() -> None:
    kept = plan(select={"tags": ["a"], "languages": ["ko"]}).prompts.prompts
    assert {(p.category, p.language) for p in kept} == {("a", "ko")}
    assert all(p.reference for p in plan(select={"referenced": True}).prompts.prompts)
    with pytest.raises(BadInput, match=r"leaves none of the 30 prompts.*Tags there: a, b, c"):
        plan(select={"tags": ["z"]})


def test_a_scorer_needs_references() -> None:
    with pytest.raises(BadInput, match="needs references"):
        plan(select={"tags": ["c"]})


def test_estimates_count_every_call() -> None:
    chain = {
        "name": "s",
        "model": "sim/echo",
        "strategy": "self-consistency",
        "k": 4,
        "max_tokens": 10,
        "price": [1.0, 2.0],
    }
    (row,) = estimate_plan(plan(contestant=[chain], repeats=2))
    assert row.calls == 30 * 4 * 2
    assert row.completion_tokens == row.calls * 10
    assert row.usd == pytest.approx((row.prompt_tokens + 2 * row.completion_tokens) / 1e6)


def answers(n: int, k: int) -> dict[tuple[int, int], dict[int, Response]]:
    return {
        (i, 0): {j: Response(prompt=f"p{i}", contestant=f"c{j}", turns=(f"{i} {j}",)) for j in range(k)}
        for i in range(n)
    }


def test_round_robin_is_every_pair_on_every_prompt_with_seeded_sides() -> None:
    battles = draw_battles(answers(200, 3), policy="round-robin", budget=None, seed=1)
    assert len(battles) == 600
    assert all(b.p_pair == 1 for b in battles)
    first = sum(b.contestant_a < b.contestant_b for b in battles)
    assert 240 < first < 360  # a fair side
    assert battles == draw_battles(answers(200, 3), policy="round-robin", budget=None, seed=1)


def test_uniform_draws_say_their_probability_and_favour_no_pair() -> None:
    battles = draw_battles(answers(300, 4), policy="uniform", budget=600, seed=2)
    assert len(battles) == 600
    assert battles[0].p_pair == pytest.approx(600 / 1800)
    pairs = Counter(frozenset((b.contestant_a, b.contestant_b)) for b in battles)
    assert len(pairs) == 6
    assert all(70 < n < 130 for n in pairs.values())


def test_a_judge_on_trial_gets_pairs_that_the_references_decide() -> None:
    given = answers(20, 2)
    values = {r.id: float(place[0] % 2 == who) for place, rs in given.items() for who, r in rs.items()}
    values |= {given[0, 0][0].id: 1.0, given[0, 0][1].id: 1.0}
    battles = draw_battles(given, policy="references", budget=None, seed=0, values=values)
    assert len(battles) == 19
    assert all(values[b.a] != values[b.b] for b in battles)
