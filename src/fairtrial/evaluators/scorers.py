"""Reference scorers: one response against the item's reference. Read `Scorer.score` first.

A failed, refused, truncated or unreadable answer scores 0 and stays in the denominator, counted by its reason.
Several accepted wordings of a reference are written ``서울||서울특별시``, except where it is JSON.
"""

from collections import Counter
from collections.abc import Callable

from fairtrial.contestants.reading import READING, AnswerKind, normalise, read_answer
from fairtrial.contestants.wording import choice_letter
from fairtrial.core import BadInput, Prompt, Response, Score, nearest
from fairtrial.core.plugins import available, load
from fairtrial.evaluators.checkers import checks, read_checks
from fairtrial.evaluators.json_answers import find_json
from fairtrial.evaluators.passages import MAX_ANSWER
from fairtrial.evaluators.rouge import MAX_REFERENCE, rouge_l, tokens
from fairtrial.evaluators.schemas import check_schema, json_schema

Compare = Callable[[str, str], float]
"""From the answer read and an accepted reference to a value 0 … 1; a plugin registers one by name."""

PLUGINS = "fairtrial.evaluators"


def exact(extracted: str, reference: str) -> float:
    """1 when both are equal after `normalise`, and there is something to compare."""
    said, wanted = normalise(extracted), normalise(reference)
    return float(said == wanted if wanted else extracted.strip() == reference.strip() != "")


def number(extracted: str, reference: str) -> float:
    """1 when both are the same decimal number (``1,200`` = ``1200.0``)."""
    wanted = read_answer(reference, "number")
    return float(bool(extracted) and extracted == wanted)


def contains(extracted: str, reference: str) -> float:
    """1 when the reference stands in the answer as whole words (in Korean, with a particle after it)."""
    text, wanted = f" {normalise(extracted)} ", normalise(reference)
    return float(bool(wanted) and (f" {wanted} " in text or (not wanted.isascii() and f" {wanted}" in text)))


def f1(extracted: str, reference: str) -> float:
    """Token F1 after `normalise` (SQuAD, Rajpurkar et al. 2016); by character in Korean words (KorQuAD)."""
    said, wanted = _tokens(extracted), _tokens(reference)
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    for word in normalise(text).split():
        tokens.extend([word] if word.isascii() else word)
    return tokens


def choice(extracted: str, reference: str) -> float:
    """1 when both are the same letter; unlike `exact`, which drops articles, so that ``A`` would equal no answer."""
    return float(bool(extracted) and extracted == reference)


SCORERS: dict[str, Compare] = {
    "exact": exact,
    "number": number,
    "choice": choice,
    "contains": contains,
    "f1": f1,
    "rouge_l": rouge_l,
    "json_schema": json_schema,
    "checks": checks,
}
_WHOLE = ("rouge_l", "json_schema", "checks")
"""These read the whole answer, not only what follows an answer marker."""
_JSON = ("json_schema", "checks")
"""The reference of these is JSON, one and whole."""


def check_reference(prompt: Prompt, scorer: str, *, where: str) -> None:
    """Make sure that a scorer can use an item's reference.

    Raises:
        BadInput: A number scorer on a reference without a number, a choice scorer on an unknown option, ``rouge_l`` on
            a reference without a word or of over 20,000, no usable JSON Schema, or a check that makes no sense.
    """
    reference = prompt.reference
    if reference is None:
        return
    if scorer == "number" and not read_answer(reference, "number"):
        raise BadInput(f"item '{prompt.key}' has no number in its reference {reference!r}.", where=where)
    if scorer == "choice" and choice_letter(reference, prompt.choices) is None:
        raise BadInput(
            f"item '{prompt.key}': reference {reference!r} is neither a letter nor the text of one of its choices.",
            where=where,
        )
    if scorer == "rouge_l" and not all(0 < len(tokens(wanted)) <= MAX_REFERENCE for wanted in _wanted(prompt, scorer)):
        raise BadInput(
            f"item '{prompt.key}' needs a reference of 1 to {MAX_REFERENCE:,} words for rouge_l.",
            where=where,
            next_step="Correct the reference, or leave it out.",
        )
    if scorer == "json_schema":
        check_schema(reference, item=prompt.key, where=where)
    if scorer == "checks":
        read_checks(reference, item=prompt.key, where=where)


class Scorer:
    """A reference scorer.

    Args:
        name: One of `SCORERS`, or ``auto``: the item's own scorer, ``choice`` where it has choices, else ``exact``.

    Raises:
        BadInput: Unknown name.
    """

    kind = "scorer"

    def __init__(self, name: str = "auto", *, where: str = "") -> None:
        if name not in ("auto", *SCORERS) and name not in available(PLUGINS):
            known = {"auto", *SCORERS, *available(PLUGINS)}
            raise BadInput(f"unknown scorer '{name}'.", where=where, next_step=nearest(name, known))
        self.name = name
        self.id = f"scorer:{name}:{READING}"

    def scorer_for(self, prompt: Prompt) -> str:
        """The comparison used on an item."""
        if self.name != "auto":
            return self.name
        return prompt.scorer or ("choice" if prompt.choices else "exact")

    def score(self, prompt: Prompt, response: Response) -> Score:
        """Compare a response with its prompt's reference, which must be there.

        The short answer is read after an answer marker where one stands, but ``rouge_l``, ``json_schema`` and
        ``checks`` read the whole text (none of over 1,000,000 characters); the best of several accepted references
        counts.
        """
        name = self.scorer_for(prompt)
        if response.finish in ("error", "refused"):
            return self._score(prompt, response, 0.0, "refused" if response.finish == "refused" else "failed", "")
        extracted = _extracted(name, response.text, prompt)
        compare = SCORERS.get(name) or load(PLUGINS, name)
        value = max(compare(extracted, wanted) for wanted in _wanted(prompt, name))
        return self._score(prompt, response, value, _reason(value, extracted, response), extracted)

    def _score(self, prompt: Prompt, response: Response, value: float, reason: str, extracted: str) -> Score:
        return Score(
            response=response.id,
            prompt=prompt.id,
            contestant=response.contestant,
            repeat=response.repeat,
            scorer=self.id,
            value=value,
            reason=reason,
            extracted=extracted[:500],
        )


def _extracted(scorer: str, text: str, prompt: Prompt) -> str:
    if scorer not in _WHOLE:
        kind: AnswerKind = "choice" if scorer == "choice" else ("number" if scorer == "number" else "text")
        return read_answer(text, kind, prompt.choices)
    if scorer == "json_schema":
        found = find_json(text)
        return found[0] if found else ""
    return text.strip() if len(text) <= MAX_ANSWER else ""


def _wanted(prompt: Prompt, scorer: str) -> list[str]:
    reference = prompt.reference or ""
    if scorer in _JSON:
        return [reference]
    if scorer == "choice":
        return [choice_letter(reference, prompt.choices) or reference]
    parts = [part.strip() for part in reference.split("||")]
    return [part for part in parts if part] or [""]


def _reason(value: float, extracted: str, response: Response) -> str:
    if value == 1:
        return "right"
    if value > 0:
        return "partial"
    if response.finish == "length":
        return "truncated"
    return "wrong" if extracted else "unparsable"
