"""What a judge said when it was shown two answers once. Read `Reading` first, then `read_verdict`.

Only the final structured verdict counts: ``Verdict: A``, ``[[A]]``, or on five levels ``[[A>>B]]`` … ``[[B>>A]]``.
Two different verdicts, or none, are *invalid*: counted, never a tie.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, Protocol

from fairtrial.core import Completion, Prompt, Usage

Side = Literal["first", "second", "tie", "invalid"]

READING = 2
"""Raised whenever a written verdict is read differently: it is part of a template's digest."""

_VERDICT = re.compile(
    r"verdict\s*[:=]\s*\**\s*[\"'(\[]*\s*(?:a\s+(?=tie\b))?(tie|a|b)\b(?!\s*(?:/|,?\s*(?:and|or)\b))", re.IGNORECASE
)
"""'a tie' is a tie; 'A or B' and 'A and B are equal' name no winner."""
_TAG = re.compile(r"\[\[\s*(a|b|c|tie)\s*\]\]", re.IGNORECASE)
"""As the judges of MT-Bench write (Zheng et al. 2023); C is their tie."""
_GRADE = re.compile(r"\[\[\s*(a\s*>>?\s*b|b\s*>>?\s*a|a\s*=\s*b)\s*\]\]", re.IGNORECASE)
"""As the judges of Arena-Hard write (Li et al. 2024)."""
_GRADES = {"a>>b": 2, "a>b": 1, "a=b": 0, "b>a": -1, "b>>a": -2}
_RATING = re.compile(r"rating\s*[:=]\s*\**\s*\[{0,2}\s*([1-5])(?![\d.,]*\d)", re.IGNORECASE)
_LEAST_LOGPROB = -700.0
"""Servers write a chance of nothing as -9999; below this, `exp` has no number left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two answers in the order in which a judge is shown them, once."""

    battle: str
    """Battle id: seeds the fences and the samples."""
    prompt: Prompt
    first: str
    second: str
    order: Literal["ab", "ba"] = "ab"
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one showing."""

    verdict: Side
    log_odds: float | None = None
    """ln P(first better) - ln P(second better); None when read from a written verdict."""
    grade: int | None = None
    """-2 … 2 on five levels, positive when the first is better; None where only a side was asked for."""
    share: float | None = None
    """Of several readings those for the first minus those for the second, a share of the valid ones; None of one."""
    usage: Usage = Usage()
    usd: float = 0.0
    seconds: float = 0.0
    calls: int = 0

    @property
    def first(self) -> bool | None:
        """Whether the answer shown first won."""
        return {"first": True, "second": False}.get(self.verdict)


class Reader(Protocol):
    """Something that compares two answers shown in one order: a judge model, a rule."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def id(self) -> str:
        """Content address of all that can change a reading, after ``judge:<name>:``."""

    @property
    def template(self) -> str:
        """Digest of the words around the answers; empty for a rule."""

    async def read(self, case: Case) -> Reading:
        """Which of the two is better."""


def read_probabilities(completion: Completion) -> Reading:
    """The verdict of one order from the next token's alternatives.

    All spellings of a letter count (``A``, `` A``, ``a``). A letter outside the alternatives gets the least listed
    probability, an upper bound; when neither is listed the reading is invalid.
    """
    if completion.finish in ("error", "refused"):
        return Reading(verdict="invalid")
    mass = {"a": 0.0, "b": 0.0}
    listed = [max(chance.logprob, _LEAST_LOGPROB) for chance in completion.chances]
    for chance, logprob in zip(completion.chances, listed, strict=True):
        letter = chance.token.strip().strip("\"'(*").casefold()
        if letter in mass:
            mass[letter] += math.exp(logprob)
    if not (mass["a"] or mass["b"]):
        return Reading(verdict="invalid")
    floor = math.exp(min(listed))
    log_odds = math.log(mass["a"] or floor) - math.log(mass["b"] or floor)
    return Reading(verdict="tie" if log_odds == 0 else ("first" if log_odds > 0 else "second"), log_odds=log_odds)


def read_verdict(completion: Completion) -> Reading:
    """The one structured verdict at the end of a written judgment; different ones, or none, are invalid."""
    if completion.finish in ("error", "refused"):
        return Reading(verdict="invalid")
    found = {match.casefold() for match in (*_VERDICT.findall(completion.text), *_TAG.findall(completion.text))}
    found = {"tie" if match == "c" else match for match in found}
    if len(found) != 1:
        return Reading(verdict="invalid")
    names: dict[str, Side] = {"a": "first", "b": "second", "tie": "tie"}
    return Reading(verdict=names[found.pop()])


def read_grade(completion: Completion) -> Reading:
    """The one structured grade on five levels; different ones, or none, are invalid."""
    if completion.finish in ("error", "refused"):
        return Reading(verdict="invalid")
    found = {_GRADES[re.sub(r"\s", "", match).casefold()] for match in _GRADE.findall(completion.text)}
    if len(found) != 1:
        return Reading(verdict="invalid")
    grade = found.pop()
    return Reading(verdict="tie" if grade == 0 else ("first" if grade > 0 else "second"), grade=grade)


def read_rating(completion: Completion) -> float | None:
    """A rating from 1 to 5 of one answer: the mean over the digits' probabilities, or the one written rating.

    None where there is no digit among the alternatives, no rating, or different ones.
    """
    if completion.finish in ("error", "refused"):
        return None
    if completion.chances:
        mass = dict.fromkeys(range(1, 6), 0.0)
        for chance in completion.chances:
            digit = chance.token.strip().strip("\"'(*[")
            if digit in ("1", "2", "3", "4", "5"):
                mass[int(digit)] += math.exp(max(chance.logprob, _LEAST_LOGPROB))
        total = sum(mass.values())
        return sum(digit * share for digit, share in mass.items()) / total if total else None
    found = {int(match) for match in _RATING.findall(completion.text)}
    return float(found.pop()) if len(found) == 1 else None
