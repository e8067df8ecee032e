"""Reference judges that read nothing but the surface: what a judge model must beat. Read `HEURISTICS` first."""

import re
from collections import Counter
from collections.abc import Callable

from fairtrial.core import digest
from fairtrial.evaluators.readings import Case, Reading

_WORDS = re.compile(r"[^\W_]+")

Preference = Callable[[Case], float]
"""Positive when the answer shown first is preferred."""


def longer(case: Case) -> float:
    """The answer with more characters."""
    return len(case.first.strip()) - len(case.second.strip())


def first(_case: Case) -> float:
    """Whatever is shown first."""
    return 1.0


def overlap(case: Case) -> float:
    """The answer whose words are more like the question's: cosine of word counts (Salton & McGill 1983)."""
    asked = _counts("\n".join(case.prompt.turns))
    return _cosine(asked, _counts(case.first)) - _cosine(asked, _counts(case.second))


HEURISTICS: dict[str, Preference] = {"longer": longer, "first": first, "overlap": overlap}
"""``heuristic/<name>``."""


class Heuristic:
    """A rule as a reader.

    Args:
        name: One of `HEURISTICS`.
    """

    template = ""

    def __init__(self, name: str) -> None:
        self._prefers = HEURISTICS[name]
        self.name = f"heuristic/{name}"
        self.id = digest(["heuristic", name, 1])[7:15]

    async def read(self, case: Case) -> Reading:
        """The rule's preference."""
        lead = self._prefers(case)
        return Reading(verdict="tie" if abs(lead) < 1e-12 else ("first" if lead > 0 else "second"))


def _counts(text: str) -> Counter[str]:
    """Word counts; Korean and other scripts without spaces between words by pairs of characters."""
    found: Counter[str] = Counter()
    for word in _WORDS.findall(text.casefold()):
        if word.isascii() or len(word) < 3:
            found[word] += 1
        else:
            found.update(word[k : k + 2] for k in range(len(word) - 1))
    return found


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    norm = (sum(n * n for n in a.values()) * sum(n * n for n in b.values())) ** 0.5
    return sum(n * b[word] for word, n in a.items()) / norm if norm else 0.0
