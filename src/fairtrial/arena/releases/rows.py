"""A row of the public data, and the digest that stands for it. Read `COLUMNS` and `leaf_of` first.

The shape is that of the published arena data, with our columns beside it. A row's leaf covers all it says (fields that
are empty say nothing); its salt keeps a leaf whose row was withheld from being guessed.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fairtrial.arena.ballots import Ballot, Said
from fairtrial.arena.votes import STYLE, vote_row
from fairtrial.core import log_leaf
from fairtrial.privacy import BANDS

VOTES_JSONL, VOTES_PARQUET, LEAVES = "votes.jsonl", "votes.parquet", "leaves.txt"
KIND = "vote row"
"""What `core.log_leaf` is told that a row is."""
BAND_COLUMNS = {f"rater_{band}": band for band in BANDS}
MOST_BYTES = 3_500_000
"""Longest row with its texts; `rank` reads rows of up to 4 MiB."""

_CHAT = 'STRUCT("role" VARCHAR, "content" VARCHAR)[]'
COLUMNS: Mapping[str, str] = (
    {
        "question_id": "VARCHAR",
        "model_a": "VARCHAR",
        "model_b": "VARCHAR",
        "winner": "VARCHAR",
        "grade": "INTEGER",
        "conversation_a": _CHAT,
        "conversation_b": _CHAT,
        "text_withheld": "VARCHAR",
        "turn": "INTEGER",
        "anony": "BOOLEAN",
        "language": "VARCHAR",
        "category": "VARCHAR",
        "source": "VARCHAR",
        "task": "VARCHAR",
        "tstamp": "BIGINT",
        "rater": "VARCHAR",
    }
    | dict.fromkeys(BAND_COLUMNS, "VARCHAR")
    | {
        "evaluator": "VARCHAR",
        "evaluator_kind": "VARCHAR",
        "order": "VARCHAR",
        "policy": "VARCHAR",
        "seed": "BIGINT",
        "p_pair": "DOUBLE",
        "weight": "DOUBLE",
        "weight_reason": "VARCHAR",
        "seconds": "INTEGER",
        "early": "BOOLEAN",
        "masked_a": "INTEGER",
        "masked_b": "INTEGER",
    }
    | {f"feature_{name}_{side}": "INTEGER" for name in STYLE for side in "ab"}
    | {"salt": "VARCHAR", "leaf": "VARCHAR", "withheld": "VARCHAR"}
)
"""Column to its type in Parquet (DuckDB's names), in order."""
NOT_COVERED = frozenset({"salt", "leaf", "withheld"})
"""What a row's leaf does not cover: the salt enters it beside the row."""

_EMPTY: dict[str, Any] = dict.fromkeys(COLUMNS)
_WINNERS = {"both_bad": "tie (bothbad)"}
_MINUTE = 60
_encode = msgspec.json.Encoder().encode


def public_row(
    ballot: Ballot,
    name_of: Callable[[str], str],
    *,
    question: str,
    rater: str,
    bands: Mapping[str, str],
    weight: float,
    reason: str,
    said: Said | str,
) -> dict[str, Any]:
    """A used ballot as a row, with a fresh salt.

    Times are cut to the minute and rounded to the second: enough for tests of rigging, too little to find the row of
    somebody whose clock one has watched.

    Args:
        ballot: The ballot.
        name_of: Contestant id to name.
        question: The prompt's name in this release.
        rater: The rater's pseudonym in this release.
        bands: What may be told about the rater.
        weight: What the vote counts.
        reason: Why it counts less than in full.
        said: The texts to publish; or why they are withheld.
    """
    whole = vote_row(ballot, name_of)
    outcome = ballot.outcome
    assert outcome is not None
    same = ("model_a", "model_b", "grade", "evaluator", "evaluator_kind", "order", "policy", "seed", "p_pair", "early")
    row = _EMPTY | {name: whole[name] for name in same} | {name: whole[name] for name in whole if name in _FEATURES}
    withheld = said if isinstance(said, str) else None
    chats = {} if isinstance(said, str) else {"conversation_a": _chat(said, "a"), "conversation_b": _chat(said, "b")}
    row |= chats | {
        "question_id": question,
        "winner": _WINNERS.get(whole["winner"], whole["winner"]),
        "text_withheld": withheld,
        "turn": whole["turns"],
        "anony": True,
        "language": ballot.language or None,
        "category": ballot.category or None,
        "source": ballot.source,
        "task": ballot.task,
        "tstamp": int(datetime.fromisoformat(outcome.at).timestamp()) // _MINUTE * _MINUTE,
        "rater": rater,
        "weight": float(weight),
        "weight_reason": reason or None,
        "seconds": round(whole["seconds"]),
        "masked_a": outcome.masked.get("a", 0),
        "masked_b": outcome.masked.get("b", 0),
        "salt": secrets.token_hex(32),
    }
    return row | {column: bands.get(band) or None for column, band in BAND_COLUMNS.items()}


_FEATURES = frozenset(f"feature_{name}_{side}" for name in STYLE for side in "ab")


def without_texts(row: Mapping[str, Any], why: str) -> dict[str, Any]:
    """The row with its texts withheld."""
    return {**row, "conversation_a": None, "conversation_b": None, "text_withheld": why}


def withheld_row(leaf: str, why: str) -> dict[str, Any]:
    """What is left of a row that was taken back after publication."""
    return _EMPTY | {"leaf": leaf, "withheld": why}


def leaf_of(row: Mapping[str, Any]) -> str:
    """The row's leaf, in hexadecimal: `core.log_leaf` of its salt and of all its fields that are not empty.

    Raises:
        ValueError: The salt is not hexadecimal, or a value has no canonical JSON.
    """
    body = {name: value for name, value in row.items() if value is not None and name not in NOT_COVERED}
    return log_leaf(bytes.fromhex(row["salt"]), KIND, body).hex()


def line_of(row: Mapping[str, Any]) -> bytes:
    """The row as a line of JSON; a row has one proper line."""
    return _encode(row) + b"\n"


def minute(moment: str) -> str:
    """A recorded time, cut to the minute."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _chat(said: Said, side: str) -> list[dict[str, str]]:
    answers = said.a if side == "a" else said.b
    turns = zip(said.prompts, answers, strict=False)
    return [part for user, model in turns for part in (_message("user", user), _message("assistant", model))]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
