from dataclasses import replace

import numpy as np
import pytest
from oracles import CONTROLS, KINDS, best, comparisons, information, pinned_inverse, rich, vote_scores
from vote_tables import duel, joined

from fairtrial.stats import Battles, Comparisons, fit, jackknife
from fairtrial.stats.jackknife import jackknife as moves_without


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
