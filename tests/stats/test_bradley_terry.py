from dataclasses import replace

import choix
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    CONTROLS,
    KINDS,
    SCALE,
    best,
    comparisons,
    covariates,
    information,
    log_chance,
    rich,
    swapped,
)
from scipy.optimize import minimize
from statsmodels.miscmodels.ordinal_model import OrderedModel
from vote_tables import battles, duel, joined

from fairtrial.core import BadInput
from fairtrial.stats import Battles, Comparisons, chances, fit, fit_bradley_terry, separated

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


BOTH = pytest.mark.parametrize("controls", [(), CONTROLS], ids=["bare", "controlled"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
@BOTH
def test_every_model_agrees_with_a_general_optimiser_of_its_paper(kind, weighted, controls):
    votes = rich(3, weighted=weighted)
    table, ties = comparisons(kind, votes, controls=controls)
    ours, theirs = fit(table, ties=ties), best(kind, votes, controls)
    assert ours.converged
    assert SCALE * np.abs(ours.theta - theirs[:5]).max() <= 1e-6
    spread = np.sqrt(np.append(np.ones(len(ours.phi)), (covariates(votes, controls) ** 2).mean(axis=0)))
    assert SCALE * np.abs((np.append(ours.phi, ours.beta) - theirs[5:]) * spread).max(initial=0) <= 1e-6
    assert np.allclose(ours.information, information(kind, votes, theirs, controls), rtol=1e-7, atol=1e-6)
    assert ours.log_likelihood == pytest.approx(
        (log_chance(kind, votes, theirs, controls) * votes.vote_weights()).sum()
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
@pytest.mark.parametrize("controls", [(), ("position",), CONTROLS])
def test_half_wins_agree_with_fractional_logistic_regression(weighted, controls):
    votes = rich(4, weighted=weighted)
    design = np.concatenate([np.eye(5)[votes.a] - np.eye(5)[votes.b], covariates(votes, controls)], axis=1)[:, 1:]
    weight = votes.weight if weighted else None
    model = sm.GLM(votes.outcome / 2, design, family=sm.families.Binomial(), freq_weights=weight)
    theirs = np.append(0.0, model.fit(tol=1e-14).params)
    ours = fit(Comparisons.of(votes, control=controls), ties="half")
    assert SCALE * np.abs(ours.theta - (theirs[:5] - theirs[:5].mean())).max() <= 1e-6
    assert np.allclose(ours.beta, theirs[5:], rtol=1e-9)


def test_davidson_agrees_with_a_log_linear_model_of_counts():
    # Fienberg & Larntz (1976, Biometrika 63): counts of a pair are Poisson with the pair's own level.
    cells = table(4).cells()
    rows, counts = [], []
    pairs = [(i, j) for i in range(5) for j in range(i)]
    for level, (i, j) in enumerate(pairs):
        for lead, tied, count in (
            (1, 0, cells[i, j, 2] + cells[j, i, 0]),
            (0, 1, cells[i, j, 1] + cells[j, i, 1]),
            (-1, 0, cells[i, j, 0] + cells[j, i, 2]),
        ):
            strength = lead / 2 * (np.eye(5)[i] - np.eye(5)[j])
            rows.append(np.concatenate([strength[1:], [tied], np.eye(len(pairs))[level]]))
            counts.append(count)
    theirs = sm.GLM(counts, np.array(rows), family=sm.families.Poisson()).fit(tol=1e-14).params
    theta = np.append(0.0, theirs[:4])
    ours = fit_bradley_terry(cells)
    assert SCALE * np.abs(ours.theta - (theta - theta.mean())).max() <= 1e-6
    assert ours.log_nu == pytest.approx(theirs[4], abs=1e-8)


def test_grades_agree_with_an_ordered_model_of_votes_and_their_mirror_images():
    # Each vote seen from both sides makes an ordinary ordered logit's cut points symmetric.
    votes = rich(5)
    votes = votes.take(votes.grade < 9)
    lead = (np.eye(5)[votes.a] - np.eye(5)[votes.b])[:, 1:]
    model = OrderedModel(np.append(votes.grade, -votes.grade), np.concatenate([lead, -lead]), distr="logit")
    found = model.fit(method="bfgs", gtol=1e-9, disp=False)
    theirs = np.append(0.0, found.params[:4])
    cuts = model.transform_threshold_params(found.params)[1:-1]
    ours = fit(Comparisons.of(votes, graded=True))
    assert SCALE * np.abs(ours.theta - (theirs - theirs.mean())).max() <= 1e-3  # their derivatives are numeric
    assert cuts == pytest.approx([-ours.phi[1], -ours.phi[0], ours.phi[0], ours.phi[1]], abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_ties_opt_pairwise_agrees(seed):
    votes = table(seed)
    votes = votes.take(votes.outcome != 1)
    pairs = [(a, b) if o == 2 else (b, a) for a, b, o in zip(votes.a, votes.b, votes.outcome, strict=True)]
    theirs = choix.opt_pairwise(5, pairs, alpha=1e-12, tol=1e-14)  # their default is a prior
    ours = fit_bradley_terry(votes.cells(), ties="rao-kupper")
    assert SCALE * np.abs(ours.theta - (theirs - theirs.mean())).max() <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_notation_changes_nothing(kind, controls):
    # Order of rows, which model is called A, names of models: none of them is evidence.
    votes = rich(6, weighted=True)
    rng = np.random.default_rng(0)
    one = fit(*comparisons(kind, votes, controls=controls)[:1], ties=comparisons(kind, votes)[1])
    mixed = votes.take(rng.permutation(len(votes)))
    turned = swapped(votes, rng.random(len(votes)) < 0.5)
    for other in (mixed, turned):
        again = fit(comparisons(kind, other, controls=controls)[0], ties=comparisons(kind, votes)[1])
        assert np.allclose(one.theta, again.theta, atol=1e-11)
        assert np.allclose(np.append(one.phi, one.beta), np.append(again.phi, again.beta), atol=1e-11)
    names = rng.permutation(5)
    moved = fit(
        comparisons(kind, replace(votes, a=names[votes.a], b=names[votes.b]), controls=controls)[0],
        ties=comparisons(kind, votes)[1],
    )
    assert np.allclose(moved.theta[names], one.theta, atol=1e-11)


@pytest.mark.parametrize("unit", [1e6, 1e-6, 1e12])
def test_the_unit_of_a_covariate_changes_only_its_coefficient(unit):
    votes = rich(7)
    other = replace(votes, features={"length": votes.features["length"] * unit, "tone": votes.features["tone"]})
    one, two = (fit(Comparisons.of(v, control=CONTROLS)) for v in (votes, other))
    assert np.abs(one.theta - two.theta).max() * SCALE < 1e-6
    assert two.beta * [unit, 1, 1] == pytest.approx(one.beta, rel=1e-8)


@pytest.mark.parametrize("weight", [1e-12, 1e-3, 1e12])
def test_a_common_weight_changes_no_strength(weight):
    votes = rich(7)
    one = fit(Comparisons.of(votes, control=("length",)))
    two = fit(Comparisons.of(replace(votes, weight=np.full(len(votes), weight)), control=("length",)))
    assert two.converged
    assert np.allclose(one.theta, two.theta, atol=1e-10)
    assert two.beta == pytest.approx(one.beta, rel=1e-9)


def bulk(votes=300_000):
    """More votes than the start of a fit looks at: of each five one is in its sample, the first."""
    rng = np.random.default_rng(8)
    a = rng.integers(0, 3, votes)
    b = (a + 1 + rng.integers(0, 2, votes)) % 3
    x = rng.normal(size=votes)
    won = rng.random(votes) < 1 / (1 + np.exp(-(0.3 * (b - a) + 0.5 * x)))
    return Battles(names=("a", "b", "c", "d"), a=a, b=b, outcome=2 * won, features={"x": x}).active()


def test_a_covariate_that_the_sample_misses_is_controlled_for():
    votes = bulk()
    x = np.where(np.arange(len(votes)) % 5 == 1, votes.features["x"], 0.0)
    found = fit(Comparisons.of(replace(votes, features={"x": x}), control=("x",)))
    assert found.converged
    assert found.beta[0] == pytest.approx(0.5, abs=0.03)


def test_a_model_that_the_sample_misses_is_rated():
    votes = bulk()
    rows = np.array([1, 2, 3, 4, 6, 7, 8, 9])
    a, outcome = votes.a.copy(), votes.outcome.copy()
    a[rows], outcome[rows] = 3, [0, 2, 0, 2, 2, 0, 2, 0]
    known = replace(votes, names=("a", "b", "c", "d"), a=a, outcome=outcome)
    whole = fit(Comparisons.of(known, control=("x",)))
    assert whole.converged
    assert np.isfinite(whole.theta).all()
    assert whole.gradient < 1e-6


@pytest.mark.parametrize("votes", [400, 250_000], ids=["few", "many"])
@pytest.mark.parametrize("quasi", [False, True], ids=["perfect", "quasi"])
def test_separated_covariates_are_found_by_name(votes, quasi):
    # Perfect: the sign of x decides every vote. Quasi: where x differs it decides, elsewhere votes go either way.
    rng = np.random.default_rng(9)
    a = rng.integers(0, 3, votes)
    b = (a + 1 + rng.integers(0, 2, votes)) % 3
    x, y = rng.normal(size=votes), rng.normal(size=votes)
    x = np.where(rng.random(votes) < 0.3, 0, x) if quasi else x
    outcome = np.where(x == 0, 2 * rng.integers(0, 2, votes), np.sign(x) + 1).astype(int)
    table = Comparisons.of(
        Battles(names=("a", "b", "c"), a=a, b=b, outcome=outcome, features={"x": x * 1e-4, "y": y * 1e3}),
        control=("y", "x"),
    )
    found = fit(table)
    assert not found.converged
    assert separated(found, table) == ("x",)


def test_an_order_that_decides_every_vote_is_separated():
    one = Battles.from_columns(joined(duel(*["model_a"] * 8), duel(*["model_a"] * 8, a="b", b="a")))
    table = Comparisons.of(one, control=("position",))  # always A first: the covariate never varies as written
    assert separated(fit(table), table) == ("position",)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (lambda v: np.zeros(len(v)), "'x' never differs"),
        (lambda v: 3e5 * v.features["length"], "'x' is determined by length and .*which models battle"),
        (lambda v: np.arange(5.0)[v.a] - np.arange(5.0)[v.b], "'x' is determined by .*which models battle"),
        (lambda v: 1e4 * v.features["length"] + v.features["tone"], "'x' is determined by length and tone and which"),
    ],
    ids=["constant", "duplicate", "of the models", "of two others"],
)
@pytest.mark.parametrize("unit", [1, 1e6])
def test_unidentified_covariates_are_refused_by_name(feature, words, unit):
    votes = rich(10)
    votes = replace(votes, features=votes.features | {"tone": votes.features["tone"] * unit})
    votes = replace(votes, features=votes.features | {"x": feature(votes)})
    with pytest.raises(BadInput, match=words):
        fit(Comparisons.of(votes, control=("length", "tone", "x")))


def test_a_position_nobody_varied_is_refused():
    votes = rich(10)
    with pytest.raises(BadInput, match="'position' never differs"):
        fit(Comparisons.of(replace(votes, order=np.full(len(votes), 2)), control=("position",)))


@pytest.mark.parametrize("kind", ["davidson", "rao-kupper"])
def test_a_wild_start_of_the_tie_weight_is_no_likelihood(kind):
    # One tie among a million wins, and the other way round: the weight's maximum is far from its start, and finite.
    for counts in ((5e5, 1.0, 5e5), (1.0, 1e9, 1.0)):
        cells = np.zeros((2, 2, 3))
        cells[0, 1] = counts
        found = fit_bradley_terry(cells, ties=kind)
        assert found.converged
        assert found.theta == pytest.approx([0, 0], abs=1e-9)
        chance = np.exp(found.model.at(np.zeros(3), np.arange(3), found.phi).value())
        assert chance == pytest.approx(np.array(counts) / sum(counts), rel=1e-6)
