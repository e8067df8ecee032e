"""Was a judge taught on the pairs it is examined on? Read `contamination` first.

A training manifest holds hashes of what a judge was taught on, and no text. Equal texts are found however they are
spaced or capitalised; a paraphrase is not.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairtrial.core import BadInput, Vote
from fairtrial.evaluators.card import judge_card
from fairtrial.evaluators.tables import Item, Rate

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Pairs of which something stands in a judge's training manifest."""

    hashes: int
    """In the manifest."""
    prompts: int
    """Pairs whose prompt stands there."""
    answers: int
    """Pairs of which an answer stands there."""
    keys: tuple[str, ...]
    """The first of these pairs."""
    clean_accuracy: Rate | None
    """Accuracy on all other pairs."""


def text_hash(text: str) -> str:
    """SHA-256 of a text in lower case with single spaces, without spaces at its ends."""
    return hashlib.sha256(re.sub(r"\s+", " ", text.casefold()).strip().encode()).hexdigest()


def read_manifest(path: Path) -> frozenset[str]:
    """The hashes of a training manifest: ``{"hashes": ["…", …]}``.

    Raises:
        BadInput: It cannot be read or is none.
    """
    try:
        told = json.loads(path.read_bytes())
        hashes = told["hashes"]
        good = isinstance(hashes, list) and all(isinstance(one, str) and len(one) == 64 for one in hashes)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}.", where=str(path)) from None
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise BadInput(
            "this is no training manifest.",
            where=str(path),
            next_step='It is a JSON object with "hashes", a list of SHA-256 in hexadecimal.',
        )
    return frozenset(hashes)


def contamination(items: Sequence[Item], votes: Sequence[Vote], hashes: Collection[str]) -> Contamination:
    """Which pairs a judge may remember, and how it does on the others."""
    known_prompt = [any(text_hash(turn) in hashes for turn in item.prompt.turns) for item in items]
    known_answer = [any(text_hash(one.text) in hashes for one in (item.a, item.b)) for item in items]
    known = [p or a for p, a in zip(known_prompt, known_answer, strict=True)]
    clean = [k for k, one in enumerate(known) if not one]
    card = judge_card("", [items[k] for k in clean], [votes[k] for k in clean]) if clean else None
    return Contamination(
        hashes=len(hashes),
        prompts=sum(known_prompt),
        answers=sum(known_answer),
        keys=tuple(item.key for item, one in zip(items, known, strict=True) if one)[:_SHOWN],
        clean_accuracy=card.accuracy if card else None,
    )
