"""Votes as columns: model names once, everything else small integers. Read `Battles` first.

All ranking statistics work on these arrays or on their K x K x outcome counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats import _columns
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats._columns import Column

B_WINS, TIE, A_WINS, BOTH_BAD, ABSTAIN, INVALID = range(6)
OUTCOMES = {
    "model_a": A_WINS,
    "model_b": B_WINS,
    "tie": TIE,
    "tie (bothbad)": BOTH_BAD,
    "both_bad": BOTH_BAD,
    "abstain": ABSTAIN,
    "invalid": INVALID,
}
"""Label to outcome code: the four of the published arena data, then the names of votes without a grade."""
EXCLUDED = {BOTH_BAD: "both_bad", ABSTAIN: "abstain", INVALID: "invalid"}
"""Outcomes that say nothing about which of the two is better, by the reason they are counted under."""
ORDERS = {"ab": 0, "ba": 1, "both": 2}
KINDS = ("human", "scorer", "judge", "combined")
REQUIRED = ("model_a", "model_b", "winner")
_SIGN = {A_WINS: 1, B_WINS: -1, TIE: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Battles:
    """N votes over K models.

    Optional columns are None when unknown: no prompt column means that every vote counts as its own prompt.
    """

    names: tuple[str, ...]
    """K model names, sorted."""
    a: IntArray
    """(N,) index of model A in `names`."""
    b: IntArray
    outcome: IntArray
    """(N,) `B_WINS`, `TIE`, `A_WINS`, `BOTH_BAD`, `ABSTAIN` or `INVALID`."""
    prompt: IntArray | None = None
    """(N,) prompt cluster of each vote, 0 … G−1."""
    rater: IntArray | None = None
    weight: FloatArray | None = None
    order: IntArray | None = None
    """(N,) order shown: 0 ``ab``, 1 ``ba``, 2 both, −1 unknown."""
    kind: IntArray | None = None
    """(N,) index into `KINDS`: human, scorer, judge …; −1 unknown. Kinds are never pooled."""

    def __len__(self) -> int:
        return len(self.outcome)

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, Column], *, where: str = "battles", rows: Sequence[int] | None = None
    ) -> "Battles":
        """Check and encode columns named as in a battle file.

        Args:
            columns: ``model_a``, ``model_b``, ``winner`` and any of ``question_id``, ``rater``, ``grade``, ``weight``,
                ``order``, ``evaluator_kind``; further columns are passed over. Equal lengths.
            where: File name, for errors.
            rows: Row numbers for errors; None: 1, 2, 3 …

        Raises:
            BadInput: Missing column, unknown label (case and spaces count), a grade that contradicts the winner, a
                model against itself, a bad weight; names row, column and value.
        """
        for field in REQUIRED:
            if field not in columns:
                found = ", ".join(map(str, columns)) or "none"
                raise BadInput(
                    f"column '{field}' is missing; columns found: {found}.",
                    where=where,
                    next_step=nearest(field, [str(name) for name in columns]) if columns else "",
                )
        _same_length(columns, where)
        place = _columns.Place(name=where, rows=rows)
        names, a, b = _columns.model_codes(columns, place)
        outcome = _columns.label_codes(columns["winner"], OUTCOMES, "winner", place)
        if (same := np.flatnonzero(a == b)).size:
            row = int(same[0])
            raise BadInput(f"'{names[a[row]]}' battles against itself.", where=place.at(row, "model_b"))
        if "grade" in columns:
            _columns.check_grades(columns["grade"], outcome, _SIGN, columns["winner"], place)
        return cls(names=names, a=a, b=b, outcome=outcome, **_optional(columns, place))

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, object]], *, where: str = "battles") -> "Battles":
        """The same from one mapping per vote; a key that some records lack is an empty field there."""
        rows = list(records)
        keys = dict.fromkeys(key for row in rows for key in row) or dict.fromkeys(REQUIRED)
        return cls.from_columns({key: [row.get(key) for row in rows] for key in keys}, where=where)

    def take(self, keep: BoolArray) -> "Battles":
        """The votes where `keep` is true; all names stay, so a model may be left without votes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changes: dict[str, Any] = {name: value[keep] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **changes)

    def among(self, members: Sequence[int]) -> "Battles":
        """The votes between these models, who are numbered anew in the order given (ascending keeps names sorted)."""
        turn = np.full(len(self.names), -1, dtype=np.int64)
        turn[list(members)] = np.arange(len(members))
        votes = self.take((turn[self.a] >= 0) & (turn[self.b] >= 0))
        return replace(votes, names=tuple(self.names[m] for m in members), a=turn[votes.a], b=turn[votes.b])

    def clusters(self, name: str) -> IntArray:
        """(N,) cluster codes of ``prompt`` or ``rater``; where prompts are unknown, each vote is its own.

        Raises:
            BadInput: For raters that are unknown, or another name.
        """
        if name == "prompt":
            return np.arange(len(self)) if self.prompt is None else self.prompt
        if name == "rater" and self.rater is not None:
            return self.rater
        if name == "rater":
            raise BadInput("the votes name no raters, so they cannot be clustered by rater.", where="cluster")
        raise BadInput(f"unknown cluster '{name}'.", where="cluster", next_step=nearest(name, ("prompt", "rater")))

    def vote_weights(self) -> FloatArray:
        """(N,) weights; ones where none are given."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def excluded(self) -> dict[str, int]:
        """Number of votes that name no better answer and are no tie, by reason; reasons without votes are left out."""
        counts = np.bincount(self.outcome, minlength=INVALID + 1)
        return {reason: int(counts[code]) for code, reason in EXCLUDED.items() if counts[code]}

    def decided(self) -> "Battles":
        """The votes for A, for B, or for a tie."""
        return self.take(self.outcome <= A_WINS)

    def cells(self) -> FloatArray:
        """(K, K, 3) weight of decided votes by model A, model B and outcome (`B_WINS`, `TIE`, `A_WINS`)."""
        size = len(self.names)
        keep = self.outcome <= A_WINS
        key = (self.a[keep] * size + self.b[keep]) * 3 + self.outcome[keep]
        return tally(key, self.vote_weights()[keep], size * size * 3).reshape(size, size, 3)


def _same_length(columns: Mapping[str, Column], where: str) -> None:
    want = len(columns["model_a"])
    for name, column in columns.items():
        if len(column) != want:
            raise BadInput(
                f"column '{name}' has {len(column)} rows, 'model_a' has {want}.",
                where=where,
            )


def _optional(columns: Mapping[str, Column], place: _columns.Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "question_id" in columns:
        found["prompt"] = _columns.group_codes(columns["question_id"], own=True)
    if "rater" in columns:
        found["rater"] = _columns.group_codes(columns["rater"], own=False)
    if "weight" in columns:
        found["weight"] = _columns.weights(columns["weight"], place)
    if "order" in columns:
        found["order"] = _columns.label_codes(columns["order"], ORDERS, "order", place, empty=-1)
    if "evaluator_kind" in columns:
        kinds = {kind: code for code, kind in enumerate(KINDS)}
        found["kind"] = _columns.label_codes(columns["evaluator_kind"], kinds, "evaluator_kind", place, empty=-1)
    return found
