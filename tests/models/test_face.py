"""The gate: recorded calls come from memory, equal calls in flight are bought once, budgets are asked first."""

import asyncio
from pathlib import Path

import pytest

from fairtrial.core import BadInput, BudgetReached, Interrupted, Message, Prompt, Sampling
from fairtrial.models import Budget, Gate, Model
from fairtrial.models.openai import OpenAIProvider
from fairtrial.models.sim import SimulatedProvider
from fairtrial.store import Store

ASK = [Message(role="user", content="What is 2 + 2?")]
COLD = Sampling(temperature=0.0, max_tokens=16)


@pytest.fixture
def store(tmp_path: Path):
    with Store.create(tmp_path / "lab.db") as store:
        yield store


def simulated(name: str = "echo", **settings: object) -> SimulatedProvider:
    provider = SimulatedProvider.from_settings(name, settings)
    provider.learn([Prompt(key="1", turns=("What is 2 + 2?",), reference="4")])
    return provider


async def test_a_recorded_call_is_never_bought_again(store: Store) -> None:
    first = Model(simulated(), Gate(store))
    bought = await first.chat(ASK, sampling=COLD)
    store.flush()
    again = await Model(simulated(), Gate(store)).chat(ASK, sampling=COLD)
    assert (bought.bought, again.bought) == (True, False)
    assert again.completion.text == bought.completion.text
    assert again.key == bought.key


async def test_equal_calls_in_flight_are_bought_once(store: Store) -> None:
    gate = Gate(store)
    model = Model(simulated(latency_s=0.02), gate)
    calls = await asyncio.gather(*(model.chat(ASK, sampling=COLD) for _ in range(8)))
    assert sum(call.bought for call in calls) == 1
    assert gate.budget.spent_calls == 1
    assert len({call.completion.text for call in calls}) == 1


async def test_who_waits_for_a_failing_call_fails_too(store: Store) -> None:
    from fairtrial.core import ModelError

    model = Model(simulated(server_error_rate=1.0, retries=0, latency_s=0.01), Gate(store))
    got = await asyncio.gather(*(model.chat(ASK, sampling=COLD) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, ModelError) and error.passing for error in got)


async def test_calls_in_flight_count_towards_the_budget(store: Store) -> None:
    gate = Gate(store, Budget(calls=3))
    model = Model(simulated(latency_s=0.02), gate)
    got = await asyncio.gather(*(model.chat(ASK, sampling=COLD, seed=i) for i in range(6)), return_exceptions=True)
    assert sum(isinstance(g, BudgetReached) for g in got) == 3
    assert gate.budget.spent_calls == 3
    assert gate.budget.held_calls == 0


async def test_who_waits_is_told_when_a_call_cannot_be_recorded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise Interrupted("the disk is full.")

    monkeypatch.setattr(store, "record", full)
    model = Model(simulated(latency_s=0.01), Gate(store))
    both = asyncio.gather(*(model.chat(ASK, sampling=COLD) for _ in range(2)), return_exceptions=True)
    got = await asyncio.wait_for(both, 10)  # the second one once waited for ever
    assert [type(g) for g in got] == [Interrupted, Interrupted]


async def test_money_is_held_at_the_declared_price(store: Store) -> None:
    gate = Gate(store, Budget(usd=0.001))
    model = Model(simulated(), gate, price=(10.0, 100.0))
    with pytest.raises(BudgetReached, match="budget of 0.001 usd"):
        await model.chat(ASK, sampling=COLD)  # 16 tokens at 100 dollars a million are 0.0016 at most
    assert gate.budget.held_usd == 0


async def test_a_missing_capability_is_a_plain_error_before_anything_is_sent(store: Store) -> None:
    gate = Gate(store)
    provider = OpenAIProvider("m", base_url="http://127.0.0.1:9/v1", logprobs=False)
    model = Model(provider, gate)
    with pytest.raises(BadInput, match="cannot do 'logprobs'"):
        await model.logprobs(ASK)
    assert gate.budget.spent_calls == 0
