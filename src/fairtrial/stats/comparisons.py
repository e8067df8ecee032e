"""The rows a Bradley-Terry likelihood is made of: votes, or counts of votes that look alike. Read `Comparisons` first.

Without covariates (or with the order shown alone) votes enter only through K x K x outcome counts, so a fit costs the
same for a thousand votes and for ten million. Covariates need every vote, a block of rows at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally_cells
from fairtrial.stats.battles import A_WINS, POSITION, TIE, UNGRADED, Battles
from fairtrial.stats.outcomes import A_SOMEHOW, B_SOMEHOW, GRADED, At, OutcomeModel

BLOCK = 1 << 14
"""Rows handled at once: their temporaries stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """n rows: pairs of models, covariates, and either one outcome each or counts of all outcomes."""

    a: IntArray
    """(n,) model A."""
    b: IntArray
    pair: IntArray
    """(n,) a K + b: where the pair stands in a (K, K) table."""
    x: FloatArray | None
    """(m, n) covariates; None without any."""
    outcome: IntArray
    """(n,), or (C, 1) beside counts."""
    weight: FloatArray | None
    """(n,) weights, (C, n) counts, or None for ones."""

    def at(self, model: OutcomeModel, gap: FloatArray, beta: FloatArray, phi: FloatArray) -> At:
        """The outcome model at these rows; `gap` is the (K, K) table of strength differences."""
        d = gap.ravel().take(self.pair)
        if self.x is not None:
            d = d + beta @ self.x
        return model.at(d if self.outcome.ndim == 1 else d[None, :], self.outcome, phi)

    def counts(self) -> FloatArray:
        """(C,) number of rows with each outcome, of rows that hold counts."""
        return np.asarray(np.sum(self.weight, axis=1)) if self.weight is not None else np.zeros(0)

    def sum(self, values: FloatArray) -> FloatArray:
        """(n,) values weighted, summed over outcomes where rows hold counts."""
        if self.weight is None:
            return values
        if self.weight.ndim == 1:
            return np.asarray(values * self.weight)
        return np.asarray((values * self.weight).sum(axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparisons:
    """Votes with outcome codes of one outcome model and the covariates to control for."""

    names: tuple[str, ...]
    """K models."""
    a: IntArray
    """(N,)."""
    b: IntArray
    outcome: IntArray
    weight: FloatArray | None
    covariates: Mapping[str, Any]
    """Name to (N,) numbers of any kind: feature of A minus feature of B, or 1 / -1 by who was shown first."""
    graded: bool = False

    @classmethod
    def of(cls, battles: Battles, *, graded: bool = False, control: Sequence[str] = ()) -> "Comparisons":
        """Decided votes as comparisons.

        Args:
            battles: Decided votes.
            graded: Outcomes are grades (`outcomes.GRADED`); ties and winners without a grade still count.
            control: Features to control for, and ``position`` for the first-position effect.

        Raises:
            BadInput: No vote has a grade; a feature that was not read.
        """
        covariates = {name: _covariate(battles, name) for name in control}
        return cls(
            names=battles.names,
            a=battles.a,
            b=battles.b,
            outcome=_grades(battles) if graded else battles.outcome.astype(np.int8, copy=False),
            weight=battles.weight,
            covariates=covariates,
            graded=graded,
        )

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def on_cells(self) -> bool:
        """Whether counts say all that the votes say."""
        return all(name == POSITION for name in self.covariates)

    def part(self, keep: slice | BoolArray | IntArray) -> "Comparisons":
        """Some of the votes."""
        return Comparisons(
            names=self.names,
            a=self.a[keep],
            b=self.b[keep],
            outcome=self.outcome[keep],
            weight=None if self.weight is None else self.weight[keep],
            covariates={name: values[keep] for name, values in self.covariates.items()},
            graded=self.graded,
        )

    def counts(self, outcomes: int) -> FloatArray:
        """(C,) weight of each outcome."""
        return tally_cells((self.outcome,), (outcomes,), weight=self.weight)

    def cells(self) -> FloatArray:
        """(S, K, K, C) weight of votes by model A, model B and outcome; S = 1, or 3 by who was shown first.

        The three tables are: B first, nobody knows, A first.
        """
        size, outcomes = len(self.names), GRADED if self.graded else 3
        columns, shape = (self.a, self.b, self.outcome), (size, size, outcomes)
        if POSITION not in self.covariates:
            return tally_cells(columns, shape, weight=self.weight)[None]
        shown = np.asarray(self.covariates[POSITION]) + 1
        return tally_cells((shown, *columns), (3, *shape), weight=self.weight)

    def blocks(self) -> Iterator[Rows]:
        """The votes, block by block."""
        for start in range(0, len(self), BLOCK):
            part = slice(start, start + BLOCK)
            x = np.empty((len(self.covariates), len(self.a[part])))
            for row, values in zip(x, self.covariates.values(), strict=True):
                row[:] = values[part]  # whatever kind of number they are
            a, b = self.a[part].astype(np.intp), self.b[part].astype(np.intp)
            yield Rows(
                a=a,
                b=b,
                pair=a * len(self.names) + b,
                x=x if len(x) else None,
                outcome=self.outcome[part],
                weight=None if self.weight is None else self.weight[part],
            )


def rows_of(cells: FloatArray, mirror: Sequence[int], *, ordered: bool) -> list[Rows]:
    """The fewest rows that hold the likelihood of counts: pairs of models, whoever of them was A.

    Args:
        cells: (S, K, K, C) counts, as from `Comparisons.cells`.
        mirror: The code of each outcome when A and B change places.
        ordered: Whether the order shown matters: then a pair's row is (shown first, shown second), with covariate 1.
    """
    outcome = np.arange(len(mirror))[:, None]
    swapped = cells.transpose(0, 2, 1, 3)[:, :, :, list(mirror)]
    if not ordered:
        return [_pairs((cells + swapped).sum(axis=0), outcome, None)]
    shown = cells[2] + swapped[0]
    known, unknown = _pairs(shown, outcome, 1.0), _pairs(cells[1] + swapped[1], outcome, 0.0)
    return [rows for rows in (known, unknown) if len(rows.a)]


def _pairs(counts: FloatArray, outcome: IntArray, x: float | None) -> Rows:
    """One row for each pair that met: a < b, or with `x` = 1 every ordered pair."""
    met = counts.sum(axis=2)
    a, b = np.nonzero(met if x == 1.0 else np.triu(met, 1))
    column = None if x is None else np.full((1, len(a)), x)
    return Rows(a=a, b=b, pair=a * len(met) + b, x=column, outcome=outcome, weight=np.ascontiguousarray(counts[a, b].T))


def _grades(battles: Battles) -> IntArray:
    if battles.grade is None:
        raise BadInput(
            "no vote has a grade.", where="graded", next_step="Add a column 'grade' (-2 … 2), or rank without --graded."
        )
    known = battles.grade != UNGRADED
    somehow = np.where(battles.outcome == A_WINS, A_SOMEHOW, B_SOMEHOW)
    codes = np.where(known, battles.grade + 2, np.where(battles.outcome == TIE, 2, somehow))
    return codes.astype(np.int8)


def _covariate(battles: Battles, name: str) -> Any:
    if name == POSITION:
        return battles.shown_first()
    if name not in battles.features:
        raise BadInput(f"the feature '{name}' was not read with the votes.", where="control")
    return battles.features[name]
