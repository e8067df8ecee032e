"""Refusals in either language: a board says them in English, and the catalogue knows their sentences. See `in_words`.

The English entries ``refusal.…`` are the very sentences of `ranking` with gaps; a refusal that fits one of them can be
said in Korean. One that fits none is shown as it is.
"""

import re
from functools import cache

from fairtrial.reports.marks import visible
from fairtrial.reports.words import Sentence, catalogue, known, sentence

_GAP = re.compile(r"\\{(\w+)\\}")


def in_words(refusal: str) -> Sentence | str:
    """The catalogue's sentence for a refusal, its gaps filled; else the refusal itself, hidden characters spelt out."""
    for key, pattern in _patterns():
        found = pattern.fullmatch(refusal)
        if found:
            words = {name: visible(text) for name, text in found.groupdict().items()}
            said = {name: known("cluster.one", text) if name == "cluster" else text for name, text in words.items()}
            return sentence(key, **said)
    return visible(refusal)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    entries = [(key, text) for key, text in catalogue("en").items() if key.startswith("refusal.")]
    return tuple((key, re.compile(_GAP.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)) for key, text in entries)
