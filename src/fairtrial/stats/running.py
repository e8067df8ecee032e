"""One vote in, ratings and standard errors out, without a refit. Read `Running.add` first.

A vote changes the information by a matrix of rank 1 + q and the meat of the sandwich by two outer products, so inverse,
estimate and covariance follow in O(P^2) (Sherman & Morrison 1950; Woodbury 1950) by one Newton step. What that leaves
out is of second order in a single vote; it is bounded by fitting anew every so many votes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fairtrial.stats._arrays import FloatArray, IntArray
from fairtrial.stats.bradley_terry import BradleyTerry, pinned
from fairtrial.stats.comparisons import Comparisons
from fairtrial.stats.sandwich import Uncertainty
from fairtrial.stats.scores import cluster_tables, vote_scores


class Running:
    """A fit that follows the votes.

    Between fits the standard errors are those of the last fit, in whatever way it made them (jackknife, two-way): what
    the clusters showed then, times the change since of the plain cluster-robust variance that is updated here, plus the
    guard as it was.

    Args:
        fit: Estimate from `votes`, without covariates.
        votes: The votes so far.
        clusters: Name to (N,) cluster codes, as given to `uncertainty`.
        found: Their uncertainty.
    """

    def __init__(
        self, fit: BradleyTerry, votes: Comparisons, clusters: Mapping[str, IntArray], found: Uncertainty
    ) -> None:
        self.model, self.size = fit.model, len(fit.theta)
        self.point = np.concatenate([fit.theta, fit.phi])
        self.inverse: FloatArray = np.linalg.inv(pinned(fit.information, self.size)).astype(np.float64)
        scores = _Scores(fit, votes)
        self.ways = {name: _Way(fit, votes, codes, self.inverse, scores) for name, codes in clusters.items()}
        self._common = _Common(fit, votes, self.inverse) if found.combined == "subtraction" else None
        guard: FloatArray = np.sum([way.guard[: self.size] for way in found.ways.values()], axis=0)
        fitted = np.diag(found.covariance)
        self._guard = np.minimum(guard, fitted)
        self._shown = fitted - self._guard
        self._start = self._variance()
        self.added = 0

    @property
    def theta(self) -> FloatArray:
        """(K,) strengths now, mean 0."""
        theta = self.point[: self.size]
        return np.asarray(theta - theta.mean())

    @property
    def standard_errors(self) -> FloatArray:
        """(K,) standard errors now, in natural log units."""
        # Clusters that balanced exactly at the last fit showed nothing that could be scaled: then the new counts as is.
        quiet = self._start <= 1e-12 * self._guard
        change = np.divide(self._variance(), self._start, out=np.ones(self.size), where=~quiet)
        shown = np.where(quiet, np.maximum(self._shown, self._variance()), self._shown * change)
        return np.asarray(np.sqrt(shown + self._guard), dtype=np.float64)

    def _variance(self) -> FloatArray:
        each = [way.variance(self.size) for way in self.ways.values()]
        total: FloatArray = np.sum(each, axis=0)
        if self._common is not None:
            total = np.maximum(total - self._common.variance(self.size), np.max(each, axis=0) / 4)
        return np.maximum(total, 0)

    def add(self, a: int, b: int, outcome: int, cluster: Mapping[str, int], weight: float = 1.0) -> None:
        """Take in one vote.

        Args:
            a: Index of model A, one of the K.
            b: Index of model B.
            outcome: Its code in the fit's outcome model.
            cluster: Name to the vote's cluster code; a new code opens a new cluster.
            weight: The vote's weight.

        Raises:
            IndexError: A model that is not in the fit; nothing has changed then.
        """
        size = self.size
        if not (0 <= a < size and 0 <= b < size):
            raise IndexError("the fit does not know this model")
        phi = self.point[size:]
        d = np.array([self.point[a] - self.point[b]])
        at = self.model.at(d, np.array([outcome]), phi)
        score = np.zeros(len(self.point))
        score[a] = weight * at.slope()[0]
        score[b] = -score[a]
        score[size:] = [weight * one[0] for one in at.own_slope()]
        small = np.empty((1 + len(phi), 1 + len(phi)))  # the vote's information about d and phi
        small[0, 0] = at.curve()[0]
        small[0, 1:] = small[1:, 0] = [one[0] for one in at.cross()]
        small[1:, 1:] = [[one[0] for one in line] for line in at.own_curve()] or small[1:, 1:]
        small *= weight
        inverse = self.inverse
        into = np.concatenate([(inverse[:, a] - inverse[:, b])[:, None], inverse[:, size:]], axis=1)
        inner = np.concatenate([(into[a] - into[b])[None, :], into[size:]])
        shrink = small @ np.linalg.inv(np.eye(len(small)) + inner @ small)
        shrink = (shrink + shrink.T) / 2
        inverse -= (into @ shrink) @ into.T
        self.point = self.point + inverse @ score
        change = _Change(place=(a, b, size), into=into, shrink=shrink)
        for name, way in self.ways.items():
            way.add(cluster[name], score, inverse, change)
        if self._common is not None:
            self._common.add(score, inverse, change)
        self.added += 1


class _Scores:
    """Every vote's score at the fit, as few numbers: what it adds to strengths, and to the parameters of outcomes."""

    def __init__(self, fit: BradleyTerry, votes: Comparisons) -> None:
        self.a, self.b, self.size = votes.a, votes.b, len(fit.theta)
        self.strength = np.empty(len(votes))
        self.rest = np.empty((len(fit.phi), len(votes)))
        for part, found in vote_scores(fit, votes):
            self.strength[part], self.rest[:, part] = found.strength, found.rest

    def sum(self, rows: IntArray) -> FloatArray:
        """(P,) score of some votes together."""
        total = np.zeros(self.size + len(self.rest))
        np.add.at(total, self.a[rows], self.strength[rows])
        np.subtract.at(total, self.b[rows], self.strength[rows])
        total[self.size :] = self.rest[:, rows].sum(axis=1)
        return total


class _Way:
    """The sandwich of clusters of one kind; a cluster's score is summed when its first new vote comes."""

    def __init__(
        self, fit: BradleyTerry, votes: Comparisons, codes: IntArray, inverse: FloatArray, scores: _Scores
    ) -> None:
        self.count = int(codes.max()) + 1
        self._scores, self._order = scores, np.argsort(codes, kind="stable")
        self._edges = np.searchsorted(codes[self._order], np.arange(self.count + 1))
        self.touched: dict[int, FloatArray] = {}
        used, place = np.unique(codes, return_inverse=True)
        sizes = np.bincount(place, votes.weight).astype(np.float64)
        meat = cluster_tables(fit, votes, place.astype(np.int32), sizes, draws=0, seed=0).meat
        self._known, self.clusters = self.count, len(used)
        self.covariance = inverse @ meat @ inverse

    def variance(self, size: int) -> FloatArray:
        return np.diag(self.covariance)[:size] * (self.clusters / max(self.clusters - 1, 1))

    def score(self, code: int) -> FloatArray:
        """(P,) score of a cluster; zeros for a new one."""
        if code not in self.touched:
            low, high = (self._edges[code], self._edges[code + 1]) if code < self._known else (0, 0)
            self.touched[code] = self._scores.sum(self._order[low:high])
            self.clusters += int(low == high)
        return self.touched[code]

    def add(self, code: int, score: FloatArray, inverse: FloatArray, change: "_Change") -> None:
        """The vote joins its cluster, whose outer product in the meat is replaced."""
        before = self.score(code)
        after = before + score
        self.touched[code], self.count = after, max(self.count, code + 1)
        change.apply(self.covariance, inverse @ np.stack([after, before], axis=1), (1.0, -1.0))


class _Common:
    """The sandwich of what two kinds of clusters have in common, each vote taken as a cluster of its own."""

    def __init__(self, fit: BradleyTerry, votes: Comparisons, inverse: FloatArray) -> None:
        every = np.arange(len(votes), dtype=np.int32)
        meat = cluster_tables(fit, votes, every, np.ones(len(votes)), draws=0, seed=0).meat
        self.covariance = inverse @ meat @ inverse

    def variance(self, size: int) -> FloatArray:
        return np.diag(self.covariance)[:size]

    def add(self, score: FloatArray, inverse: FloatArray, change: "_Change") -> None:
        change.apply(self.covariance, (inverse @ score)[:, None], (1.0,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """How a vote changes the inverse: A' = A - B C B' with B = A U, U the vote's parameters."""

    place: tuple[int, int, int]
    """Index of model A, of model B, and of the first parameter of the outcome model."""
    into: FloatArray
    """(P, r) B."""
    shrink: FloatArray
    """(r, r) C."""

    def apply(self, covariance: FloatArray, moves: FloatArray, signs: tuple[float, ...]) -> None:
        """V = A M A becomes A' (M + outer products) A', by one product of narrow matrices; A M B = V U.

        Args:
            covariance: (P, P) V, changed in place.
            moves: (P, s) A' times each vector whose outer product joins or leaves the meat.
            signs: 1 for those that join, -1 for those that leave.
        """
        a, b, size = self.place
        shrink, rank = self.shrink, len(self.shrink)
        across = np.concatenate([(covariance[:, a] - covariance[:, b])[:, None], covariance[:, size:]], axis=1)
        middle = shrink @ np.concatenate([(across[a] - across[b])[None, :], across[size:]]) @ shrink
        core = np.zeros((2 * rank + len(signs), 2 * rank + len(signs)))
        core[:rank, :rank] = (middle + middle.T) / 2
        core[:rank, rank : 2 * rank] = core[rank : 2 * rank, :rank] = -shrink
        core[2 * rank :, 2 * rank :] = np.diag(signs)
        wide = np.concatenate([self.into, across, moves], axis=1)
        covariance += (wide @ core) @ wide.T
