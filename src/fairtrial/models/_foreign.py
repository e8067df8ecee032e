"""Foreign JSON, read without trust: what a server sends becomes a value of the expected kind. Read `decode` first."""

import json
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder()


def decode(data: bytes | str) -> Any:
    """Foreign JSON as dicts, lists, strings and numbers.

    The fast decoder is strict; what it refuses is tried once more with one that takes halves of characters and
    infinities, which some servers write.

    Raises:
        ValueError: It is not JSON, or not whole.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        pass
    raise ValueError("not whole JSON")


def string(value: object) -> str:
    """A string as it is; anything else is no text."""
    return value if isinstance(value, str) else ""


def text(value: object) -> str:
    """A string as it is, with halves of characters joined or replaced; anything else is no text."""
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def word(value: object) -> str:
    """A string or a whole number, as text."""
    return str(value) if isinstance(value, int) and value else text(value)


def count(value: object) -> int:
    """A number of tokens; 0 for anything that is none."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0


def logprob(value: object) -> float | None:
    """A finite natural log-probability, or None."""
    return float(value) if type(value) in {int, float} and -1e9 < value <= 0 else None  # type: ignore[operator,arg-type]
