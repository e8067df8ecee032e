"""A judge: one vote on two responses, after showing them in both orders. Read `Judge.judge` first.

Where the model shows token probabilities, the verdict is the mean over both orders of the probability that an answer
is better: the hard verdicts of small judges are mostly a preference for one position, the averaged probabilities are
not (notes in docs/judges.md). Otherwise the final structured verdicts of the two orders must agree.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fairtrial.core import Battle, Prompt, Provider, Response, Usage, Vote, VoteStatus, digest
from fairtrial.evaluators.readings import Case, Reader, Reading, Side
from fairtrial.evaluators.templates import ANSWER_LIMIT


@dataclass(slots=True)
class Meter:
    """What a judge's readings took; no evidence, for it counts what was recorded before as well."""

    calls: int = 0
    usage: Usage = Usage()
    usd: float = 0.0
    seconds: float = 0.0
    """Time of the calls when they were made, added up; calls overlap."""

    def add(self, reading: Reading) -> None:
        """Count one reading."""
        self.calls += reading.calls
        self.usage += reading.usage
        self.usd += reading.usd
        self.seconds += reading.seconds


class Judge:
    """Any reader as an evaluator of battles: both orders, each read once or several times.

    Args:
        reader: What compares two answers shown in one order.
        repeats: Times that each order is read; the majority counts, half of them against half is a tie. (Meta's
            Self-Taught Evaluator takes the majority of 32 samples.)
    """

    kind: Literal["judge"] = "judge"

    def __init__(self, reader: Reader, *, repeats: int = 1) -> None:
        self.reader = reader
        self.name = reader.name
        self.repeats = repeats
        self.template = reader.template
        self.id = f"judge:{reader.name}:{reader.id if repeats == 1 else digest([reader.id, repeats])[7:15]}"
        self.meter = Meter()

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The models behind it, for whoever shares out connections."""
        model = getattr(self.reader, "model", None)
        return (model.provider,) if model else ()

    async def judge(self, battle: Battle, prompt: Prompt, a: Response, b: Response) -> Vote:
        """One vote on a battle.

        Equal texts are a tie by definition and cost no call. With probabilities, ``detail`` holds the log-odds
        towards the first position in either order and ``p_a``, the mean probability that A is better; the grade is its
        side of one half. With written verdicts, the two orders must agree: a split is a tie marked inconsistent. On
        five levels the grade is 2 where both orders together make three steps or more.
        """
        if a.text.strip() == b.text.strip():
            return self._vote(battle, "graded", 0, {"same_text": True})
        forward = await self._order(Case(battle=battle.id, prompt=prompt, first=a.text, second=b.text, order="ab"))
        backward = await self._order(Case(battle=battle.id, prompt=prompt, first=b.text, second=a.text, order="ba"))
        detail: dict[str, object] = {"ab": forward.verdict, "ba": backward.verdict}
        if max(len(a.text), len(b.text)) > ANSWER_LIMIT:
            detail["cut"] = True
        if "invalid" in (forward.verdict, backward.verdict):
            return self._vote(battle, "invalid", None, detail)
        if forward.log_odds is not None and backward.log_odds is not None:
            p_a = (logistic(forward.log_odds) + 1 - logistic(backward.log_odds)) / 2
            detail |= {
                "log_odds_ab": round(forward.log_odds, 6),
                "log_odds_ba": round(backward.log_odds, 6),
                "p_a": round(p_a, 6),
            }
            return self._vote(battle, "graded", (p_a > 0.5) - (p_a < 0.5), detail)
        for_a = {"first": 1, "second": -1, "tie": 0}[forward.verdict]
        for_a += {"first": -1, "second": 1, "tie": 0}[backward.verdict]
        grade = (for_a > 0) - (for_a < 0)
        if forward.share is not None and backward.share is not None:
            detail |= {"share_ab": round(forward.share, 6), "share_ba": round(backward.share, 6)}
        if forward.grade is not None and backward.grade is not None:
            detail |= {"grade_ab": forward.grade, "grade_ba": backward.grade}
            grade *= 2 if abs(forward.grade - backward.grade) >= 3 else 1
        return self._vote(battle, "graded", grade, detail)

    async def _order(self, case: Case) -> Reading:
        if self.repeats == 1:
            reading = await self.reader.read(case)
            self.meter.add(reading)
            return reading
        cases = [
            Case(
                battle=case.battle, prompt=case.prompt, first=case.first, second=case.second, order=case.order, repeat=k
            )
            for k in range(self.repeats)
        ]
        readings = await asyncio.gather(*map(self.reader.read, cases))
        for reading in readings:
            self.meter.add(reading)
        return majority(readings)

    def _vote(self, battle: Battle, status: VoteStatus, grade: int | None, detail: dict[str, object]) -> Vote:
        return Vote(
            battle=battle.id,
            evaluator=self.id,
            kind="judge",
            status=status,
            grade=grade,
            order="both",
            template=self.template,
            detail=detail,
        )


def majority(readings: Sequence[Reading]) -> Reading:
    """What most of several readings of one order say; invalid ones do not vote, a draw is a tie.

    Log-odds and grades are averaged over the valid readings, grades rounded away from the middle.
    """
    valid = [reading for reading in readings if reading.verdict != "invalid"]
    if not valid:
        return Reading(verdict="invalid")
    sides = Counter(reading.verdict for reading in valid)
    best = sides.most_common(2)
    verdict: Side = "tie" if len(best) == 2 and best[0][1] == best[1][1] else best[0][0]
    odds = [reading.log_odds for reading in valid if reading.log_odds is not None]
    grades = [reading.grade for reading in valid if reading.grade is not None]
    mean = sum(grades) / len(grades) if grades else None
    return Reading(
        verdict=verdict,
        log_odds=sum(odds) / len(odds) if len(odds) == len(valid) else None,
        grade=None if mean is None else int(math.copysign(math.ceil(abs(mean) - 0.5), mean)),
        share=(sides["first"] - sides["second"]) / len(valid),
    )


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
