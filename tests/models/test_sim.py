"""Simulated models: of the strength they claim, the same in any order, and always labelled."""

import asyncio
import math
import random

import pytest

from fairtrial.contestants import STRATEGIES, Ask
from fairtrial.contestants.wording import plain_block, user_message
from fairtrial.core import (
    BadInput,
    Battle,
    Completion,
    Contestant,
    Message,
    ModelError,
    Prompt,
    Request,
    Response,
    Sampling,
)
from fairtrial.evaluators import Judge, Scorer, reader_of
from fairtrial.models import Gate, Model
from fairtrial.models.sim import SimulatedProvider, difficulty


class Forgetful:
    """A call memory that remembers nothing."""

    def recall(self, key: str) -> Completion | None:
        return None

    def record(self, key: str, request: Request, completion: Completion) -> None:
        pass


def sums(n: int) -> list[Prompt]:
    return [
        Prompt(
            key=f"sum {i}",
            turns=(f"What is {i} + {2 * i}? Reply with only the number.",),
            reference=str(3 * i),
            scorer="number",
            tags=("arithmetic",),
            language="en",
        )
        for i in range(n)
    ]


CAPITALS = [
    Prompt(key=f"c{i}", turns=(f"What is the capital of {land}?",), reference=city, tags=("facts",), language="en")
    for i, (land, city) in enumerate(
        {"Peru": "Lima", "Italy": "Rome||Roma", "Japan": "Tokyo", "Norway": "Oslo"}.items()
    )
]
CHOICES = Prompt(
    key="q", turns=("Which one flies?",), choices=("stone", "sparrow", "spoon", "sofa"), reference="sparrow"
)
KOREAN = Prompt(
    key="ko", turns=("대한민국의 수도는 어디입니까?",), reference="서울||서울특별시", language="ko", tags=("facts",)
)


def sim(name, prompts=(), **settings):
    provider = SimulatedProvider.from_settings(name, settings)
    provider.learn(prompts)
    return provider


def chat(provider, text, seed=0, **sampling):
    return Request(
        model=provider.identity,
        kind="chat",
        messages=(Message(role="user", content=text),),
        sampling=Sampling(**sampling),
        seed=seed,
    )


async def say(provider, text, seed=0, **sampling):
    return await provider.send(chat(provider, text, seed, **sampling))


async def scored(provider, prompts, strategy="direct"):
    """Mean score of a contestant, through the real strategies and the real scorer."""
    contestant = Contestant(name="x", model=provider.identity, strategy=strategy, sampling=Sampling(temperature=0.0))
    model = Model(provider, Gate(Forgetful()))
    scorer, total = Scorer("auto"), 0.0
    for prompt in prompts:
        ask = Ask(model, contestant, prompt, repeat=0, trial_seed=7)
        turns = await STRATEGIES[strategy](ask)
        response = Response(prompt=prompt.id, contestant=contestant.id, turns=turns)
        total += scorer.score(prompt, response).value
    return total / len(prompts)


def test_it_is_always_labelled_and_its_digest_is_its_definition():
    assert sim("skill-0.8").identity.simulated
    assert sim("skill-0.8").identity.provider == "sim"
    assert sim("skill-0.8").identity == sim("skill-0.8", latency_s=0.5, timeout_rate=0.1).identity
    assert sim("skill-0.8").identity.digest != sim("skill-0.7").identity.digest
    assert sim("mine", skill=0.8).identity.digest == sim("skill-0.8").identity.digest


@pytest.mark.parametrize("strategy", ["direct", "chain-of-thought"])
@pytest.mark.parametrize("skill", [0.0, 0.3, 0.8, 1.0])
async def test_its_skill_is_what_it_says(skill, strategy):
    prompts = sums(400)
    share = await scored(sim(f"skill-{skill}", prompts), prompts, strategy)
    assert share == pytest.approx(skill, abs=3 * math.sqrt(skill * (1 - skill) / 400) + 1e-9)


async def test_skill_survives_choices_words_korean_and_plain_text():
    prompts = [*CAPITALS, CHOICES, KOREAN]
    right, wrong = sim("skill-1.0", prompts), sim("skill-0.0", prompts)
    for strategy in ("direct", "chain-of-thought"):
        assert await scored(right, prompts, strategy) == 1.0
        assert await scored(wrong, prompts, strategy) == 0.0
    plain = Request(model=right.identity, kind="complete", prompt="Be kind.\n\n" + plain_block(CAPITALS[1], None))
    assert (await right.send(plain)).text == "Answer: Rome"


async def test_a_stronger_model_beats_a_weaker_one_as_bradley_and_terry_say():
    prompts = sums(600)
    expected = sum(1 / (1 + math.exp(difficulty(p) - 1.0)) for p in prompts) / 600
    assert await scored(sim("strength-1.0", prompts), prompts) == pytest.approx(expected, abs=0.06)
    assert await scored(sim("strength--1.0", prompts), prompts) < 0.45


async def test_wrong_answers_are_plausible():
    prompts = [*sums(50), *CAPITALS, CHOICES]
    wrong = sim("skill-0", prompts)
    for prompt in sums(50)[10:]:
        assert 1 <= abs(int((await say(wrong, user_message(prompt))).text) - int(prompt.reference)) <= 9
    cities = {"Lima", "Rome", "Tokyo", "Oslo"}
    for prompt in CAPITALS:
        said = (await say(wrong, user_message(prompt))).text
        assert said in cities - set(prompt.reference.split("||"))
    assert (await say(wrong, user_message(CHOICES))).text.removeprefix("Answer: ") in {"A", "C", "D"}


async def test_answers_do_not_depend_on_order_or_connections():
    prompts = sums(60)
    calls = [(p, seed) for p in prompts for seed in (0, 1)]
    first = sim("skill-0.5", prompts, length=12.0, refusal_rate=0.1)
    one_by_one = {(p.key, s): await say(first, user_message(p), s) for p, s in calls}
    random.Random(3).shuffle(calls)
    second = sim("skill-0.5", list(reversed(prompts)), length=12.0, refusal_rate=0.1, timeout_rate=0.3)
    together = await asyncio.gather(*(say(second, user_message(p), s) for p, s in calls))
    assert one_by_one == dict(zip([(p.key, s) for p, s in calls], together, strict=True))
    assert len({c.text for c in together}) > 60  # two samples of one prompt differ


async def test_length_habit_and_token_limit():
    prompts = sums(100)
    wordy = sim("skill-1.0", prompts, length=40.0)
    lengths = [(await say(wordy, user_message(p))).usage.completion_tokens for p in prompts]
    assert 35 < sum(lengths) / 100 < 50
    assert max(lengths) > 1.5 * min(lengths)
    assert await scored(wordy, prompts) == 1.0
    cut = await say(wordy, user_message(prompts[0]), max_tokens=5)
    assert (cut.finish, cut.usage.completion_tokens) == ("length", 5)


async def test_refusals_come_back_as_refused():
    prompts = sums(300)
    finishes = [(await say(sim("skill-1", prompts, refusal_rate=0.2), user_message(p))).finish for p in prompts]
    assert finishes.count("refused") / 300 == pytest.approx(0.2, abs=0.07)


@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        ("timeout_rate", "timeout"),
        ("rate_limit_rate", "rate_limited"),
        ("server_error_rate", "server_error"),
        ("cut_rate", "bad_answer"),
    ],
)
async def test_faults_are_raised_by_kind_and_pass(rate, kind):
    prompts = sums(40)
    provider = sim("skill-1", prompts, retries=0, **{rate: 0.5})

    async def failing(asked):
        done = await asyncio.gather(*(say(provider, user_message(p)) for p in asked), return_exceptions=True)
        failed = [(p, d) for p, d in zip(asked, done, strict=True) if isinstance(d, ModelError)]
        assert {(error.kind, error.passing) for _, error in failed} == {(kind, True)}
        return [prompt for prompt, _ in failed]

    failed = await failing(prompts)
    assert 8 < len(failed) < 32
    assert 0 < len(await failing(failed)) < len(failed)  # a later try draws anew


async def test_with_retries_faults_stay_inside():
    prompts = sums(50)
    assert await scored(sim("skill-1", prompts, server_error_rate=0.3, retries=30), prompts) == 1.0
    with pytest.raises(ModelError, match="simulated"):
        await say(sim("skill-1", prompts, timeout_rate=1.0), "anything")


async def test_calls_of_a_slow_model_wait_together():
    provider = sim("skill-1", sums(20), latency_s=0.2)
    done = await asyncio.gather(*(say(provider, user_message(p)) for p in sums(20)))
    assert all(0.1 <= c.seconds <= 0.3 for c in done)
    assert len({c.seconds for c in done}) == 20


async def test_echo_and_scripts():
    prompts = sums(3)
    assert (await say(sim("echo"), "Say this.")).text == "Say this."
    by_place = sim("scripted", prompts, answers=["zero", "one", "two"])
    assert [(await say(by_place, user_message(p))).text for p in reversed(prompts)] == ["two", "one", "zero"]
    by_name = sim("scripted", prompts, answers={"sum 1": "by key", prompts[2].turns[0]: "by text", "Hello": "by words"})
    asked = [user_message(prompts[1]), user_message(prompts[2]), "Hello", user_message(prompts[0])]
    assert [(await say(by_name, text)).text for text in asked] == ["by key", "by text", "by words", ""]


async def test_pieces_are_handed_over_as_they_come():
    pieces = []
    provider = sim("echo")
    done = await provider.send(chat(provider, " one two\nthree "), on_text=pieces.append)
    assert "".join(pieces) == done.text == " one two\nthree "
    assert len(pieces) == 3


async def judged(judge_name, read, prompts, **settings):
    """Votes of a simulated judge, through the real judge, on a right and a wrong answer; A is right on even places."""
    provider = sim(judge_name, prompts, **settings)
    judge = Judge(reader_of(Model(provider, Gate(Forgetful())), name="j", read=read))
    votes = []
    for i, prompt in enumerate(prompts):
        right = Response(prompt=prompt.id, contestant="r", turns=(f"Answer: {prompt.reference}",))
        wrong = Response(prompt=prompt.id, contestant="w", turns=(f"Answer: {int(prompt.reference) + 2}",))
        a, b = (right, wrong) if i % 2 == 0 else (wrong, right)
        battle = Battle(prompt=prompt.id, a=a.id, b=b.id, contestant_a=a.contestant, contestant_b=b.contestant)
        votes.append((await judge.judge(battle, prompt, a, b), 1 if i % 2 == 0 else -1))
    return votes


@pytest.mark.parametrize("read", ["probabilities", "verdict"])
async def test_a_judge_is_as_accurate_as_it_says(read):
    votes = await judged("judge-0.9", read, sums(200)[1:])
    share = sum((v.grade > 0) == (right > 0) for v, right in votes) / len(votes)
    assert share == pytest.approx(0.9, abs=0.065)


async def test_position_habit_hides_the_verdict_but_not_the_averaged_probabilities():
    prompts = sums(60)[1:]
    written = await judged("judge-1.0", "verdict", prompts, position=3.0)
    assert {v.grade for v, _ in written} == {0}  # A in either order: a split
    assert {(v.detail["ab"], v.detail["ba"]) for v, _ in written} == {("first", "first")}
    averaged = await judged("judge-1.0", "probabilities", prompts, position=3.0)
    assert all(v.grade == right for v, right in averaged)


async def test_the_judge_that_always_picks_the_first_answer():
    votes = await judged("first", "probabilities", sums(10)[1:])
    assert {v.grade for v, _ in votes} == {0}
    assert all(v.detail["log_odds_ab"] > 10 and v.detail["log_odds_ba"] > 10 for v, _ in votes)


async def test_a_judge_with_a_liking_for_length():
    provider = sim("judge-0.5", length_preference=1.0)
    judge = Judge(reader_of(Model(provider, Gate(Forgetful())), name="j"))
    prompt = Prompt(key="p", turns=("Write about rain.",))
    short = Response(prompt=prompt.id, contestant="s", turns=("Rain falls.",))
    long = Response(prompt=prompt.id, contestant="l", turns=("Rain falls. " * 10,))
    vote = await judge.judge(
        Battle(prompt=prompt.id, a=short.id, b=long.id, contestant_a="s", contestant_b="l"), prompt, short, long
    )
    assert vote.grade == -1


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("skil-0.8", {}, "no way to answer"),
        ("scripted", {}, "no way to answer"),
        ("skill-1.8", {}, "skill must be a number from 0 to 1"),
        ("skill-nan", {}, "skill must be a number"),
        ("skill-0.8", {"lenght": 3}, "Did you mean 'length'"),
        ("skill-0.8", {"refusal_rate": 2}, "refusal_rate"),
        ("skill-0.8", {"length": -1}, "length"),
        ("skill-0.8", {"retries": 0.5}, "retries"),
        ("echo", {"echo": "yes"}, "true or false"),
        ("scripted", {"answers": [1, 2]}, "answers"),
        ("scripted", {"answers": "text"}, "answers"),
        ("scripted", {"answers": []}, "answers"),
    ],
)
def test_bad_definitions_are_named(name, settings, said):
    with pytest.raises(BadInput) as caught:
        SimulatedProvider.from_settings(name, settings)
    assert said in str(caught.value)
    assert caught.value.where == f"sim/{name}"
