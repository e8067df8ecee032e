"""A panel of judges: one vote out of several. Read `Panel.judge` first.

A panel of small judges can beat a large one (Verga et al. 2024, PoLL); judges who err together are worth fewer than
they count. Weights come from human labels only (`weights_from`), never from the judges' own confidence.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from fairtrial.core import BadInput, Battle, NoConclusion, Prompt, Provider, Response, Vote, digest
from fairtrial.evaluators.card import judge_card
from fairtrial.evaluators.human_labels import HumanLabels
from fairtrial.evaluators.judge import Judge, Meter
from fairtrial.evaluators.tables import Rate

Rule = Literal["majority", "median"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Juror:
    """What a juror's side weighs, and why."""

    name: str
    evaluator: str
    accuracy: Rate
    """On human-labelled pairs, an invalid vote wrong."""
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of a panel's jurors, from pairs that people labelled and nobody is examined on."""

    jurors: tuple[Juror, ...]
    source: str
    """Digest of the labelled pairs."""
    pairs: int
    """With a better answer."""
    prompts: int
    label_ties: int
    shared: int
    """Pairs left out because their prompt is among the evaluated ones."""
    unlabelled: int


class Panel:
    """Several judges as one.

    Args:
        judges: Two or more.
        rule: ``majority`` of their sides, or the ``median`` of their grades (robust where graders are of five levels).
        weights: What each judge's side weighs in a majority; None: all alike.
        source: Digest of what the weights come from; part of the panel's id.
        name: Its name in reports.

    Raises:
        BadInput: Fewer than two judges, weights of another number, or weights with a median.
    """

    kind: Literal["judge"] = "judge"
    template = ""

    def __init__(
        self,
        judges: Sequence[Judge],
        *,
        rule: Rule = "majority",
        weights: Sequence[float] | None = None,
        source: str = "",
        name: str = "panel",
    ) -> None:
        if len(judges) < 2:
            raise BadInput("a panel needs two judges or more.", next_step="Name another with --judge.")
        if weights is not None and (len(weights) != len(judges) or rule == "median"):
            raise BadInput("a panel has one weight for each judge, and only in a majority.")
        self.judges, self.rule, self.name = tuple(judges), rule, name
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(judges)
        members = [[judge.id, round(weight, 9)] for judge, weight in zip(self.judges, self.weights, strict=True)]
        self.id = f"judge:{name}:{digest([rule, members, *([source] if source else [])])[7:15]}"

    @property
    def meter(self) -> Meter:
        """What all judges' readings took together."""
        total = Meter()
        for judge in self.judges:
            total.calls += judge.meter.calls
            total.usage += judge.meter.usage
            total.usd += judge.meter.usd
            total.seconds += judge.meter.seconds
        return total

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The models behind all judges."""
        return tuple(provider for judge in self.judges for provider in judge.providers)

    async def judge(self, battle: Battle, prompt: Prompt, a: Response, b: Response) -> Vote:
        """The panel's vote; members without a valid one do not count, and where none has one it is invalid.

        ``detail`` holds each member's grade, the lead of A (weighted sides over the weight of valid votes, or the
        median grade), and the majority's verdict of either order, so that position and consistency can be told of a
        panel, too.
        """
        votes = await asyncio.gather(*(judge.judge(battle, prompt, a, b) for judge in self.judges))
        return self.decide(battle, votes)

    def decide(self, battle: Battle, votes: Sequence[Vote]) -> Vote:
        """The panel's vote from its members' votes, in their order."""
        graded = [
            (vote.grade, weight)
            for vote, weight in zip(votes, self.weights, strict=True)
            if vote.status == "graded" and vote.grade is not None
        ]
        detail: dict[str, object] = {"members": [vote.grade for vote in votes]}
        if graded and all(vote.detail.get("same_text") for vote in votes):
            detail["same_text"] = True
        else:
            detail |= {order: self._order(votes, order) for order in ("ab", "ba")}
        if not graded:
            return self._vote(battle, None, detail)
        if self.rule == "median":
            middle = median(grade for grade, _ in graded)
            detail["lead"] = float(middle)
            return self._vote(battle, int(math.copysign(math.floor(abs(middle)), middle)), detail)
        lead = sum(weight * ((grade > 0) - (grade < 0)) for grade, weight in graded)
        detail["lead"] = round(lead / (sum(weight for _, weight in graded) or 1.0), 9)
        return self._vote(battle, 0 if abs(lead) < 1e-12 else (1 if lead > 0 else -1), detail)

    def _order(self, votes: Sequence[Vote], order: str) -> str:
        sides = [
            (weight, {"first": 1, "second": -1, "tie": 0}[said])
            for vote, weight in zip(votes, self.weights, strict=True)
            if (said := vote.detail.get(order)) in ("first", "second", "tie")
        ]
        if not sides:
            return "invalid"
        lead = sum(weight * side for weight, side in sides)
        return "tie" if abs(lead) < 1e-12 else ("first" if lead > 0 else "second")

    def _vote(self, battle: Battle, grade: int | None, detail: dict[str, object]) -> Vote:
        return Vote(
            battle=battle.id,
            evaluator=self.id,
            kind="judge",
            status="invalid" if grade is None else "graded",
            grade=grade,
            order="both",
            detail=detail,
        )


def weights_from(right: Sequence[float], n: Sequence[int]) -> tuple[float, ...]:
    """What each juror's side should weigh, from how often it was right on human-labelled pairs.

    ln(p / (1 - p)), the optimal weights of independent voters (Nitzan & Paroush 1982), with p drawn towards one half
    by a pseudo-pair of either kind, so that a short test makes nobody infallible. Jurors below chance weigh nothing.

    Args:
        right: Share of pairs on which each juror agreed with the humans, a tie as one half.
        n: Pairs behind each share.
    """
    drawn = [(share * count + 1) / (count + 2) for share, count in zip(right, n, strict=True)]
    return tuple(max(0.0, math.log(p / (1 - p))) for p in drawn)


def weigh(judges: Sequence[Judge], votes: Sequence[Sequence[Vote]], labels: HumanLabels) -> Weights:
    """Weights of jurors from their votes on pairs that people labelled.

    Args:
        judges: The jurors.
        votes: For each its votes on `labels.items`, in their order.
        labels: The pairs; ties do not count.

    Raises:
        BadInput: All labels are ties.
        NoConclusion: No juror does better than chance, so no vote would count.
    """
    cards = [judge_card(judge.name, labels.items, of_it) for judge, of_it in zip(judges, votes, strict=True)]
    rates = [card.accuracy for card in cards if card.accuracy is not None]
    if len(rates) < len(cards):
        raise BadInput("every label is a tie, which tells no jurors apart.", where=labels.name)
    weights = weights_from([rate.estimate for rate in rates], [rate.n for rate in rates])
    if not any(weights):
        raise NoConclusion(
            "no juror is right more often than not on these pairs, so no vote would count.",
            where=labels.name,
            next_step="Leave out --weigh-by, or name other judges.",
        )
    jurors = [
        Juror(name=judge.name, evaluator=judge.id, accuracy=rate, weight=weight)
        for judge, rate, weight in zip(judges, rates, weights, strict=True)
    ]
    return Weights(
        jurors=tuple(jurors),
        source=labels.digest,
        pairs=cards[0].n,
        prompts=labels.prompts,
        label_ties=cards[0].label_ties,
        shared=labels.shared,
        unlabelled=labels.unlabelled,
    )
