"""A key shows nowhere, whole or in pieces, plain or encoded."""

import base64
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.models._secret import MASK, Secret, key_from_environment

KEY = "sk-test/Canary+0123456789=abcdefXYZ"


def test_printing_formatting_and_pickling_do_not_show_it() -> None:
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {[secret]}"
    assert "Canary" not in shown
    assert MASK in shown
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == KEY


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        repr(KEY),
        quote(KEY),
        quote(KEY, safe=""),
        KEY[:12],
        KEY[5:14],
        KEY[-9:],
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(b":" + KEY.encode()).decode(),
        base64.b64encode(b"user:" + KEY.encode()).decode(),
        base64.urlsafe_b64encode(b"me:" + KEY.encode()).decode(),
    ],
)
def test_every_form_of_it_is_masked_in_messages(form: str) -> None:
    clean = Secret(KEY).scrub(f"Incorrect key ({form}) given; see the docs.")
    assert clean.startswith("Incorrect key (")
    assert clean.endswith(") given; see the docs.")
    assert MASK in clean
    assert not any(form[i : i + 9] in clean for i in range(len(form) - 8))


@given(st.text(max_size=60))
def test_text_that_holds_no_piece_of_it_is_left_alone(text: str) -> None:
    assert Secret(KEY).scrub(text) == text


@pytest.mark.parametrize("key", ["", "x", "key"])
def test_placeholders_that_are_no_keys_mask_nothing(key: str) -> None:
    assert Secret(key).scrub("the key x is wrong") == "the key x is wrong"
    assert not Secret(key).is_in("the key x is wrong")


def test_the_key_is_read_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", f" {KEY}\n")
    assert key_from_environment("MY_API_KEY").reveal() == KEY


@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "is not set"), ("", "is empty"), ("  ", "is empty"), ("ab\ncd", "characters"), ("키", "characters")],
)
def test_a_missing_or_unusable_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None, says: str) -> None:
    monkeypatch.delenv("MY_API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_API_KEY", value)
    with pytest.raises(BadInput, match=f"MY_API_KEY .*{says}") as raised:
        key_from_environment("MY_API_KEY")
    assert raised.value.next_step


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdef0123456789",
        "sk_live_abcdef",
        "hf_abcdefghijklmnopqrstuv",
        "AIzaSyA1234567890",
        "0123456789abcdef0123456789abcdef",
        "a1b2c3d4e5f6a7b8c9d0",
        "eyJhbGciOiJI.eyJzdWIi.abc",
        "two words",
    ],
)
def test_a_key_in_place_of_a_name_is_told_without_repeating_it(key: str) -> None:
    with pytest.raises(BadInput, match="looks like a key") as raised:
        key_from_environment(key)
    assert key not in str(raised.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "my_key", "K2", "TEAM_7_GATEWAY_TOKEN"])
def test_ordinary_names_are_taken_for_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match=f"{name} is not set"):
        key_from_environment(name)
