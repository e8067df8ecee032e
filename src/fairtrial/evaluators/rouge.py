"""ROUGE-L: how much of a reference an answer says in the same order. Read `rouge_l` first."""

import re

from fairtrial.contestants.reading import normalise

MAX_REFERENCE = 20_000
"""Tokens of a reference; with `passages.MAX_ANSWER` this bounds the work of one comparison (about a second)."""

_SINGLE = r"\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_SINGLE}]|[^\s{_SINGLE}]+")
"""One character of Hangul, Han or kana, or a run of anything else."""


def rouge_l(extracted: str, reference: str) -> float:
    """ROUGE-L at sentence level, F-measure with equal weights: 2 LCS / (tokens said + tokens wanted), 0 … 1.

    LCS is the length of the longest common subsequence of both texts' `tokens` (Lin 2004, “ROUGE: A Package for
    Automatic Evaluation of Summaries”, section 3.1, β = 1). The whole answer counts as one sequence; there is no
    stemming. Texts without a token score 0.
    """
    said, wanted = tokens(extracted), tokens(reference)
    common = lcs_length(said, wanted)
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def tokens(text: str) -> list[str]:
    """Words after `normalise` (case, punctuation at word edges and articles gone); Hangul, Han and kana by character.

    Korean particles follow a noun without a space, so that by words 서울은 and 서울이 would share nothing.
    """
    found: list[str] = _TOKEN.findall(normalise(text))
    return found


def lcs_length(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence.

    Bit-parallel (Crochemore et al. 2001; Hyyrö 2004, “Bit-parallel LCS-length computation revisited”): the table's
    row of differences is one integer of ``len(other)`` bits, one step a token of `one` that `other` has. Time grows
    with ``len(one) * len(other) / 64``.
    """
    places: dict[str, int] = {}
    for i, token in enumerate(other):
        places[token] = places.get(token, 0) | 1 << i
    full = (1 << len(other)) - 1
    row = full
    for token in one:
        place = places.get(token)
        if place:
            met = row & place
            row = (row + met | row - met) & full
    return len(other) - row.bit_count()
