from dataclasses import replace

import numpy as np
import pytest
from oracles import CONTROLS, KINDS, comparisons, rich, vote_scores

from fairtrial.stats import Battles, Comparisons, fit, scores
from fairtrial.stats.scores import cluster_tables

PATHS = {
    "dense": (6_000_000, 12),
    "dense, clusters in blocks": (40, 0),
    "sparse": (1, 10_000),
    "sparse and dense": (40, 8),
}


def setting(kind, controls, *, weighted=False, single=False):
    votes = rich(5, weighted=weighted)
    table, ties = comparisons(kind, votes, controls=controls)
    found = fit(table, ties=ties)
    cluster = (
        np.arange(len(votes)) if single else np.where(votes.prompt < 9, votes.prompt, 9 + np.arange(len(votes)) // 6)
    )
    cluster = np.unique(cluster, return_inverse=True)[1].astype(np.int32)
    own = vote_scores(kind, votes, np.concatenate([found.theta, found.phi, found.beta]), controls)
    sums = np.zeros((cluster.max() + 1, own.shape[1]))
    np.add.at(sums, cluster, own)
    held = np.zeros((len(sums), 5))
    np.add.at(held, (cluster, votes.a), votes.vote_weights())
    np.add.at(held, (cluster, votes.b), votes.vote_weights())
    return found, table, cluster, sums, held


def tables_of(found, table, cluster, *, draws=0, seed=0):
    sizes = np.bincount(cluster, table.weight).astype(float)
    return cluster_tables(found, table, cluster, sizes, draws=draws, seed=seed)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("controls", [(), CONTROLS], ids=["bare", "controlled"])
@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
@pytest.mark.parametrize("single", [False, True], ids=["clusters", "votes"])
def test_every_way_of_summing_gives_the_same_tables(monkeypatch, path, kind, controls, weighted, single):
    found, table, cluster, sums, held = setting(kind, controls, weighted=weighted, single=single)
    for name, value in zip(("_TABLE", "_LIGHT"), PATHS[path], strict=True):
        monkeypatch.setattr(scores, name, value)
    ours = tables_of(found, table, cluster)
    meat = sums.T @ sums
    scale = np.sqrt(np.diag(meat))
    assert np.abs((ours.meat - meat) / scale[:, None] / scale).max() < 1e-9
    assert np.allclose(ours.votes, held.sum(axis=0), rtol=1e-7)
    assert np.allclose(ours.squares, (held**2).sum(axis=0), rtol=1e-6)
    assert (ours.appear == (held > 0).sum(axis=0)).all()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("single", [False, True], ids=["clusters", "votes"])
def test_over_all_signs_the_swings_spread_as_the_meat(monkeypatch, path, single):
    # A Hadamard matrix's columns are orthogonal signs: the mean over its rows is the expectation over all sign vectors.
    from scipy.linalg import hadamard

    found, table, cluster, sums, _ = setting("davidson", ("length",), single=single)
    signs, asked = hadamard(1024)[:, 1:].astype(float), {"column": 0, "row": 0}

    def deal(rng, draws, count):
        part = signs[asked["row"] : asked["row"] + draws, asked["column"] : asked["column"] + count]
        asked["row"] = (asked["row"] + draws) % 1024
        asked["column"] += count * (asked["row"] == 0)
        return part.copy()

    for name, value in zip(("_TABLE", "_LIGHT"), PATHS[path], strict=True):
        monkeypatch.setattr(scores, name, value)
    monkeypatch.setattr(scores, "_signs", deal)
    ours = tables_of(found, table, cluster, draws=1024)
    assert asked["row"] == 0
    assert asked["column"] == len(sums)
    assert np.allclose(ours.swings.T @ ours.swings / 1024, sums.T @ sums, rtol=1e-9, atol=1e-9)


def test_signs_are_fair_and_seeded():
    rng = np.random.default_rng(0)
    signs = scores._signs(rng, 200, 501)
    assert set(np.unique(signs).tolist()) == {-1.0, 1.0}
    assert abs(signs.mean()) < 5 / np.sqrt(signs.size)
    assert np.abs(np.corrcoef(signs[:, :40].T) - np.eye(40)).max() < 5 / np.sqrt(200)
    found, table, cluster, _, _ = setting("half", ())
    one, two, three = (tables_of(found, table, cluster, draws=7, seed=seed).swings for seed in (3, 3, 4))
    assert (one == two).all()
    assert not np.allclose(one, three)


def test_scores_are_kept_for_the_jackknife_in_the_clusters_order():
    found, table, cluster, sums, _ = setting("graded", CONTROLS)
    few = cluster % 30
    kept = tables_of(found, table, few.astype(np.int32)).scores
    want = np.array([sums[g::30].sum(axis=0) for g in range(30)])
    assert np.allclose(kept, want, rtol=1e-8, atol=1e-8)


def clustered_votes(alike, sizes, seed=3):
    """Four equal models; with probability `alike` a vote repeats what its cluster thinks of the pair."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, int(100 * alike)]))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    taste = rng.normal(0, 1, (len(sizes), 4))
    a = rng.integers(0, 4, len(cluster))
    b = (a + rng.integers(1, 4, len(cluster))) % 4
    own = taste[cluster, a] > taste[cluster, b]
    outcome = np.where(rng.random(len(cluster)) < alike, 2 * own, 2 * rng.integers(0, 2, len(cluster)))
    votes = Comparisons.of(Battles(names=tuple("abcd"), a=a, b=b, outcome=outcome))
    found = fit(votes)
    sizes = np.bincount(cluster).astype(float)
    return cluster_tables(found, votes, cluster.astype(np.int32), sizes, draws=0, seed=0)


HEAVY = np.maximum(400 / np.arange(1, 101) ** 0.8, 4).astype(int)


def test_independent_votes_have_no_correlation_and_count_by_size():
    tables = clustered_votes(0.0, HEAVY)
    assert tables.together() < 0.01
    by_size = tables.votes**2 / tables.squares
    assert np.allclose(tables.effective(), by_size, rtol=0.25)


def test_the_more_alike_a_raters_votes_are_the_fewer_raters_decide():
    # A peer's t quantile, where it has one, counts raters by their votes, however alike these are.
    loose, close = clustered_votes(0.2, HEAVY), clustered_votes(0.9, HEAVY)
    assert loose.together() < close.together()
    assert 0.2 < close.together() <= 1
    by_size = close.votes**2 / close.squares
    assert (close.effective() < 0.75 * by_size).all()
    assert (close.effective() > 1).all()


def test_equal_clusters_count_as_many_as_they_are_however_alike():
    for alike in (0.0, 0.9):
        tables = clustered_votes(alike, np.full(40, 200))
        assert np.allclose(tables.effective(), 40, rtol=0.03)


def test_the_unit_of_weights_changes_no_degree_of_freedom():
    found, table, cluster, _, _ = setting("davidson", (), weighted=True)
    one = tables_of(found, table, cluster).effective()
    other = replace(table, weight=1e6 * table.weight)
    assert np.allclose(one, tables_of(fit(other, ties="davidson"), other, cluster).effective(), rtol=1e-6)
