import numpy as np
import pytest
from oracles import CONTROLS, KINDS, comparisons, rich, vote_scores

from fairtrial.stats import fit, scores
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
