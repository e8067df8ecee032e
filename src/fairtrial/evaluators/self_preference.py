"""Does a judge prefer its own family more than people do? Read `self_preference` first.

Only pairs that people labelled can tell: a family may win because its answers are better. Without labels there is a
family's win rate and no bias (Wataoka et al. 2024; Chen et al. 2025 make the same point).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fairtrial.core import Vote
from fairtrial.evaluators.tables import Item, Rate, rate_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPreference:
    """How often the judge and the labels chose the judge's own family, a tie as one half, on the same pairs."""

    own: tuple[str, ...]
    """Patterns of model names that are the judge's own family."""
    judge: Rate
    labels: Rate
    bias: Rate
    """Judge minus labels, pair by pair."""


def self_preference(
    items: Sequence[Item], votes: Sequence[Vote], own: Sequence[str], *, alpha: float = 0.05
) -> SelfPreference | None:
    """The bias on labelled pairs of which exactly one answer is of the own family; None without any.

    Args:
        items: The pairs, with the models' names.
        votes: The votes, in their order; invalid ones are left out.
        own: Names of the family's models, with ``*`` for any letters; upper and lower case are alike.
        alpha: Error probability of each interval.
    """
    judged, labelled, clusters = [], [], []
    for item, vote in zip(items, votes, strict=True):
        of_a, of_b = (_is_one(name, own) for name in (item.model_a, item.model_b))
        if item.label is None or vote.grade is None or of_a == of_b:
            continue
        side = 1 if of_a else -1
        judged.append((1 + side * ((vote.grade > 0) - (vote.grade < 0))) / 2)
        labelled.append((1 + side * item.label) / 2)
        clusters.append(item.prompt.id)
    judge, labels = (rate_of(values, clusters, alpha=alpha) for values in (judged, labelled))
    halved = rate_of([(1 + x - y) / 2 for x, y in zip(judged, labelled, strict=True)], clusters, alpha=alpha)
    if judge is None or labels is None or halved is None:
        return None
    lower, upper = (None if end is None else 2 * end - 1 for end in halved.ci)
    bias = Rate(estimate=2 * halved.estimate - 1, ci=(lower, upper), n=halved.n, prompts=halved.prompts)
    return SelfPreference(own=tuple(own), judge=judge, labels=labels, bias=bias)


def _is_one(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
