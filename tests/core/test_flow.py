"""The nouns: ids change with what they name, and with nothing else."""

from dataclasses import FrozenInstanceError, replace

import pytest

from fairtrial.core import Contestant, ModelIdentity, Prompt, PromptSet, Response, Sampling, Usage

PROMPT = Prompt(key="1", turns=("2 + 2?",), reference="4", tags=("arithmetic",))
CONTESTANT = Contestant(name="direct", model=ModelIdentity(provider="sim", model="m"))


def test_nouns_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        PROMPT.key = "2"  # type: ignore[misc]


def test_a_prompts_id_covers_what_is_asked_and_what_is_right() -> None:
    assert replace(PROMPT, key="other", tags=(), source="elsewhere").id == PROMPT.id
    for change in ({"turns": ("2 + 3?",)}, {"reference": "5"}, {"choices": ("4", "5")}, {"system": "Be brief."}):
        assert replace(PROMPT, **change).id != PROMPT.id


def test_a_contestants_id_covers_what_can_change_an_answer() -> None:
    assert replace(CONTESTANT, name="other", facts={"maker": "x"}).id == CONTESTANT.id
    for change in (
        {"strategy": "few-shot"},
        {"params": {"system": "x"}},
        {"sampling": Sampling(temperature=0.7)},
        {"model": ModelIdentity(provider="sim", model="m", digest="sha256:1")},
    ):
        assert replace(CONTESTANT, **change).id != CONTESTANT.id


def test_a_responses_id_covers_what_was_said_not_how_long_it_took() -> None:
    said = Response(prompt=PROMPT.id, contestant=CONTESTANT.id, turns=("4",))
    assert replace(said, seconds=3.0, usd=1.0).id == said.id
    assert replace(said, turns=("5",)).id != said.id


def test_a_sets_id_is_its_prompts_in_order() -> None:
    other = replace(PROMPT, turns=("3 + 3?",))
    assert PromptSet(name="a", prompts=(PROMPT, other)).id == PromptSet(name="b", prompts=(PROMPT, other)).id
    assert PromptSet(name="a", prompts=(PROMPT, other)).id != PromptSet(name="a", prompts=(other, PROMPT)).id


def test_usage_adds_up() -> None:
    both = Usage(prompt_tokens=2, completion_tokens=3, reasoning_tokens=1) + Usage(prompt_tokens=5)
    assert (both.prompt_tokens, both.total, both.reasoning_tokens) == (7, 10, 1)
