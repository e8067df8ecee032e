from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from oracles import (
    CONTROLS,
    KINDS,
    centred,
    comparisons,
    covariates,
    information,
    pinned_inverse,
    rich,
    swapped,
    vote_scores,
)
from vote_tables import battles, duel, joined

from fairtrial.stats import (
    Battles,
    Comparisons,
    effective_number,
    fit,
    fit_bradley_terry,
    jackknife,
    sandwich,
    uncertainty,
)
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


def rich_fit(kind="half", controls=(), **how):
    votes = rich(21, **how)
    table, ties = comparisons(kind, votes, controls=controls)
    return votes, table, fit(table, ties=ties)


def point_of(found):
    return np.concatenate([found.theta, found.phi, found.beta])


def summed(own, cluster):
    """(G, P) scores summed by cluster."""
    code = np.unique(cluster, return_inverse=True)[1]
    table = np.zeros((code.max() + 1, own.shape[1]))
    np.add.at(table, code, own)
    return table


@pytest.mark.parametrize("controls", [(), ("position",), CONTROLS], ids=["bare", "position", "controlled"])
@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
@pytest.mark.parametrize("name", ["prompt", "rater"])
def test_cr0_of_strengths_and_effects_agrees_with_statsmodels(monkeypatch, controls, weighted, name):
    votes, table, found = rich_fit(controls=controls, weighted=weighted)
    design = np.concatenate([np.eye(5)[votes.a] - np.eye(5)[votes.b], covariates(votes, controls)], axis=1)[:, 1:]
    cluster = votes.clusters(name)
    if weighted:  # their clustered covariance doesn't take weights: the scores, by their model, are weighted by hand
        mean = 1 / (1 + np.exp(-design @ np.append(found.theta[1:] - found.theta[0], found.beta)))
        bread = np.linalg.inv((design * (votes.weight * mean * (1 - mean))[:, None]).T @ design)
        scores = summed(design * (votes.weight * (votes.outcome / 2 - mean))[:, None], cluster)
        theirs = bread @ scores.T @ scores @ bread
    else:
        model = sm.GLM(votes.outcome / 2, design, family=sm.families.Binomial())
        groups = {"groups": cluster, "use_correction": False}
        theirs = model.fit(tol=1e-14, cov_type="cluster", cov_kwds=groups).cov_params()
    monkeypatch.setattr(sandwich, "EXACT_UP_TO", 0)
    ours = of_comparisons(found, table, cluster, guarded=False)
    fewer = (ours.clusters - 1) / ours.clusters
    assert ours.method == "CR0"
    assert np.allclose(gaps(ours.covariance)[0, 1:] * fewer, np.diag(theirs)[:4], rtol=1e-7)
    assert np.allclose(ours.beta * fewer, theirs[4:, 4:], rtol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_cr3_is_the_sum_of_squared_moves_of_every_parameter(kind):
    votes, table, found = rich_fit(kind, CONTROLS, prompts=12)
    own = vote_scores(kind, votes, point_of(found), CONTROLS)
    moves = np.array(
        [
            pinned_inverse(information(kind, votes.take(votes.prompt != g), point_of(found), CONTROLS), 5)
            @ own[votes.prompt == g].sum(axis=0)
            for g in range(12)
        ]
    )
    whole = 11 / 12 * moves.T @ moves
    ours = of_comparisons(found, table, votes.prompt, guarded=False)
    assert ours.method == "CR3"
    assert np.allclose(ours.covariance, centred(whole, 5), rtol=1e-5, atol=1e-9)
    spread = np.sqrt(np.diag(whole)[-3:])
    assert np.abs((ours.beta - whole[-3:, -3:]) / spread[:, None] / spread).max() < 1e-5


@pytest.mark.parametrize("controls", [(), CONTROLS], ids=["bare", "controlled"])
def test_two_ways_are_what_cameron_gelbach_and_miller_write(monkeypatch, controls):
    votes, table, found = rich_fit("davidson", controls, raters=50, prompts=45, votes=1500)
    own = vote_scores("davidson", votes, point_of(found), controls)
    bread = pinned_inverse(information("davidson", votes, point_of(found), controls), 5)
    monkeypatch.setattr(sandwich, "EXACT_UP_TO", 0)
    both = votes.rater * 1000 + votes.prompt
    parts = []
    for cluster in (votes.rater, votes.prompt, both):
        sums = summed(own, cluster)
        parts.append(len(sums) / (len(sums) - 1) * bread @ sums.T @ sums @ bread)
    by_hand = parts[0] + parts[1] - parts[2]
    ours = uncertainty(found, table, {"rater": votes.rater, "prompt": votes.prompt})
    assert ours.combined == "subtraction"
    guard = sum(way.guard for way in ours.ways.values())
    want, beta = centred(by_hand, 5), by_hand[6:, 6:]
    assert np.linalg.eigvalsh(want).min() > -1e-12  # nothing is clipped here
    assert np.allclose(ours.covariance, want + np.diag(guard[:5]), rtol=1e-6, atol=1e-10)
    if controls:
        spread = np.sqrt(np.diag(beta))
        assert np.abs((ours.beta - beta - np.diag(guard[5:])) / spread[:, None] / spread).max() < 1e-6
    monkeypatch.setattr(sandwich, "FEW", 51)
    added = uncertainty(found, table, {"rater": votes.rater, "prompt": votes.prompt})
    assert added.combined == "sum"
    assert np.allclose(added.covariance, sum(way.covariance for way in added.ways.values()))
    assert np.allclose(added.beta, sum(way.beta for way in added.ways.values()))


def test_few_effective_raters_are_added_to_prompts_however_many_they_are():
    # 200 raters of whom one casts a third of the votes: subtraction would trust a rater variance that isn't there.
    votes, table, found = rich_fit("davidson", raters=200)
    rater = np.where(np.arange(len(votes)) % 3 == 0, 0, votes.rater)
    ours = uncertainty(found, table, {"rater": rater, "prompt": votes.prompt})
    assert ours.ways["rater"].effective < 30 < ours.ways["rater"].clusters
    assert ours.combined == "sum"


def first_wins(raters=40, prompts=40):
    """Every rater always prefers what is shown first; each rater and each prompt sees both orders equally often."""
    r, p = (side.ravel() for side in np.meshgrid(np.arange(raters), np.arange(prompts)))
    ab = (r + p) % 2
    return Battles(
        names=("x", "y"),
        a=1 - ab,
        b=ab,
        outcome=np.full(len(r), 2),
        prompt=p,
        rater=r,
    )


def test_two_ways_never_cancel_to_an_interval_of_no_width():
    # Scores vanish by rater and by prompt but not by vote: plain subtraction is below zero, clipped it is zero.
    votes = first_wins()
    table = Comparisons.of(votes)
    found = fit(table)
    ours = uncertainty(found, table, {"rater": votes.rater, "prompt": votes.prompt})
    assert ours.combined == "subtraction"
    alone = of_comparisons(found, table, votes.rater)
    assert gaps(ours.covariance)[0, 1] >= gaps(alone.covariance)[0, 1] > 0


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_subtracted_the_covariance_is_one(seed):
    # Negative correlation within raters makes the plain difference indefinite.
    rng = np.random.default_rng(seed)
    votes = first_wins()
    flip = rng.random(len(votes)) < 0.1
    votes = replace(votes, outcome=np.where(flip, 0, 2), features={"x": rng.normal(size=len(votes))})
    table = Comparisons.of(votes, control=("x",))
    found = fit(table)
    ours = uncertainty(found, table, {"rater": votes.rater, "prompt": votes.prompt})
    assert ours.combined == "subtraction"
    assert np.linalg.eigvalsh(ours.covariance).min() >= -1e-15
    assert gaps(ours.covariance)[0, 1] > 0
    assert ours.beta[0, 0] > 0


def test_an_effect_never_gets_an_interval_of_no_width():
    # Every prompt's votes balance, so that no prompt varies: what is left is the guard.
    table = joined(*[duel("model_a", "model_b", "model_a", "model_b")] * 30)
    table["question_id"] = [f"q{k // 4}" for k in range(120)]
    votes = replace(Battles.from_columns(table), features={"x": np.tile([1.0, 1.0, -1.0, -1.0], 30)})
    comparisons_ = Comparisons.of(votes, control=("x",))
    found = fit(comparisons_)
    bare = of_comparisons(found, comparisons_, votes.prompt, guarded=False)
    assert bare.beta[0, 0] < 1e-20
    # v^2 n / G with v = 1 / (n / 4) for n = 120 surprising votes of size 1 on G = 30 prompts
    assert of_comparisons(found, comparisons_, votes.prompt).beta[0, 0] == pytest.approx((4 / 120) ** 2 * 120 / 30)


@pytest.mark.parametrize("kind", KINDS)
def test_notation_changes_no_uncertainty(kind):
    votes, table, found = rich_fit(kind, CONTROLS, weighted=True)
    rng = np.random.default_rng(2)
    names = {"rater": votes.rater, "prompt": votes.prompt}
    one = uncertainty(found, table, names)
    turn, mix = rng.random(len(votes)) < 0.5, rng.permutation(len(votes))
    labels = rng.permutation(100)
    for other in (
        swapped(votes, turn),
        votes.take(mix),
        replace(votes, rater=labels[votes.rater] * 7, prompt=labels[votes.prompt]),
    ):
        again, ties = comparisons(kind, other, controls=CONTROLS)
        two = uncertainty(fit(again, ties=ties), again, {"rater": other.rater, "prompt": other.prompt})
        assert two.combined == one.combined
        assert np.allclose(one.covariance, two.covariance, rtol=1e-7, atol=1e-12)
        assert np.allclose(one.beta, two.beta, rtol=1e-7, atol=1e-12)
        assert np.allclose(one.df, two.df)


@pytest.mark.parametrize("weight", [1e-12, 1e-3, 1e3, 1e12])
def test_a_common_weight_changes_no_uncertainty(weight):
    # Weights say how much each vote counts beside the others, not how many votes there are.
    votes, table, found = rich_fit("davidson", CONTROLS)
    names = {"rater": votes.rater, "prompt": votes.prompt}
    heavy = replace(votes, weight=np.full(len(votes), weight))
    other = Comparisons.of(heavy, control=CONTROLS)
    one, two = uncertainty(found, table, names), uncertainty(fit(other), other, names)
    assert np.allclose(one.covariance, two.covariance, rtol=1e-7)
    assert np.allclose(one.beta, two.beta, rtol=1e-7)
    assert np.allclose(one.df, two.df)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_a_covariate_changes_only_its_own_uncertainty(unit):
    votes, table, found = rich_fit("graded", ("length", "tone"))
    other = replace(votes, features={"length": votes.features["length"] * unit, "tone": votes.features["tone"]})
    again = Comparisons.of(other, graded=True, control=("length", "tone"))
    names = {"rater": votes.rater, "prompt": votes.prompt}
    one, two = uncertainty(found, table, names), uncertainty(fit(again), again, names)
    assert np.allclose(one.covariance, two.covariance, rtol=1e-6)
    scale = np.array([unit, 1.0])
    assert np.allclose(two.beta * scale[:, None] * scale, one.beta, rtol=1e-6)


@pytest.mark.parametrize("prompts", [60, 2000], ids=["clusters", "votes"])
def test_the_multiplier_bootstrap_agrees_with_the_sandwich(prompts):
    votes = rich(22, votes=2000, prompts=prompts)
    prompt = votes.prompt if prompts == 60 else np.arange(2000)
    table = Comparisons.of(votes, control=("length",))
    found = fit(table)
    ours = of_comparisons(found, table, prompt, guarded=False, draws=3000, seed=5)
    bread = pinned_inverse(information("davidson", votes, point_of(found), ("length",)), 5)
    sums = summed(vote_scores("davidson", votes, point_of(found), ("length",)), prompt)
    cr0 = centred(bread @ sums.T @ sums @ bread, 5)
    # A variance of 3,000 draws is off by sqrt(2 / 3000) = 2.6 %; six of them, over five models.
    assert ours.draws.var(axis=0) == pytest.approx(np.diag(cr0), rel=0.16)
    assert np.abs(ours.draws.mean(axis=0) / np.sqrt(np.diag(cr0))).max() < 0.1


@pytest.mark.parametrize("few", [10, 1000])
def test_two_kinds_of_clusters_share_one_reference(monkeypatch, few):
    # One model hangs on a prompt, none on a rater: ratings are centred without it, and so must be their variances.
    votes = rich(23)
    new = rich(24, votes=6)
    votes = replace(
        votes,
        names=(*votes.names, "new"),
        a=np.append(votes.a, [5] * 6),
        b=np.append(votes.b, np.arange(6) % 5),
        outcome=np.append(votes.outcome, [0, 2, 1, 0, 2, 1]),
        prompt=np.append(votes.prompt, [3] * 6),
        rater=np.append(votes.rater, np.arange(6)),
        order=np.append(votes.order, new.order),
        grade=np.append(votes.grade, [9] * 6),
        features={},
    )
    table = Comparisons.of(votes)
    monkeypatch.setattr(sandwich, "FEW", few)
    ours = uncertainty(fit(table), table, {"rater": votes.rater, "prompt": votes.prompt})
    assert ours.combined == ("sum" if few > 20 else "subtraction")
    assert ours.hanging.tolist() == [False] * 5 + [True]
    assert not ours.ways["rater"].hanging.any()
    # Without the newcomer the five ratings' mean is 0, whatever moved; the guard comes on top.
    guard = np.diag(sum(way.guard for way in ours.ways.values()))
    assert np.abs((ours.covariance - guard)[:5, :5].sum(axis=0)).max() < 1e-12


def test_a_single_model_left_has_nothing_to_be_compared_with():
    # a - b rests on one prompt, b - c on another: b hangs on neither, yet no difference can be stated.
    one = joined(duel("model_a", "model_b", "tie"), duel("model_a", "model_b", "tie", a="b", b="c"))
    one["question_id"] = ["q1"] * 3 + ["q2"] * 3
    votes = Battles.from_columns(one)
    table = Comparisons.of(votes)
    assert of_comparisons(fit(table), table, votes.prompt).hanging.all()


def test_the_ignorance_of_models_that_hang_is_not_everyones():
    left, right = battles(9, votes=600, prompts=30), battles(10, theta=(0.3, 0.1, -0.1, -0.3), votes=600, prompts=30)
    votes = Battles(
        names=tuple("abcdefgh"),
        a=np.concatenate([left.a, right.a + 4, [0, 0]]),
        b=np.concatenate([left.b, right.b + 4, [4, 4]]),
        outcome=np.concatenate([left.outcome, right.outcome, [0, 2]]),
        prompt=np.concatenate([left.prompt, right.prompt + 30, [99, 99]]),
    )
    table = Comparisons.of(votes)
    ours = of_comparisons(fit(table), table, votes.prompt)
    alone = of_comparisons(fit(Comparisons.of(left)), Comparisons.of(left), left.prompt)
    assert ours.hanging.tolist() == [False] * 4 + [True] * 4
    assert np.allclose(gaps(ours.covariance)[:4, :4], gaps(alone.covariance), rtol=0.1)


def test_all_votes_in_one_cluster_leave_everything_hanging():
    votes, table, found = rich_fit("davidson")
    ours = uncertainty(found, table, {"rater": np.zeros(len(votes), dtype=int), "prompt": votes.prompt})
    assert ours.hanging.all()
    assert ours.ways["rater"].effective == 1
    assert ours.ways["rater"].largest_share == 1


def test_a_rater_with_three_quarters_of_the_votes_counts_as_hardly_more_than_one():
    votes, table, found = rich_fit("davidson")
    rater = np.where(np.arange(len(votes)) % 4, 0, votes.rater + 1)
    ours = uncertainty(found, table, {"rater": rater, "prompt": votes.prompt})
    assert ours.ways["rater"].effective < 2
    assert ours.ways["rater"].largest_share == pytest.approx(0.75)
    assert (ours.df == 1).all()  # t with one degree of freedom: 12.7 standard errors
