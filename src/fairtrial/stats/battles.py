"""Votes as columns: model names once, everything else small integers. Read `Battles` first.

All ranking statistics work on these arrays or on their K x K x outcome counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats import _ballots, _columns, _features
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally_cells
from fairtrial.stats._columns import Column, Labels

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
OPTIONAL = ("question_id", "rater", "grade", "weight", "order", "evaluator_kind", "battle_id")
UNGRADED = 9
"""Stands in `Battles.grade` for a vote without a grade."""
POSITION = "position"
"""The control for the first-position effect; it needs no feature columns."""
MAX_MODELS = 3000
"""Most models on a board: its tables are K x K. More names usually means that a column is not what it seems."""
_SIGN = {A_WINS: 1, B_WINS: -1, TIE: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Battles:
    """N votes over K models.

    Optional columns are None when unknown: no prompt column means that every vote counts as its own prompt. Integers
    are as narrow as they fit: widen them before arithmetic.
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
    """(N,) order shown: 0 ``ab``, 1 ``ba``, 2 both, −1 unknown. Without the column A was shown first."""
    kind: IntArray | None = None
    """(N,) index into `KINDS`: human, scorer, judge …; −1 unknown. Kinds are never pooled."""
    grade: IntArray | None = None
    """(N,) −2 … 2, positive when A is better; `UNGRADED` where only the winner is known."""
    features: Mapping[str, FloatArray] = field(default_factory=dict)
    """Name to (N,) feature of A minus feature of B."""
    labels: Mapping[str, Labels] = field(default_factory=dict)
    """Name to a column by which boards can be split."""
    prompt_names: tuple[str, ...] = ()
    """Name of each prompt code, for whoever adds votes later; empty for an unnamed one."""
    rater_names: tuple[str, ...] = ()
    ballot: IntArray | None = None
    """(N,) ballot that each vote is part of, where some are split into votes that share its weight; else None."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Rows of the source that are no vote between two models, counted by reason; of the whole source, so `take` drops
    them."""

    def __len__(self) -> int:
        return len(self.outcome)

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Column],
        *,
        control: Sequence[str] = (),
        by: Sequence[str] = (),
        where: str = "battles",
        rows: Sequence[int] | None = None,
        ballot: IntArray | None = None,
    ) -> "Battles":
        """Check and encode columns named as in a battle file.

        Args:
            columns: ``model_a``, ``model_b``, ``winner`` and any of ``question_id``, ``rater``, ``grade``, ``weight``,
                ``order``, ``evaluator_kind``, ``battle_id``, ``feature_NAME_a``, ``feature_NAME_b``; others are read
                only if `by` names them. Equal lengths. A ``battle_id`` only serves to refuse repeated ballots.
            control: Features to keep (NAME, or ``relative:NAME``); ``position`` needs no columns.
            by: Further columns to keep as labels.
            where: File name, for errors.
            rows: Row numbers for errors; None: 1, 2, 3 …
            ballot: (N,) see `Battles.ballot`.

        Raises:
            BadInput: Missing column, unknown label (case and spaces count), a grade that contradicts the winner, a
                model against itself, a bad weight or feature, a rater who votes twice on one battle in the same order;
                names row, column and value.
        """
        for name in REQUIRED:
            if name not in columns:
                found = ", ".join(map(str, columns)) or "none"
                raise BadInput(
                    f"column '{name}' is missing; columns found: {found}.",
                    where=where,
                    next_step=nearest(name, [str(found) for found in columns]) if columns else "",
                )
        _same_length(columns, where)
        place = _columns.Place(name=where, rows=rows)
        names, a, b = _columns.model_codes(columns, place)
        if len(names) > MAX_MODELS:
            raise BadInput(
                f"{len(names):,} different models, more than the {MAX_MODELS:,} a board can hold.",
                where=f"{where}, model_a",
                next_step="Check that model_a and model_b hold model names.",
            )
        outcome = _columns.label_codes(columns["winner"], OUTCOMES, "winner", place)
        if (same := a == b).any():
            row = int(np.argmax(same))
            raise BadInput(
                f"'{names[a[row]]}' battles against itself.",
                where=place.at(row, "model_b"),
                next_step="A battle needs two different models: correct the row or take it out.",
            )
        optional = _optional(columns, outcome, control, by, place, ballot)
        return cls(names=names, a=a, b=b, outcome=outcome, ballot=ballot, **optional)

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, object]], *, where: str = "battles") -> "Battles":
        """The same from one mapping per vote; a key that some records lack is an empty field there."""
        rows = list(records)
        keys = dict.fromkeys(key for row in rows for key in row) or dict.fromkeys(REQUIRED)
        return cls.from_columns({key: [row.get(key) for row in rows] for key in keys}, where=where)

    def take(self, keep: BoolArray) -> "Battles":
        """The votes where `keep` is true; all names stay, so a model may be left without votes.

        What was passed over belongs to the whole and is dropped.
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        changes: dict[str, Any] = {name: value[keep] for name, value in values.items() if isinstance(value, np.ndarray)}
        changes["passed_over"] = {}
        changes["features"] = {name: value[keep] for name, value in self.features.items()}
        changes["labels"] = {name: replace(value, codes=value.codes[keep]) for name, value in self.labels.items()}
        return replace(self, **changes)

    def among(self, members: Sequence[int]) -> "Battles":
        """The votes between these models, who are numbered anew in the order given (ascending keeps names sorted)."""
        if tuple(members) == tuple(range(len(self.names))):
            return self
        turn = np.full(len(self.names), -1, dtype=np.int32)
        turn[list(members)] = np.arange(len(members))
        votes = self.take((turn[self.a] >= 0) & (turn[self.b] >= 0))
        return replace(votes, names=tuple(self.names[m] for m in members), a=turn[votes.a], b=turn[votes.b])

    def active(self) -> "Battles":
        """The same votes over the models that have any."""
        held = np.bincount(self.a, minlength=len(self.names)) + np.bincount(self.b, minlength=len(self.names))
        return self.among(np.flatnonzero(held).tolist())

    def clusters(self, name: str) -> IntArray:
        """(N,) cluster codes of ``prompt`` or ``rater``; where prompts are unknown, each ballot is its own.

        Raises:
            BadInput: For raters that are unknown, or another name.
        """
        if name == "prompt":
            if self.prompt is None and self.ballot is not None:
                return np.unique(self.ballot, return_inverse=True)[1]
            return np.arange(len(self)) if self.prompt is None else self.prompt
        if name == "rater" and self.rater is not None:
            return self.rater
        if name == "rater":
            raise BadInput("the votes name no raters, so they cannot be clustered by rater.", where="cluster")
        raise BadInput(f"unknown cluster '{name}'.", where="cluster", next_step=nearest(name, ("prompt", "rater")))

    def vote_weights(self) -> FloatArray:
        """(N,) weights; ones where none are given."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def shown_first(self) -> IntArray:
        """(N,) 1 where A was shown first, −1 where B was, 0 where both were or nobody knows."""
        if self.order is None:
            return np.ones(len(self), dtype=np.int8)
        return np.array([1, -1, 0, 0], dtype=np.int8)[self.order]

    def ballots(self, keep: BoolArray | None = None) -> int:
        """Number of ballots behind the votes, or behind those where `keep` is true."""
        if self.ballot is None:
            return len(self) if keep is None else int(keep.sum())
        return len(np.unique(self.ballot if keep is None else self.ballot[keep]))

    def excluded(self) -> dict[str, int]:
        """Number of ballots that name no better answer and are no tie, by reason; reasons without any are left out."""
        counts = {reason: self.ballots(self.outcome == code) for code, reason in EXCLUDED.items()}
        return {reason: count for reason, count in counts.items() if count}

    def decided(self) -> "Battles":
        """The votes for A, for B, or for a tie."""
        keep = self.outcome <= A_WINS
        return self if keep.all() else self.take(keep)

    def cells(self) -> FloatArray:
        """(K, K, 3) weight of decided votes by model A, model B and outcome (`B_WINS`, `TIE`, `A_WINS`)."""
        size = len(self.names)
        keep = self.outcome <= A_WINS
        columns = (self.a, self.b, self.outcome)
        return tally_cells(columns, (size, size, 3), weight=self.weight, keep=None if keep.all() else keep)


def _same_length(columns: Mapping[str, Column], where: str) -> None:
    for name, column in columns.items():
        _columns.check_flat(column, name, where)
    want = len(columns["model_a"])
    for name, column in columns.items():
        if len(column) != want:
            raise BadInput(
                f"column '{name}' has {len(column)} rows, 'model_a' has {want}.",
                where=where,
                next_step="Give every column one value a vote.",
            )


def _optional(
    columns: Mapping[str, Column],
    outcome: IntArray,
    control: Sequence[str],
    by: Sequence[str],
    place: _columns.Place,
    ballot: IntArray | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "question_id" in columns:
        found["prompt"], found["prompt_names"] = _columns.group_codes(columns["question_id"], own=True, ballot=ballot)
    if "rater" in columns:
        found["rater"], found["rater_names"] = _columns.group_codes(columns["rater"], own=False)
    if "weight" in columns:
        found["weight"] = _columns.weights(columns["weight"], place)
    if "order" in columns:
        found["order"] = _columns.label_codes(columns["order"], ORDERS, "order", place, empty=-1)
    if "evaluator_kind" in columns:
        kinds = {kind: code for code, kind in enumerate(KINDS)}
        found["kind"] = _columns.label_codes(columns["evaluator_kind"], kinds, "evaluator_kind", place, empty=-1)
    if "grade" in columns:
        given = _columns.grades(columns["grade"], outcome, _SIGN, columns["winner"], place)
        if not np.isnan(given).all():
            found["grade"] = np.nan_to_num(given, nan=UNGRADED).astype(np.int8)
    if "battle_id" in columns and "rater" in found:
        _ballots.check_ballots(columns["battle_id"], found["rater"], found["rater_names"], found.get("order"), place)
    found["features"] = {name: _features.difference(name, columns, place) for name in control if name != POSITION}
    found["labels"] = {name: Labels.of(_by_column(columns, name, place), name, place) for name in by}
    return found


def _by_column(columns: Mapping[str, Column], name: str, place: _columns.Place) -> Column:
    if name not in columns:
        raise BadInput(
            f"there is no column '{name}' to split by; columns found: {', '.join(map(str, columns))}.",
            where=place.name,
            next_step=nearest(name, [str(found) for found in columns]),
        )
    return columns[name]
