import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from oracles import CONTROLS, KINDS, best, comparisons, information, pinned_inverse, rich, vote_scores
from vote_tables import columns, duel, joined

from fairtrial.stats import Battles, Comparisons, fit, jackknife, sandwich
from fairtrial.stats.jackknife import jackknife as moves_without
from fairtrial.stats.jackknife import resting_on_one
from fairtrial.stats.sandwich import clustered_covariance


def setting(kind, controls, votes, groups):
    table, ties = comparisons(kind, votes, controls=controls)
    found = fit(table, ties=ties)
    point = np.concatenate([found.theta, found.phi, found.beta])
    own = vote_scores(kind, votes, point, controls)
    scores = np.array([own[groups == g].sum(axis=0) for g in range(groups.max() + 1)])
    return found, table, point, scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("controls", [(), CONTROLS], ids=["bare", "controlled"])
@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
def test_moves_are_one_newton_step_without_the_cluster(monkeypatch, kind, controls, weighted):
    votes = rich(11, weighted=weighted, prompts=9)
    found, table, point, scores = setting(kind, controls, votes, votes.prompt)
    monkeypatch.setattr(jackknife, "_TABLE", 300)  # a few clusters at a time
    moves, hanging, loose = moves_without(found, table, votes.prompt, scores)
    assert not hanging.any()
    assert not loose.any()
    for g in range(9):
        rest = votes.take(votes.prompt != g)
        step = pinned_inverse(information(kind, rest, point, controls), 5) @ scores[g]
        for move in (step, moves[g]):
            move[:5] -= move[:5].mean()
        assert np.allclose(moves[g], step, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("controls", [(), ("length", "position")], ids=["bare", "controlled"])
def test_moves_are_nearly_those_of_refits(kind, controls):
    votes = rich(12, votes=800, prompts=12)
    found, table, point, scores = setting(kind, controls, votes, votes.prompt)
    moves = moves_without(found, table, votes.prompt, scores)[0]
    refits = np.array([best(kind, votes.take(votes.prompt != g), controls) for g in range(12)]) - point
    moves[:, :5] -= moves[:, :5].mean(axis=1, keepdims=True)
    ours, theirs = (table.T @ table for table in (moves, refits))
    scale = np.sqrt(np.diag(theirs))
    assert np.abs((ours - theirs) / scale[:, None] / scale).max() < 0.1


def test_models_behind_a_single_cluster_hang():
    one = joined(duel("model_a", "model_b", "tie"), duel("model_a", "model_b", "tie", a="b", b="c"))
    table = Comparisons.of(Battles.from_columns(one).decided())
    found = fit(table)
    groups = np.array([0, 1, 2, 3, 3, 3])
    scores = np.zeros((4, 4))
    hanging = moves_without(found, table, groups, scores)[1]
    assert hanging.tolist() == [False, False, True]


@pytest.mark.parametrize("unit", [1e-5, 1.0, 1e5])
def test_a_covariate_that_varies_in_a_single_cluster_is_loose(unit):
    # Beyond what the models fix: left out that cluster, the rest says nothing about its effect.
    votes = rich(13)
    level = np.array([1.0, 2.0, -1.0, 0.3, 0.0])
    fixed = level[votes.a] - level[votes.b]
    for steady in (0 * fixed, fixed):
        x = unit * (steady + np.where(votes.prompt == 3, votes.features["length"], 0.0))
        other = replace(votes, features=votes.features | {"x": x})
        found, table, _, scores = setting("davidson", ("length", "x"), other, votes.prompt)
        assert moves_without(found, table, votes.prompt, scores)[2].tolist() == [False, True]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("table", [300, 2_000_000])
def test_what_hangs_is_what_leaving_a_cluster_out_cuts_off(monkeypatch, weighted, table):
    from scipy.sparse.csgraph import connected_components

    monkeypatch.setattr(jackknife, "_TABLE", table)
    found = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        size, votes = 7, 21
        ring = np.arange(votes) % size  # sparse: each model meets its neighbours, a few meet others
        a, b = ring, (ring + rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 3], votes)) % size
        groups = np.where(rng.random(votes) < 0.95, ring // 2, rng.integers(0, 5, votes))
        groups = np.unique(groups, return_inverse=True)[1]
        weight = rng.uniform(0.5, 2, votes) if weighted else None
        own = Battles(names=tuple("abcdefg"), a=a, b=b, outcome=rng.integers(0, 3, votes), weight=weight)
        want = np.zeros(size, dtype=bool)
        for g in range(groups.max() + 1):
            links = np.zeros((size, size))
            links[a[groups != g], b[groups != g]] = 1
            part = connected_components(links, directed=False)[1]
            want |= part != np.bincount(part).argmax()
        hangs = resting_on_one(Comparisons.of(own), groups, groups.max() + 1)
        assert hangs.tolist() == want.tolist()
        found.add(int(want.sum()))
    assert found >= {0, 1, 2}


def test_memory_does_not_grow_with_the_number_of_clusters(monkeypatch):
    # A (K, K) table for each of 300 clusters of 150 models would be 54 MB.
    monkeypatch.setattr(jackknife, "_TABLE", 100_000)
    votes = rich(15, size=150, votes=6000, prompts=300)
    found = fit(Comparisons.of(votes))
    scores = np.zeros((300, len(found.information)))
    tracemalloc.start()
    moves_without(found, Comparisons.of(votes), votes.prompt, scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15e6


def test_many_models_and_clusters_are_worked_out_without_the_jackknife_and_say_so(monkeypatch):
    votes = rich(16, votes=4000, prompts=100)
    table = Comparisons.of(votes)
    found = fit(table)
    exact = clustered_covariance(found, table, votes.prompt)
    monkeypatch.setattr(sandwich, "EXACT_WORK", 1000)
    quick = clustered_covariance(found, table, votes.prompt)
    assert (exact.method, quick.method) == ("CR3", "CR0")
    assert np.sqrt(np.diag(quick.covariance)) == pytest.approx(np.sqrt(np.diag(exact.covariance)), rel=0.05)
    few = clustered_covariance(found, table, votes.prompt // 2)
    assert few.method == "CR3"  # with few clusters at any cost
    # Two models whose only way to the others is one cluster hang whichever way it is worked out.
    pair = joined(duel("model_a", "model_b", a="x", b="y"), duel("model_a", "model_b", a="x", b="m0"))
    start = joined(columns(votes=900), joined(pair, pair))
    start["question_id"][:900] = [f"p{k % 98}" for k in range(900)]
    start["question_id"][900:] = ["one", "two", "one", "one"] * 2
    both = Battles.from_columns(start)
    quick = clustered_covariance(fit(Comparisons.of(both)), Comparisons.of(both), both.prompt)
    assert (quick.method, quick.clusters) == ("CR0", 100)
    assert [name for name, hangs in zip(both.names, quick.hanging, strict=True) if hangs] == ["x", "y"]
