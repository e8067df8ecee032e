"""Sums of votes' scores by cluster: the meat of the sandwich. Read `cluster_tables` first.

A vote's score is the derivative of its log-chance by all P parameters; it touches two strengths, the outcome model's
own parameters and the covariates' effects. Large clusters are summed in dense tables, one block of clusters at a time,
so that their outer products are one matrix product; small ones touch few models and stay sparse.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from fairtrial.stats._arrays import FloatArray, IntArray, tally
from fairtrial.stats.bradley_terry import BradleyTerry
from fairtrial.stats.comparisons import Comparisons

_TABLE = 6_000_000
"""Most numbers in one dense table."""
_LIGHT = 12
"""Votes up to which a cluster is summed sparsely when there are many clusters."""
_CACHED = 60_000
"""Numbers of a table that stay in the processor's cache."""
_KEPT = 500
"""Most clusters whose scores are kept."""


@dataclass(slots=True, kw_only=True)
class ClusterTables:
    """Sums over G clusters; P = K strengths, own parameters, covariates."""

    meat: FloatArray
    """(P, P) sum over clusters of score times score'."""
    votes: FloatArray
    """(K,) weight of each model's votes."""
    squares: FloatArray
    """(K,) sum over clusters of the squared weight of each model's votes there."""
    cubes: FloatArray
    """(K,) the same of third powers."""
    fourths: FloatArray
    appear: IntArray
    """(K,) clusters in which each model appears."""
    swings: FloatArray
    """(B, P) scores summed with random signs, one for each cluster and draw."""
    scores: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    """(G, P) the clusters' scores, where they are few enough to keep."""
    alone: float = 0.0
    """Sum over votes of their squared scores of strengths: what the meat's trace would be, were votes independent."""
    square_weights: float = 0.0
    """Sum over votes, on both their models, of squared weights."""

    def count_alone(self, found: "VoteScores") -> None:
        """Add votes to the sums that take each as a cluster of its own."""
        self.alone += 2 * float(found.strength @ found.strength)
        self.square_weights += 2 * (len(found.a) if found.weight is None else float(found.weight @ found.weight))

    def together(self) -> float:
        """Intraclass correlation: how much alike votes on one model within a cluster are, 0 … 1, from the scores.

        Were votes independent, clusters' squared scores would add up to the votes' own; whatever exceeds that is
        correlation within clusters, spread over the pairs of votes on one model there.
        """
        excess = float(self.squares.sum()) / self.square_weights - 1
        if not (self.alone > 0 and excess > 1e-9):
            return 0.0
        ratio = float(np.trace(self.meat[: len(self.votes), : len(self.votes)])) / self.alone
        return min(max((ratio - 1) / excess, 0.0), 1.0)

    def effective(self) -> FloatArray:
        """(K,) effective number of each model's clusters, which less one is the degrees of freedom.

        By size a model's clusters weigh as much as (sum n)^2 / sum n^2 equal ones. By what they contribute to the
        variance, V = n (1 + (n - 1) rho), it is (sum V)^2 / sum V^2 (Satterthwaite 1946, Biometrics Bulletin 2; Carter,
        Schnepel & Steigerwald 2017, Review of Economics and Statistics 99): the more alike one rater's votes are, the
        more a few busy raters decide. The first is too many in the tails, the second too few for a jackknife, whose
        variance errs upwards; their geometric mean less one holds its level in simulation (`benchmarks/coverage.py`).
        """
        rho, unit = self.together(), self.square_weights / max(float(self.votes.sum()), 1e-300)
        n, n2, n3, n4 = (m / unit**k for k, m in enumerate((self.votes, self.squares, self.cubes, self.fourths), 1))
        total = (1 - rho) * n + rho * n2
        squared = (1 - rho) ** 2 * n2 + 2 * rho * (1 - rho) * n3 + rho**2 * n4
        by_size = np.divide(n**2, n2, out=np.zeros(len(n)), where=n2 > 0)
        by_variance = np.divide(total**2, squared, out=np.zeros(len(n)), where=squared > 0)
        return np.asarray(1 + np.sqrt(np.maximum(by_size - 1, 0) * np.maximum(by_variance - 1, 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteScores:
    """Scores of n votes, weighted."""

    a: IntArray
    b: IntArray
    strength: FloatArray
    """(n,) derivative by theta_a, minus that by theta_b."""
    rest: FloatArray
    """(q + m, n) derivatives by the outcome model's own parameters and the covariates' effects."""
    weight: FloatArray | None


def vote_scores(fit: BradleyTerry, votes: Comparisons) -> Iterator[tuple[slice, VoteScores]]:
    """Scores of all votes at the estimate, block by block with their places."""
    start = 0
    for rows in votes.blocks():
        at = rows.at(fit.model, fit.gap, fit.beta, fit.phi)
        strength = rows.sum(at.slope())
        rest = [rows.sum(one)[None, :] for one in at.own_slope()]
        if rows.x is not None:
            rest.append(rows.x * strength)
        part = slice(start, start + len(rows.a))
        table = np.concatenate(rest) if rest else np.zeros((0, len(rows.a)))
        yield part, VoteScores(a=rows.a, b=rows.b, strength=strength, rest=table, weight=rows.weight)
        start = part.stop


def cluster_tables(
    fit: BradleyTerry, votes: Comparisons, cluster: IntArray, sizes: FloatArray, *, draws: int, seed: int
) -> ClusterTables:
    """Everything a cluster-robust covariance needs, in one pass over the votes for each table.

    Args:
        fit: Estimate.
        votes: N votes.
        cluster: (N,) codes 0 … G - 1, each used.
        sizes: (G,) weight of each cluster.
        draws: Number of random sign vectors B.
        seed: Their seed.
    """
    size, width, count = len(votes.names), len(fit.information), len(sizes)
    tables = ClusterTables(
        meat=np.zeros((width, width)),
        votes=np.zeros(size),
        squares=np.zeros(size),
        cubes=np.zeros(size),
        fourths=np.zeros(size),
        appear=np.zeros(size, dtype=np.int64),
        swings=np.zeros((draws, width)),
    )
    votes_of = np.bincount(cluster, minlength=count)
    light = votes_of <= (_LIGHT if count * width > _TABLE else 0)
    single = light & (votes_of == 1)
    signs = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    step = max(1, _TABLE // width)
    heavy = np.flatnonzero(~light)
    for start in range(0, len(heavy), step):
        members = heavy[start : start + step]
        part, code = _members(votes, cluster, members, count)
        _add_dense(tables, fit, part, code, len(members), draws, signs)
    if single.any():
        _add_single(tables, fit, votes.part(single[cluster]), draws, signs)
    if (light & ~single).any():
        members = np.flatnonzero(light & ~single)
        part, code = _members(votes, cluster, members, count)
        _add_sparse(tables, fit, part, code, len(members), draws, signs)
    return tables


def _members(votes: Comparisons, cluster: IntArray, members: IntArray, count: int) -> tuple[Comparisons, IntArray]:
    """The votes of some clusters, numbered anew."""
    if len(members) == count:
        return votes, cluster
    turn = np.full(count, -1, dtype=np.int32)
    turn[members] = np.arange(len(members), dtype=np.int32)
    code = turn[cluster]
    keep = np.flatnonzero(code >= 0)
    return votes.part(keep), code[keep]


def _signs(rng: np.random.Generator, draws: int, count: int) -> FloatArray:
    bits = np.frombuffer(rng.bytes((draws * count + 7) // 8), dtype=np.uint8)
    return np.asarray(np.unpackbits(bits, count=draws * count).reshape(draws, count) * 2.0 - 1.0)


def _add_dense(
    tables: ClusterTables,
    fit: BradleyTerry,
    votes: Comparisons,
    code: IntArray,
    count: int,
    draws: int,
    rng: np.random.Generator,
) -> None:
    size, width = len(votes.names), len(fit.information)
    scores = np.zeros(count * width)
    held = np.zeros(count * size)
    for part, found in vote_scores(fit, votes):
        tables.count_alone(found)
        group = code[part].astype(np.int64)
        base, row = group * width, group * size
        one = 1.0 if found.weight is None else found.weight
        np.add.at(scores, base + found.a, found.strength)
        np.subtract.at(scores, base + found.b, found.strength)
        np.add.at(held, row + found.a, one)
        np.add.at(held, row + found.b, one)
        for k, line in enumerate(found.rest):
            np.add.at(scores, base + (size + k), line)
    table = scores.reshape(count, width)
    tables.meat += table.T @ table
    for start in range(0, count, _CACHED // size + 1):  # all four moments while the rows are in the cache
        one = held.reshape(count, size)[start : start + _CACHED // size + 1]
        two = one * one
        tables.appear += np.count_nonzero(one, axis=0)
        tables.votes += one.sum(axis=0)
        tables.squares += two.sum(axis=0)
        tables.cubes += np.einsum("gk,gk->k", two, one)
        tables.fourths += np.einsum("gk,gk->k", two, two)
    if draws:
        tables.swings += _signs(rng, draws, count) @ table
    if count <= _KEPT:
        tables.scores = table


def _add_single(
    tables: ClusterTables, fit: BradleyTerry, votes: Comparisons, draws: int, rng: np.random.Generator
) -> None:
    """Every vote is its own cluster: outer products fall on pairs of models."""
    size = len(votes.names)
    pairs = np.zeros(size * size)
    rest = slice(size, None)
    for _, found in vote_scores(fit, votes):
        tables.count_alone(found)
        pairs += np.bincount(found.a * size + found.b, found.strength**2, size * size)
        for k, line in enumerate(found.rest):
            shared = line * found.strength
            split = np.bincount(found.a, shared, size) - np.bincount(found.b, shared, size)
            tables.meat[:size, size + k] += split
            tables.meat[size + k, :size] += split
        tables.meat[rest, rest] += found.rest @ found.rest.T
        for side in (found.a, found.b):
            met = np.bincount(side, minlength=size)
            tables.appear += met
            tables.votes += met if found.weight is None else np.bincount(side, found.weight, size)
            tables.squares += met if found.weight is None else np.bincount(side, found.weight**2, size)
            tables.cubes += met if found.weight is None else np.bincount(side, found.weight**3, size)
            tables.fourths += met if found.weight is None else np.bincount(side, found.weight**4, size)
        for start in range(0, draws, 50):  # a few draws at a time: there is a sign for every vote
            some = slice(start, min(start + 50, draws))
            swung = _signs(rng, some.stop - start, len(found.a))
            tables.swings[some, size:] += swung @ found.rest.T
            swung *= found.strength
            for row, line in enumerate(swung, start):
                tables.swings[row, :size] += np.bincount(found.a, line, size) - np.bincount(found.b, line, size)
    table = pairs.reshape(size, size)
    table = table + table.T
    tables.meat[:size, :size] += np.diag(table.sum(axis=1)) - table


def _add_sparse(
    tables: ClusterTables,
    fit: BradleyTerry,
    votes: Comparisons,
    code: IntArray,
    count: int,
    draws: int,
    rng: np.random.Generator,
) -> None:
    from scipy.sparse import csr_array

    size = len(votes.names)
    strength, rest = np.empty(len(votes)), np.zeros((len(fit.information) - size, count))
    for part, found in vote_scores(fit, votes):
        tables.count_alone(found)
        strength[part] = found.strength
        for k, line in enumerate(found.rest):
            rest[k] += tally(code[part], line, count)
    groups = np.concatenate([code, code])
    models = np.concatenate([votes.a, votes.b]).astype(np.int32)
    sparse = csr_array((np.concatenate([strength, -strength]), (groups, models)), shape=(count, size))
    tables.meat[:size, :size] += (sparse.T @ sparse).toarray()
    shared = sparse.T @ rest.T
    tables.meat[:size, size:] += shared
    tables.meat[size:, :size] += shared.T
    tables.meat[size:, size:] += rest @ rest.T
    one = np.ones(len(votes)) if votes.weight is None else votes.weight
    held = csr_array((np.concatenate([one, one]), (groups, models)), shape=(count, size))
    held.sum_duplicates()
    tables.votes += tally(held.indices, held.data, size)
    tables.squares += tally(held.indices, held.data**2, size)
    tables.cubes += tally(held.indices, held.data**3, size)
    tables.fourths += tally(held.indices, held.data**4, size)
    tables.appear += np.bincount(held.indices, minlength=size)
    for start in range(0, draws, 50):  # a few draws at a time: there may be a sign for every vote
        some = _signs(rng, min(50, draws - start), count)
        tables.swings[start : start + 50, :size] += (sparse.T @ some.T).T
        tables.swings[start : start + 50, size:] += some @ rest.T
