"""May a judge stand in for the annotators? The alternative annotator test. Read `alternative_annotators` first.

Calderon, Reichart & Dror (2025), The Alternative Annotator Test for LLM-as-a-Judge, ACL 2025, pages 16051-16081: each
annotator in turn is left out, and the judge has to represent the others as well as the one left out does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats._guarded import cluster_codes, guarded_mean

FEWEST = 30
"""Least units (items, or clusters of them) for a t-test of one annotator (the paper, section on their number)."""
EXPERTS, SKILLED, CROWD = 0.2, 0.15, 0.1
"""The paper's rule of thumb for epsilon, by what the replaced annotators cost."""
MAJORITY = 0.5
"""Winning rate from which the paper lets the judge replace annotators."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The judge against one annotator; all but the counts is None where there are too few units: no evidence."""

    annotator: int
    """Column of the annotator."""
    items: int
    """Items that the annotator, the judge and enough others rated."""
    units: int
    """Clusters of these items; the items themselves without clusters."""
    advantage: float | None
    """rho^f_j: share of units where the judge agrees with the others at least as well as the annotator does."""
    annotators_advantage: float | None
    """rho^h_j: the same with the two exchanged; ties count for both."""
    p_value: float | None
    """Of rho^f_j <= rho^h_j - epsilon, by the paper's t-test; 0 or 1 where all units are the same."""
    beaten: bool | None
    """Whether that is rejected, Benjamini-Yekutieli over annotators."""
    p_guarded: float | None
    """The same hypothesis with two pseudo-units, one for each side."""
    beaten_guarded: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeAnnotators:
    """What the test says of a judge; None where no annotator could be tested."""

    omega: float | None
    """Winning rate as published: share of the tested annotators who are beaten."""
    omega_guarded: float | None
    """Winning rate by the guarded tests, whose error stays near q where the published one's does not."""
    rho: float | None
    """Average advantage probability: mean of `advantage` over the tested annotators. For comparing judges."""
    epsilon: float
    """What the judge's lower cost is worth, as a difference of advantage probabilities."""
    q: float
    """False discovery rate."""
    tested: int
    annotators: tuple[LeftOut, ...]

    @property
    def replaces(self) -> bool | None:
        """Whether the judge beats at least half of the annotators, by the guarded tests."""
        return None if self.omega_guarded is None else self.omega_guarded >= MAJORITY


def alternative_annotators(
    annotations: ArrayLike,
    judge: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    epsilon: float = SKILLED,
    q: float = 0.05,
    others: int = 1,
    fewest: int = FEWEST,
) -> AlternativeAnnotators:
    """The alt-test, with the share of agreeing annotators as alignment.

    For annotator j and item i, S(x) is the share of the other annotators of i whose code is x. The judge's indicator
    W^f is 1 where S(judge) >= S(j), the annotator's W^h where S(j) >= S(judge). With d = W^h - W^f, a one-sided t-test
    of mean d >= epsilon, and Benjamini & Yekutieli (2001, Annals of Statistics 29) over the annotators.

    Where the two seldom differ, the t-test rejects too often: with 30 items, epsilon 0.1 and a judge that never wins
    against the annotator, a true hypothesis falls in 18 % of samples at a nominal 5 %. The guarded test adds a unit won
    and a unit lost by either side, as `paired_scores` does: at most 8 % for epsilon 0 … 0.3 and 30, 50 or 100 items. It
    decides `replaces`.

    With clusters W^f and W^h are averaged in each, every cluster counts alike in rho as in the test, and clusters are
    the units. Columns need not be persons: interchangeable first, second and third votes can be passed as well.

    Args:
        annotations: (n, m) integer codes, -1 where an annotator did not rate an item.
        judge: (n,) codes, -1 where the judge gave none.
        cluster: (n,) labels of items that belong together (a prompt's); None: all independent.
        epsilon: Cost-benefit constant from 0 up to 1: `EXPERTS`, `SKILLED` or `CROWD`.
        q: False discovery rate over annotators.
        others: Least number of other annotators of an item: 1 as published, 2 makes the others a group.
        fewest: Least units an annotator must share with the judge to be tested, 2 or more.

    Raises:
        BadInput: Fewer than two annotators, codes that are not integers of -1 and up, lengths that differ, an epsilon
            outside 0 … 1, an error rate outside 0 … 1, less than one other or two units.
    """
    codes, verdicts = _codes(annotations, dimensions=2), _codes(judge, dimensions=1)
    count, people = codes.shape
    if people < 2:
        raise BadInput("the test leaves one annotator out, so there must be two or more.")
    if len(verdicts) != count:
        raise BadInput(f"the judge has {len(verdicts)} codes for {count} items.")
    if not (0 <= epsilon < 1 and 0 < q < 1 and others >= 1 and fewest >= 2):
        raise BadInput("epsilon must lie in 0 … 1, q between 0 and 1; others must be 1 or more and fewest 2 or more.")
    unit = cluster_codes(cluster, count)
    pairs = [_indicators(codes, verdicts, unit, column, others) for column in range(people)]
    usable = [len(judges) >= fewest for _, judges, _ in pairs]
    gaps = [theirs - judges if use else None for (_, judges, theirs), use in zip(pairs, usable, strict=True)]
    plain = [None if gap is None else _t_test(gap, epsilon) for gap in gaps]
    guarded = [None if gap is None else _guarded_test(gap, epsilon) for gap in gaps]
    rows = tuple(
        LeftOut(
            annotator=column,
            items=items,
            units=len(judges),
            advantage=float(judges.mean()) if use else None,
            annotators_advantage=float(theirs.mean()) if use else None,
            p_value=p,
            beaten=beaten,
            p_guarded=safe,
            beaten_guarded=also,
        )
        for column, ((items, judges, theirs), use, p, beaten, safe, also) in enumerate(
            zip(pairs, usable, plain, discoveries(plain, q), guarded, discoveries(guarded, q), strict=True)
        )
    )
    tested = sum(usable)
    advantages = [row.advantage for row in rows if row.advantage is not None]
    return AlternativeAnnotators(
        omega=sum(row.beaten is True for row in rows) / tested if tested else None,
        omega_guarded=sum(row.beaten_guarded is True for row in rows) / tested if tested else None,
        rho=sum(advantages) / tested if tested else None,
        epsilon=epsilon,
        q=q,
        tested=tested,
        annotators=rows,
    )


def discoveries(p_values: list[float | None], q: float) -> list[bool | None]:
    """Which hypotheses fall at false discovery rate q under any dependence; None stays None and does not count.

    Benjamini & Yekutieli (2001): the largest k with p_(k) <= k q / (m (1 + 1/2 + … + 1/m)); it and all smaller fall.
    """
    known = sorted(p for p in p_values if p is not None)
    size = len(known)
    share = q / (size * sum(1 / k for k in range(1, size + 1))) if size else 0.0
    limit = max((p for k, p in enumerate(known, 1) if p <= k * share), default=-1.0)
    return [None if p is None else p <= limit for p in p_values]


def _codes(given: ArrayLike, *, dimensions: int) -> IntArray:
    raw = np.asarray(given)
    whole = raw.astype(np.int64) if raw.dtype.kind in "iub" else None
    if whole is None or whole.ndim != dimensions or (whole < -1).any():
        shape = "a table of items by annotators" if dimensions == 2 else "one code for each item"
        raise BadInput(f"codes must be {shape}: integers from 0, and -1 for a missing one.")
    return whole


def _indicators(
    codes: IntArray, judge: IntArray, unit: IntArray, column: int, others: int
) -> tuple[int, FloatArray, FloatArray]:
    """Number of items used, and (units,) means of W^f and of W^h."""
    own, rest = codes[:, column], np.delete(codes, column, axis=1)
    used: BoolArray = (own >= 0) & (judge >= 0) & ((rest >= 0).sum(axis=1) >= others)
    own, rest, said = own[used], rest[used], judge[used]
    ours, theirs = (rest == said[:, None]).sum(axis=1), (rest == own[:, None]).sum(axis=1)
    code = np.unique(unit[used], return_inverse=True)[1]
    groups = int(code.max(initial=-1)) + 1
    size = tally(code, None, groups)
    won, lost = (one.astype(np.float64) for one in (ours >= theirs, theirs >= ours))
    return len(own), tally(code, won, groups) / size, tally(code, lost, groups) / size


def _t_test(gap: FloatArray, epsilon: float) -> float:
    from scipy.special import stdtr

    n = len(gap)
    error = float(gap.std(ddof=1)) / n**0.5
    if error < _TINY:
        return 0.0 if gap[0] < epsilon - _TINY else 1.0
    return float(stdtr(n - 1, (gap.mean() - epsilon) / error))


def _guarded_test(gap: FloatArray, epsilon: float) -> float:
    from scipy.special import stdtr

    centre, error = guarded_mean(gap)
    return float(stdtr(len(gap) - 1, (centre - epsilon) / error))
