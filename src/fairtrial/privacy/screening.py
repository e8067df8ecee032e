"""Personal data and secrets in English and Korean text, found without any model. Read `screen` first, then `masked`.

Found by shape, check digits and words nearby: e-mail addresses, telephone numbers, cards, IBANs, Korean resident,
foreigner, business, passport, driver's licence and account numbers, US social security numbers, IP addresses, keys.
Names of people, street addresses and anything told in words are *not* found: those need a reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fairtrial.privacy._folding import fold
from fairtrial.privacy._rules import RULES, Confidence, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One stretch of a text that should not be published."""

    kind: Kind
    start: int
    end: int
    """As in ``text[start:end]``."""
    confidence: Confidence
    """``certain``: an unmistakable shape, a check digit with its grouping, or a word that names it. ``likely``: a
    person should look."""


def screen(text: str) -> list[Finding]:
    """All findings in `text`, sorted, not overlapping; where two meet they are one, named by the surer.

    Full-width digits, look-alike hyphens, zero-width characters and decomposed Korean hide nothing: the search runs on
    a folded copy and its places are mapped back. Time is linear in the length of the text.
    """
    folded, origins = fold(text)
    found: list[tuple[int, int, int, int]] = []
    for rank, rule in enumerate(RULES):
        group: str | int = "hit" if "hit" in rule.pattern.groupindex else 0
        for match in rule.pattern.finditer(folded):
            confidence = rule.judge(match)
            if confidence:
                start, end = match.span(group)
                while origins[end] == origins[end - 1]:  # a character that folds to several is taken whole
                    end += 1
                found.append((origins[start], origins[end], int(confidence != "certain"), rank))
    merged: list[tuple[int, int, int, int]] = []
    for start, end, unsure, rank in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, *best = merged[-1]
            merged[-1] = (first, max(last, end), *min((best[0], best[1]), (unsure, rank)))
        else:
            merged.append((start, end, unsure, rank))
    return [
        Finding(kind=RULES[rank].kind, start=start, end=end, confidence="likely" if unsure else "certain")
        for start, end, unsure, rank in merged
    ]


def masked(text: str, findings: Sequence[Finding]) -> str:
    """`text` with each finding replaced by what it is: ``⟨email⟩``, ``⟨resident number⟩``.

    Raises:
        ValueError: The findings overlap, are not sorted, or do not lie in `text`: they are another text's.
    """
    pieces: list[str] = []
    done = 0
    for finding in findings:
        if not done <= finding.start < finding.end <= len(text):
            raise ValueError("these findings are not sorted places of this text")
        pieces += [text[done : finding.start], f"⟨{finding.kind.replace('_', ' ')}⟩"]
        done = finding.end
    return "".join([*pieces, text[done:]])
