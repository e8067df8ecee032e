"""How far an estimate moves when one cluster of votes is left out. Read `jackknife` first."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats.bradley_terry import BradleyTerry, pinned
from fairtrial.stats.comparisons import Comparisons

_TABLE = 2_000_000
"""Most numbers of clusters' information held in memory at once."""
_NOTHING = 1e-9
"""Share of a pair's votes below which it counts as having none."""


def jackknife(
    fit: BradleyTerry, votes: Comparisons, cluster: IntArray, scores: FloatArray
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Moves without each of G clusters, by one Newton step with the information that is left.

    Args:
        fit: Estimate with P parameters.
        votes: N votes.
        cluster: (N,) codes 0 … G - 1, each used.
        scores: (G, P) scores of the clusters.

    Returns:
        (G, P) moves; (K,) the models that leaving some cluster out cuts off from the others: they have no place
        without that cluster, the others still move; and (m,) the covariates whose effect cannot be told without some
        cluster.
    """
    size, count, effects = len(votes.names), len(scores), len(fit.beta)
    loose = np.zeros(effects, dtype=bool)
    full = pinned(fit.information, size)
    unit = 1 / np.sqrt(np.maximum(np.diag(full), 1e-300))  # covariates come in any unit
    scores, moves, hanging = scores.copy(), np.empty_like(scores), np.zeros(size, dtype=bool)
    blocks = _Blocks(votes, cluster, count, len(full))
    links = _Links(votes)
    for run, part in blocks:
        remaining = blocks.information(fit, part, run)
        np.subtract(full, remaining, out=remaining)
        for g, pairs in links.broken(blocks, run, part):
            cut = links.cut_off(pairs)
            if cut.any():
                hanging |= cut
                inverse = np.linalg.pinv(remaining[g] * unit[:, None] * unit, rcond=1e-9, hermitian=True)
                scores[run.start + g] = full @ (unit * (inverse @ (unit * scores[run.start + g])))
                remaining[g] = full
        scaled = remaining * unit[:, None] * unit
        right = np.zeros((*scaled.shape[:2], 1 + effects))
        right[:, :, 0] = scores[run] * unit
        right[:, len(full) - effects :, 1:] = np.eye(effects)
        try:
            found = np.linalg.solve(scaled, right)
        except np.linalg.LinAlgError:  # without some cluster a covariate no longer varies
            found = np.linalg.pinv(scaled, rcond=1e-12, hermitian=True) @ right
            loose |= (np.abs(scaled @ found - right)[:, :, 1:].max(axis=(0, 1))) > 1e-6
        moves[run] = found[:, :, 0] * unit
        left = np.abs(np.einsum("gkk->gk", found[:, len(full) - effects :, 1:]))  # rounding may turn its sign
        loose |= (left > 1 / _NOTHING).any(axis=0)
    return moves, hanging, loose


def resting_on_one(votes: Comparisons, cluster: IntArray, count: int) -> BoolArray:
    """(K,) models that leaving some cluster out cuts off from the others: `jackknife`'s, without the moves."""
    links, blocks = _Links(votes), _Blocks(votes, cluster, count, len(votes.names))
    hanging = np.zeros(len(votes.names), dtype=bool)
    for run, part in blocks:
        for _, pairs in links.broken(blocks, run, part):
            hanging |= links.cut_off(pairs)
    return hanging


class _Links:
    """Which models met, and what holds them together when some pairs' votes are left out."""

    def __init__(self, votes: Comparisons) -> None:
        self.size = len(votes.names)
        self.held = tally(self._pairs(votes), votes.weight, self.size**2)
        table = (self.held > 0).reshape(self.size, self.size)
        self.met = table | table.T

    def _pairs(self, votes: Comparisons) -> IntArray:
        """(n,) code of each vote's pair, whichever of the two is called A."""
        low, high = np.minimum(votes.a, votes.b), np.maximum(votes.a, votes.b)
        return low.astype(np.int64) * self.size + high

    def broken(self, blocks: "_Blocks", run: slice, part: slice) -> Iterator[tuple[int, IntArray]]:
        """Each cluster of a run, counted from its start, that holds all votes on some pairs, with these pairs."""
        votes, cells = blocks.votes.part(part), self.size**2
        code = (blocks.cluster[part] - run.start) * cells + self._pairs(votes)
        held = tally(code, votes.weight, (run.stop - run.start) * cells)
        key = np.flatnonzero(held)
        pair, total = key % cells, self.held[key % cells]
        everything = total - held[key] <= _NOTHING * total
        whose, pair = key[everything] // cells, pair[everything]
        edges = np.append(np.flatnonzero(np.diff(whose, prepend=-1)), len(whose))
        for start, stop in pairwise(edges):
            yield int(whose[start]), pair[start:stop]

    def cut_off(self, pairs: IntArray) -> BoolArray:
        """(K,) models outside the largest connected part once these pairs are without votes."""
        i, j = np.divmod(pairs, self.size)
        kept = self.met.copy()
        kept[i, j] = kept[j, i] = False
        if (kept[i] & kept[j]).any(axis=1).all():  # a third model links each of them: all hang together as before
            return np.zeros(self.size, dtype=bool)
        from scipy.sparse.csgraph import connected_components

        _, part = connected_components(kept, directed=False)
        return np.asarray(part != np.bincount(part).argmax())


class _Blocks:
    """Runs of clusters small enough to hold a (P, P) table for each, with their votes."""

    def __init__(self, votes: Comparisons, cluster: IntArray, count: int, width: int) -> None:
        narrow = cluster.astype(np.uint16) if count <= 2**16 else cluster  # sixteen bits sort in linear time
        turn = np.argsort(narrow, kind="stable")
        self.votes, self.cluster, self.size = votes.part(turn), cluster[turn].astype(np.int64), len(votes.names)
        step = max(1, _TABLE // width**2)
        starts = range(0, count, step)
        edges = np.searchsorted(self.cluster, [*starts, count])
        self.runs = [
            (slice(start, min(start + step, count)), slice(int(low), int(high)))
            for start, low, high in zip(starts, edges[:-1], edges[1:], strict=True)
        ]

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        return iter(self.runs)

    def _pairs(self, votes: Comparisons, group: IntArray, run: slice, values: FloatArray) -> FloatArray:
        size, count = self.size, run.stop - run.start
        table = tally((group * size + votes.a) * size + votes.b, values, count * size * size)
        table = table.reshape(count, size, size)
        return table + table.transpose(0, 2, 1)

    def information(self, fit: BradleyTerry, part: slice, run: slice) -> FloatArray:
        """(G, P, P) information of each cluster."""
        votes, group = self.votes.part(part), self.cluster[part] - run.start
        size, own, count = self.size, len(fit.phi), run.stop - run.start
        width = size + own + len(fit.beta)
        x = np.array([np.asarray(values, dtype=np.float64) for values in votes.covariates.values()])
        d = fit.gap[votes.a, votes.b] + (fit.beta @ x if len(x) else 0.0)
        at = fit.model.at(d, votes.outcome, fit.phi)
        weight = 1.0 if votes.weight is None else votes.weight
        curve = at.curve() * weight
        pairs = self._pairs(votes, group, run, curve)
        full = np.zeros((count, width, width))
        full[:, :size, :size] = -pairs
        diagonal = np.arange(size)
        full[:, diagonal, diagonal] += pairs.sum(axis=2)
        cross = [one * weight for one in at.cross()]
        for k, shared in enumerate([*cross, *(curve * line for line in x)]):
            split = tally(group * size + votes.a, shared, count * size)
            split -= tally(group * size + votes.b, shared, count * size)
            full[:, size + k, :size] = full[:, :size, size + k] = split.reshape(count, size)
        for k, lines in enumerate(at.own_curve()):
            for m, line in enumerate(lines):
                full[:, size + k, size + m] = tally(group, line * weight, count)
        for k, column in enumerate(x):
            at_k = size + own + k
            for m, shared in enumerate(cross):
                full[:, at_k, size + m] = full[:, size + m, at_k] = tally(group, shared * column, count)
            for m, other in enumerate(x):
                full[:, at_k, size + own + m] = tally(group, curve * column * other, count)
        return full
