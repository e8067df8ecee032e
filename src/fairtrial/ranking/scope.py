"""For whom a board speaks: `population`, `panel`, `these prompts` or `judge opinion`. Read `scope` first."""

import numpy as np

from fairtrial.core.flow import EvidenceKind
from fairtrial.stats import Battles, effective_number

FEW_PROMPTS = 20
FEW_RATERS = 5
MOST = 0.5
"""Share of the votes above which a single rater is named as the board's voice."""


def scope(battles: Battles, evidence: EvidenceKind) -> tuple[str, list[str]]:
    """The scope of a board and, in words, the claims that it therefore does not make.

    Args:
        battles: Decided votes.
        evidence: Kind of evidence.
    """
    words: list[str] = []
    narrow = few_prompts(effective_number(_sizes(battles, battles.clusters("prompt"))), words)
    if battles.prompt is None or (battles.prompt_names and not any(battles.prompt_names)):
        words.append("The votes name no prompts: each counts as a prompt of its own, so intervals may be too narrow.")
        narrow = True  # nobody knows how many there were
    panel = evidence == "human" and _few_raters(battles, words)
    if evidence == "judge":
        words.append("This is the judge's opinion: no human votes calibrate it.")
        return "judge opinion", words
    return "panel" if panel else "these prompts" if narrow else "population", words


def few_prompts(effective: float, words: list[str]) -> bool:
    """Whether the prompts are too few to speak for others; if so, says it in `words`."""
    if effective >= FEW_PROMPTS:
        return False
    words.append(
        f"Only {effective:.3g} effective prompts (fewer than {FEW_PROMPTS}): nothing is claimed beyond these prompts."
    )
    return True


def _few_raters(battles: Battles, words: list[str]) -> bool:
    if battles.rater is None:
        words.append("The votes name no raters: nothing is claimed beyond the people who voted.")
        return True
    sizes = _sizes(battles, battles.rater)
    if (share := sizes.max() / sizes.sum()) > MOST:
        unnamed = bool(battles.rater_names) and battles.rater_names[int(sizes.argmax())] == ""
        words.append(
            f"{share:.0%} of the votes name no rater: they count as one person's."
            if unnamed
            else f"One rater cast {share:.0%} of the votes: this is mostly one person's taste."
        )
    raters = effective_number(sizes)
    if raters >= FEW_RATERS:
        return False
    words.append(f"Only {raters:.3g} effective raters (fewer than {FEW_RATERS}): nothing is claimed beyond this panel.")
    return True


def _sizes(battles: Battles, cluster: np.ndarray) -> np.ndarray:
    """(G,) weight of each cluster's votes; 0 for one without any."""
    return np.bincount(cluster, battles.weight).astype(np.float64)
