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
    return rfc8785.dumps(msgspec.to_builtins(value))


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
