"""One byte string for one value: RFC 8785 canonical JSON, its SHA-256, and seeds derived from it.

Read `digest` first. Everything content-addressed in Fairtrial is named by it.
"""

import hashlib
from typing import Any, TypeVar

import msgspec
import rfc8785

from fairtrial.core.errors import IntegrityError

T = TypeVar("T")


def canonical_json(value: object) -> bytes:
    """RFC 8785 canonical JSON of a value made of dataclasses, dicts, sequences, strings, numbers, booleans and None.

    Raises:
        ValueError: For NaN, infinities, integers beyond 2**53 and lone surrogates, which have no canonical form.
    """
    plain = msgspec.to_builtins(value)
    try:
        return msgspec.json.encode(_same_in_both(plain), order="sorted")
    except _Differs:
        return rfc8785.dumps(plain)


class _Differs(Exception):
    """This value has another form in RFC 8785 than in plain sorted JSON."""


def _same_in_both(value: Any) -> Any:
    """The value, if plain sorted JSON writes it as RFC 8785 does; five times as fast, and it is asked for every call.

    They differ in numbers beyond everyday size and in the order of keys outside ASCII; whole floats are written as
    integers.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int and -_SAFE < value < _SAFE:
        return value
    if kind is dict and all(type(key) is str and key.isascii() for key in value):
        return {key: _same_in_both(inner) for key, inner in value.items()}
    if kind is list or kind is tuple:
        return [_same_in_both(inner) for inner in value]
    if kind is float and value.is_integer() and -_SAFE < value < _SAFE:
        return int(value)
    if kind is float and 1e-4 <= abs(value) < 1e15:
        return value
    raise _Differs


_SAFE = 2**53
"""Integers from here on are not exact in JSON."""


def digest(value: object) -> str:
    """``sha256:<64 hex>`` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def seed_of(*keys: object) -> int:
    """A 31-bit seed that depends on `keys` and on nothing else, so that it is the same in any order of work."""
    return int.from_bytes(hashlib.sha256(canonical_json(list(keys))).digest()[:4], "big") >> 1


def to_json(value: object) -> bytes:
    """Compact JSON of a dataclass or builtin, fast, for storage (not canonical: do not hash it)."""
    return msgspec.json.encode(value)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON into the dataclass `kind`, checking types; unknown fields are ignored so that old labs stay readable.

    Raises:
        IntegrityError: When the bytes are not JSON of that shape.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise IntegrityError(f"stored {kind.__name__} is damaged: {error}") from error


def to_plain(value: object) -> Any:
    """The value as dicts, lists, strings and numbers."""
    return msgspec.to_builtins(value)
