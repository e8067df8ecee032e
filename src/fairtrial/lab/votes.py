"""The votes of a lab's report as the columns of a battle file, so that they can be ranked in any way.

Read `vote_columns` first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairtrial.core import IntegrityError, NoConclusion, Report
from fairtrial.reports.evidence import BattleRow, Evidence, PromptRow, ResponseHead, VoteRow

_WINNERS = {1: "model_a", 0: "tie", -1: "model_b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer(ResponseHead):
    """Whose answer it was, and its style."""

    name: str = ""
    style: dict[str, float] = field(default_factory=dict)


def vote_columns(directory: Path, report: Report) -> dict[str, list[Any]]:
    """One row a vote: the columns of a battle file, ``category``, ``language``, and features of both answers' style.

    Votes of judges that are on trial are left out: their battles were chosen by the references' outcome, so they say
    how good the judge is and not who is better.

    Args:
        directory: The report's directory.
        report: Its report.json.

    Raises:
        NoConclusion: There are no such votes.
        IntegrityError: A line of the evidence is damaged, or names something that is not there.
    """
    evidence = Evidence(directory=directory)
    on_trial = {card["evaluator"] for card in report.judges if card.get("on_trial")}
    votes = [vote for vote in evidence.rows("votes", VoteRow) if vote.evaluator not in on_trial]
    if not votes:
        raise NoConclusion(
            "the report has no votes to rank by" + (", except those of judges on trial." if on_trial else "."),
            where=str(directory),
            next_step="Give the trial file [battles] and a judge that votes, or rank a battle file.",
        )
    battles = {battle.id: battle for battle in evidence.rows("battles", BattleRow)}
    prompts = {prompt.id: prompt for prompt in evidence.rows("prompts", PromptRow)}
    answers: dict[str, _Answer] = {answer.id: answer for answer in evidence.rows("responses", _Answer)}
    features = sorted({name for answer in answers.values() for name in answer.style})
    try:
        rows = [_row(vote, battles[vote.battle], prompts, answers, features) for vote in votes]
    except KeyError as missing:
        raise IntegrityError(
            f"the votes lead to {missing}, which is not part of the evidence.",
            where=str(directory),
            next_step=f"Try: fairtrial verify {directory}",
        ) from missing
    return {name: [row[name] for row in rows] for name in rows[0]}


def _row(
    vote: VoteRow,
    battle: BattleRow,
    prompts: Mapping[str, PromptRow],
    answers: Mapping[str, _Answer],
    features: Sequence[str],
) -> dict[str, Any]:
    a, b, prompt = answers[battle.a], answers[battle.b], prompts[battle.prompt]
    graded = vote.status == "graded" and vote.grade is not None
    grade = vote.grade or 0
    row: dict[str, Any] = {
        "model_a": a.name,
        "model_b": b.name,
        "winner": _WINNERS[(grade > 0) - (grade < 0)] if graded else vote.status,
        "grade": grade if graded else None,
        "question_id": prompt.id,
        "rater": f"{vote.evaluator}, {vote.detail['rater']}" if "rater" in vote.detail else vote.evaluator,
        "evaluator": vote.evaluator,
        "evaluator_kind": vote.kind,
        "order": vote.order,
        "category": prompt.tags[0] if prompt.tags else None,
        "language": prompt.language or None,
    }
    for name in features:
        row |= {f"feature_{name}_a": a.style.get(name, 0), f"feature_{name}_b": b.style.get(name, 0)}
    return row
