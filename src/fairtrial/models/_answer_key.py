"""What simulated models know: the prompts of a run and their right answers. Read `AnswerKey.find` first.

A request does not carry its reference, so the asked prompt is recognised by its text, whatever a strategy or a judge
wrote around it. The reading of answers here is rougher than the scorers' own: it only steers simulated judges.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from random import Random

from fairtrial.core import Prompt

_PREFIX = re.compile(r"^(?:question|질문)\s*[:：]\s*", re.IGNORECASE)
_MARKER = re.compile(r"(?:answer|정답)\s*[:：]", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
_FARTHEST = 9


class AnswerKey:
    """The prompts a simulated model was shown, found again by their text."""

    def __init__(self) -> None:
        self._by_line: dict[str, list[tuple[str, Prompt]]] = {}
        self._position: dict[str, int] = {}
        self._references: dict[tuple[str, str], set[str]] = {}

    def learn(self, prompts: Sequence[Prompt]) -> None:
        """Add prompts; one that is known already is not added again."""
        for prompt in prompts:
            if prompt.id in self._position:
                continue
            self._position[prompt.id] = len(self._position)
            for turn in prompt.turns:
                self._by_line.setdefault(_first_line(turn), []).append((turn.strip(), prompt))
            if prompt.reference is not None and not prompt.choices:
                stratum = self._references.setdefault((prompt.category, prompt.language), set())
                stratum.add(accepted(prompt)[0])

    def find(self, text: str) -> Prompt | None:
        """The known prompt that `text` asks last, or None."""
        for line in reversed(text.splitlines()):
            known = self._by_line.get(_first_line(line))
            if known:
                fitting = [(turn, p) for turn, p in known if turn in text and all(c in text for c in p.choices)]
                if fitting:
                    return max(fitting, key=lambda entry: len(entry[0]))[1]
        return None

    def position(self, prompt: Prompt) -> int:
        """The prompt's place in the order of learning."""
        return self._position[prompt.id]

    def wrong(self, prompt: Prompt, random: Random) -> str:
        """A plausible wrong answer: another choice, a number off by a few, or the answer to a similar prompt."""
        right = accepted(prompt)
        if prompt.choices:
            letters = [_letter(i) for i in range(len(prompt.choices)) if _letter(i) != right[0]]
            return random.choice(letters or ["none of them"])
        if _NUMBER.fullmatch(right[0]):
            number = float(right[0].replace(",", ""))
            moved = number + random.choice([d for d in range(-_FARTHEST, _FARTHEST + 1) if d])
            return f"{moved:.10g}"
        stratum = self._references.get((prompt.category, prompt.language), set())
        known = {plain(r) for r in right}
        others = sorted(r for r in stratum if plain(r) not in known)
        return random.choice(others) if others else "something else"


def accepted(prompt: Prompt) -> tuple[str, ...]:
    """The right answers as a model would give them, best first: the letter and text of a choice, or each wording."""
    wordings = tuple(part.strip() for part in (prompt.reference or "").split("||"))
    if not prompt.choices:
        return wordings
    letters = {_letter(i): choice for i, choice in enumerate(prompt.choices)}
    for letter, choice in letters.items():
        if wordings[0] in (letter, choice):
            return letter, choice
    return wordings


def is_right(text: str, prompt: Prompt) -> bool:
    """Whether an answer states the reference: after the last ``Answer:`` of the text, or anywhere in it."""
    if prompt.reference is None:
        return False
    tail = _MARKER.split(text)[-1].strip()
    said, right = plain(tail), accepted(prompt)
    if prompt.choices:
        return said.startswith((plain(right[0]) + " ",)) or said in {plain(r) for r in right}
    if _NUMBER.fullmatch(right[0]):
        numbers: Iterable[str] = _NUMBER.findall(tail)
        return right[0].replace(",", "") in {n.replace(",", "") for n in list(numbers)[-1:]}
    return any(f" {plain(r)} " in f" {said} " for r in right)


def plain(text: str) -> str:
    """Lower case, words only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded))


def _first_line(text: str) -> str:
    return _PREFIX.sub("", text.strip().split("\n", 1)[0].strip())


def _letter(index: int) -> str:
    return chr(ord("A") + index)
