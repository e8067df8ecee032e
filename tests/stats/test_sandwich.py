import numpy as np
import pytest
import statsmodels.api as sm
from vote_tables import battles, duel, joined

from fairtrial.stats import Battles, Comparisons, effective_number, fit_bradley_terry, jackknife, sandwich
from fairtrial.stats import clustered_covariance as of_comparisons


def clustered_covariance(fit, votes, cluster, **how):
    return of_comparisons(fit, Comparisons.of(votes.decided()), cluster, **how)


def gaps(covariance):
    own = np.diag(covariance)
    return own[:, None] + own[None, :] - 2 * covariance


def test_cr0_agrees_with_statsmodels(monkeypatch):
    votes = battles(5, votes=900, prompts=50)
    votes = votes.take(votes.outcome != 1)
    design = np.zeros((len(votes), 4))
    design[np.arange(len(votes)), votes.a] = 1
    design[np.arange(len(votes)), votes.b] = -1
    model = sm.GLM(votes.outcome / 2, design[:, 1:], family=sm.families.Binomial())
    groups = {"groups": votes.prompt, "use_correction": False}
    theirs = model.fit(tol=1e-14, cov_type="cluster", cov_kwds=groups).cov_params()
    monkeypatch.setattr(sandwich, "EXACT_UP_TO", 0)
    fit = fit_bradley_terry(votes.cells())
    found = clustered_covariance(fit, votes, votes.prompt, guarded=False)
    ours = gaps(found.covariance) * (found.clusters - 1) / found.clusters
    assert found.method == "CR0"
    assert np.allclose(ours[0, 1:], np.diag(theirs), rtol=1e-8)  # model 0 is their reference


def test_cr3_is_the_jackknife_over_prompts():
    votes = battles(6, votes=900, prompts=25)
    fit = fit_bradley_terry(votes.cells())
    found = clustered_covariance(fit, votes, votes.prompt, guarded=False)
    left_out = np.array([fit_bradley_terry(votes.take(votes.prompt != g).cells()).theta for g in range(25)])
    moves = left_out - fit.theta
    jackknife = 24 / 25 * moves.T @ moves
    ours = found.covariance
    assert found.method == "CR3"
    assert np.allclose(gaps(ours)[np.triu_indices(4, 1)], gaps(jackknife)[np.triu_indices(4, 1)], rtol=0.05)


def test_repeating_every_vote_within_its_prompt_adds_no_certainty():
    # Votes taken as independent would shrink every interval by the square root of five.
    one = battles(7, votes=300, prompts=40)
    five = one.take(np.ones(len(one), dtype=bool))
    five = Battles(
        names=one.names,
        a=np.tile(one.a, 5),
        b=np.tile(one.b, 5),
        outcome=np.tile(one.outcome, 5),
        prompt=np.tile(one.prompt, 5),
    )
    fit, again = fit_bradley_terry(one.cells()), fit_bradley_terry(five.cells())
    assert np.allclose(fit.theta, again.theta)
    once = clustered_covariance(fit, one, one.prompt, guarded=False).covariance
    often = clustered_covariance(again, five, five.prompt, guarded=False).covariance
    assert np.allclose(once, often, atol=1e-10)


def test_new_prompts_with_the_same_votes_do():
    one = battles(7, votes=300, prompts=40)
    twice = Battles(
        names=one.names,
        a=np.tile(one.a, 2),
        b=np.tile(one.b, 2),
        outcome=np.tile(one.outcome, 2),
        prompt=np.concatenate([one.prompt, one.prompt + 40]),
    )
    fit = fit_bradley_terry(one.cells())
    once = gaps(clustered_covariance(fit, one, one.prompt).covariance)[0, 1]
    more = gaps(clustered_covariance(fit_bradley_terry(twice.cells()), twice, twice.prompt).covariance)[0, 1]
    assert 0.4 < more / once < 0.55


def test_an_interval_never_vanishes_when_every_prompt_splits_evenly():
    # Each prompt one win either way, as from a judge that always prefers the first answer: no prompt varies at all.
    table = joined(duel(*["model_a"] * 30), duel(*["model_b"] * 30))
    votes = Battles.from_columns(table)
    fit = fit_bradley_terry(votes.cells())
    found = clustered_covariance(fit, votes, votes.prompt)
    assert np.abs(clustered_covariance(fit, votes, votes.prompt, guarded=False).covariance).max() < 1e-12
    assert gaps(found.covariance)[0, 1] > 0.001


def test_a_model_that_one_prompt_links_is_hanging():
    table = battles(8, votes=200, prompts=20)
    votes = Battles(
        names=(*table.names, "new"),
        a=np.append(table.a, [4, 4]),
        b=np.append(table.b, [0, 1]),
        outcome=np.append(table.outcome, [2, 0]),
        prompt=np.append(table.prompt, [3, 3]),
    )
    found = clustered_covariance(fit_bradley_terry(votes.cells()), votes, votes.prompt)
    assert found.hanging.tolist() == [False] * 4 + [True]
    kept = clustered_covariance(fit_bradley_terry(table.cells()), table, table.prompt)
    assert np.allclose(gaps(found.covariance)[:4, :4], gaps(kept.covariance), rtol=0.15)


def test_a_bridge_of_one_prompt_leaves_the_smaller_side_hanging():
    left, right = battles(9, votes=200, prompts=20), battles(10, theta=(0.3, -0.3), votes=60, prompts=20)
    votes = Battles(
        names=tuple("abcdef"),
        a=np.concatenate([left.a, right.a + 4, [0, 0]]),
        b=np.concatenate([left.b, right.b + 4, [4, 4]]),
        outcome=np.concatenate([left.outcome, right.outcome, [0, 2]]),
        prompt=np.concatenate([left.prompt, right.prompt + 20, [99, 99]]),
    )
    found = clustered_covariance(fit_bradley_terry(votes.cells()), votes, votes.prompt)
    assert found.hanging.tolist() == [False] * 4 + [True] * 2


def test_small_blocks_of_clusters_give_the_same_result(monkeypatch):
    votes = battles(11, votes=500, prompts=40)
    fit = fit_bradley_terry(votes.cells())
    whole = clustered_covariance(fit, votes, votes.prompt).covariance
    monkeypatch.setattr(jackknife, "_TABLE", 75)
    assert np.allclose(clustered_covariance(fit, votes, votes.prompt).covariance, whole, rtol=1e-10)


def test_effective_numbers():
    assert effective_number(np.array([3.0, 3.0, 3.0])) == pytest.approx(3)
    assert effective_number(np.array([100.0, 1.0, 1.0])) == pytest.approx(1.04, abs=0.01)
    assert effective_number(np.zeros(0)) == 0
