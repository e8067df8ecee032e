"""Records exported from Argilla, read as rows of a pair file. Read `flat` first, then `verdicts`.

Three forms are met: nested records of SDK 2 (``to_json``), flattened ones (``to_list(flatten=True)``, Parquet), and
those of SDK 1 with one response object a user. Drafts and discarded responses do not count.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fairtrial.core import BadInput
from fairtrial.formats.rows import Row

_RESPONSES = ".responses"
_LABELS = ("a", "b", "tie")


def is_record(row: Row) -> bool:
    """Whether a row is an Argilla record."""
    return isinstance(row.get("fields"), Mapping) or any(
        name.endswith(_RESPONSES) and isinstance(value, list | None) for name, value in row.items()
    )


def flat(record: Row) -> Row:
    """The record with its fields as columns, and its metadata as ``meta``."""
    fields = record.get("fields")
    row = dict(record) | (dict(fields) if isinstance(fields, Mapping) else {})
    if record.get("id") is None:
        row["id"] = record.get("external_id")
    if isinstance(record.get("metadata"), Mapping):
        row.setdefault("meta", dict(record["metadata"]))
    return row


def questions(record: Row) -> dict[str, list[Any]]:
    """What each question was answered, submitted answers only."""
    found: dict[str, list[Any]] = {}
    for question, value, status in _answers(record):
        answers = found.setdefault(question, [])
        if status in (None, "submitted"):
            answers.append(value)
    return found


def verdicts(record: Row, first: str, second: str, *, question: str, where: str) -> list[str]:
    """What each annotator said of the two answers: a, b or tie.

    A label question counts when it was answered by the names of the two fields, or by a, b and tie; a ranking by the
    ranks of both. Other questions are about something else.

    Args:
        record: The record.
        first: Name of the field that holds answer a.
        second: Likewise of answer b.
        question: The question that asks who is better; empty: the only one that can be understood so.
        where: For errors.

    Raises:
        BadInput: Two questions could be meant, or the named one was answered by something else.
    """
    asked = questions(record)
    read = {name: [_label(value, first, second) for value in values] for name, values in asked.items()}
    if question:
        if None in read.get(question, []):
            raise BadInput(
                f"an answer to '{question}' names neither '{first}' nor '{second}'.",
                where=where,
                next_step='Map the columns of the two answers, or leave the question out: label = "" in [fields].',
            )
        return [one for one in read.get(question, []) if one]
    fitting = [name for name, labels in read.items() if labels and None not in labels]
    if len(fitting) > 1:
        raise BadInput(
            f"'{fitting[0]}' and '{fitting[1]}' both say which answer is better.",
            where=where,
            next_step=f'Say which one counts: [fields] label = "{fitting[0]}"',
        )
    return [one for name in fitting for one in read[name] if one]


def _answers(record: Row) -> Iterator[tuple[str, Any, Any]]:
    """Question, value and status of every response."""
    responses = record.get("responses")
    if isinstance(responses, Mapping):  # SDK 2
        for question, given in responses.items():
            for one in given if isinstance(given, list) else ():
                if isinstance(one, Mapping):
                    yield str(question), one.get("value"), one.get("status")
    elif isinstance(responses, list):  # SDK 1
        for one in responses:
            values = one.get("values") if isinstance(one, Mapping) else None
            for question, value in values.items() if isinstance(values, Mapping) else ():
                yield str(question), value.get("value") if isinstance(value, Mapping) else value, one.get("status")
    for name, given in record.items():
        if name.endswith(_RESPONSES) and isinstance(given, list):
            states = record.get(f"{name}.status")
            states = states if isinstance(states, list) and len(states) == len(given) else [None] * len(given)
            for value, status in zip(given, states, strict=True):
                yield name.removesuffix(_RESPONSES), value, status


def _label(value: Any, first: str, second: str) -> str | None:
    named = {first.casefold(): "a", second.casefold(): "b"}
    if isinstance(value, str):
        word = value.strip().casefold()
        return named.get(word, word if word in _LABELS else None)
    if isinstance(value, list):
        ranks: dict[str, int] = {}
        for one in value:
            side = named.get(str(one.get("value")).casefold()) if isinstance(one, Mapping) else None
            rank = one.get("rank") if side else None
            if side and isinstance(rank, int):
                ranks[side] = rank
        if len(ranks) == 2:
            return "tie" if ranks["a"] == ranks["b"] else min(ranks, key=lambda side: ranks[side])
    return None
