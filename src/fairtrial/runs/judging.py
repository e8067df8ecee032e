"""What the votes of judge models say about the judges. Read `judge_cards` first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import Battle, Contestant, Vote
from fairtrial.core.canonical import to_plain
from fairtrial.evaluators.tables import rate_of
from fairtrial.runs.plan import Plan
from fairtrial.store import Reader

_POINTS = {"first": 1.0, "second": 0.0}


def read_votes(store: Reader, trial_id: str) -> tuple[dict[str, Battle], list[Vote]]:
    """Battles by id and votes, both in the order of the trial's jobs."""
    battles = {battle.id: battle for _, battle in store.battles(trial_id)}
    return battles, [vote for _, vote in store.votes(trial_id)]


def vote_columns(
    votes: Sequence[Vote], battles: Mapping[str, Battle], names: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Votes as the columns of a battle file, for ranking."""
    labels = {1: "model_a", 0: "tie", -1: "model_b"}
    columns: dict[str, list[Any]] = {k: [] for k in ("model_a", "model_b", "winner", "question_id", "evaluator")}
    for vote in votes:
        battle = battles[vote.battle]
        grade = 0 if vote.grade is None else (vote.grade > 0) - (vote.grade < 0)
        columns["model_a"].append(names[battle.contestant_a])
        columns["model_b"].append(names[battle.contestant_b])
        columns["winner"].append(labels[grade] if vote.status == "graded" else vote.status)
        columns["question_id"].append(battle.prompt)
        columns["evaluator"].append(vote.evaluator)
    return columns


def judge_cards(
    plan: Plan,
    contestants: Sequence[Contestant],
    battles: Mapping[str, Battle],
    votes: Sequence[Vote],
    scores: NDArray[np.float64] | None,
) -> list[dict[str, Any]]:
    """One card a judge: position rate, consistency over both orders, agreement with the references; each with its n.

    Intervals are clustered by prompt. *First rate*: how often the answer shown first was chosen, over all single
    readings. *Consistency*: how often both orders chose the same answer. *Agreement*: how often the vote chose the
    answer with the higher score, over battles the references decide; a tie counts one half, an invalid vote 0.
    *Single-order agreement*: the same for each order's own verdict, as a judge shown one order only would do.
    """
    cards = []
    for entry in plan.trial.judges:
        name = entry.name or entry.model
        own = [v for v in votes if v.evaluator.rpartition(":")[0] == f"judge:{name}"]
        shown = [v for v in own if not v.detail.get("same_text")]
        valid = [v for v in shown if v.status == "graded"]
        decided = _decided(plan, contestants, battles, shown, scores)
        cards.append(
            {
                "evaluator": own[0].evaluator if own else f"judge:{name}",
                "name": name,
                "model": entry.model,
                "on_trial": entry.on_trial,
                "n": len(own),
                "battles": len(shown),
                "invalid": sum(v.status == "invalid" for v in shown),
                "ties": sum(v.grade == 0 for v in shown),
                "same_text": len(own) - len(shown),
                "first_rate": to_plain(rate_of(*_first(valid, battles))),
                "consistency": to_plain(rate_of(*_consistent(valid, battles))),
                "agreement": to_plain(rate_of(*_agreement(decided, battles))),
                "single_order_agreement": to_plain(rate_of(*_single_order(decided, battles))),
                "method": "mean probability over both orders"
                if any("p_a" in v.detail for v in valid)
                else "written verdicts in both orders",
            }
        )
    return cards


def _first(votes: Sequence[Vote], battles: Mapping[str, Battle]) -> tuple[list[float], list[str]]:
    pairs = [
        (_POINTS[v.detail[order]], battles[v.battle].prompt)
        for v in votes
        for order in ("ab", "ba")
        if v.detail.get(order) in _POINTS
    ]
    return [p for p, _ in pairs], [c for _, c in pairs]


def _consistent(votes: Sequence[Vote], battles: Mapping[str, Battle]) -> tuple[list[float], list[str]]:
    both = [v for v in votes if v.detail.get("ab") in _POINTS and v.detail.get("ba") in _POINTS]
    return [float(v.detail["ab"] != v.detail["ba"]) for v in both], [battles[v.battle].prompt for v in both]


def _decided(
    plan: Plan,
    contestants: Sequence[Contestant],
    battles: Mapping[str, Battle],
    votes: Sequence[Vote],
    scores: NDArray[np.float64] | None,
) -> list[tuple[Vote, int]]:
    """Votes on battles that the references decide, with the side (+1 for A) that scored higher.

    With repeats, the score of a contestant on a prompt is its mean, so such battles count only without repeats.
    """
    if scores is None or plan.trial.repeats > 1:
        return []
    row = {p.id: i for i, p in enumerate(plan.prompts.prompts)}
    column = {c.id: i for i, c in enumerate(contestants)}
    found = []
    for vote in votes:
        battle = battles[vote.battle]
        a, b = (scores[row[battle.prompt], column[c]] for c in (battle.contestant_a, battle.contestant_b))
        if a != b and not np.isnan(a) and not np.isnan(b):
            found.append((vote, 1 if a > b else -1))
    return found


def _agreement(decided: Sequence[tuple[Vote, int]], battles: Mapping[str, Battle]) -> tuple[list[float], list[str]]:
    values = [0.0 if v.grade is None else (1 + np.sign(v.grade) * side) / 2 for v, side in decided]
    return [float(v) for v in values], [battles[v.battle].prompt for v, _ in decided]


def _single_order(decided: Sequence[tuple[Vote, int]], battles: Mapping[str, Battle]) -> tuple[list[float], list[str]]:
    values, clusters = [], []
    for vote, side in decided:
        for order, a_first in (("ab", True), ("ba", False)):
            verdict = vote.detail.get(order)
            chose_first = _POINTS.get(str(verdict))
            values.append(
                (0.5 if verdict == "tie" else 0.0)
                if chose_first is None
                else float((chose_first == 1.0) == (a_first == (side == 1)))
            )
            clusters.append(battles[vote.battle].prompt)
    return values, clusters
