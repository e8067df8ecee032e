"""Evidence that raters vote for a purpose: each rater alone, and bursts of ids with few votes. Read `suspect` first.

Every rater is held against the crowd without that rater: strengths by Davidson's model from the votes' current weights,
less the rater's own influence on them (one step of the jackknife), and a taste of ordinary size for every contestant
(`stats.evalues`). Only who wins is tested, not how often a contestant was voted on: tasks may hold any set of battles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fairtrial.stats import A_WINS, B_WINS, TIE, Battles, BradleyTerry, Comparisons, chances, fit, tally
from fairtrial.stats._arrays import FloatArray, IntArray
from fairtrial.stats.bradley_terry import solve_pinned
from fairtrial.stats.evalues import (
    ALWAYS,
    DEVOTED_SHARES,
    SWAYED,
    e_bh,
    group_ratio,
    group_terms,
    likelihood_ratio,
    shift_ratios,
    taste_spread,
    tastes,
)

LEAST_VOTES = 6
"""Decided votes from which a rater is tested alone: fewer cannot reach the evidence that several hundred tests ask."""
CLASSES = ((1, 1), (2, 5), (6, 20))
"""Numbers of votes of the ids that are tested together."""
_WINDOWS = 16
"""Most parts into which the ids of a class are cut, in order of their first vote."""
_IN_A_WINDOW = 40
"""Fewest ids of a window, where there is more than one."""
TIE_TASTE = 1.2
"""Spread of honest raters' readiness to call a tie, natural log units of its odds."""
GROUP_TASTE = 0.2
"""Spread of what honest new raters have in common beside the crowd, natural log units."""
_BLOCK = 1 << 15
_SAMPLE = 100_000
"""Votes from which the spread of tastes is estimated."""
_ENOUGH = np.log(1e6)
"""Evidence of one rater counts up to here in weighing which contestants others are suspected of pushing."""
_FAVOURS = np.array([-0.5, 0.0, 0.5])
_TIES = np.array([0.0, 1.0, 0.0])
SAME = ("first", "second", "tie")
_SAME_SHARE = 0.1
"""Share of a rater's e-value that bets on always the same answer."""
_EVEN_SHARE = 0.1
"""Share of the rest that is spread evenly over contestants; what others' votes point at gets the remainder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """What was found about one rater."""

    rater: int
    log_e: float
    what: str
    """``for``, ``against``, or ``same``: the hypothesis that says most."""
    target: int
    """The contestant; for ``same`` 0 the first answer, 1 the second, 2 a tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Ids with few votes, of one class and window, among whom some always vote for or against one contestant."""

    least: int
    """Number of votes of each id, from …"""
    most: int
    first: int
    """Row of the first id's first vote in the window …"""
    last: int
    """… and of the last id's."""
    target: int
    against: bool
    share: float
    """Likeliest share of devoted ids among those who voted on the contestant."""
    log_e: float
    ids: int
    """Ids in the window that voted on the contestant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What the tests found at one look; made by `suspect`."""

    taste: float
    """Spread of tastes allowed for, natural log units."""
    tested: IntArray
    """Raters tested alone."""
    log_e: FloatArray
    """Their log e-values."""
    singles: list[Single]
    bursts: list[Burst]
    doubt: FloatArray
    """(N, 2) chance that the vote is part of a burst for a contestant, and of one against."""


def crowd(votes: Battles, weight: FloatArray) -> BradleyTerry:
    """Davidson's strengths of decided votes, each contestant first given one vote's worth of ordinary outcomes.

    Those go against the next contestant by name, shared out as all outcomes are: so the strengths always exist, and
    those of contestants with few votes are drawn together.
    """
    size = len(votes.names)
    counts = np.bincount(votes.outcome, weight, 3) + 1e-3
    share = np.repeat([(counts[B_WINS] + counts[A_WINS]) / 2, counts[TIE], (counts[B_WINS] + counts[A_WINS]) / 2], size)
    ring = np.arange(3 * size) % size
    keep = weight > 0
    return fit(
        Comparisons(
            names=votes.names,
            a=np.concatenate([votes.a[keep], ring]),
            b=np.concatenate([votes.b[keep], (ring + 1) % size]),
            outcome=np.concatenate([votes.outcome[keep], np.repeat([B_WINS, TIE, A_WINS], size)]),
            weight=np.concatenate([weight[keep], share / counts.sum()]),
            covariates={},
        )
    )


def suspect(votes: Battles, weight: FloatArray, own: FloatArray, *, taste: float, level: float) -> Suspicion:
    """Test all raters of decided votes at one look.

    Args:
        votes: Decided votes with raters, in order of time.
        weight: (N,) weights by which votes make the crowd's strengths.
        own: (N,) weights by which votes count as a rater's own evidence: less than 1 for repeated ones.
        taste: Least spread of honest tastes; the votes may show a larger one.
        level: False-discovery rate, of raters and of bursts each.
    """
    by_rater = _ByRater.of(votes, weight, own)
    sd = by_rater.taste(taste)
    cells, same, groups = by_rater.scan(sd)
    singles, tested, log_e = _singles(cells, same, by_rater, level)
    bursts, doubt = _bursts(cells, groups, by_rater, level)
    return Suspicion(taste=sd, tested=tested, log_e=log_e, singles=singles, bursts=bursts, doubt=doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Evidence about raters' votes on one contestant each."""

    rater: IntArray
    """(c,) place of the rater."""
    model: IntArray
    log_e: FloatArray
    """(c, 2) for, against."""


class _Group:
    """The ids of one class, cut into windows of equally many in order of their first votes."""

    def __init__(self, number: IntArray, first: IntArray, size: int, least: int, most: int) -> None:
        self.least, self.most = least, most
        members = np.flatnonzero((least <= number) & (number <= most))
        self.members = members[np.argsort(first[members], kind="stable")]
        self.count = 1
        while self.count < _WINDOWS and len(members) >= 2 * self.count * _IN_A_WINDOW:
            self.count *= 2
        self.window = np.full(len(number), -1)
        """Each rater's window; -1 for those of other classes."""
        self.window[self.members] = np.arange(len(members)) * self.count // max(len(members), 1)
        self.terms = np.zeros((self.count, size, 2, len(DEVOTED_SHARES) + len(SWAYED)))
        self.ids = np.zeros((self.count, size), dtype=np.int64)

    def add(self, rater: IntArray, model: IntArray, log_ratios: FloatArray, sd: float) -> None:
        """Take in cells."""
        mine = self.window[rater] >= 0
        window, model = self.window[rater[mine]], model[mine]
        np.add.at(self.ids, (window, model), 1)
        for against, alternative in enumerate((ALWAYS, ALWAYS[::-1])):
            terms = np.concatenate(group_terms(log_ratios[mine], sd, alternative), axis=1)
            np.add.at(self.terms[:, :, against], (window, model), terms)

    def evidence(self) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """For 1, 2, 4 … windows taken together: how many, (windows, K, 2) log e-values, and the shares likeliest."""
        width = 1
        while width <= self.count:
            terms = self.terms.reshape(-1, width, *self.terms.shape[1:]).sum(axis=1)
            cut = len(DEVOTED_SHARES)
            yield width, *group_ratio(terms[..., :cut], terms[..., cut:], GROUP_TASTE)
            width *= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByRater:
    """The votes rater by rater, and the crowd."""

    crowd: BradleyTerry
    votes: Battles
    weight: FloatArray
    own: FloatArray
    names: IntArray
    """(R,) codes of the raters who voted."""
    order: IntArray
    """(N,) rows of the votes as they stood before, in order of time."""
    place: IntArray
    """(N,) which rater each vote is by, ascending."""
    edges: IntArray
    """(R + 1,) where each one's votes begin."""
    first: IntArray
    """(R,) row of each one's first vote."""

    @classmethod
    def of(cls, votes: Battles, weight: FloatArray, own: FloatArray) -> "_ByRater":
        names, place = np.unique(votes.clusters("rater"), return_inverse=True)
        order = np.argsort(place, kind="stable")
        edges = np.searchsorted(place[order], np.arange(len(names) + 1))
        bare = Battles(names=votes.names, a=votes.a[order], b=votes.b[order], outcome=votes.outcome[order])
        return cls(
            crowd=crowd(votes, weight),
            votes=replace(bare, order=None if votes.order is None else votes.order[order]),
            weight=weight[order],
            own=own[order],
            names=names,
            order=order,
            place=place[order],
            edges=edges,
            first=order[edges[:-1]],
        )

    @property
    def number(self) -> IntArray:
        """(R,) votes of each."""
        return np.diff(self.edges)

    def blocks(self) -> list[tuple[int, int]]:
        """Runs of raters whose votes are handled at once."""
        found, low = [], 0
        while low < len(self.names):
            high = int(np.searchsorted(self.edges, self.edges[low] + _BLOCK, side="right")) - 1
            found.append((low, max(high, low + 1)))
            low = found[-1][1]
        return found

    def ratios(self, low: int, high: int) -> tuple[FloatArray, FloatArray, IntArray]:
        """For the votes of some raters: log-ratios of shifts for A, of shifts for a tie, and the raters' places."""
        part = slice(self.edges[low], self.edges[high])
        a, b = self.votes.a[part].astype(np.int64), self.votes.b[part].astype(np.int64)
        outcome, number = self.votes.outcome[part].astype(np.int64), self.number[low:high]
        rater = self.place[part]
        gap = self.crowd.gap[a, b] - self._influence(a, b, outcome, self.weight[part], number)
        chance = np.stack(chances(gap, self.crowd.log_nu), axis=1)
        own = self.own[part, None]
        return shift_ratios(chance, outcome, _FAVOURS) * own, shift_ratios(chance, outcome, _TIES) * own, rater

    def _influence(
        self, a: IntArray, b: IntArray, outcome: IntArray, weight: FloatArray, number: IntArray
    ) -> FloatArray:
        """(n,) how far the rater's own votes moved the difference of the two; 0 for raters with few votes."""
        size, tested = len(self.votes.names), number >= LEAST_VOTES
        place = np.repeat(np.where(tested, np.cumsum(tested) - 1, -1), number)
        mine = place >= 0
        a, b, place, count = a[mine], b[mine], place[mine], int(tested.sum())
        slope = self.crowd.model.at(self.crowd.gap[a, b], outcome[mine], self.crowd.phi).slope() * weight[mine]
        key = np.concatenate([place * size + a, place * size + b])
        score = tally(key, np.concatenate([slope, -slope]), count * size).reshape(count, size)
        moved = solve_pinned(self.crowd.information[:size, :size], score.T, size)
        found = np.zeros(len(mine))
        found[mine] = moved[a, place] - moved[b, place]
        return found

    def cells(self, ratios: FloatArray, low: int, high: int, rater: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Places of raters, contestants, and (c, G) summed log-ratios of shifts for the contestant."""
        part, size = slice(self.edges[low], self.edges[high]), len(self.votes.names)
        key = np.concatenate([rater * size + self.votes.a[part], rater * size + self.votes.b[part]])
        order = np.argsort(key, kind="stable")
        key = key[order]
        start = np.flatnonzero(np.diff(key, prepend=-1))
        found = np.add.reduceat(np.concatenate([ratios, ratios[:, ::-1]])[order], start, axis=0)
        return key[start] // size, key[start] % size, found

    def taste(self, least: float) -> float:
        """The spread of tastes that raters with enough votes show, from a sample of them."""
        blocks = self.blocks()
        tables = []
        for low, high in blocks[:: max(1, len(blocks) * _BLOCK // _SAMPLE)]:
            ratios, _, rater = self.ratios(low, high)
            which, _, found = self.cells(ratios, low, high, rater)
            tables.append(found[self.number[which] >= LEAST_VOTES])
        return taste_spread(np.concatenate(tables), least) if tables else least

    def scan(self, sd: float) -> tuple[_Cells, FloatArray, list[_Group]]:
        """All evidence: of cells; (R, 3) log e-values of always the first answer, the second, a tie; of groups."""
        null, against = tastes(sd), ALWAYS[::-1]
        live = np.bincount(self.place, self.weight > 0, len(self.names))  # who is out already makes no burst
        groups = [_Group(live, self.first, len(self.votes.names), *bounds) for bounds in CLASSES]
        parts: list[tuple[IntArray, IntArray, FloatArray]] = []
        same = np.zeros((len(self.names), len(SAME)))
        first = self.votes.shown_first()
        for low, high in self.blocks():
            ratios, ties, rater = self.ratios(low, high)
            which, model, found = self.cells(ratios, low, high, rater)
            both = [likelihood_ratio(found, null), likelihood_ratio(found, null, against)]
            parts.append((which, model, np.stack(both, axis=1)))
            for group in groups:
                group.add(which, model, found, sd)
            shown = first[self.edges[low] : self.edges[high], None]
            start = self.edges[low:high] - self.edges[low]
            side = np.add.reduceat(np.where(shown > 0, ratios, ratios[:, ::-1]) * (shown != 0), start, axis=0)
            same[low:high, 0] = likelihood_ratio(side, null)
            same[low:high, 1] = likelihood_ratio(side, null, against)
            same[low:high, 2] = likelihood_ratio(np.add.reduceat(ties, start, axis=0), tastes(TIE_TASTE))
        rater, model, log_e = (np.concatenate(column) for column in zip(*parts, strict=True))
        return _Cells(rater=rater, model=model, log_e=log_e), same, groups


def _singles(
    cells: _Cells, same: FloatArray, by_rater: _ByRater, level: float
) -> tuple[list[Single], IntArray, FloatArray]:
    """Raters found, all raters tested, and their log e-values.

    A rater's e-value is a mean over contestants and directions, a tenth of it even, the rest weighted by what all other
    raters show for each (those do not depend on this rater's votes, so the mean is an e-value still): ids that push one
    contestant together give each other away.
    """
    tested = np.flatnonzero(by_rater.number >= LEAST_VOTES)
    turn = np.full(len(by_rater.names), -1)
    turn[tested] = np.arange(len(tested))
    keep = turn[cells.rater] >= 0
    rater, model, log_e = turn[cells.rater[keep]], cells.model[keep], cells.log_e[keep]
    evidence = np.exp(np.minimum(log_e, _ENOUGH))
    total = np.zeros((len(by_rater.votes.names), 2))
    np.add.at(total, model, evidence)
    own = np.bincount(rater, evidence.sum(axis=1), len(tested))
    others = np.maximum(total[model] - evidence, 0) / np.maximum(total.sum() - own, 1e-9)[rater, None]
    weight = (1 - _SAME_SHARE) * (_EVEN_SHARE / total.size + (1 - _EVEN_SHARE) * np.minimum(others, 1))
    terms = np.full((len(tested), len(SAME) + 1), -np.inf)
    terms[:, : len(SAME)] = same[tested] + np.log(_SAME_SHARE / len(SAME))
    rest = 1 - _SAME_SHARE - np.bincount(rater, weight.sum(axis=1), len(tested))
    terms[:, -1] = np.log(np.maximum(rest, 1e-12))
    said = log_e + np.log(weight)
    result = np.logaddexp.reduce(terms, axis=1)
    np.logaddexp.at(result, rater, np.logaddexp(said[:, 0], said[:, 1]))
    found = []
    for k in np.flatnonzero(e_bh(result, level)).tolist():
        mine = np.flatnonzero(rater == k)
        cell, direction = np.unravel_index(int(np.argmax(said[mine])), (len(mine), 2))
        alike = int(np.argmax(terms[k, : len(SAME)]))
        what, target = ("for", "against")[direction], int(model[mine[cell]])
        if terms[k, alike] > said[mine[cell], direction]:
            what, target = "same", alike
        found.append(Single(rater=int(by_rater.names[tested[k]]), log_e=float(result[k]), what=what, target=target))
    return found, by_rater.names[tested], result


def _bursts(cells: _Cells, groups: list[_Group], by_rater: _ByRater, level: float) -> tuple[list[Burst], FloatArray]:
    """The clearest burst of each window, and each vote's chance to be part of one."""
    looks = [(group, *look) for group in groups for look in group.evidence()]
    log_e = np.concatenate([one[2].ravel() for one in looks])
    which = np.repeat(np.arange(len(looks)), [one[2].size for one in looks])
    rejected = np.flatnonzero(e_bh(log_e, level))
    place = np.arange(len(log_e)) - np.searchsorted(which, which)
    doubt = np.zeros((len(by_rater.place), 2))
    found: list[Burst] = []
    taken: set[tuple[int, int]] = set()
    for k in rejected[np.argsort(-log_e[rejected], kind="stable")].tolist():
        group, width, values, shares = looks[which[k]]
        window, model, against = (int(i) for i in np.unravel_index(place[k], values.shape))
        spans = {(group.least, w) for w in range(window * width, (window + 1) * width)}
        if spans & taken:
            continue
        taken |= spans
        share, at = float(shares[window, model, against]), group.window[cells.rater]
        mine = (cells.model == model) & (at >= 0) & (at // width == window)
        part = np.zeros(len(by_rater.names))
        part[cells.rater[mine]] = 1 / (1 + np.exp(-np.log(share / (1 - share)) - cells.log_e[mine, against]))
        there = (by_rater.votes.a == model) | (by_rater.votes.b == model)
        doubt[:, against] = np.maximum(doubt[:, against], np.where(there, part[by_rater.place], 0.0))
        rows = by_rater.first[group.members[group.window[group.members] // width == window]]
        found.append(
            Burst(
                least=group.least,
                most=group.most,
                first=int(rows[0]),
                last=int(rows[-1]),
                target=model,
                against=bool(against),
                share=share,
                log_e=float(values[window, model, against]),
                ids=int(mine.sum()),
            )
        )
    by_time = np.empty_like(doubt)
    by_time[by_rater.order] = doubt
    return found, by_time
