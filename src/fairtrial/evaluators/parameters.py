"""What the parameters of checks may be. Every function says what is wrong with a value, ``""`` when nothing is."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from fairtrial.contestants.reading import read_answer
from fairtrial.evaluators.instructions import Spec
from fairtrial.evaluators.passages import fold

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
"""The first consonants of Hangul syllables, in the order of Unicode."""
_PLAIN_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")


def count_fault(value: Any) -> str:
    """Of a count: a whole number, 1 or more."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return "" if whole else "must be a whole number, 1 or more"


def least_fault(value: Any) -> str:
    """Of a lower bound: 2 or more, for 1 holds of any answer."""
    return count_fault(value) or ("must be 2 or more, for any answer has one" if value == 1 else "")


def text_fault(value: Any) -> str:
    """Of a phrase: a text that is not blank."""
    return "" if isinstance(value, str) and fold(value) else "must be a text that is not blank"


def keys_fault(value: Any) -> str:
    """Of the keys of an object: different texts."""
    texts = isinstance(value, list | tuple) and all(isinstance(key, str) for key in value)
    return "" if texts and value and len(set(value)) == len(value) else "must be a list of different texts"


def one_of(*known: str) -> Callable[[Any], str]:
    """Of a word: one of those known."""
    return lambda value: "" if isinstance(value, str) and value in known else f"must be {' or '.join(known)}"


def letter_fault(value: Any) -> str:
    """Of a letter: one of any script; a Korean first consonant is written ``ㄱ``."""
    if isinstance(value, str) and len(value) == 1 and value.isalpha():
        folded = fold(value)
        if value in INITIALS or (len(folded) == 1 and folded.isalpha() and not "ᄀ" <= folded <= "ᇿ"):
            return ""
    return "must be one letter"


def number_fault(value: Any) -> str:
    """Of a number: ``42``, ``"1,200.5"``, ``"1e6"``."""
    fault = "must be one number, below 1e300"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return fault
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except (InvalidOperation, ValueError):
        return fault
    plain = _PLAIN_NUMBER.fullmatch(str(value).strip()) is not None and -300 < number.adjusted() < 300
    return "" if plain and Decimal(read_answer(str(value), "number") or "NaN") == number.normalize() else fault


def bounds_fault(spec: Spec) -> str:
    """Of the bounds of one check together: either ``exactly``, or ``at_least`` and ``at_most`` in order."""
    low, high = spec.get("at_least"), spec.get("at_most")
    if "exactly" in spec:
        return "has a bound beside 'exactly'" if low or high else ""
    if low is None and high is None:
        return "lacks 'exactly', 'at_least' or 'at_most'"
    return "has an 'at_least' above its 'at_most'" if low and high and low > high else ""
