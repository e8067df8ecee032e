"""A key that does not show itself. Read `Secret` first; `key_from_environment` is the only way a key gets in."""

import base64
import os
import re
from typing import NoReturn
from urllib.parse import quote

from fairtrial.core import BadInput

MASK = "***"
WINDOW = 8
"""A piece of a key of at least this many characters is masked wherever it appears."""
SHORTEST = 4

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
KEY_PREFIX = re.compile(r"(?i)(sk|pk|rk|gsk|hf|xai|r8|ghp|pplx|fw|nvapi|tgp)[-_]|AIza|AKIA")
KEY_RUN = re.compile(r"(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{16,}")


class Secret:
    """A key: its text is only given out by `reveal`, never by printing, logging, comparing or pickling."""

    __slots__ = ("_forms", "_pieces", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._forms = tuple(sorted(_spellings(value), key=len, reverse=True)) if len(value) >= SHORTEST else ()
        self._pieces = {form[i : i + WINDOW] for form in self._forms for i in range(len(form) - WINDOW + 1)}

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")

    def is_in(self, text: str) -> bool:
        """Whether `text` holds the whole key."""
        return len(self._value) >= SHORTEST and self._value in text

    def mask(self, text: str) -> str:
        """`text` with the whole key masked, and nothing else touched."""
        return text.replace(self._value, MASK)

    def scrub(self, text: str) -> str:
        """`text` with the key masked: plain, percent-encoded, in base64, and any piece of 8 characters or more."""
        for form in self._forms:
            text = text.replace(form, MASK)
        hidden = [False] * len(text)
        for start in range(len(text) - WINDOW + 1):
            if text[start : start + WINDOW] in self._pieces:
                hidden[start : start + WINDOW] = [True] * WINDOW
        if not any(hidden):
            return text
        kept = [("" if i and hidden[i - 1] else MASK) if gone else text[i] for i, gone in enumerate(hidden)]
        return "".join(kept)


def _spellings(value: str) -> set[str]:
    """The key as servers, URLs, tracebacks and basic authentication would write it."""
    spellings = {value, quote(value, safe=""), repr(value)[1:-1]}
    for shift in range(3):  # base64 writes a text in three ways, by what stands before it
        whole = base64.b64encode(b"x" * shift + value.encode()).decode()
        inner = whole[4 if shift else 0 :].rstrip("=")[:-1]
        if len(inner) >= WINDOW:
            spellings |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return spellings


def key_from_environment(name: str) -> Secret:
    """The key held by the environment variable `name`.

    Raises:
        BadInput: `name` looks like a key itself (it is not repeated), the variable is missing or empty, or its value
            cannot stand in an HTTP header.
    """
    if name not in os.environ and _looks_like_key(name):
        raise BadInput(
            "api_key_env holds what looks like a key; it must be the name of an environment variable.",
            next_step='Revoke the key if the file was shared, then: export MY_API_KEY=… and api_key_env = "MY_API_KEY"',
        )
    value = os.environ.get(name, "").strip()
    if not value:
        state = "is empty" if name in os.environ else "is not set"
        raise BadInput(f"the environment variable {name} {state}.", next_step=f"Set it first: export {name}=…")
    if not (value.isascii() and value.isprintable()):
        raise BadInput(
            f"the environment variable {name} holds characters that no key has.", next_step="Copy the key again."
        )
    return Secret(value)


def _looks_like_key(name: str) -> bool:
    return bool(not VARIABLE.fullmatch(name) or KEY_PREFIX.match(name) or KEY_RUN.search(name))
