"""Validators of JSON Schemas that can neither fetch nor run on: a heavy import of `schemas`. Read `validator` first.

The steps an answer takes and the strings that patterns are tried on are bounded; its size and depth are by
`json_answers`.
"""

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing import Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from fairtrial.core import BadInput
from fairtrial.evaluators.json_answers import parse_json

MAX_STEPS = 50_000
"""Keywords evaluated on one answer; recursive alternatives may take 2^depth of them."""
MAX_PATTERN_TEXT = 5_000
"""Characters of a string that a pattern is tried on."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


class _TooMuchError(Exception):
    """An answer took more than `MAX_STEPS`."""


@lru_cache(maxsize=64)
def validator(reference: str) -> Any:
    """The validator of a schema, checked.

    Raises:
        BadInput: See `schemas.check_schema`.
    """
    schema = _parsed(reference)
    draft = _draft(schema)
    try:
        draft.check_schema(schema)
        if isinstance(schema, dict):
            # A schema that names its draft would be handed to the library's own class again at every reference to it.
            schema = {key: value for key, value in schema.items() if key != "$schema"}
        _check_references(schema, draft)
        made = _bounded(draft)(schema, registry=REGISTRY)
        _check_ends(made)
    except SchemaError as error:
        at = "".join(f"/{part}" for part in error.absolute_path)
        raise BadInput(
            f"the reference is no JSON Schema: at '{at or '/'}', {error.message[:200]}.",
            next_step="Correct the schema.",
        ) from None
    except RecursionError:
        raise BadInput(
            "the reference is a schema that is too deep, or refers to itself without end.",
            next_step="Refer to a schema only from inside one of its properties or items.",
        ) from None
    return made


def holds(validator: Any, value: Any) -> bool:
    """Whether a value is valid; one that takes more than `MAX_STEPS`, or too deep a recursion, is not."""
    token = _steps_left.set([MAX_STEPS])
    try:
        return bool(validator.is_valid(value))
    except (_TooMuchError, RecursionError):
        return False
    finally:
        _steps_left.reset(token)


def _parsed(reference: str) -> Any:
    try:
        schema = parse_json(reference)
    except ValueError as error:
        raise BadInput(f"the reference is not JSON: {error}.", next_step="Write a JSON Schema as JSON.") from None
    if not isinstance(schema, dict | bool):
        raise BadInput(
            f"a JSON Schema is an object, found {str(reference)[:40]!r}.", next_step='Write: {"type": "object", …}'
        )
    return schema


def _draft(schema: Any) -> Any:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    draft = validator_for(schema, default=None) if isinstance(named, str) else Draft202012Validator
    if named is not None and (draft is None or not isinstance(named, str)):
        raise BadInput(
            f"the schema's $schema {named!r} is unknown.",
            next_step='Leave it out, or write "https://json-schema.org/draft/2020-12/schema".',
        )
    return draft


@cache
def _bounded(draft: Any) -> Any:
    """The draft's validator with every keyword counted, and two replaced that could take too long."""
    keywords = {**draft.VALIDATORS}
    keywords |= {name: ours for name, ours in (("uniqueItems", _unique), ("pattern", _pattern)) if name in keywords}
    return extend(draft, {name: _counted(keyword) for name, keyword in keywords.items()})


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def counting(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _steps_left.get()
        left[0] -= 1
        if left[0] < 0:
            raise _TooMuchError
        return keyword(validator, value, instance, schema)

    return counting


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and (len(instance) > MAX_PATTERN_TEXT or not re.search(pattern, instance)):
        yield ValidationError("does not match")


def _unique(validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """In linear time; the library compares objects pair by pair."""
    if wanted and validator.is_type(instance, "array") and len(set(map(_identity, instance))) < len(instance):
        yield ValidationError("has equal items")


def _identity(value: Any) -> Any:
    """Equal for values that are equal by JSON Schema: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return "object", frozenset((key, _identity(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_identity, value))
    return isinstance(value, bool), value


def _check_references(schema: Any, draft: Any) -> None:
    """Follow every reference; the registry holds the drafts' own schemas and cannot fetch."""
    specification = specification_with(draft.ID_OF(draft.META_SCHEMA))
    root = specification.create_resource(schema)
    todo: list[tuple[Resource[Any], Any]] = [(root, REGISTRY.resolver_with_root(root))]
    seen: set[int] = set()
    while todo:
        resource, resolver = todo.pop()
        contents = resource.contents
        if id(contents) in seen or not isinstance(contents, dict):
            continue
        seen.add(id(contents))
        if "$schema" in contents and resource is not root and id(contents) not in _published():
            raise BadInput("the schema has a $schema inside it.", next_step="Keep the one at its top.")
        named = [contents[name] for name in _REFERENCES if isinstance(contents.get(name), str)]
        todo += [_resolved(ref, resolver, specification) for ref in named]
        todo += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


@cache
def _published() -> frozenset[int]:
    """The drafts' own schemas, by identity: these may name their draft."""
    return frozenset(id(REGISTRY.contents(uri)) for uri in REGISTRY)


def _resolved(ref: str, resolver: Any, specification: Any) -> tuple[Resource[Any], Any]:
    try:
        resolved = resolver.lookup(ref)
    except (Unresolvable, ValueError):
        raise BadInput(
            f"the schema refers to {ref!r}, which is not in it; nothing is fetched.",
            next_step='Put it into the schema\'s "$defs" and refer to "#/$defs/NAME".',
        ) from None
    return specification.create_resource(resolved.contents), resolved.resolver


def _check_ends(validator: Any) -> None:
    """Try one value of each type: a reference that leads back to itself on the same value never ends."""
    token = _steps_left.set([MAX_STEPS])
    try:
        values: tuple[Any, ...] = (None, True, 0, "", [], {})
        for value in values:
            validator.is_valid(value)
    except _TooMuchError:
        raise RecursionError from None
    finally:
        _steps_left.reset(token)
