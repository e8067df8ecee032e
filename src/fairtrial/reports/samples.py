"""Samples for the page's viewer: one item a prompt (and repeat) with every answer, score, battle and vote about it.

Read `pack` first. Items travel as gzipped JSON in base64: small, and nothing in it can end a script block early.
"""

import base64
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fairtrial.core import Report, seed_of, to_json
from fairtrial.reports.evidence import (
    BattleRow,
    Evidence,
    PromptRow,
    ResponseHead,
    ResponseRow,
    ScoreRow,
    VoteRow,
)

MOST_RESPONSES = 20_000
"""Answers that one page embeds at most."""
_BLOCK_ITEMS = 100
_BLOCK_TEXT = 2_000_000
_LONGEST = 20_000
_FAILED = {"unparsable", "refused", "truncated", "failed"}

Item = tuple[str, int]
"""Prompt id and repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What the page embeds."""

    index: str
    """Base64 of gzipped JSON: columns by which the viewer filters and lists."""
    blocks: tuple[str, ...]
    """Base64 of gzipped JSON lists of items, read when they are shown or searched."""
    items: int
    shown: int
    """Answers embedded."""
    total: int
    """Answers there are."""
    seed: int
    """Seed of the subset; only where `shown` is less than `total`."""


def pack(evidence: Evidence, report: Report, *, text: bool = True, most: int = MOST_RESPONSES) -> Packed:
    """Choose, join and pack the samples.

    Args:
        evidence: The report directory.
        report: Names the contestants, in order.
        text: Whether prompts, answers and judges' details are embedded, or ids, categories, scores and votes only.
        most: Answers to embed at most. Beyond it whole items are chosen, so that answers stay side by side: items with
            a failure first, then the others, both in an order drawn with a seed from the report's name and trial.
    """
    scores = _grouped((row.response, row) for row in evidence.rows("scores", ScoreRow))
    chosen, total = _choose(evidence, scores, most, seed := seed_of("samples", report.name, report.trial))
    contestants = {card["id"]: place for place, card in enumerate(report.contestants)}
    answers: dict[Item, list[ResponseRow]] = {item: [] for item in chosen}
    for row in evidence.rows("responses", ResponseRow):
        if (row.prompt, row.repeat) in answers:
            answers[row.prompt, row.repeat].append(row)
    battles = _grouped(((row.prompt, row.repeat), row) for row in evidence.rows("battles", BattleRow))
    votes = _grouped((row.battle, row) for row in evidence.rows("votes", VoteRow))
    prompts = {row.id: row for row in evidence.rows("prompts", PromptRow)}
    join = _Join(prompts=prompts, scores=scores, battles=battles, votes=votes, contestants=contestants, text=text)

    columns: dict[str, list[Any]] = {
        name: [] for name in ("key", "category", "language", "repeat", "outcomes", "votes", "block")
    }
    blocks: list[str] = []
    for block in _blocks(join.item(item, answers.pop(item)) for item in chosen):
        for entry in block:
            for name, value in _index_row(entry, len(contestants)).items():
                columns[name].append(value)
            columns["block"].append(len(blocks))
        blocks.append(_squeeze(block))
    shown = sum(sum(len(cell) > 0 for cell in row) for row in columns["outcomes"])
    return Packed(index=_squeeze(columns), blocks=tuple(blocks), items=len(chosen), shown=shown, total=total, seed=seed)


def _choose(evidence: Evidence, scores: dict[str, list[ScoreRow]], most: int, seed: int) -> tuple[list[Item], int]:
    """Items to embed, in the order of the prompts, and how many answers there are in all."""
    sizes: dict[Item, int] = {}
    failing: set[Item] = set()
    for row in evidence.rows("responses", ResponseHead):
        item = (row.prompt, row.repeat)
        sizes[item] = sizes.get(item, 0) + 1
        if row.finish != "stop" or any(score.reason in _FAILED for score in scores.get(row.id, ())):
            failing.add(item)
    total = sum(sizes.values())
    order = {row.id: place for place, row in enumerate(evidence.rows("prompts", PromptRow))}
    if total > most:
        drawn = sorted(sizes, key=lambda item: (item not in failing, seed_of(seed, *item)))
        room, kept = most, []
        for item in drawn:
            if sizes[item] > room:
                break
            room -= sizes[item]
            kept.append(item)
    else:
        kept = list(sizes)
    return sorted(kept, key=lambda item: (order.get(item[0], len(order)), item)), total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Join:
    prompts: dict[str, PromptRow]
    scores: dict[str, list[ScoreRow]]
    battles: dict[Item, list[BattleRow]]
    votes: dict[str, list[VoteRow]]
    contestants: dict[str, int]
    text: bool

    def item(self, item: Item, rows: list[ResponseRow]) -> dict[str, Any]:
        """One item as the viewer reads it."""
        prompt = self.prompts.get(item[0], PromptRow(id=item[0]))
        who = {row.id: self.contestants.get(row.contestant, -1) for row in rows}
        entry: dict[str, Any] = {
            "id": prompt.id,
            "key": prompt.key or prompt.id,
            "repeat": item[1],
            "tags": prompt.tags,
            "language": prompt.language,
            "source": prompt.source,
            "licence": prompt.licence,
            "answers": [self._answer(row) for row in sorted(rows, key=lambda row: who[row.id])],
            "battles": [self._battle(battle, who) for battle in self.battles.get(item, ())],
        }
        if self.text:
            entry |= {
                "turns": [_cut(turn) for turn in prompt.turns],
                "system": _cut(prompt.system),
                "choices": [_cut(choice) for choice in prompt.choices],
                "reference": prompt.reference,
            }
        return entry

    def _answer(self, row: ResponseRow) -> dict[str, Any]:
        scores = [
            {"scorer": score.scorer, "value": score.value, "reason": score.reason}
            | ({"extracted": _cut(score.extracted)} if self.text else {})
            for score in self.scores.get(row.id, ())
        ]
        answer: dict[str, Any] = {
            "contestant": self.contestants.get(row.contestant, -1),
            "finish": row.finish,
            "error": row.error,
            "tokens": row.usage.get("prompt_tokens", 0) + row.usage.get("completion_tokens", 0),
            "usd": row.usd,
            "scores": scores,
        }
        if self.text:
            answer["turns"] = [_cut(turn) for turn in row.turns]
            # One call whose text is the answer is no trace worth showing twice.
            if len(row.steps) > len(row.turns) or any(step.get("reasoning") for step in row.steps):
                answer["steps"] = [
                    {name: _cut(str(value)) for name, value in step.items() if value} for step in row.steps
                ]
        return answer

    def _battle(self, battle: BattleRow, who: dict[str, int]) -> dict[str, Any]:
        return {
            "a": who.get(battle.a, -1),
            "b": who.get(battle.b, -1),
            "policy": battle.policy,
            "p_pair": battle.p_pair,
            "votes": [self._vote(vote) for vote in self.votes.get(battle.id, ())],
        }

    def _vote(self, vote: VoteRow) -> dict[str, Any]:
        entry = {
            "evaluator": vote.evaluator,
            "kind": vote.kind,
            "status": vote.status,
            "grade": vote.grade,
            "order": vote.order,
        }
        return entry | ({"detail": vote.detail} if self.text and vote.detail else {})


def _index_row(entry: dict[str, Any], contestants: int) -> dict[str, Any]:
    """The columns of one item: outcomes as one list a contestant, votes as the set of what was said."""
    outcomes: list[list[str]] = [[] for _ in range(contestants)]
    for answer in entry["answers"]:
        reasons = [score["reason"] for score in answer["scores"]] or [_unscored(answer["finish"])]
        if answer["contestant"] >= 0:
            outcomes[answer["contestant"]] = reasons
    said = {"battle"} if entry["battles"] else set()
    for vote in (vote for battle in entry["battles"] for vote in battle["votes"]):
        graded = "tie" if vote["grade"] == 0 else "graded"
        said.add(graded if vote["status"] == "graded" else vote["status"])
    return {
        "key": entry["key"],
        "category": entry["tags"][0] if entry["tags"] else "all",
        "language": entry["language"],
        "repeat": entry["repeat"],
        "outcomes": outcomes,
        "votes": sorted(said),
    }


def _unscored(finish: str) -> str:
    return {"length": "truncated", "refused": "refused", "error": "failed"}.get(finish, "unscored")


def _cut(text: str) -> str | tuple[str, int]:
    """At most 20,000 characters; of a longer text also how many more there are, which the page says."""
    return text if len(text) <= _LONGEST else (text[:_LONGEST], len(text) - _LONGEST)


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _blocks(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of up to 100 items, fewer where their text is long, so that a browser unpacks one in a moment."""
    block: list[dict[str, Any]] = []
    size = 0
    for item in items:
        block.append(item)
        size += len(to_json(item))
        if len(block) == _BLOCK_ITEMS or size > _BLOCK_TEXT:
            yield block
            block, size = [], 0
    if block:
        yield block


def _squeeze(value: object) -> str:
    return base64.b64encode(gzip.compress(to_json(value), compresslevel=6, mtime=0)).decode()
