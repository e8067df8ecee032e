"""Pairs as rows of our own shape, written so that `read_pairs` reads them back equal. Read `write_pairs` first."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput
from fairtrial.formats.judged import spoken
from fairtrial.formats.pairs import Pair, read_pairs
from fairtrial.formats.rows import place

_NAMES = ("system", "label", "label_source", "model_a", "model_b", "language", "category")


def write_pairs(path: Path | str, pairs: Iterable[Pair]) -> None:
    """Write pairs as JSONL, whole or not at all: a draft beside the file is read back, then takes its place.

    Args:
        path: The file, ``.jsonl``; one that is there is replaced.
        pairs: At least one, of unique keys.

    Raises:
        BadInput: A pair that would not be read back equal (blank prompt, key that stands twice …), or a place that
            cannot be written; the old file, if any, is untouched.
    """
    path, kept = Path(path), tuple(pairs)
    if path.suffix.lower() != ".jsonl":
        raise BadInput("pairs are written as JSONL only.", where=str(path), next_step="Name the file ….jsonl.")
    draft = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".pairs-", suffix=".jsonl", encoding="utf-8", newline="\n", delete=False
        ) as target:
            draft = Path(target.name)
            for number, pair in enumerate(kept, 1):
                target.write(_line(path, number, pair))
            target.flush()
            os.fsync(target.fileno())
        _check(path, draft, kept)
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise BadInput(
            f"the file cannot be written: {error.strerror or error}.",
            where=str(path),
            next_step="Check that its directory is there and may be written to.",
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _line(path: Path, number: int, pair: Pair) -> str:
    if not 1 <= len(pair.prompts) == len(pair.a) == len(pair.b):
        raise BadInput(
            f"the pair {pair.key!a:.80} has not one answer a and one answer b to each message.",
            where=place(path, number),
            next_step="Give 'prompts', 'a' and 'b' the same number of texts.",
        )
    try:
        line = json.dumps(_row(pair), ensure_ascii=False, allow_nan=False) + "\n"
        line.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"the pair {pair.key!a:.80} cannot be written as JSON: {error!s:.200}.",
            where=place(path, number),
            next_step="Keep texts, lists, objects and finite numbers only.",
        ) from error
    return line


def _row(pair: Pair) -> dict[str, Any]:
    """The pair's columns, without those that say nothing."""
    row: dict[str, Any] = {"id": pair.key}
    if pair.a[:-1] == pair.b[:-1]:
        row["prompt"] = _chat(pair.prompts, pair.a[:-1]) if pair.a[:-1] else spoken("user", pair.prompts[-1])
        row["response_a"], row["response_b"] = spoken("assistant", pair.a[-1]), spoken("assistant", pair.b[-1])
    else:  # each answer has a history of its own
        row["response_a"], row["response_b"] = _chat(pair.prompts, pair.a), _chat(pair.prompts, pair.b)
    row |= {name: value for name in _NAMES if (value := getattr(pair, name))}
    if pair.annotators:
        row["annotators"] = dict(zip(pair.raters, pair.annotators, strict=False)) or list(pair.annotators)
    if pair.probe:
        row["probe"] = True
    if pair.meta:
        row["meta"] = pair.meta
    return row


def _chat(asked: tuple[str, ...], answered: tuple[str, ...]) -> list[dict[str, str]]:
    """Messages in turn; the last answer may be missing."""
    texts = [("user", text) for text in asked], [("assistant", text) for text in answered]
    return [
        {"role": role, "content": text}
        for turn in range(len(asked))
        for role, text in (texts[0][turn], *texts[1][turn : turn + 1])
    ]


def _check(path: Path, draft: Path, pairs: tuple[Pair, ...]) -> None:
    """Read the draft, which must hold the same.

    Raises:
        BadInput: It does not, or it is no pair file.
    """
    try:
        found = read_pairs(draft)
    except BadInput as error:
        where = error.where.replace(str(draft), str(path))
        raise BadInput(error.message, where=where, next_step=error.next_step) from error
    number = next((n for n, (one, other) in enumerate(zip(found, pairs, strict=True), 1) if one != other), None)
    if number is not None:
        raise BadInput(
            f"the pair '{pairs[number - 1].key:.80}' would not be read back as it is.",
            where=place(path, number),
            next_step="Take spaces off the ends of names, and give each rater one name and one label.",
        )
