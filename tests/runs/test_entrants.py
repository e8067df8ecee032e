"""Contestants from entries of a trial file: what can change an answer is in the id."""

from fairtrial.core import PromptSet
from fairtrial.models.openai import OpenAIProvider
from fairtrial.runs import parse_trial
from fairtrial.runs.entrants import make_contestant


def test_a_model_asked_in_plain_text_is_another_contestant_than_in_chat_turns() -> None:
    trial = parse_trial(
        {
            "name": "t",
            "prompts": "builtin:starter",
            "contestant": [{"name": "a", "model": "openai/m", "base_url": "http://127.0.0.1:9/v1"}],
        }
    )
    chat, plain = (
        make_contestant(
            trial.contestants[0],
            OpenAIProvider("m", base_url="http://127.0.0.1:9/v1", chat=chat),
            PromptSet(name="p", prompts=()),
        )
        for chat in (True, False)
    )
    assert chat.model == plain.model
    assert chat.id != plain.id
