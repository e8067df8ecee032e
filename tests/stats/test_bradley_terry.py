import choix
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from vote_tables import battles, duel, joined

from fairtrial.core import BadInput
from fairtrial.stats import Battles, Comparisons, chances, fit, fit_bradley_terry

SCALE = 400 / np.log(10)
SEEDS = (1, 2, 3)


def table(seed):
    return battles(seed, theta=(0.9, 0.4, 0.1, -0.2, -1.2), votes=600)


@pytest.mark.parametrize("seed", SEEDS)
def test_half_wins_agree_with_choix(seed):
    cells = table(seed).cells()
    wins = cells[:, :, 2] + cells[:, :, 0].T + (cells[:, :, 1] + cells[:, :, 1].T) / 2
    theirs = choix.ilsr_pairwise_dense(wins, tol=1e-12)
    ours = fit_bradley_terry(cells, ties="half")
    assert SCALE * np.abs(ours.theta - (theirs - theirs.mean())).max() <= 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_without_ties_both_tie_models_agree_with_logistic_regression(seed):
    votes = table(seed)
    votes = votes.take(votes.outcome != 1)
    design = np.zeros((len(votes), 5))
    design[np.arange(len(votes)), votes.a] = 1
    design[np.arange(len(votes)), votes.b] = -1
    model = sm.GLM(votes.outcome / 2, design[:, 1:], family=sm.families.Binomial())
    theirs = np.append(0.0, model.fit(tol=1e-14).params)
    for ties in ("davidson", "half"):
        ours = fit_bradley_terry(votes.cells(), ties=ties)
        assert ours.log_nu is None
        assert SCALE * np.abs(ours.theta - (theirs - theirs.mean())).max() <= 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_davidson_agrees_with_a_general_optimiser(seed):
    votes = table(seed)

    def loss(point):  # written from the paper, vote by vote
        strength = np.exp(np.append(point[:4], -point[:4].sum()))
        one, other, nu = strength[votes.a], strength[votes.b], np.exp(point[4])
        chance = np.stack([other, nu * np.sqrt(one * other), one]) / (one + other + nu * np.sqrt(one * other))
        return -np.log(chance[votes.outcome, np.arange(len(votes))]).sum()

    def slope(point):
        return np.array([(loss(point + step) - loss(point - step)) / 2e-5 for step in np.eye(5) * 1e-5])

    start = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-6}).x
    for _ in range(4):  # finish by Newton on numeric derivatives of the same loss
        curve = np.array([(slope(start + s) - slope(start - s)) / 2e-4 for s in np.eye(5) * 1e-4])
        start = start - np.linalg.solve(curve, slope(start))
    ours = fit_bradley_terry(votes.cells())
    theirs = np.append(start[:4], -start[:4].sum())
    assert loss(np.append(ours.theta[:4], ours.log_nu)) <= loss(start) + 1e-9
    assert SCALE * np.abs(ours.theta - theirs).max() <= 1e-5  # as far as numeric derivatives reach
    assert ours.log_nu == pytest.approx(start[4], abs=1e-7)


@pytest.mark.parametrize("ties", ["davidson", "half"])
def test_the_score_equations_hold_and_convergence_is_reported(ties):
    fit = fit_bradley_terry(table(1).cells(), ties=ties)
    assert fit.converged
    assert fit.iterations <= 10
    assert fit.gradient < 1e-9  # expected wins equal observed ones: 1e-9 votes are far below 1e-6 rating points


def test_information_is_the_curvature_of_the_log_likelihood():
    from fairtrial.stats.bradley_terry import _Likelihood

    votes = Comparisons.of(table(2))
    found = fit(votes)
    likelihood = _Likelihood(None, votes, found.model)
    point = np.append(found.theta, found.phi)
    numeric = np.array(
        [(likelihood.evaluate(point - s)[1] - likelihood.evaluate(point + s)[1]) / 2e-5 for s in np.eye(6) * 1e-5]
    )
    assert np.allclose(numeric, found.information, rtol=1e-5, atol=1e-5)


def test_swapping_a_and_b_changes_nothing():
    cells = table(3).cells()
    swapped = cells.transpose(1, 0, 2)[:, :, ::-1]
    assert np.allclose(fit_bradley_terry(cells).theta, fit_bradley_terry(swapped).theta, atol=1e-12)


def test_reversing_every_outcome_reverses_every_strength():
    cells = table(3).cells()
    assert np.allclose(fit_bradley_terry(cells).theta, -fit_bradley_terry(cells[:, :, ::-1]).theta, atol=1e-10)


@given(st.permutations(range(5)))
def test_relabelling_models_only_relabels_strengths(turn):
    cells = table(1).cells()
    moved = fit_bradley_terry(cells[np.ix_(turn, turn)]).theta
    assert np.allclose(moved, fit_bradley_terry(cells).theta[list(turn)], atol=1e-10)


@given(st.floats(-1500, 1500), st.floats(-20, 20))
def test_chances_add_up_at_any_distance(d, log_nu):
    lose, tie, win = chances(np.array([d]), log_nu)
    assert lose + tie + win == pytest.approx(1.0)
    assert min(lose, tie, win) >= 0


def test_a_gap_of_400_points_is_ten_to_one():
    lose, _, win = chances(np.array([400 / SCALE]), None)
    assert win / lose == pytest.approx(10)


def test_weights_count_like_repeated_votes():
    parts = joined(duel("model_a"), duel("tie"), duel("model_b"))
    weighted = Battles.from_columns(parts | {"weight": [3, 2, 1]}).cells()
    repeated = Battles.from_columns(duel("model_a", "model_a", "model_a", "tie", "tie", "model_b")).cells()
    assert np.allclose(fit_bradley_terry(weighted).theta, fit_bradley_terry(repeated).theta)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(BadInput, match="not linked both ways"):
        fit_bradley_terry(
            Battles.from_columns(joined(duel("model_a", "model_b"), duel("model_b", "model_a", a="c", b="d"))).cells()
        )
    with pytest.raises(BadInput, match="every vote is a tie"):
        fit_bradley_terry(Battles.from_columns(duel("tie", "tie")).cells())
    with pytest.raises(BadInput, match="unknown tie model 'davison'.*Did you mean 'davidson'"):
        fit_bradley_terry(table(1).cells(), ties="davison")
