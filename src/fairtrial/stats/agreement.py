"""Agreement among raters beyond chance. Read `rater_agreement` first.

Votes are sparse columns (unit, rater, value); no raters x units table is ever made. Krippendorff's alpha answers for
all raters, Cohen's kappa for two, `each_against_rest` for one rater and everyone else on the same units. Where nothing
varies or nobody shares a unit there is None and a reason: that is neither agreement nor its absence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats._tails import t_reach, two_sided
from fairtrial.stats.battles import BOTH_BAD, TIE, Battles

CATEGORIES = 20
"""Most distinct values of a nominal or ordinal scale; tables of values would get large beyond."""
NOTHING_SHARED = "no two raters rated the same unit"
NO_VARIATION = "all values are the same, so agreement cannot be told from chance"
Level = Literal["nominal", "ordinal", "interval"]
_BLOCK = 2_000_000
"""Most resampling weights held in memory at once."""
_TINY = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha: 1 full agreement, 0 what chance gives, below 0 systematic disagreement."""

    estimate: float | None
    lower: float | None
    upper: float | None
    reason: str
    """Why there is no estimate; empty when there is one."""
    units: int
    """Units that two raters or more rated."""
    values: int
    """Pairable values: those on such units."""
    raters: int
    """Raters who gave them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Cohen's kappa of two raters."""

    estimate: float | None
    se: float | None
    """Asymptotic standard error; None where its formula vanishes, which is no certainty."""
    reason: str
    n: int
    """Units both rated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterAgreement:
    """One rater against the rest on the same units."""

    rater: int
    """Rater code as given."""
    units: int
    """Units shared with others; without any, all that follows is None."""
    observed: float | None
    """Mean share of the others' values that equal the rater's."""
    expected: float | None
    """The same by chance, from the rater's and the others' frequencies on these units."""
    kappa: float | None
    """(observed - expected) / (1 - expected); None as well where nothing varies."""
    se: float | None
    """Standard error of `kappa` over units, never 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far raters agree on battles."""

    nominal: Alpha
    """Over the four values: loses, tie, wins, both bad."""
    ordinal: Alpha
    """Over loses < tie < wins; votes for both bad are left out."""
    observed: float | None
    """Share of agreeing pairs of votes on one battle, chance included; four values."""
    raters: tuple[RaterAgreement, ...]
    """Each rater against the rest, by code; four values."""
    repeats: int
    """Votes passed over because their rater voted on the battle again."""


def rater_agreement(battles: Battles, *, alpha: float = 0.05, draws: int = 1000, seed: int = 0) -> Agreement:
    """Agreement among the raters of battles, abstentions and invalid votes left out.

    There is no mean of pairwise kappas: 20,000 raters have 2 x 10^8 pairs, most of which share nothing, and alpha
    already pools them. Weights do not count: agreement is about votes.

    Args:
        battles: Votes with prompts and raters, of the kinds to compare.
        alpha: Error probability of the intervals.
        draws: Resamples behind the intervals.
        seed: Seed of the resampling.

    Raises:
        BadInput: Votes without prompts or raters.
    """
    unit, rater, value = battle_units(battles)
    last = _last_of_each(unit, rater)
    unit, rater, value = unit[last], rater[last], value[last]
    graded = value != BOTH_BAD
    each = each_against_rest(unit, rater, value)
    shared = sum(one.units for one in each)
    agreeing = sum(one.units * one.observed for one in each if one.observed is not None)
    return Agreement(
        nominal=krippendorff_alpha(unit, rater, value, alpha=alpha, draws=draws, seed=seed),
        ordinal=krippendorff_alpha(
            unit[graded], rater[graded], value[graded], level="ordinal", alpha=alpha, draws=draws, seed=seed
        ),
        observed=agreeing / shared if shared else None,
        raters=each,
        repeats=int((battles.outcome <= BOTH_BAD).sum()) - len(last),
    )


def battle_units(battles: Battles) -> tuple[IntArray, IntArray, IntArray]:
    """Unit, rater and value of each vote on a battle: the columns the other functions take.

    A unit is a prompt and an unordered pair of models, coded from 0; a value is 0 where the model of lower index loses,
    1 a tie, 2 where it wins, 3 both bad, whichever was shown as A. Abstentions and invalid votes are left out.

    Raises:
        BadInput: Votes without prompts or raters.
    """
    if battles.prompt is None:
        raise BadInput(
            "the votes name no prompts, so no two raters are known to have judged the same battle.",
            where="question_id",
            next_step="Add the column question_id.",
        )
    keep = battles.outcome <= BOTH_BAD
    columns = (battles.a, battles.b, battles.outcome, battles.prompt, battles.clusters("rater"))
    a, b, outcome, prompt, rater = (column[keep].astype(np.int64) for column in columns)
    unit = (prompt * len(battles.names) + np.minimum(a, b)) * len(battles.names) + np.maximum(a, b)
    turned = (a > b) & (outcome != BOTH_BAD)
    return _codes(unit)[0], rater, np.where(turned, 2 * TIE - outcome, outcome)


def krippendorff_alpha(
    unit: ArrayLike,
    rater: ArrayLike,
    value: ArrayLike,
    *,
    level: Level = "nominal",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Alpha:
    """Agreement of any number of raters, each on any part of the units (Krippendorff 2011).

    1 - observed / expected disagreement, from coincidences: a unit with m >= 2 values lends its pairs with weight
    1 / (m - 1). Of a rater's repeated values on a unit only the last counts: together they would pass agreement with
    oneself for agreement with others. Disagreement of ordinal values is the squared difference of their mid-ranks.

    The interval resamples units; those with the same values are drawn as one kind, so cost grows with the kinds, not
    the votes. Percentiles are widened for small samples (Hesterberg 2015, The American Statistician 69, section 5.3).
    A pseudo-unit of average size is drawn too, without agreement for the lower end and in full agreement for the upper:
    the interval does not vanish when all happen to agree. A draw where nothing varies counts as -1 below and 1 above.

    Args:
        unit: (N,) integer codes of what was rated.
        rater: (N,) integer codes of raters.
        value: (N,) finite numbers; at most `CATEGORIES` distinct ones unless `level` is ``interval``.
        level: ``nominal`` (equal or not), ``ordinal`` or ``interval``.
        alpha: Error probability of the interval (not the coefficient).
        draws: Resamples.
        seed: Seed of the resampling.

    Raises:
        BadInput: Columns of unequal length, values that are not finite, too many categories.
    """
    votes = _Votes.of(unit, rater, value)
    sizes = {"units": votes.units, "values": len(votes.unit), "raters": len(np.unique(votes.rater))}
    if len(votes.scores) < 2:
        reason = NO_VARIATION if votes.units else NOTHING_SHARED
        return Alpha(estimate=None, lower=None, upper=None, reason=reason, **sizes)
    pieces, times, pseudo = _interval_pieces(votes) if level == "interval" else _table_pieces(votes)
    estimate = float(_alphas(times[None, :] @ pieces, level)[0])
    count = votes.units + 1
    tail = float(two_sided(t_reach(alpha, count - 1) * np.sqrt(count / (count - 1)))) / 2
    ends = []
    for extra, unknown, share in zip(pseudo, (-1.0, 1.0), (tail, 1 - tail), strict=True):
        kinds, odds = np.vstack([pieces, extra]), np.append(times, 1.0)
        drawn = [_alphas(sums, level) for sums in _resampled(kinds, odds, draws=draws, seed=seed)]
        ends.append(float(np.quantile(np.nan_to_num(np.concatenate(drawn), nan=unknown), share)))
    lower, upper = max(-1.0, min(estimate, ends[0])), max(estimate, ends[1])  # alpha never falls below -1
    return Alpha(estimate=estimate, lower=lower, upper=upper, reason="", **sizes)


def cohen_kappa(
    first: ArrayLike, second: ArrayLike | None = None, *, weights: Literal["linear", "quadratic"] | None = None
) -> Kappa:
    """Agreement of two raters on the same units beyond what their own frequencies give by chance (Cohen 1960, 1968).

    The standard error is that of Fleiss, Cohen & Everitt (1969), not the one under the hypothesis of no agreement.

    Args:
        first: (n,) the first rater's values; or, without `second`, a (C, C) table of counts, first rater in rows.
        second: (n,) the second rater's values.
        weights: None: equal or not; else disagreement grows so with the difference of values (a table's: 0 … C - 1).

    Raises:
        BadInput: Unequal lengths, a table that is not square, negative or not finite numbers.
    """
    table, scores = _cross_table(first, second)
    n = float(table.sum())
    p = table / (n or 1.0)
    row, column = p.sum(axis=1), p.sum(axis=0)
    gap = np.abs(scores[:, None] - scores[None, :])
    miss = (gap > 0) * gap ** {None: 0, "linear": 1, "quadratic": 2}[weights]
    expected = float(row @ miss @ column)
    if n == 0 or expected <= _TINY * miss.max():
        return Kappa(estimate=None, se=None, reason=NO_VARIATION if n else NOTHING_SHARED, n=round(n))
    kappa = 1 - float((p * miss).sum()) / expected
    chance = (miss @ column)[:, None] + (row @ miss)[None, :]
    influence = (chance * (1 - kappa) - miss) / expected
    variance = float((p * influence**2).sum() - (p * influence).sum() ** 2) / n
    return Kappa(estimate=kappa, se=variance**0.5 if variance > _TINY / n else None, reason="", n=round(n))


def each_against_rest(unit: ArrayLike, rater: ArrayLike, value: ArrayLike) -> tuple[RaterAgreement, ...]:
    """Each rater's agreement with the others on the units they share; no rater is part of their own baseline.

    Cohen's kappa between a rater and the others' shares of each value, a term per unit: with two raters it is exactly
    Cohen's. Where the others disagree among themselves nobody reaches 1. The standard error is linearised, over units,
    whose others have much in common; as in `clustered_covariance`, a unit of full agreement and one of none are added.

    Args:
        unit: (N,) integer codes of what was rated.
        rater: (N,) integer codes of raters; the last of a rater's values on a unit counts.
        value: (N,) finite numbers, equal or not; at most `CATEGORIES` distinct ones.

    Raises:
        BadInput: Columns of unequal length, values that are not finite, too many categories.
    """
    votes = _Votes.of(unit, rater, value)
    people, size, who, said = len(votes.labels), len(votes.scores), votes.rater, votes.value
    counts = votes.counts()
    others = counts.sum(axis=1)[votes.unit] - 1
    shared = np.bincount(who, minlength=people)
    n = np.maximum(shared, 1)
    own = tally(who * size + said, np.ones(len(who)), people * size).reshape(people, size) / n[:, None]
    rest, likely = np.zeros((people, size)), np.zeros(len(who))
    for code in range(size):  # value by value, so that no votes x values table is held
        share = (counts[votes.unit, code] - (said == code)) / others
        rest[:, code] = tally(who, share, people) / n
        likely += own[who, code] * share
    equal = (counts[votes.unit, said] - 1) / others
    observed, expected = tally(who, equal, people) / n, (own * rest).sum(axis=1)
    varies = (shared > 0) & (1 - expected > _TINY)
    left = np.where(varies, 1 - expected, 1.0)
    kappa = (observed - expected) / left
    influence = equal - observed[who] - (1 - kappa[who]) * (rest[who, said] + likely - 2 * expected[who])
    guard = (observed**2 + (1 - observed) ** 2) / (n + 2) ** 2
    se = np.sqrt(tally(who, influence**2, people) / (n * np.maximum(n - 1, 1)) + guard) / left
    meets = shared > 0
    columns = [votes.labels.tolist(), shared.tolist()]
    columns += [_known(*one) for one in ((observed, meets), (expected, meets), (kappa, varies), (se, varies))]
    rows = zip(*columns, strict=True)
    return tuple(RaterAgreement(rater=r, units=u, observed=o, expected=e, kappa=k, se=s) for r, u, o, e, k, s in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Votes:
    """The last value of each rater on each unit that two raters or more share; units, raters, values from 0."""

    unit: IntArray
    rater: IntArray
    value: IntArray
    labels: IntArray
    """(R,) all raters as given, also those who share nothing."""
    scores: FloatArray
    """(C,) the distinct shared values, ascending."""
    units: int

    @classmethod
    def of(cls, unit: ArrayLike, rater: ArrayLike, value: ArrayLike) -> "_Votes":
        given, people, values = np.asarray(unit), np.asarray(rater), np.asarray(value, dtype=np.float64)
        if not given.shape == people.shape == values.shape == (values.size,):
            raise BadInput(f"units, raters and values differ in length: {given.size}, {people.size}, {values.size}.")
        if not np.isfinite(values).all():
            raise BadInput("values must be finite numbers; leave out what was not rated.")
        at, (who, labels) = _codes(given)[0], _codes(people)
        last = _last_of_each(at, who)
        last = last[(np.bincount(at[last]) > 1)[at[last]]]
        (at, units), (said, scores) = _codes(at[last]), _codes(values[last])
        return cls(unit=at, rater=who[last], value=said, labels=labels, scores=scores, units=len(units))

    def counts(self) -> FloatArray:
        """(U, C) number of each value on each unit."""
        size = len(self.scores)
        if size > CATEGORIES:
            raise BadInput(f"{size} distinct values are too many for a scale of categories; at most {CATEGORIES}.")
        key = self.unit * size + self.value
        return tally(key, np.ones(len(key)), self.units * size).reshape(self.units, size)


def _known(column: FloatArray, known: BoolArray) -> list[float | None]:
    return [x if there else None for x, there in zip(column.tolist(), known.tolist(), strict=True)]


def _codes(column: np.ndarray) -> tuple[IntArray, np.ndarray]:
    """(N,) codes from 0 and the distinct entries they stand for, ascending."""
    distinct, code = np.unique(column, return_inverse=True)
    return code.astype(np.int64), distinct


def _last_of_each(unit: IntArray, rater: IntArray) -> IntArray:
    """Row numbers of each rater's last value on each unit, for codes 0 and up."""
    key = unit * (rater.max(initial=0) + 1) + rater
    return np.sort(len(key) - 1 - np.unique(key[::-1], return_index=True)[1])


def _table_pieces(votes: _Votes) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(P, F) what a unit of each kind adds: C counts, coincidences of each two values; (P,) how many; (2, F) pseudo."""
    counts, times = _kinds(votes.counts())
    i, j = np.triu_indices(len(votes.scores), 1)
    apart = 2 * counts[:, i] * counts[:, j] / (counts.sum(axis=1, keepdims=True) - 1)
    typical = times @ counts / votes.units
    odd = typical[i] * typical[j]  # a unit of which no two values are equal, as often as chance has it
    odd *= typical.sum() / odd.sum()
    return np.hstack([counts, apart]), times, np.stack([np.append(typical, odd), np.append(typical, 0 * odd)])


def _interval_pieces(votes: _Votes) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same for an interval scale: count, sum, sum of squares (of standardised values) and disagreement."""
    share = np.bincount(votes.value) / len(votes.value)
    scale = votes.scores - share @ votes.scores
    turn = np.argsort(votes.value)  # sums are the same to the last digit whoever comes first
    unit, x = votes.unit[turn], (scale / np.sqrt(share @ scale**2))[votes.value[turn]]
    n, first, second = (tally(unit, x**power, votes.units) for power in range(3))
    apart = 2 * np.maximum(n * second - first**2, 0) / (n - 1)
    pieces, times = _kinds(np.stack([n, first, second, apart], axis=1))
    typical = len(x) / votes.units
    odd = 2 * typical / (1 - share @ share)
    return pieces, times, np.array([[typical, 0, typical, odd], [typical, 0, typical, 0]])


def _kinds(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The distinct rows and how often each occurs."""
    rows = rows[np.lexsort(rows.T)]
    start = np.flatnonzero((np.diff(rows, axis=0, prepend=rows[:1] - 1) != 0).any(axis=1))
    return rows[start], np.diff(start, append=len(rows)).astype(np.float64)


def _resampled(pieces: FloatArray, times: FloatArray, *, draws: int, seed: int) -> Iterator[FloatArray]:
    """(…, F) sums of the pieces of as many units as there are, drawn with replacement."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    count = times.sum()
    block = max(1, _BLOCK // len(times))
    for start in range(0, draws, block):
        weights = rng.multinomial(round(count), times / count, min(block, draws - start))
        yield weights.astype(np.float64) @ pieces


def _alphas(sums: FloatArray, level: Level) -> FloatArray:
    """Alpha of each row of summed pieces; NaN where nothing varies."""
    if level == "interval":
        n, first, second, apart = sums.T
        chance = 2 * (n * second - first**2)
    else:
        size = int(np.sqrt(2 * sums.shape[1]))  # columns: C + C (C - 1) / 2
        held, i, j = sums[:, :size], *np.triu_indices(size, 1)
        rank = held.cumsum(axis=1) - held / 2
        gap = (rank[:, i] - rank[:, j]) ** {"nominal": 0, "ordinal": 2}[level]
        n, apart, chance = held.sum(axis=1), sums[:, size:] * gap, 2 * held[:, i] * held[:, j] * gap
        apart, chance = apart.sum(axis=1), chance.sum(axis=1)
    varies = chance > _TINY * n**2
    return np.where(varies, 1 - (n - 1) * apart / np.where(varies, chance, 1.0), np.nan)


def _cross_table(first: ArrayLike, second: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """(C, C) counts and the (C,) values of rows and columns."""
    one = np.asarray(first, dtype=np.float64)
    if second is None:
        if one.ndim != 2 or one.shape[0] != one.shape[1] or not (np.isfinite(one) & (one >= 0)).all():
            raise BadInput("a table of two raters must be square, with counts of 0 or more.")
        return one, np.arange(len(one), dtype=np.float64)
    other = np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not np.isfinite([one, other]).all():
        raise BadInput("two raters' values must be finite numbers, as many from the one as from the other.")
    code, scores = _codes(np.concatenate([one, other]))
    size, n = len(scores), len(one)
    return tally(code[:n] * size + code[n:], np.ones(n), size * size).reshape(size, size), scores
