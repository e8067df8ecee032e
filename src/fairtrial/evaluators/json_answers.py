"""JSON in an answer: where it stands, and within which bounds it is read. Read `find_json` first."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from fairtrial.evaluators.passages import MAX_ANSWER

MAX_TEXT = 100_000
"""Characters of the JSON itself."""
MAX_VALUES = 10_000
"""Values in it, keys included."""
MAX_DEPTH = 50
"""Levels of lists and objects around the innermost value."""
MAX_KEY = 1_000
"""Characters of a key."""
_MAX_DIGITS = 300
_MAX_WORK = 4 * MAX_ANSWER
_TRY = 1_000
"""What a failed try costs at least, in characters."""
_OPENING = re.compile(r'\{[ \t\r\n]*+["}]')


class _Unread(ValueError):
    """What stands there is past the bounds, or not JSON by RFC 8259."""


def find_json(text: str) -> tuple[str, Any] | None:
    """The JSON in an answer, as text and as value; None where there is none within the bounds.

    The first of these that applies decides, even if what stands there is no JSON:

    1. The whole text, where it is JSON.
    2. The last block fenced by ```` ```json ````.
    3. The last balanced object: the last ``{…}`` that is JSON and not part of another.

    ``NaN`` and ``Infinity`` are no JSON (RFC 8259); of equal keys the last counts. Past `MAX_TEXT`, `MAX_VALUES`,
    `MAX_DEPTH`, `MAX_KEY`, 300 digits or a float's range nothing is read.
    """
    if len(text) > MAX_ANSWER:
        return None
    stripped = text.strip()
    try:
        whole = _read(stripped)
        if whole is not None:
            return whole
        fenced = _last_fenced(text)
        return _read(fenced) if fenced is not None else _last_object(text)
    except _Unread:
        return None


def parse_json(text: str) -> Any:
    """One JSON text (RFC 8259) within the bounds of numbers.

    Raises:
        ValueError: Not JSON, lists and objects too deep inside each other, or a number out of range.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise _Unread("too deep") from None


def _read(text: str) -> tuple[str, Any] | None:
    """The text as JSON; None where it is not. Raises `_Unread` past the bounds."""
    if len(text) > MAX_TEXT:
        return None
    try:
        value = parse_json(text)
    except json.JSONDecodeError:
        return None
    _check_bounds(value)
    return text, value


def _last_fenced(text: str) -> str | None:
    found: str | None = None
    block: list[str] | None = None
    for line in text.splitlines():
        mark = line.strip().lower()
        if block is None and mark == "```json":
            block = []
        elif block is not None and mark == "```":
            found, block = "\n".join(block).strip(), None
        elif block is not None:
            block.append(line)
    return "\n".join(block).strip() if block is not None else found


def _last_object(text: str) -> tuple[str, Any] | None:
    """Try every ``{`` that may open an object, past what was read; the work is bounded, for a try may go far."""
    found: tuple[int, int, Any] | None = None
    end, work = 0, 0
    while opening := _OPENING.search(text, end):
        start = opening.start()
        try:
            value, end = _DECODER.raw_decode(text, start)
        except RecursionError:
            raise _Unread("too deep") from None
        except json.JSONDecodeError as error:
            end, work = start + 1, work + error.pos - start + _TRY
        else:
            found = start, end, value
        if work > _MAX_WORK:
            raise _Unread("too much to try")
    if found is None or found[1] - found[0] > MAX_TEXT:
        return None
    _check_bounds(found[2])
    return text[found[0] : found[1]], found[2]


def _check_bounds(value: Any) -> None:
    count, layer = 0, [value]
    for _ in range(MAX_DEPTH + 1):
        count += len(layer)
        if count > MAX_VALUES:
            raise _Unread("too many values")
        layer = [inner for outer in layer for inner in _inside(outer)]
    if layer:
        raise _Unread("too deep")


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if any(len(key) > MAX_KEY for key in value):
            raise _Unread("a key too long")
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _Unread("too many digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Unread("a number out of range")
    return value


def _no_number(name: str) -> float:
    raise _Unread(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_no_number)
