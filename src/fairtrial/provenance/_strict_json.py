"""JSON from strangers: no duplicate keys, no NaN, limited depth. Read `parse` first."""

import json
from typing import Any


class Malformed(Exception):
    """The bytes are not what they should be; the text says why, without a full stop."""


def parse(data: bytes) -> Any:
    """The value in `data`, which must be UTF-8 JSON that every reader understands in the same way.

    Raises:
        Malformed: It is not, or names a key twice, or nests too deeply.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise Malformed("it is not UTF-8") from error
    except RecursionError as error:
        raise Malformed("it nests too deeply") from error
    except ValueError as error:
        raise Malformed(f"it is not JSON ({error})") from error


def fields(value: Any, what: str, **kinds: type) -> list[Any]:
    """The named members of the object `value`, each of its type.

    Raises:
        Malformed: `value` is no object, or a member is missing or of another type.
    """
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not an object")
    for name, kind in kinds.items():
        if not isinstance(value.get(name), kind):
            raise Malformed(f"{what} has no proper '{name}'")
    return [value[name] for name in kinds]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key is there twice")
    return found


def _refuse(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")
