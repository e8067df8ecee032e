"""Reading the short answer out of a longer text. Read `read_answer` first.

Contestants that vote over samples and scorers that compare with a reference read the same way, and neither reading
looks at the reference.
"""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from fairtrial.core import Prompt

READING = 2
"""Raised whenever an answer is read or compared differently: it is part of every scorer's id, and of the id of
contestants that vote over their samples, so that no old score stands in for a new one."""

AnswerKind = Literal["text", "number", "choice"]

_MARKER = re.compile(
    r"(?:final answer|answer|정답|최종 답|답변|답)\s*+(?:(?:is|은|는)\s*+)?[:：]\s*"
    r"|\b(?:the )?(?:final )?answer is:?\s+",
    re.IGNORECASE,
)
"""Possessive, for an answer may be 'answer' and a million spaces."""
_MARKS = re.compile(rb"[^\0]{30}([^\0]+)")
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z_.])[-−–]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?!\d)|\.\d+)"
)
"""A dash between two numbers joins them; only one that follows no digit is a sign."""
_LONGEST = 40
"""Digits up to which a number is written out."""

_LETTER = re.compile(r"(?<![^\W_])(?!(?:A|I)\s+(?!or\b|and\b|is\b)[a-z])([A-Z])(?![A-Za-z0-9_'’])")
"""A capital standing alone; 'A good one' and 'I think' hold words, not letters."""
_EMPHASIS = re.compile(r"(?:\*\*|__|`|\\boxed\{|\\\(|\\\)|\$)")


def answer_kind(prompt: Prompt) -> AnswerKind:
    """What kind of short answer a prompt wants, from its scorer and choices (never from its reference)."""
    if prompt.choices or prompt.scorer == "choice":
        return "choice"
    return "number" if prompt.scorer == "number" else "text"


def read_answer(text: str, kind: AnswerKind, choices: Sequence[str] = ()) -> str:
    """The short answer in `text`, or ``""`` when none can be read.

    After the last marker (``Answer:``, ``정답:``, ``the answer is``) only the rest of that line counts; without a
    marker, the whole text. ``number``: the last number after no marker, the first one after a marker, without
    thousands separators. ``choice``: the letter of an option, from a letter standing alone or from the one option
    whose text is named; two different ones are no answer.
    """
    tail, marked = _after_marker(_EMPHASIS.sub("", text))
    if kind == "number":
        if marked and "=" in tail:  # 'Answer: 3 - 1 = 2' ends with the answer
            tail = tail.rsplit("=", 1)[1]
        found: list[str] = _NUMBER.findall(tail)
        return _plain_number(found[0 if marked else -1]) if found else ""
    if kind == "choice":
        return _read_choice(tail, choices)
    return tail.strip()


def _after_marker(text: str) -> tuple[str, bool]:
    markers = list(_MARKER.finditer(text))
    if not markers:
        return text, False
    rest = text[markers[-1].end() :].lstrip()
    return rest.split("\n", 1)[0], True


def _plain_number(found: str) -> str:
    number = Decimal(found.replace(",", "").replace("−", "-").replace("–", "-")).normalize()
    if number == 0:
        return "0"
    return str(number) if abs(number.adjusted()) > _LONGEST else format(number, "f")


def _read_choice(tail: str, choices: Sequence[str]) -> str:
    letters = [chr(ord("A") + i) for i in range(len(choices) or 26)]
    stripped = tail.strip()
    if stripped[:1].upper() in letters and (len(stripped) == 1 or not (stripped[1].isalnum() or stripped[1] == " ")):
        return stripped[0].upper()
    lone: set[str] = {m for m in _LETTER.findall(stripped) if m in letters}
    if lone:
        return lone.pop() if len(lone) == 1 else ""
    plain = normalise(stripped)
    named = [i for i, choice in enumerate(choices) if _names(plain, normalise(choice))]
    if len(named) > 1:  # 'not guilty' names 'guilty' too: an option inside a longer named one does not count
        texts = [normalise(choices[i]) for i in named]
        named = [i for i, t in zip(named, texts, strict=True) if not any(t != o and t in o for o in texts)]
    return letters[named[0]] if len(named) == 1 else ""


def _names(text: str, option: str) -> bool:
    if not option:
        return False
    # Korean particles follow a word without a space, so only the left edge is held there.
    right = r"(?![a-z0-9])" if option[-1].isascii() else ""
    return re.search(rf"(?<![^\W_]){re.escape(option)}{right}", text) is not None


def calm(text: str) -> str:
    """The text with no more than 30 combining marks in a row, as in the stream-safe format (UAX #15, section 13).

    Normalisation sorts such marks, in time that grows with the square of a run's length.
    """
    if text.isascii():
        return text
    kept, start = [], 0
    for run in _MARKS.finditer(bytes(map(unicodedata.combining, text))):
        kept.append(text[start : run.start(1)])
        start = run.end(1)
    return "".join([*kept, text[start:]]) if kept else text


def normalise(text: str) -> str:
    """NFKC, lower case, without punctuation at word edges and articles, white space folded (SQuAD's way)."""
    folded = unicodedata.normalize("NFKC", calm(text)).casefold()
    words = [word.strip("\"'“”‘’.,;:!?()[]{}<>*_`~…。、·") for word in folded.split()]
    words = [word for word in words if word]
    return " ".join([word for word in words if word not in {"a", "an", "the"}] or words)
