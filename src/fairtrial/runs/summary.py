"""From recorded results to evidence files, boards and a `Report`. Read `summarise` first.

One pass over the responses writes the evidence and fills the tally, so memory holds one number per prompt and
contestant, not the answers.
"""

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairtrial.core import (
    Board,
    BoardModel,
    Contestant,
    NoConclusion,
    Prompt,
    Report,
    Response,
    Score,
    digest,
)
from fairtrial.core.canonical import canonical_json, to_plain
from fairtrial.evaluators import Scorer
from fairtrial.ranking import rank, score_board
from fairtrial.runs.evidence import EvidenceFile, prompt_line, response_line, score_line
from fairtrial.runs.judging import judge_cards, read_votes, vote_columns
from fairtrial.runs.people import Heard, people_board
from fairtrial.runs.plan import Plan
from fairtrial.runs.samples import SampleTally
from fairtrial.stats import proportion
from fairtrial.store import Reader

FloatArray = NDArray[np.float64]


@dataclass(slots=True)
class Tally:
    """Sums of one trial, by contestant index."""

    scores: dict[str, FloatArray]
    """By scorer: (prompts, contestants) mean score over repeats; NaN without a reference."""
    answers: list[int]
    failures: list[Counter[str]]
    calls: list[int]
    prompt_tokens: list[int]
    completion_tokens: list[int]
    reasoning_tokens: list[int]
    usd: list[float]
    fingerprints: list[set[str]]
    served_as: list[set[str]]
    not_shown: Counter[int] = field(default_factory=Counter)
    """Failed and refused answers by place (prompt and repeat): no judge can be shown them."""
    notes: list[str] = field(default_factory=list)


def summarise(
    plan: Plan,
    contestants: Sequence[Contestant],
    store: Reader,
    trial_id: str,
    directory: Path,
    *,
    created: str,
    text: bool = True,
    people: Sequence[Heard] = (),
) -> Report:
    """Write the evidence of a finished trial into `directory` and compute its report.

    Args:
        plan: The trial.
        contestants: In the trial's order.
        store: Where the results are.
        trial_id: Which trial.
        directory: Gets prompts, responses, scores, battles and votes as JSON lines, and boards.json.
        created: UTC time for the report.
        text: Write item text; without it only ids, scores, votes and short predictions.
        people: What people said.

    Raises:
        NoConclusion: Some answers are missing.
    """
    evidence: dict[str, str] = {}
    _write_prompts(plan, directory, evidence, text=text)
    tally = _write_responses(plan, contestants, store, trial_id, directory, evidence, text=text)
    names = [c.name for c in contestants]
    boards = [_scorer_board(plan, scorer, tally, contestants, evidence) for scorer in tally.scores]
    battles, votes = read_votes(store, trial_id)
    heard = [vote for one in people for vote in one.votes]
    voted = battles | {battle.id: battle for one in people for battle in one.voted()}
    with EvidenceFile(directory / "battles.jsonl") as out:
        for battle in voted.values():
            out.write({"id": battle.id} | to_plain(battle))
        evidence["battles.jsonl"] = out.digest
    with EvidenceFile(directory / "votes.jsonl") as out:
        for vote in (*votes, *heard):
            out.write({"id": vote.id} | to_plain(vote))
        evidence["votes.jsonl"] = out.digest
    decided = next(iter(tally.scores.values()), None)
    cards = judge_cards(plan, contestants, battles, votes, decided)
    by_id = {c.id: c.name for c in contestants}
    for card in cards:
        if card["on_trial"]:
            continue  # its battles were chosen by the references' outcome: they say how good the judge is, not who is
        own = [v for v in votes if v.evaluator == card["evaluator"]]
        try:
            board = rank(
                vote_columns(own, battles, by_id),
                evidence="judge",
                seed=plan.trial.seed,
                alpha=plan.trial.verdicts.alpha,
            )
        except NoConclusion as nothing:
            tally.notes.append(f"{card['name']}: {nothing.message}")
        else:
            excluded = board.excluded | _without_answer(tally, len(contestants))
            boards.append(replace(board, view={"judge": card["name"]}, excluded=excluded, snapshot=digest(evidence)))
    for one in people:
        found, note = people_board(plan, one)
        tally.notes[:0] = [note] if note else []
        if found is not None:
            excluded = found.excluded | _without_answer(tally, len(contestants)) | one.left_out
            boards.append(replace(found, excluded=excluded, snapshot=digest(evidence)))
    boards = [_with_costs(board, tally, names, contestants) for board in boards]
    (directory / "boards.json").write_bytes(canonical_json(boards) + b"\n")
    evidence["boards.json"] = _file_digest(directory / "boards.json")
    return Report(
        name=plan.trial.name,
        created=created,
        trial=plan.trial.as_plain() | {"digest": plan.trial.digest, "prompt_set": plan.prompts.id},
        software={"python": platform.python_version(), "numpy": np.__version__},
        contestants=tuple(_contestant_row(c, tally, i) for i, c in enumerate(contestants)),
        boards=tuple(boards),
        strata=tuple(_strata(plan, tally, contestants)),
        judges=tuple(cards),
        people=tuple(one.row() for one in people),
        failures=tuple(_failures(tally, names)),
        costs=tuple(_costs(tally, names)),
        notes=tuple(_notes(plan, tally, contestants)),
        evidence=evidence,
    )


def _without_answer(tally: Tally, width: int) -> dict[str, int]:
    """Pairs that no evaluator could be shown, for a board's count of what is left out."""
    pairs = sum(comb(width, 2) - comb(width - failed, 2) for failed in tally.not_shown.values())
    return {"pair with a failed or refused answer": pairs} if pairs else {}


def _write_prompts(plan: Plan, directory: Path, evidence: dict[str, str], *, text: bool) -> None:
    with EvidenceFile(directory / "prompts.jsonl") as out:
        for prompt in plan.prompts.prompts:
            out.write(prompt_line(prompt, text=text))
        evidence["prompts.jsonl"] = out.digest


def _write_responses(
    plan: Plan,
    contestants: Sequence[Contestant],
    store: Reader,
    trial_id: str,
    directory: Path,
    evidence: dict[str, str],
    *,
    text: bool,
) -> Tally:
    width, repeats = len(contestants), plan.trial.repeats
    tally = _empty_tally(len(contestants))
    scorers = [Scorer(entry.scorer) for entry in plan.trial.scorers]
    samples = SampleTally(contestants, scorers[0]) if scorers else None
    with EvidenceFile(directory / "responses.jsonl") as out:
        for position, response in store.responses(trial_id):
            who = position % width
            out.write(response_line(response, contestants[who].name, text=text))
            prompt = plan.prompts.prompts[position // (width * repeats)]
            _count(tally, who, response, scored=bool(plan.trial.scorers) and prompt.reference is not None)
            if samples is not None:
                samples.add(who, prompt, response)
            tally.not_shown[position // width] += response.finish in ("error", "refused")
        evidence["responses.jsonl"] = out.digest
    if sum(tally.answers) != plan.answers:
        raise NoConclusion(
            f"{plan.answers - sum(tally.answers)} of {plan.answers} answers are missing.",
            next_step="Give the run command again; it goes on where it stopped.",
        )
    tally.notes.extend(samples.lines() if samples else ())
    sums = {s.id: np.zeros((len(plan.prompts.prompts), width)) for s in scorers}
    with EvidenceFile(directory / "scores.jsonl") as out:
        for position, score in store.scores(trial_id, scorers=[s.id for s in scorers]):
            prompt = plan.prompts.prompts[position // (width * repeats)]
            out.write(score_line(score, text=text, short=_short(prompt)))
            sums[score.scorer][position // (width * repeats), position % width] += score.value / repeats
            _count_score(tally, position % width, score, first=score.scorer == scorers[0].id)
        evidence["scores.jsonl"] = out.digest
    unscored = [i for i, p in enumerate(plan.prompts.prompts) if p.reference is None]
    for matrix in sums.values():
        matrix[unscored] = np.nan
    tally.scores = sums
    return tally


def _short(prompt: Prompt) -> bool:
    return bool(prompt.choices) or prompt.scorer in ("number", "choice")


def _empty_tally(width: int) -> Tally:
    zeros = [0] * width
    return Tally(
        scores={},
        answers=zeros.copy(),
        failures=[Counter() for _ in zeros],
        calls=zeros.copy(),
        prompt_tokens=zeros.copy(),
        completion_tokens=zeros.copy(),
        reasoning_tokens=zeros.copy(),
        usd=[0.0] * width,
        fingerprints=[set() for _ in zeros],
        served_as=[set() for _ in zeros],
    )


def _count(tally: Tally, who: int, response: Response, *, scored: bool) -> None:
    tally.answers[who] += 1
    tally.calls[who] += len(response.steps)
    tally.prompt_tokens[who] += response.usage.prompt_tokens
    tally.completion_tokens[who] += response.usage.completion_tokens
    tally.reasoning_tokens[who] += response.usage.reasoning_tokens
    tally.usd[who] += response.usd
    if response.fingerprint:
        tally.fingerprints[who].add(response.fingerprint)
    if response.served_as:
        tally.served_as[who].add(response.served_as)
    if response.finish == "error":
        tally.failures[who][f"failed: {response.error}"] += 1
    elif response.finish == "refused":
        tally.failures[who]["refused"] += 1
    elif response.finish == "length" and not scored:  # a scored one may be right all the same: see `_count_score`
        tally.failures[who]["truncated"] += 1


def _count_score(tally: Tally, who: int, score: Score, *, first: bool) -> None:
    if first and score.reason in ("unparsable", "truncated"):
        tally.failures[who][score.reason] += 1


def _scorer_board(
    plan: Plan, scorer: str, tally: Tally, contestants: Sequence[Contestant], evidence: dict[str, str]
) -> Board:
    verdicts = plan.trial.verdicts
    board = score_board(
        [c.name for c in contestants],
        tally.scores[scorer],
        sum(p.reference is not None for p in plan.prompts.prompts) * plan.trial.repeats,
        margin=verdicts.margin,
        alpha=verdicts.alpha,
        seed=plan.trial.seed,
    )
    guessing = float(_guessing(plan)[~np.isnan(tally.scores[scorer]).all(axis=1)].mean())
    above = [m.name for m in board.models if not _simulated(m.name, contestants) and _above(m, guessing)]
    refusals = board.refusals
    if not above:
        refusals += (_AT_FLOOR.format(guessing=guessing),)
    return replace(
        board,
        view={"scorer": scorer.split(":")[1]},
        snapshot=digest(evidence),
        refusals=refusals,
        fit=board.fit | {"guessing": guessing, "above_guessing": above},
    )


_AT_FLOOR = (
    "No contestant is shown to score above guessing ({guessing:.0%}): differences may only say who answers in the form "
    "asked for."
)


def _guessing(plan: Plan) -> FloatArray:
    """What guessing gives on each prompt: one in so many choices, nothing where the answer is open."""
    return np.array([1 / len(p.choices) if p.choices else 0.0 for p in plan.prompts.prompts])


def _above(row: BoardModel, guessing: float) -> bool:
    low = row.score_ci[0] if row.score_ci else None
    return low is not None and low > guessing


def _simulated(name: str, contestants: Sequence[Contestant]) -> bool:
    simulated = {c.name for c in contestants if c.model.simulated}
    return name in simulated and len(simulated) < len(contestants)


def _with_costs(board: Board, tally: Tally, names: list[str], contestants: Sequence[Contestant]) -> Board:
    rows = []
    for row in board.models:
        who = names.index(row.name)
        answers = max(tally.answers[who], 1)
        tokens = tally.prompt_tokens[who] + tally.completion_tokens[who]
        rows.append(
            replace(
                row,
                usd=tally.usd[who] / answers,
                tokens=tokens / answers,
                simulated=contestants[who].model.simulated,
            )
        )
    return replace(board, models=tuple(rows))


def _strata(plan: Plan, tally: Tally, contestants: Sequence[Contestant]) -> Iterable[dict[str, Any]]:
    """Scores by category and language; no evidence where no real contestant rises above guessing."""
    matrix = next(iter(tally.scores.values()), None)
    if matrix is None:
        return
    prompts = plan.prompts.prompts
    guess = _guessing(plan)
    groups = {"category": [p.category for p in prompts], "language": [p.language or "unstated" for p in prompts]}
    for by, values in groups.items():
        for value in sorted(set(values)):
            rows = [i for i, v in enumerate(values) if v == value and not np.isnan(matrix[i]).all()]
            if not rows:
                continue
            means = [proportion(matrix[rows, who], alpha=plan.trial.verdicts.alpha) for who in range(len(contestants))]
            floor = float(guess[rows].mean())
            real = [m for m, c in zip(means, contestants, strict=True) if not c.model.simulated]
            nothing = all(m.lower <= floor for m in real)
            for mean, contestant in zip(means, contestants, strict=True):
                yield {
                    "contestant": contestant.name,
                    "by": by,
                    "value": value,
                    "n": len(rows) * plan.trial.repeats,
                    "score": mean.estimate,
                    "ci": [mean.lower, mean.upper],
                    "floor": floor,
                    "note": "no evidence" if nothing and not contestant.model.simulated else "",
                }


def _contestant_row(contestant: Contestant, tally: Tally, who: int) -> dict[str, Any]:
    failed = sum(n for reason, n in tally.failures[who].items() if reason.startswith("failed"))
    row: dict[str, Any] = to_plain(contestant)
    return row | {"id": contestant.id, "n": tally.answers[who], "failed": failed}


def _failures(tally: Tally, names: list[str]) -> Iterable[dict[str, Any]]:
    for who, name in enumerate(names):
        for reason, count in sorted(tally.failures[who].items()):
            yield {"contestant": name, "reason": reason, "count": count, "n": tally.answers[who]}


def _costs(tally: Tally, names: list[str]) -> Iterable[dict[str, Any]]:
    for who, name in enumerate(names):
        yield {
            "contestant": name,
            "answers": tally.answers[who],
            "calls": tally.calls[who],
            "prompt_tokens": tally.prompt_tokens[who],
            "completion_tokens": tally.completion_tokens[who],
            "reasoning_tokens": tally.reasoning_tokens[who],
            "usd": tally.usd[who],
        }


def _notes(plan: Plan, tally: Tally, contestants: Sequence[Contestant]) -> Iterable[str]:
    yield from tally.notes
    if plan.copies:
        yield f"{plan.copies} prompts were left out: each is equal to another one, and copies are no further evidence."
    unscored = sum(p.reference is None for p in plan.prompts.prompts)
    if plan.trial.scorers and unscored:
        yield f"{unscored} of {len(plan.prompts.prompts)} prompts have no reference and are in no scorer's board."
    for who, contestant in enumerate(contestants):
        if tally.served_as[who]:
            names = ", ".join(sorted(tally.served_as[who]))
            yield f"{contestant.name}: asked for '{contestant.model.model}', the endpoint answered as '{names}'."
        if len(tally.fingerprints[who]) > 1:
            builds = len(tally.fingerprints[who])
            yield f"{contestant.name}: the endpoint changed its build during the run ({builds} seen)."


def _file_digest(path: Path) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
