"""Which judgments are trained on, and why the others are not. Read `keep` first."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fairtrial.core import BadInput
from fairtrial.evaluators.tables import Item
from fairtrial.training.sampling import ORDERS, Judgment, Order

LEANING = 0.55
"""Most winners that may stand first in the data that is trained on: above, always saying A would be learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One judgment that is trained on."""

    pair: str
    order: Order
    text: str
    winner_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What became of the judgments of a round; they add up."""

    drawn: int
    kept: int
    pairs: int
    pairs_kept: int
    discarded: dict[str, int] = field(default_factory=dict)
    """Judgments by reason: ``invalid``, ``tie``, ``wrong``, ``rarely right`` (its pair is below the threshold),
    ``another was drawn`` (right, but one of its order is enough), ``balance``, ``enough``."""
    right: float = 0.0
    """Share of right ones among all that were drawn."""
    first: float = 0.0
    """Share that chose what was shown first, among the valid ones."""

    @property
    def share(self) -> float:
        """Pairs kept of all."""
        return self.pairs_kept / self.pairs if self.pairs else 0.0


def keep(
    judgments: Sequence[Judgment], items: Sequence[Item], *, success: float, most: int | None, seed: int
) -> tuple[tuple[Kept, ...], Yield]:
    """One right judgment of each order of each pair that is judged right often enough in both orders.

    Right is what the construction says; a judge that always says A is right half the time in no order twice, so that
    nothing of it is kept. Both orders of a pair are kept or neither, so that winners stand first exactly as often as
    second.

    Args:
        judgments: Samples of both orders.
        items: The pairs with their labels.
        success: Least share of right samples, in either order; 0: one right one is enough, and orders are kept alone
            and balanced by leaving out, as the paper's code does.
        most: Most judgments that are kept; pairs are left out at random.
        seed: Draws which.

    Returns:
        What is kept, in the order of the pairs, and what became of the rest.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    label = {item.key: item.label for item in items}
    drawn: dict[tuple[str, Order], list[Judgment]] = defaultdict(list)
    for one in judgments:
        drawn[one.pair, one.order].append(one)
    lost: Counter[str] = Counter()
    chosen: dict[str, list[Kept]] = {}
    for item in items:
        right: dict[Order, list[Judgment]] = {}
        for order in ORDERS:
            wanted = "first" if (label[item.key] == 1) == (order == "ab") else "second"
            samples = drawn[item.key, order]
            right[order] = [one for one in samples if one.verdict == wanted]
            for one in samples:
                if one.verdict != wanted:
                    lost["wrong" if one.verdict in ("first", "second") else one.verdict] += 1
        rates = [len(right[order]) / max(len(drawn[item.key, order]), 1) for order in ORDERS]
        if success and min(rates) < success:
            lost["rarely right"] += sum(map(len, right.values()))
            continue
        for order in ORDERS:
            if right[order]:
                lost["another was drawn"] += len(right[order]) - 1
                one = right[order][int(rng.integers(len(right[order])))]
                first = (label[item.key] == 1) == (order == "ab")
                chosen.setdefault(item.key, []).append(
                    Kept(pair=item.key, order=order, text=one.text, winner_first=first)
                )
    kept = _balanced([one for found in chosen.values() for one in found], rng, lost)
    if most is not None:
        kept = _some(kept, most, rng, lost)
    valid = [one for one in judgments if one.verdict in ("first", "second")]
    all_right = len(judgments) - sum(lost[reason] for reason in ("wrong", "invalid", "tie"))
    return tuple(kept), Yield(
        drawn=len(judgments),
        kept=len(kept),
        pairs=len(items),
        pairs_kept=len({one.pair for one in kept}),
        discarded=dict(lost),
        right=all_right / max(len(judgments), 1),
        first=sum(one.verdict == "first" for one in valid) / max(len(valid), 1),
    )


def _balanced(kept: list[Kept], rng: np.random.Generator, lost: Counter[str]) -> list[Kept]:
    """As many winners first as second; of the more frequent kind some are left out at random."""
    first = [k for k, one in enumerate(kept) if one.winner_first]
    second = [k for k, one in enumerate(kept) if not one.winner_first]
    size = min(len(first), len(second))
    lost["balance"] += len(kept) - 2 * size
    stay = {int(k) for side in (first, second) for k in rng.permutation(side)[:size]}
    return [one for k, one in enumerate(kept) if k in stay]


def _some(kept: list[Kept], most: int, rng: np.random.Generator, lost: Counter[str]) -> list[Kept]:
    """Whole pairs, so that the balance stays."""
    by_pair: dict[str, list[Kept]] = defaultdict(list)
    for one in kept:
        by_pair[one.pair].append(one)
    keys = list(by_pair)
    stay: set[str] = set()
    count = 0
    for k in rng.permutation(len(keys)):
        if count + len(by_pair[keys[k]]) <= most:
            stay.add(keys[k])
            count += len(by_pair[keys[k]])
    lost["enough"] += len(kept) - count
    return [one for one in kept if one.pair in stay]


def check_balance(winner_first: Sequence[bool], *, where: str) -> None:
    """Refuse data from which a position could be learnt.

    Raises:
        BadInput: Nothing to train on, or over 55 % of the winners stand on one side.
    """
    if not winner_first:
        raise BadInput(
            "no judgment was kept, so there is nothing to train on.",
            where=where,
            next_step="Look at the reasons in metrics.jsonl. A seed that always says A, or writes no verdict, has "
            "nothing to teach itself: give it a [warmup], another template, or lower [keeping] success.",
        )
    share = sum(winner_first) / len(winner_first)
    if not 1 - LEANING <= share <= LEANING:
        raise BadInput(
            f"the better answer stands first in {share:.0%} of the {len(winner_first)} examples; a judge trained on "
            f"that learns a position. The most is {LEANING:.0%}.",
            where=where,
            next_step="Train on both orders of every pair.",
        )
