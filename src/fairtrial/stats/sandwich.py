"""Uncertainty of Bradley-Terry strengths from votes in clusters (prompts, raters). Read `clustered_covariance` first.

Votes on one prompt stand and fall together, so a cluster, not a vote, is the unit of sampling. With H the information
and s_g the score of cluster g: CR0 is H^-1 (sum s_g s_g') H^-1 (Liang & Zeger 1986); CR3 is the jackknife over
clusters, d_g = (H - H_g)^-1 s_g (Bell & McCaffrey 2002; MacKinnon, Nielsen & Webb 2023), which few clusters need.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats.battles import Battles
from fairtrial.stats.bradley_terry import BradleyTerry, VoteTerms, pinned, vote_terms

EXACT_UP_TO = 500
"""Most clusters for which each one's removal is worked out (CR3); above that CR0 x G / (G - 1) agrees closely."""
_TABLE = 2_000_000
"""Most numbers of clusters' information held in memory at once."""
_NOTHING = 1e-9
"""Share of a pair's votes below which it counts as having none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """Covariance of K centred strengths, in squared natural log units."""

    covariance: FloatArray
    """(K, K)."""
    method: Literal["CR3", "CR0"]
    clusters: int
    """Number of clusters G."""
    effective: float
    """(sum n_g)^2 / sum n_g^2 for cluster sizes n_g: how many equal clusters would weigh as much."""
    effective_by_model: FloatArray
    """(K,) the same, counting each model's own votes."""
    clusters_by_model: IntArray
    """(K,) clusters in which each model appears."""
    hanging: BoolArray
    """(K,) models whose place rests on a single cluster: without it they are not connected; no interval is possible."""

    @property
    def df(self) -> FloatArray:
        """(K, K) degrees of freedom of each difference: the smaller effective number of clusters - 1, at least 1."""
        smaller = np.minimum(self.effective_by_model[:, None], self.effective_by_model[None, :])
        return np.asarray(np.maximum(smaller - 1, 1.0))


def effective_number(sizes: FloatArray) -> float:
    """(sum n)^2 / sum n^2: the number of equal clusters that weigh as much as these; 0 for none."""
    total = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / total if total > 0 else 0.0


def clustered_covariance(fit: BradleyTerry, battles: Battles, cluster: IntArray) -> Clustered:
    """Cluster-robust covariance of the strengths, guarded against too few disagreements.

    The guard adds to each model's variance what two more clusters would, one in which it does better than expected and
    one in which it does worse: the ratings' form of the two pseudo-items of `paired.py`. It keeps an interval from
    vanishing when the clusters happen to agree, and is of smaller order (1 / G^2) otherwise.

    Args:
        fit: Estimate of K strongly connected models from these votes.
        battles: Decided votes over the same K models.
        cluster: (N,) cluster codes.
    """
    size = len(battles.names)
    cluster = np.unique(cluster, return_inverse=True)[1]
    count = int(cluster.max()) + 1
    pieces = _Pieces.of(fit, battles, cluster)
    exact = count <= EXACT_UP_TO
    hanging = np.zeros(size, dtype=bool)
    moves: FloatArray = np.linalg.solve(pinned(fit.information, size), pieces.scores(count).T).T.astype(np.float64)
    if exact:
        moves, hanging = _jackknife(fit, pieces, moves)
    appear, votes, effective = _presence(battles, cluster, count)
    hanging |= appear <= 1
    shift = moves[:, :size]
    shift = shift - (shift[:, ~hanging].mean(axis=1, keepdims=True) if not hanging.all() else 0.0)
    factor = (count - 1) / count if exact else count / max(count - 1, 1)
    covariance = factor * shift.T @ shift + np.diag(_guard(fit, size, votes, appear))
    return Clustered(
        covariance=covariance,
        method="CR3" if exact else "CR0",
        clusters=count,
        effective=effective_number(tally(cluster, battles.vote_weights(), count)),
        effective_by_model=effective,
        clusters_by_model=appear,
        hanging=hanging,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pieces:
    """Weighted per-vote derivatives with the votes' models and clusters, sorted by cluster."""

    a: IntArray
    b: IntArray
    cluster: IntArray
    terms: VoteTerms
    weight: FloatArray
    size: int
    has_ties: bool

    @classmethod
    def of(cls, fit: BradleyTerry, battles: Battles, cluster: IntArray) -> "_Pieces":
        turn = np.argsort(cluster, kind="stable")
        a, b = battles.a[turn], battles.b[turn]
        terms = vote_terms(fit, a, b, battles.outcome[turn])
        weight = battles.vote_weights()[turn]
        size, has_ties = len(battles.names), fit.log_nu is not None
        return cls(a=a, b=b, cluster=cluster[turn], terms=terms, weight=weight, size=size, has_ties=has_ties)

    def scores(self, count: int) -> FloatArray:
        """(G, P) score of each cluster."""
        width = self.size + self.has_ties
        weighted = self.terms.score * self.weight
        total = tally(self.cluster * width + self.a, weighted, count * width)
        total -= tally(self.cluster * width + self.b, weighted, count * width)
        total = total.reshape(count, width)
        if self.has_ties:
            total[:, -1] = tally(self.cluster, self.terms.tie_score * self.weight, count)
        return total

    def blocks(self, count: int) -> Iterator[tuple[slice, "_Pieces"]]:
        """Runs of clusters small enough to hold a (P, P) table for each, with their votes, clusters numbered from 0."""
        step = max(1, _TABLE // (self.size + self.has_ties) ** 2)
        edges = np.searchsorted(self.cluster, np.arange(0, count + step, step))
        for run, start in enumerate(range(0, count, step)):
            part = slice(int(edges[run]), int(edges[run + 1]))
            yield (
                slice(start, min(start + step, count)),
                _Pieces(
                    a=self.a[part],
                    b=self.b[part],
                    cluster=self.cluster[part] - start,
                    terms=self.terms.part(part),
                    weight=self.weight[part],
                    size=self.size,
                    has_ties=self.has_ties,
                ),
            )

    def information(self, count: int) -> FloatArray:
        """(G, P, P) information of each cluster."""
        size = self.size
        curve = self._pairs(self.terms.curve * self.weight, count)
        full = np.zeros((count, size + self.has_ties, size + self.has_ties))
        full[:, :size, :size] = -curve
        diagonal = np.arange(size)
        full[:, diagonal, diagonal] += curve.sum(axis=2)
        if self.has_ties:
            shared = self.terms.cross * self.weight
            cross = tally(self.cluster * size + self.a, shared, count * size)
            cross -= tally(self.cluster * size + self.b, shared, count * size)
            full[:, -1, :size] = full[:, :size, -1] = cross.reshape(count, size)
            full[:, -1, -1] = tally(self.cluster, self.terms.tie_curve * self.weight, count)
        return full

    def votes(self, count: int) -> FloatArray:
        """(G, K, K) symmetric weight of each cluster's votes between models."""
        return self._pairs(self.weight, count)

    def _pairs(self, values: FloatArray, count: int) -> FloatArray:
        size = self.size
        key = (self.cluster * size + self.a) * size + self.b
        table = tally(key, values, count * size * size).reshape(count, size, size)
        return table + table.transpose(0, 2, 1)


def _jackknife(fit: BradleyTerry, pieces: _Pieces, moves: FloatArray) -> tuple[FloatArray, BoolArray]:
    """How far the estimate moves without each cluster (one Newton step), and the models that this cuts off."""
    size, count = pieces.size, len(moves)
    full = pinned(fit.information, size)
    scores, moves, hanging = pieces.scores(count), moves.copy(), np.zeros(size, dtype=bool)
    all_votes = np.sum([block.votes(run.stop - run.start).sum(axis=0) for run, block in pieces.blocks(count)], axis=0)
    for run, block in pieces.blocks(count):
        held = run.stop - run.start
        remaining = full - block.information(held)
        kept = all_votes - block.votes(held) > _NOTHING * all_votes
        suspects = np.flatnonzero((kept != (all_votes > 0)).any(axis=(1, 2)))
        for g in suspects.tolist():
            cut = _cut_off(kept[g])
            if cut.any():  # the rest of the models still move; the cut-off ones have no place without this cluster
                hanging |= cut
                moves[run.start + g] = np.linalg.pinv(remaining[g], rcond=1e-9, hermitian=True) @ scores[run.start + g]
                remaining[g] = full
                scores[run.start + g] = full @ moves[run.start + g]
        moves[run] = np.linalg.solve(remaining, scores[run][:, :, None])[:, :, 0]
    return moves, hanging


def _cut_off(links: BoolArray) -> BoolArray:
    """(K,) models outside the largest connected part of an undirected graph."""
    from scipy.sparse.csgraph import connected_components

    _, part = connected_components(links, directed=False)
    return np.asarray(part != np.bincount(part).argmax())


def _presence(battles: Battles, cluster: IntArray, count: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """For each model: clusters it appears in, its votes, and its effective number of clusters."""
    size = len(battles.names)
    key = np.concatenate([battles.a * count + cluster, battles.b * count + cluster])
    both = np.concatenate([battles.vote_weights()] * 2)
    cells, place = np.unique(key, return_inverse=True)
    votes = tally(place, both, len(cells))
    model = np.asarray(cells // count, dtype=np.int64)
    total = tally(model, votes, size)
    squares = tally(model, votes**2, size)
    effective = np.divide(total**2, squares, out=np.zeros(size), where=squares > 0)
    return np.bincount(model, minlength=size).astype(np.int64), total, effective


def _guard(fit: BradleyTerry, size: int, votes: FloatArray, appear: IntArray) -> FloatArray:
    """(K,) variance added to each strength (see `clustered_covariance`).

    A vote that is all surprise moves strength i by about its model-based variance r_i = Var(theta_i - w'theta) /
    (1 - w_i), w being each model's share of information, so that a newcomer's ignorance is not everyone's. A
    pseudo-cluster moves it as far as the n_i / G_i votes of a typical cluster would by chance, r_i sqrt(n_i / G_i). For
    two models and one vote a prompt this is the variance that two pseudo-items add.
    """
    inverse = np.linalg.inv(pinned(fit.information, size))[:size, :size]
    share = np.diag(fit.information)[:size] / np.trace(fit.information[:size, :size])
    against = np.eye(size) - share
    reach = np.einsum("ij,jk,ik->i", against, inverse, against) / (1 - share)
    return np.asarray(votes / np.maximum(appear, 1) * reach**2)
