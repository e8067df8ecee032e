"""Strategies: what is asked, what is kept, and what a budget does."""

from pathlib import Path

import pytest

from fairtrial.contestants import Ask, answer, check_strategy
from fairtrial.contestants.wording import user_message
from fairtrial.core import BadInput, Completion, Contestant, Prompt, Response, Sampling, from_json
from fairtrial.models import Gate, Model
from fairtrial.models.sim import SimulatedProvider
from fairtrial.store import Store
from fairtrial.store.tables import calls

COLD = Sampling(temperature=0.0, max_tokens=64)
SUM = Prompt(key="1", turns=("What is 2 + 2?",), reference="4", scorer="number", tags=("arithmetic",), language="en")


class Bench:
    """A store and a model to try strategies on."""

    def __init__(self, path: Path) -> None:
        self.store = Store.create(path / "lab.db")

    async def answer(
        self, prompt: Prompt = SUM, *, model: str = "echo", strategy: str = "direct", examples: tuple[Prompt, ...] = (),
        sampling: Sampling = COLD, repeat: int = 0, settings: dict[str, object] | None = None, **params: object,
    ) -> Response:  # fmt: skip
        provider = SimulatedProvider.from_settings(model, settings or {})
        provider.learn([prompt])
        contestant = Contestant(name="c", model=provider.identity, strategy=strategy, params=params, sampling=sampling)
        ask = Ask(Model(provider, Gate(self.store)), contestant, prompt, repeat=repeat, trial_seed=1, examples=examples)
        return await answer(ask)

    def sent(self) -> list[list[tuple[str, str]]]:
        self.store.flush()
        from sqlalchemy import select

        from fairtrial.core import Request

        with self.store._engine.connect() as connection:
            rows = connection.execute(select(calls.c.request)).scalars().all()
        return [[(m.role, m.content) for m in from_json(row, Request).messages] for row in rows]


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


async def test_direct_asks_once(bench: Bench) -> None:
    response = await bench.answer()
    assert bench.sent() == [[("user", "What is 2 + 2?")]]
    assert [s.label for s in response.steps] == ["turn 1"]
    assert response.style["words"] == len(response.text.split())


@pytest.mark.parametrize(("asked", "sent"), [(0.0, 0.7), (0.3, 0.3), (None, None)])
async def test_samples_are_drawn_warm_or_as_the_provider_likes(
    bench: Bench, asked: float | None, sent: float | None
) -> None:
    from sqlalchemy import select

    from fairtrial.core import Request

    await bench.answer(strategy="self-consistency", k=2, sampling=Sampling(temperature=asked, max_tokens=64))
    bench.store.flush()
    with bench.store._engine.connect() as connection:
        rows = connection.execute(select(calls.c.request)).scalars().all()
    assert [from_json(row, Request).sampling.temperature for row in rows] == [sent, sent]


async def test_an_answer_ends_as_the_chosen_sample_did(bench: Bench) -> None:
    provider = SimulatedProvider.from_settings("echo", {})
    contestant = Contestant(name="c", model=provider.identity, strategy="self-consistency", params={"k": 3})
    ask = Ask(Model(provider, Gate(bench.store)), contestant, SUM, repeat=0, trial_seed=1)
    said = iter([("Answer: 4", "stop"), ("Answer: 4", "stop"), ("Let us see, 7", "length")])

    async def send(*_: object, **__: object) -> Completion:
        text, finish = next(said)
        return Completion(text=text, finish=finish)

    provider.send = send  # type: ignore[method-assign]
    response = await answer(ask)
    assert (response.text, response.finish) == ("Answer: 4", "stop")
    assert [step.finish for step in response.steps] == ["stop", "stop", "length"]


async def test_choices_are_lettered(bench: Bench) -> None:
    await bench.answer(Prompt(key="2", turns=("Which is a fruit?",), choices=("apple", "stone"), reference="A"))
    assert bench.sent()[0][0][1].endswith("A. apple\nB. stone\n\nAnswer with the letter of the right choice.")


async def test_several_turns_are_one_conversation(bench: Bench) -> None:
    response = await bench.answer(Prompt(key="3", turns=("First?", "Second?"), system="Be brief."))
    assert len(response.turns) == 2
    longest = max(bench.sent(), key=len)
    assert [role for role, _ in longest] == ["system", "user", "assistant", "user"]


async def test_few_shot_shows_examples_of_the_same_category_and_language_only(bench: Bench) -> None:
    pool = tuple(
        Prompt(key=f"e{i}", turns=(f"What is {i} + 1?",), reference=str(i + 1), tags=("arithmetic",), language="en")
        for i in range(6)
    ) + (
        Prompt(key="x", turns=("Capital of Peru?",), reference="Lima", tags=("facts",), language="en"),
        Prompt(key="k", turns=("1 + 1은?",), reference="2", tags=("arithmetic",), language="ko"),
    )
    await bench.answer(strategy="few-shot", shots=4, examples=pool)
    (messages,) = bench.sent()
    assert [role for role, _ in messages] == ["user", "assistant"] * 4 + ["user"]
    assert not any("Peru" in text or "은?" in text for _, text in messages)
    assert messages[-1] == ("user", "What is 2 + 2?")


async def test_chain_of_thought_asks_for_a_marked_answer_in_the_items_language(bench: Bench) -> None:
    assert "'Answer:'" in user_message(SUM, think=True)
    korean = Prompt(key="k", turns=("2 더하기 2는?",), reference="4", language="ko")
    assert "'정답:'" in user_message(korean, think=True)


async def test_self_consistency_keeps_every_sample_and_takes_the_majority(bench: Bench) -> None:
    response = await bench.answer(model="skill-0.7", strategy="self-consistency", k=5)
    answers = [s.answer for s in response.steps]
    assert len(answers) == 5
    winner = max(set(answers), key=lambda a: (answers.count(a), -answers.index(a)))
    assert response.steps[answers.index(winner)].text == response.text
    assert len({s.call for s in response.steps}) == 5  # one seed a sample


async def test_persona_goes_into_the_system_message(bench: Bench) -> None:
    await bench.answer(strategy="persona", persona="a chemist")
    assert bench.sent()[0][0] == ("system", "You are a chemist. Answer as that person would.")


async def test_repeats_at_temperature_zero_are_told_apart_and_drawn_ones_seeded(bench: Bench) -> None:
    await bench.answer(repeat=0)
    await bench.answer(repeat=1)
    await bench.answer(repeat=0, sampling=Sampling(temperature=0.9, max_tokens=64))
    assert len(bench.sent()) == 3


async def test_an_answers_own_budget_ends_it_and_says_so(bench: Bench) -> None:
    response = await bench.answer(model="skill-0.5", strategy="self-consistency", k=5, budget={"calls": 2})
    assert (response.finish, response.error, len(response.steps)) == ("error", "budget", 2)


async def test_a_refusal_is_an_answer_too(bench: Bench) -> None:
    response = await bench.answer(model="skill-0.5", settings={"refusal_rate": 1.0})
    assert (response.finish, len(response.steps)) == ("refused", 1)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("fewshot", {}, "Did you mean 'few-shot'"),
        ("direct", {"shots": 3}, "has no setting 'shots'"),
        ("few-shot", {"shots": 0}, "at least 1"),
        ("self-consistency", {"k": True}, "must be int"),
        ("persona", {}, "needs 'persona'"),
    ],
)
def test_wrong_settings(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_strategy(name, params, where="contestant 'c'")
