"""The judge card: how good a judge's votes are on pairs whose better answer is known. Read `judge_card` first.

Every number is a pure function of the pairs and the votes, with an interval clustered by prompt. A pair is the unit:
both orders, repeats and jurors are readings of it, not further evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import Vote
from fairtrial.evaluators.forecasts import Forecast, forecast, said_of
from fairtrial.evaluators.people import AgainstPeople, against_people
from fairtrial.evaluators.tables import Floats, Item, Rate, Table, weighted_rate
from fairtrial.stats import Factor, Worth, cohen_kappa, worth

FEWEST = 5
"""Fewest pairs on either side of a comparison of two kinds of pairs."""
_DRAWS = 1000
_POINTS = {"first": 1.0, "second": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCard:
    """What is known of a judge on one set of pairs. None is no evidence."""

    judge: str
    evaluator: str
    template: str
    pairs: int
    """Pairs judged."""
    n: int
    """Pairs with a better answer: the denominator of every accuracy; invalid votes count there as wrong."""
    prompts: int
    label_ties: int
    unlabelled: int
    accuracy: Rate | None
    """The vote chose the better answer; a tie counts one half."""
    consistent_accuracy: Rate | None
    """It was chosen in both orders."""
    single_order_accuracy: Rate | None
    """Of each order's own verdict, as somebody who shows one order would have it."""
    consistency: Rate | None
    """Both orders chose the same answer, where both chose."""
    first_rate: Rate | None
    """The answer shown first was chosen, over all single readings that chose; 1/2 is no preference."""
    better_first: Rate | None
    """Accuracy of readings that showed the better answer first."""
    better_second: Rate | None
    order_gap: Rate | None
    """`better_first` minus `better_second`, pair by pair."""
    longer_rate: Rate | None
    """The vote chose the longer answer."""
    longer_is_better: float | None
    """How often the longer answer is the better one: what ``heuristic/longer`` scores."""
    length_matched_accuracy: Rate | None
    """Mean of the accuracies where the longer and where the shorter answer is better: length alone gives one half."""
    forecast: Forecast | None = None
    """Log loss, Brier score and calibration error of a judge that gives probabilities; ties are said by half."""
    kappa: Rate | None
    """Cohen's kappa of votes and labels (A, B, tie; an invalid vote is a fourth value that never agrees)."""
    invalid: int
    vote_ties: int
    same_text: int
    cut: int
    """Pairs of which an answer was longer than what a judge is shown."""
    by_category: Mapping[str, Rate] = field(default_factory=dict)
    people: AgainstPeople | None = None
    worth: Worth | None = None
    """Correlation of the votes with what people said, the mean where several did."""
    worth_ceiling: Factor | None = None
    """The most that its votes can be worth beside human ones, 1 / (1 - rho^2): with far more of them (N >> n)."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """What was measured apart: injection, self-preference, contamination, cost."""


def judge_card(judge: str, items: Sequence[Item], votes: Sequence[Vote], *, alpha: float = 0.05) -> JudgeCard:
    """The card of a judge's votes on pairs, one vote a pair in their order.

    Args:
        judge: Its name.
        items: The pairs.
        votes: The votes, `Judge.judge` of each pair.
        alpha: Error probability of each interval.
    """
    table = Table(items, votes)
    decided = table.label != 0
    known = decided & table.labelled

    def rate(values: Floats, where: NDArray[np.bool_], weights: Floats | None = None) -> Rate | None:
        return weighted_rate(values[where], table.prompt[where], None if weights is None else weights[where], alpha)

    right = table.right()
    both = table.single(table.ab, first_is_a=True), table.single(table.ba, first_is_a=False)
    singles = np.concatenate(both)
    read = np.concatenate([known & table.shown, known & table.shown])
    twice = np.concatenate([table.prompt, table.prompt])
    first = np.array([_POINTS.get(said, np.nan) for said in (*table.ab, *table.ba)])
    chose = ~np.isnan(first)
    consistent = np.array(
        [_POINTS.get(x, np.nan) + _POINTS.get(y, np.nan) for x, y in zip(table.ab, table.ba, strict=True)]
    )
    better_first, better_second = _by_order(table.label, *both)
    gap = weighted_rate(
        (better_first - better_second + 1)[known & table.shown] / 2, table.prompt[known & table.shown], None, alpha
    )
    longer = table.longer
    lean = known & (longer != 0)
    longer_better = lean & (longer == table.label)
    shorter_better = lean & (longer == -table.label)
    value = _worth(items, table, alpha)
    said = said_of(votes)
    held = None if said is None else said[table.labelled]
    truth = (1 + table.label[table.labelled]) / 2
    matched = min(longer_better.sum(), shorter_better.sum()) >= FEWEST
    weights = np.where(longer_better, 0.5 / max(longer_better.sum(), 1), 0.5 / max(shorter_better.sum(), 1))
    return JudgeCard(
        judge=judge,
        evaluator=votes[0].evaluator if votes else "",
        template=votes[0].template if votes else "",
        pairs=len(items),
        n=int(known.sum()),
        prompts=len(set(table.prompt.tolist())),
        label_ties=int((table.labelled & ~decided).sum()),
        unlabelled=int((~table.labelled).sum()),
        accuracy=rate(right, known),
        consistent_accuracy=rate(((both[0] == 1) & (both[1] == 1)).astype(float), known & table.shown),
        single_order_accuracy=weighted_rate(singles[read], twice[read], None, alpha),
        consistency=rate((consistent == 1).astype(float), ~np.isnan(consistent)),
        first_rate=weighted_rate(first[chose], twice[chose], None, alpha),
        better_first=rate(better_first, known & table.shown),
        better_second=rate(better_second, known & table.shown),
        order_gap=_shifted(gap),
        longer_rate=rate((1 + table.vote * longer) / 2, (longer != 0) & table.valid),
        longer_is_better=float(longer_better.sum() / lean.sum()) if lean.any() else None,
        length_matched_accuracy=rate(right, lean, weights) if matched else None,
        forecast=None if held is None else forecast(held, truth, table.prompt[table.labelled], alpha=alpha),
        kappa=_kappa(table, alpha),
        invalid=int((~table.valid).sum()),
        vote_ties=int((table.valid & (table.vote == 0)).sum()),
        same_text=int((~table.shown).sum()),
        cut=sum(bool(vote.detail.get("cut")) for vote in votes),
        by_category=_by_category(items, right, known, rate),
        people=against_people(items, table, alpha),
        worth=value,
        worth_ceiling=value.ceiling if value else None,
    )


def _by_order(label: NDArray[np.int64], ab: Floats, ba: Floats) -> tuple[Floats, Floats]:
    """Single-order points with the better answer shown first, and shown second."""
    return np.where(label > 0, ab, ba), np.where(label > 0, ba, ab)


def _shifted(rate: Rate | None) -> Rate | None:
    """A rate of (d + 1) / 2 as one of d."""
    if rate is None:
        return None
    lower, upper = (None if end is None else 2 * end - 1 for end in rate.ci)
    return Rate(estimate=2 * rate.estimate - 1, ci=(lower, upper), n=rate.n, prompts=rate.prompts)


def _kappa(table: Table, alpha: float) -> Rate | None:
    """Cohen's kappa with percentiles over resampled prompts."""
    keep = table.labelled
    said = np.where(table.valid, table.vote + 1, 3)[keep]
    label, prompt = (table.label + 1)[keep], table.prompt[keep]
    if not len(said):
        return None
    code = np.unique(prompt, return_inverse=True)[1]
    groups = int(code.max()) + 1
    tables = np.zeros((groups, 4, 4))
    np.add.at(tables, (code, said, label), 1.0)
    estimate = cohen_kappa(tables.sum(axis=0)).estimate
    if estimate is None:
        return None
    draws = np.random.default_rng(np.random.SeedSequence(groups)).multinomial(
        groups, np.full(groups, 1 / groups), _DRAWS
    )
    sums = (draws @ tables.reshape(groups, 16)).reshape(_DRAWS, 4, 4)
    total = sums.sum(axis=(1, 2))
    expected = (sums.sum(axis=2) * sums.sum(axis=1)).sum(axis=1) / total**2
    observed = np.trace(sums, axis1=1, axis2=2) / total
    some = 1 - expected > 1e-12
    drawn = (observed[some] - expected[some]) / (1 - expected[some])
    ends = np.quantile(drawn, [alpha / 2, 1 - alpha / 2]) if groups > 1 and len(drawn) else (np.nan, np.nan)
    lower, upper = (float(end) for end in ends)
    varies = lower < upper  # a judge that always says the same has kappa 0 in every draw: no interval of no width
    return Rate(estimate=estimate, ci=(lower, upper) if varies else (None, None), n=len(said), prompts=groups)


def _worth(items: Sequence[Item], table: Table, alpha: float) -> Worth | None:
    human = np.array([_opinion(item) for item in items])
    if np.isnan(human).all():
        return None
    judge = np.where(table.valid, table.vote, np.nan)
    return worth(human, judge, cluster=table.prompt, alpha=alpha)


def _opinion(item: Item) -> float:
    """What people said, from -1 (B is better) to 1."""
    if item.annotators:
        return sum(item.annotators) / len(item.annotators)
    return float("nan") if item.label is None else float(item.label)


def _by_category(
    items: Sequence[Item],
    right: Floats,
    known: NDArray[np.bool_],
    rate: Callable[[Floats, NDArray[np.bool_]], Rate | None],
) -> dict[str, Rate]:
    named = np.array([item.category for item in items])
    found = {}
    for name in dict.fromkeys(named.tolist()):
        of_it = rate(right, known & (named == name))
        if name and of_it is not None:
            found[name] = of_it
    return found if len(found) > 1 else {}
