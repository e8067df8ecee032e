"""Whether a contestant stands otherwise in one language than in another. Read `disparities` first.

Two boards of two languages share no prompts; raters who vote in both only make the true interval of a difference
narrower than the one given. Intervals hold for all gaps of the table together (Bonferroni).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot
from typing import Any, Literal

from scipy.special import ndtri

from fairtrial.core import BadInput, Board, NoConclusion
from fairtrial.ranking import RATING_MARGIN
from fairtrial.stats import proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRow:
    """What happened in one language."""

    language: str
    votes: int
    raters: int
    ties: int
    both_bad: int
    first: tuple[float, float, float] | None
    """Share of decided battles that the answer shown first won, with its 95 % interval, clustered by rater."""
    ratings: dict[str, tuple[float, float, float]]
    """By contestant: rating with its interval, on that language's own scale (mean 1000)."""
    unsaid: str = ""
    """Why there are no ratings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One contestant in two languages."""

    contestant: str
    languages: tuple[str, str]
    points: float
    """Rating in the first minus rating in the second, each relative to the same contestants."""
    ci: tuple[float, float]
    verdict: Literal["better", "worse", "equivalent", "inconclusive"]
    """In the first language."""


def disparities(
    columns: Mapping[str, Sequence[Any]], board_of: Callable[[str], Board], *, least: int = 30, alpha: float = 0.05
) -> tuple[list[LanguageRow], list[Gap]]:
    """The languages with at least `least` votes, and how each contestant's rating differs between any two of them.

    Args:
        columns: Votes (`arena.votes.COLUMNS`).
        board_of: The board of one language.
        least: Votes below which a language is left out.
        alpha: Error probability of the whole table.
    """
    counts: dict[str, list[int]] = {}
    for row, language in enumerate(columns["language"]):
        counts.setdefault(language or "und", []).append(row)
    chosen = sorted((name for name, rows in counts.items() if len(rows) >= least), key=lambda name: -len(counts[name]))
    rows = [_row(name, columns, counts[name], board_of) for name in chosen]
    pairs = [
        (name, one, other)
        for one, other in combinations([row for row in rows if row.ratings], 2)
        for name in sorted(set(one.ratings) & set(other.ratings))
    ]
    widened = float(ndtri(1 - alpha / (2 * max(len(pairs), 1))) / ndtri(1 - alpha / 2))
    return rows, [_gap(name, one, other, widened) for name, one, other in pairs]


def _row(
    language: str, columns: Mapping[str, Sequence[Any]], rows: Sequence[int], board_of: Callable[[str], Board]
) -> LanguageRow:
    winners = [columns["winner"][k] for k in rows]
    decided = [k for k in rows if columns["winner"][k] in ("model_a", "model_b")]
    first = [(columns["winner"][k] == "model_a") == (columns["order"][k] == "ab") for k in decided]
    rate = proportion(first, [columns["rater"][k] for k in decided]) if first else None
    ratings: dict[str, tuple[float, float, float]] = {}
    unsaid = ""
    try:
        for model in board_of(language).models:
            low, high = model.ci
            if model.rating is not None and low is not None and high is not None:
                ratings[model.name] = (model.rating, low, high)
    except (NoConclusion, BadInput) as error:
        unsaid = error.message
    return LanguageRow(
        language=language,
        votes=len(rows),
        raters=len({columns["rater"][k] for k in rows}),
        ties=winners.count("tie"),
        both_bad=winners.count("both_bad"),
        first=None if rate is None else (rate.estimate, rate.lower, rate.upper),
        ratings=ratings,
        unsaid=unsaid,
    )


def _gap(name: str, one: LanguageRow, other: LanguageRow, widened: float) -> Gap:
    shared = sorted(set(one.ratings) & set(other.ratings))

    def relative(row: LanguageRow) -> tuple[float, float]:
        rating, low, high = row.ratings[name]
        return rating - sum(row.ratings[k][0] for k in shared) / len(shared), (high - low) / 2

    (here, half_here), (there, half_there) = relative(one), relative(other)
    points, half = here - there, widened * hypot(half_here, half_there)
    low, high = points - half, points + half
    verdict: Literal["better", "worse", "equivalent", "inconclusive"] = "inconclusive"
    if low > 0 or high < 0:
        verdict = "better" if low > 0 else "worse"
    elif max(abs(low), abs(high)) <= RATING_MARGIN:
        verdict = "equivalent"
    return Gap(
        contestant=name,
        languages=(one.language, other.language),
        points=points,
        ci=(low, high),
        verdict=verdict,
    )
