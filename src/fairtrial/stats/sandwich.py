"""Uncertainty of strengths when raters and prompts are samples. Read `uncertainty` first, then `clustered_covariance`.

Votes of one rater, or on one prompt, stand and fall together, so a cluster, not a vote, is the unit of sampling. With H
the information and s_g the score of cluster g: CR0 is H^-1 (sum s_g s_g') H^-1 (Liang & Zeger 1986, Biometrika 73); CR3
is the jackknife over clusters, d_g = (H - H_g)^-1 s_g (Bell & McCaffrey 2002, Survey Methodology 28; MacKinnon, Nielsen
& Webb 2023, Journal of Econometrics 232), which few clusters need. Two ways of clustering at once follow Cameron,
Gelbach & Miller (2011, JBES 29) where clusters are many; where they are few, the two variances are added, which cannot
understate (Davezies, D'Haultfoeuille & Guyonvarch 2021, Annals of Statistics 49, on why subtraction can).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fairtrial.stats._arrays import BoolArray, FloatArray, IntArray, tally
from fairtrial.stats.bradley_terry import BradleyTerry, solve_pinned
from fairtrial.stats.comparisons import Comparisons
from fairtrial.stats.jackknife import jackknife, resting_on_one
from fairtrial.stats.scores import cluster_tables

EXACT_UP_TO = 500
"""Most clusters for which each one's removal is worked out (CR3); above that CR0 x G / (G - 1) agrees closely."""
EXACT_WORK = 3e11
"""Most work, G clusters times P^3 parameters, for which it is: about ten seconds (P = 1000: 300 clusters)."""
ALWAYS_EXACT = 60
"""Clusters up to which it is at any cost: with few clusters CR0 understates."""
FEW = 30
"""Effective clusters below which two-way variances are added rather than subtracted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """Covariance of K centred strengths, in squared natural log units."""

    covariance: FloatArray
    """(K, K)."""
    beta: FloatArray
    """(m, m) covariance of the covariates' effects."""
    guard: FloatArray
    """(K + m,) variance that the covariances hold beside what was observed (see `clustered_covariance`)."""
    method: Literal["CR3", "CR0"]
    clusters: int
    """Number of clusters G."""
    effective: float
    """(sum n_g)^2 / sum n_g^2 for cluster sizes n_g: how many equal clusters would weigh as much."""
    effective_by_model: FloatArray
    """(K,) the same for each model, by its own votes and how alike they are (`ClusterTables.effective`)."""
    clusters_by_model: IntArray
    """(K,) clusters in which each model appears."""
    largest_share: float
    """Share of all votes that the largest cluster holds."""
    hanging: BoolArray
    """(K,) models whose place rests on a single cluster: without it they are not connected; no interval is possible."""
    loose: BoolArray
    """(m,) covariates whose effect rests on a single cluster."""
    draws: FloatArray | None
    """(B, K) centred strengths' moves under random cluster weights: the multiplier bootstrap; None without draws."""

    @property
    def df(self) -> FloatArray:
        """(K, K) degrees of freedom of each difference: the smaller effective number of clusters - 1, at least 1."""
        smaller = np.minimum(self.effective_by_model[:, None], self.effective_by_model[None, :])
        return np.asarray(np.maximum(smaller - 1, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What the clusters of one or two kinds say together."""

    covariance: FloatArray
    """(K, K) of centred strengths, squared natural log units."""
    beta: FloatArray
    """(m, m)."""
    df: FloatArray
    """(K, K) degrees of freedom of each difference."""
    beta_df: float
    hanging: BoolArray
    """(K,) no interval is possible."""
    loose: BoolArray
    """(m,) covariates whose effect rests on a single cluster: no interval is possible."""
    clusters_by_model: IntArray
    """(K,) the smaller number of clusters in which each model appears."""
    ways: Mapping[str, Clustered]
    combined: Literal["one way", "sum", "subtraction"]


def effective_number(sizes: FloatArray) -> float:
    """(sum n)^2 / sum n^2: the number of equal clusters that weigh as much as these; 0 for none."""
    total = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / total if total > 0 else 0.0


def uncertainty(
    fit: BradleyTerry, votes: Comparisons, clusters: Mapping[str, IntArray], *, draws: int = 0, seed: int = 0
) -> Uncertainty:
    """Covariance of the strengths with every named kind of cluster taken as a sample.

    One kind: its cluster-robust covariance. Two: their sum while the smaller effective number is below `FEW`, else less
    that of the votes' common clusters, negative eigenvalues set to 0.

    Args:
        fit: Estimate of K strongly connected models from these votes.
        votes: The votes.
        clusters: ``rater``, ``prompt`` … to (N,) codes; one or two of them.
        draws: Multiplier-bootstrap draws for each kind of cluster.
        seed: Seed of the draws.
    """
    ways = {name: clustered_covariance(fit, votes, code, draws=draws, seed=seed) for name, code in clusters.items()}
    found = list(ways.values())
    hanging = _all_but_one(np.any([one.hanging for one in found], axis=0))
    size = len(hanging)
    guard = np.sum([one.guard for one in found], axis=0)
    own, effects = np.diag(guard[:size]), np.diag(guard[size:])
    observed = _centred(np.sum([one.covariance for one in found], axis=0) - own, hanging)
    beta = np.sum([one.beta for one in found], axis=0) - effects
    combined: Literal["one way", "sum", "subtraction"] = "one way" if len(found) == 1 else "sum"
    if len(found) == 2 and min(one.effective for one in found) >= FEW:
        first, second = clusters.values()
        joint = first.astype(np.int64) * (int(second.max()) + 1) + second
        both = clustered_covariance(fit, votes, joint, guarded=False)
        observed, beta = _clipped(observed - _centred(both.covariance, hanging)), _clipped(beta - both.beta)
        combined = "subtraction"
    covariance, beta = observed + own, beta + effects  # the guard stays when all else cancels
    smallest = min(found, key=lambda one: one.effective)
    return Uncertainty(
        covariance=covariance,
        beta=beta,
        df=np.min([one.df for one in found], axis=0),
        beta_df=max(smallest.effective - 1, 1.0),
        hanging=hanging,
        loose=np.any([one.loose for one in found], axis=0),
        clusters_by_model=np.min([one.clusters_by_model for one in found], axis=0),
        ways=ways,
        combined=combined,
    )


def _all_but_one(hanging: BoolArray) -> BoolArray:
    """All of them where a single model does not hang: it would have nothing to be compared with."""
    return np.ones_like(hanging) if np.count_nonzero(~hanging) == 1 else hanging


def _clipped(matrix: FloatArray) -> FloatArray:
    if not matrix.size:
        return matrix
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def clustered_covariance(
    fit: BradleyTerry,
    votes: Comparisons,
    cluster: IntArray,
    *,
    guarded: bool = True,
    draws: int = 0,
    seed: int = 0,
) -> Clustered:
    """Cluster-robust covariance of the strengths, guarded against too few disagreements.

    The guard adds to each model's variance what two more clusters would, one in which it does better than expected and
    one in which it does worse: the ratings' form of the two pseudo-items of `paired.py`. It keeps an interval from
    vanishing when the clusters happen to agree, and is of smaller order (1 / G^2) otherwise.

    Args:
        fit: Estimate of K strongly connected models from these votes.
        votes: Votes over the same K models.
        cluster: (N,) cluster codes.
        guarded: Whether to add the guard.
        draws: Multiplier-bootstrap draws: each cluster's score counts +1 or -1 times (Kline & Santos 2012, JoE).
        seed: Seed of the draws.
    """
    size = len(votes.names)
    cluster, sizes = _compact(cluster, votes.weight)
    count = len(sizes)
    exact = count <= EXACT_UP_TO and (count <= ALWAYS_EXACT or count * len(fit.information) ** 3 <= EXACT_WORK)
    tables = cluster_tables(fit, votes, cluster, sizes, draws=draws, seed=seed)
    hanging = tables.appear <= 1
    loose = np.array([_in_one_cluster(cluster, values) for values in votes.covariates.values()], dtype=bool)
    if exact:
        moves, cut_off, undone = jackknife(fit, votes, cluster, tables.scores)
        hanging |= cut_off
        loose |= undone
        full = (count - 1) / count * moves.T @ moves
    else:
        if count <= EXACT_UP_TO:
            hanging |= resting_on_one(votes, cluster, count)
        half = solve_pinned(fit.information, tables.meat, size)
        full = count / max(count - 1, 1) * solve_pinned(fit.information, np.ascontiguousarray(half.T), size)
    hanging = _all_but_one(hanging)
    covariance, beta = _centred(full[:size, :size], hanging), full[size + len(fit.phi) :, size + len(fit.phi) :]
    guard = np.zeros(size + len(beta))
    if guarded:
        guard = np.append(_guard(fit, votes, tables.appear, hanging), _effects_guard(fit, votes, cluster))
        covariance, beta = covariance + np.diag(guard[:size]), beta + np.diag(guard[size:])
    moved = None
    if draws:
        swung = solve_pinned(fit.information, tables.swings.T, size).T[:, :size]
        moved = swung - (swung[:, ~hanging].mean(axis=1, keepdims=True) if not hanging.all() else 0.0)
    return Clustered(
        covariance=covariance,
        beta=beta,
        guard=guard,
        method="CR3" if exact else "CR0",
        clusters=count,
        effective=effective_number(sizes),
        effective_by_model=tables.effective(),
        clusters_by_model=tables.appear,
        largest_share=float(sizes.max() / sizes.sum()),
        hanging=hanging,
        loose=loose,
        draws=moved,
    )


def _compact(cluster: IntArray, weight: FloatArray | None) -> tuple[IntArray, FloatArray]:
    """Codes 0 … G - 1 without gaps, and the weight of each cluster."""
    if len(cluster) and int(cluster.max()) > 4 * len(cluster) + 1000:
        cluster = np.unique(cluster, return_inverse=True)[1]
    held = np.bincount(cluster)
    if not (held > 0).all():
        turn = np.cumsum(held > 0, dtype=np.int32) - 1
        cluster, held = turn[cluster], held[held > 0]
    sizes = held.astype(np.float64) if weight is None else tally(cluster, weight, len(held))
    return cluster.astype(np.int32, copy=False), sizes


def _centred(covariance: FloatArray, hanging: BoolArray) -> FloatArray:
    """Covariance of strengths less the mean of those that do not hang on one cluster."""
    keep = ~hanging
    if not keep.any():
        return covariance
    rows = covariance - covariance[keep].mean(axis=0)
    return np.asarray(rows - rows[:, keep].mean(axis=1, keepdims=True))


def _in_one_cluster(cluster: IntArray, values: Any) -> bool:
    held = cluster[np.asarray(values) != 0]
    return bool((held == held[:1]).all())


def _guard(fit: BradleyTerry, votes: Comparisons, appear: IntArray, hanging: BoolArray) -> FloatArray:
    """(K,) variance added to each strength (see `clustered_covariance`).

    A vote that is all surprise moves strength i by about its model-based variance r_i = Var(theta_i - w'theta) /
    (1 - w_i), w being each model's share of information, so that a newcomer's ignorance is not everyone's. A
    pseudo-cluster moves it as far as the n_i / G_i votes of a typical cluster would by chance, r_i sqrt(n_i / G_i). For
    two models and one vote a prompt this is the variance that two pseudo-items add. Weighted votes move it by their
    weight: n_i is then the sum of their squares.
    """
    size = len(votes.names)
    inverse = solve_pinned(fit.information, np.eye(len(fit.information), size), size)[:size]
    own = np.diag(fit.information)[:size] * (~hanging | hanging.all())
    share = own / own.sum()
    toward = inverse @ share
    variance = np.diag(inverse) - 2 * toward + share @ toward
    squares = None if votes.weight is None else votes.weight**2
    held = tally(votes.a, squares, size) + tally(votes.b, squares, size)
    return np.asarray(held / np.maximum(appear, 1) * (variance / (1 - share)) ** 2)


def _effects_guard(fit: BradleyTerry, votes: Comparisons, cluster: IntArray) -> FloatArray:
    """(m,) the same for the covariates' effects: a surprising vote moves one by its covariate times its variance."""
    size, found = len(votes.names), []
    first, count = size + len(fit.phi), int(cluster.max(initial=-1)) + 1
    right = np.eye(len(fit.information))[:, first:]
    variance = np.diag(solve_pinned(fit.information, right, size)[first:])
    for own, values in zip(variance, votes.covariates.values(), strict=True):
        x = np.asarray(values, dtype=np.float64)
        groups = count if x.all() else np.count_nonzero(np.bincount(cluster[x != 0]))
        squares = np.square(x if votes.weight is None else x * votes.weight).sum()
        found.append(squares / max(groups, 1) * own**2)
    return np.array(found)
