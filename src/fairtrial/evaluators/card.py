"""The judge card: how good a judge's votes are on pairs whose better answer is known. Read `judge_card` first.

Every number is a pure function of the pairs and the votes, with an interval clustered by prompt. A pair is the unit:
both orders, repeats and jurors are readings of it, not further evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import Battle, Prompt, Response, Vote
from fairtrial.stats import cohen_kappa, krippendorff_alpha, proportion
from fairtrial.stats.agreement import Alpha

FEWEST = 5
"""Fewest pairs on either side of a comparison of two kinds of pairs."""
_DRAWS = 1000
_POINTS = {"first": 1.0, "second": 0.0}
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)  # no slots: hashed by identity, made once
class Item:
    """One pair whose answers a judge compares, and what people said of it."""

    key: str
    battle: Battle
    prompt: Prompt
    a: Response
    b: Response
    label: int | None = None
    """+1: A is better, -1: B is, 0: a tie; None where nobody says."""
    annotators: tuple[int, ...] = ()
    """What each of several people said, in the same code."""
    raters: tuple[str, ...] = ()
    """Who they are; empty where that is unknown."""
    model_a: str = ""
    model_b: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate or a mean with its interval."""

    estimate: float
    ci: tuple[float | None, float | None]
    n: int
    """Pairs, or readings, behind it."""
    prompts: int
    """Clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstPeople:
    """A judge beside the people who labelled the same pairs, each pair with two people or more."""

    pairs: int
    people: Alpha
    """Krippendorff's alpha among the people."""
    with_judge: Alpha
    """The same with the judge as one more of them."""
    judge_accuracy: Rate | None
    """How often the judge agrees with the majority of all but one person, averaged over who is left out."""
    ceiling: Rate | None
    """How often the one left out agrees with that majority: the human-human ceiling on the same pairs."""


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
    kappa: Rate | None
    """Cohen's kappa of votes and labels (A, B, tie; an invalid vote is a fourth value that never agrees)."""
    invalid: int
    vote_ties: int
    same_text: int
    cut: int
    """Pairs of which an answer was longer than what a judge is shown."""
    by_category: Mapping[str, Rate] = field(default_factory=dict)
    people: AgainstPeople | None = None
    further: Mapping[str, Any] = field(default_factory=dict)
    """What was measured apart: injection, the alternative annotator test, worth, cost …"""


def judge_card(judge: str, items: Sequence[Item], votes: Sequence[Vote], *, alpha: float = 0.05) -> JudgeCard:
    """The card of a judge's votes on pairs, one vote a pair in their order.

    Args:
        judge: Its name.
        items: The pairs.
        votes: The votes, `Judge.judge` of each pair.
        alpha: Error probability of each interval.
    """
    table = _Table(items, votes)
    decided = table.label != 0
    known = decided & table.labelled

    def rate(values: Floats, where: NDArray[np.bool_], weights: Floats | None = None) -> Rate | None:
        return _rate(values[where], table.prompt[where], None if weights is None else weights[where], alpha)

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
    gap = _rate(
        (better_first - better_second + 1)[known & table.shown] / 2, table.prompt[known & table.shown], None, alpha
    )
    longer = table.longer
    lean = known & (longer != 0)
    longer_better = lean & (longer == table.label)
    shorter_better = lean & (longer == -table.label)
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
        single_order_accuracy=_rate(singles[read], twice[read], None, alpha),
        consistency=rate((consistent == 1).astype(float), ~np.isnan(consistent)),
        first_rate=_rate(first[chose], twice[chose], None, alpha),
        better_first=rate(better_first, known & table.shown),
        better_second=rate(better_second, known & table.shown),
        order_gap=_shifted(gap),
        longer_rate=rate((1 + table.vote * longer) / 2, (longer != 0) & table.valid),
        longer_is_better=float(longer_better.sum() / lean.sum()) if lean.any() else None,
        length_matched_accuracy=rate(right, lean, weights) if matched else None,
        kappa=_kappa(table, alpha),
        invalid=int((~table.valid).sum()),
        vote_ties=int((table.valid & (table.vote == 0)).sum()),
        same_text=int((~table.shown).sum()),
        cut=sum(bool(vote.detail.get("cut")) for vote in votes),
        by_category=_by_category(items, right, known, rate),
        people=_people(items, table, alpha),
    )


def rate_of(values: Sequence[float], clusters: Sequence[object], *, alpha: float = 0.05) -> Rate | None:
    """A mean of values between 0 and 1 with an interval clustered by `clusters`; None without values."""
    return _rate(np.asarray(values, dtype=float), np.asarray(clusters), None, alpha)


class _Table:
    """Pairs and votes as columns."""

    def __init__(self, items: Sequence[Item], votes: Sequence[Vote]) -> None:
        codes: dict[str, int] = {}
        self.prompt = np.array([codes.setdefault(item.prompt.id, len(codes)) for item in items], dtype=np.int64)
        self.labelled = np.array([item.label is not None for item in items], dtype=bool)
        self.label = np.array([item.label or 0 for item in items], dtype=np.int64)
        self.valid = np.array([vote.status == "graded" for vote in votes], dtype=bool)
        self.vote = np.array([np.sign(vote.grade or 0) for vote in votes], dtype=np.int64)
        self.shown = np.array([not vote.detail.get("same_text") for vote in votes], dtype=bool)
        self.ab = [str(vote.detail.get("ab", "")) for vote in votes]
        self.ba = [str(vote.detail.get("ba", "")) for vote in votes]
        sizes = [(len(item.a.text.strip()), len(item.b.text.strip())) for item in items]
        self.longer = np.array([(a > b) - (a < b) for a, b in sizes], dtype=np.int64)

    def right(self) -> Floats:
        """1 where the vote chose the labelled side, 1/2 for a tie, 0 otherwise; of pairs with a better answer."""
        return np.where(self.valid, (1 + self.vote * self.label) / 2, 0.0)

    def single(self, said: Sequence[str], *, first_is_a: bool) -> Floats:
        """The same of one order's own verdicts."""
        side = np.array([{"first": 1, "second": -1}.get(one, 0) for one in said]) * (1 if first_is_a else -1)
        invalid = np.array([one not in ("first", "second", "tie") for one in said], dtype=bool)
        return np.where(invalid, 0.0, (1 + side * self.label) / 2)


def _by_order(label: NDArray[np.int64], ab: Floats, ba: Floats) -> tuple[Floats, Floats]:
    """Single-order points with the better answer shown first, and shown second."""
    return np.where(label > 0, ab, ba), np.where(label > 0, ba, ab)


def _rate(values: Floats, clusters: NDArray[Any], weights: Floats | None, alpha: float) -> Rate | None:
    if not len(values):
        return None
    found = proportion(values, clusters, weights=weights, alpha=alpha)
    return Rate(estimate=found.estimate, ci=(found.lower, found.upper), n=found.n, prompts=found.clusters)


def _shifted(rate: Rate | None) -> Rate | None:
    """A rate of (d + 1) / 2 as one of d."""
    if rate is None:
        return None
    lower, upper = (None if end is None else 2 * end - 1 for end in rate.ci)
    return Rate(estimate=2 * rate.estimate - 1, ci=(lower, upper), n=rate.n, prompts=rate.prompts)


def _kappa(table: _Table, alpha: float) -> Rate | None:
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


def _people(items: Sequence[Item], table: _Table, alpha: float) -> AgainstPeople | None:
    """The judge and the people on pairs that two people or more labelled."""
    rows = [k for k, item in enumerate(items) if len(item.annotators) >= 2]
    if not rows:
        return None
    unit, rater, value = [], [], []
    names: dict[str, int] = {}
    for k in rows:
        item = items[k]
        who = item.raters or tuple(f"annotator {n + 1}" for n in range(len(item.annotators)))
        for name, said in zip(who, item.annotators, strict=True):
            unit.append(k)
            rater.append(names.setdefault(name, len(names)))
            value.append(said)
    judged = [k for k in rows if table.valid[k]]
    people = krippendorff_alpha(unit, rater, value, alpha=alpha)
    more = (
        unit + judged,
        rater + [len(names)] * len(judged),
        value + [int(table.vote[k]) for k in judged],
    )
    judge_points, ceiling_points, clusters = _left_out(items, table, rows)
    return AgainstPeople(
        pairs=len(rows),
        people=people,
        with_judge=krippendorff_alpha(*more, alpha=alpha),
        judge_accuracy=_rate(judge_points, clusters, None, alpha),
        ceiling=_rate(ceiling_points, clusters, None, alpha),
    )


def _left_out(items: Sequence[Item], table: _Table, rows: Sequence[int]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Points of the judge, and of each person left out, against the majority of the others, where there is one.

    With two people the other one is the majority. Exact agreement on A, B or tie; a judge's invalid vote is wrong.
    """
    judge, person, clusters = [], [], []
    for k in rows:
        said = items[k].annotators
        own = int(table.vote[k]) if table.valid[k] else None
        for n, left in enumerate(said):
            rest = [*said[:n], *said[n + 1 :]]
            counts = sorted(((rest.count(v), v) for v in set(rest)), reverse=True)
            if len(counts) > 1 and counts[0][0] == counts[1][0]:
                continue
            judge.append(float(own == counts[0][1]))
            person.append(float(left == counts[0][1]))
            clusters.append(int(table.prompt[k]))
    return np.array(judge), np.array(person), np.array(clusters, dtype=np.int64)
