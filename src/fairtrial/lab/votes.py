"""The votes of a lab's report as the columns of a battle file, so that they can be ranked in any way. Read `columns`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fairtrial.core import IntegrityError, NoConclusion, Report

_WINNERS = {1: "model_a", 0: "tie", -1: "model_b"}



def columns(directory: Path, report: Report) -> dict[str, list[Any]]:
    """One row a vote: the columns of a battle file, ``category``, ``language`` and the features of both answers' style.

    Votes of judges that are on trial are left out: their battles were chosen by the references' outcome, so they say
    how good the judge is and not who is better.

    Args:
        directory: The report's directory.
        report: Its report.json.

    Raises:
        NoConclusion: There are no such votes.
        IntegrityError: A line of the evidence is damaged, or names something that is not there.
    """
    on_trial = {card["evaluator"] for card in report.judges if card.get("on_trial")}
    votes = [row for row in _rows(directory / "votes.jsonl") if row["evaluator"] not in on_trial]
    if not votes:
        raise NoConclusion(
            "the report has no votes to rank by" + (", except those of judges on trial." if on_trial else "."),
            where=str(directory),
            next_step="Give its trial file [battles] and a judge, or rank a battle file: fairtrial rank votes.csv",
        )
    battles = {row["id"]: row for row in _rows(directory / "battles.jsonl")}
    styles = {row["id"]: row.get("style") or {} for row in _rows(directory / "responses.jsonl")}
    prompts = {row["id"]: row for row in _rows(directory / "prompts.jsonl")}
    names = {card["id"]: card["name"] for card in report.contestants}
    features = sorted({name for style in styles.values() for name in style})
    try:
        rows = [_row(vote, battles[vote["battle"]], names, prompts, styles, features) for vote in votes]
    except KeyError as missing:
        raise IntegrityError(
            f"the votes name {missing}, which is not part of the evidence.",
            where=str(directory),
            next_step=f"Try: fairtrial verify {directory}",
        ) from missing
    return {name: [row[name] for row in rows] for name in rows[0]}


def _row(
    vote: dict[str, Any],
    battle: dict[str, Any],
    names: dict[str, str],
    prompts: dict[str, Any],
    styles: dict[str, dict[str, float]],
    features: Sequence[str],
) -> dict[str, Any]:
    grade = vote.get("grade")
    graded = vote["status"] == "graded"
    prompt = prompts[battle["prompt"]]
    row = {
        "model_a": names[battle["contestant_a"]],
        "model_b": names[battle["contestant_b"]],
        "winner": _WINNERS[(grade > 0) - (grade < 0)] if graded else vote["status"],
        "grade": grade if graded else None,
        "question_id": battle["prompt"],
        "rater": vote["evaluator"],
        "evaluator": vote["evaluator"],
        "evaluator_kind": vote["kind"],
        "order": vote.get("order", "ab"),
        "category": (prompt.get("tags") or [""])[0],
        "language": prompt.get("language") or "",
    }
    for name in features:
        row |= {f"feature_{name}_{side}": styles[battle[side]].get(name, 0) for side in "ab"}
    return row


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise IntegrityError(
                        f"this evidence line cannot be read: {error}",
                        where=f"{path}, row {number}",
                        next_step=f"Try: fairtrial verify {path.parent}",
                    ) from error
