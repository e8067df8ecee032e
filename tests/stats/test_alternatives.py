from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy
from scipy.stats import false_discovery_control, t, ttest_1samp
from statsmodels.stats.multitest import multipletests

from fairtrial.core import BadInput
from fairtrial.stats import alternative_annotators, paired_scores
from fairtrial.stats.alternatives import discoveries


def panel(seed=0, items=60, people=4, *, noise=0.35, judge_noise=0.2, missing=0.25, labels=3):
    """A truth, people who often miss it, a judge who seldom does; some annotations are missing."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, items)

    def said(size, wrong):
        return np.where(
            rng.random(size) < wrong, rng.integers(0, labels, size), truth.reshape(-1, *[1] * (len(size) - 1))
        )

    codes, judge = said((items, people), noise), said((items,), judge_noise)
    codes[rng.random(codes.shape) < missing] = -1
    judge[rng.random(items) < missing / 5] = -1
    return codes, judge


def by_the_paper(codes, judge, *, epsilon, others, fewest=30, q=0.05):
    """The procedure again in plain words, item by item: (p, rho_f, rho_h) by annotator, omega, rho."""
    found = {}
    for j in range(len(codes[0])):
        wins_judge, wins_human = [], []
        for row, said in zip(codes, judge, strict=True):
            rest = [value for k, value in enumerate(row) if k != j and value != -1]
            if row[j] == -1 or said == -1 or len(rest) < others:
                continue
            score_judge = sum(value == said for value in rest) / len(rest)
            score_human = sum(value == row[j] for value in rest) / len(rest)
            wins_judge.append(1 if score_judge >= score_human else 0)
            wins_human.append(1 if score_human >= score_judge else 0)
        if len(wins_judge) >= fewest:
            differences = [h - f for h, f in zip(wins_human, wins_judge, strict=True)]
            p = ttest_1samp(differences, epsilon, alternative="less").pvalue
            found[j] = (p, sum(wins_judge) / len(wins_judge), sum(wins_human) / len(wins_human))
    rejected = multipletests([one[0] for one in found.values()], alpha=q, method="fdr_by")[0]
    return found, rejected.mean(), np.mean([one[1] for one in found.values()])


@pytest.mark.parametrize("others", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_papers_procedure_written_twice_gives_the_same(seed, others):
    codes, judge = panel(seed)
    found = alternative_annotators(codes, judge, epsilon=0.1, others=others)
    want, omega, rho = by_the_paper(codes.tolist(), judge.tolist(), epsilon=0.1, others=others)
    assert found.tested == len(want)
    assert found.omega == pytest.approx(omega)
    assert found.rho == pytest.approx(rho)
    for row in found.annotators:
        if row.annotator in want:
            assert (row.p_value, row.advantage, row.annotators_advantage) == pytest.approx(want[row.annotator])
        else:
            assert row.p_value is row.advantage is row.annotators_advantage is row.beaten is None


def test_the_guarded_test_uses_the_interval_of_paired_scores():
    codes, judge = panel(2, items=80, people=3, missing=0.0)
    row = alternative_annotators(codes, judge, epsilon=0.1).annotators[0]
    ours, theirs = ((codes[:, 1:] == one[:, None]).mean(axis=1) for one in (judge, codes[:, 0]))
    wins = np.stack([theirs >= ours, ours >= theirs], axis=1).astype(float)
    single = paired_scores(wins, alpha=0.32).single
    centre, reach = (single.lower[0, 1] + single.upper[0, 1]) / 2, (single.upper[0, 1] - single.lower[0, 1]) / 2
    error = reach / t.isf(0.16, 79)
    assert row.p_guarded == pytest.approx(t.cdf((centre - 0.1) / error, 79))


def size(n, epsilon, a, test, level):
    """Exact chance of rejection where d is 1 with chance a and -1 with chance a - epsilon: a true hypothesis's edge."""
    up, down = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    up, down = up[up + down <= n], down[up + down <= n]
    rest = n - up - down
    log = gammaln(n + 1) - gammaln(up + 1) - gammaln(down + 1) - gammaln(rest + 1)
    log += xlogy(up, a) + xlogy(down, a - epsilon) + xlogy(rest, 1 - 2 * a + epsilon)
    likely = log > -25
    draws = [
        np.repeat([1.0, -1.0, 0.0], [u, d, r]) for u, d, r in zip(up[likely], down[likely], rest[likely], strict=True)
    ]
    return float(sum(np.exp(chance) for chance, d in zip(log[likely], draws, strict=True) if test(d, epsilon) <= level))


def test_the_published_test_rejects_too_often_where_differences_are_rare_and_the_guarded_one_does_not():
    from fairtrial.stats.alternatives import _guarded_test, _t_test

    assert size(30, 0.1, 0.1, _t_test, 0.05) == pytest.approx(0.184, abs=0.001)
    for epsilon in (0.1, 0.15, 0.2):
        assert size(30, epsilon, epsilon, _guarded_test, 0.05) < 0.051
    assert size(30, 0.2, 0.35, _guarded_test, 0.05) < 0.055


def test_false_discovery_rate_three_ways():
    rng = np.random.default_rng(0)
    for size_ in (1, 2, 5, 20):
        p = rng.random(size_) ** 4
        mine = discoveries(p.tolist(), 0.05)
        assert mine == multipletests(p, alpha=0.05, method="fdr_by")[0].tolist()
        assert mine == (false_discovery_control(p, method="by") <= 0.05).tolist()
    assert discoveries([None, 0.001, None], 0.05) == [None, True, None]
    assert discoveries([], 0.05) == []


def test_a_judge_that_is_the_majority_beats_all_and_noise_beats_nobody():
    codes, _ = panel(3, items=200, people=5, missing=0.0, noise=0.5)
    majority = np.array([np.bincount(row, minlength=3).argmax() for row in codes])
    best = alternative_annotators(codes, majority)
    assert (best.omega, best.omega_guarded, best.replaces) == (1.0, 1.0, True)
    assert best.rho > 0.9
    noise = alternative_annotators(codes, np.random.default_rng(1).integers(0, 3, 200), epsilon=0.0)
    assert (noise.omega, noise.omega_guarded, noise.replaces) == (0.0, 0.0, False)


def test_ties_count_for_both():
    codes = np.zeros((40, 3), dtype=int)
    found = alternative_annotators(codes, np.zeros(40, dtype=int))
    assert all(row.advantage == row.annotators_advantage == 1.0 for row in found.annotators)


@pytest.mark.parametrize(("epsilon", "beaten"), [(0.1, True), (0.0, False)])
def test_no_difference_at_all_has_a_published_limit_and_a_guarded_p_value(epsilon, beaten):
    found = alternative_annotators(np.zeros((40, 3), int), np.zeros(40, int), epsilon=epsilon)
    assert all(row.p_value == (0.0 if beaten else 1.0) for row in found.annotators)
    assert found.omega == float(beaten)
    assert all(0 < row.p_guarded <= 0.5 for row in found.annotators)


def test_every_epsilon_beaten_stays_beaten_with_a_larger_one():
    codes, judge = panel(1)
    ps = [[row.p_value for row in alternative_annotators(codes, judge, epsilon=e).annotators] for e in (0, 0.1, 0.3)]
    assert all(later <= earlier for one, two in pairwise(ps) for earlier, later in zip(one, two, strict=True))


def test_clusters_are_the_units_and_count_alike():
    codes, judge = panel(4, items=120, people=3, missing=0.0)
    once = alternative_annotators(codes, judge)
    repeated = np.repeat(np.arange(120), 3)
    thrice = alternative_annotators(codes[repeated], judge[repeated], cluster=repeated)
    plain = alternative_annotators(codes[repeated], judge[repeated])
    for one, three, naive in zip(once.annotators, thrice.annotators, plain.annotators, strict=True):
        assert (three.items, three.units, one.units) == (360, 120, 120)
        assert three.p_value == pytest.approx(one.p_value)
        assert three.p_guarded == pytest.approx(one.p_guarded)
        assert abs(naive.p_value - 0.5) > abs(one.p_value - 0.5)  # copies pass for evidence
    labels = np.random.default_rng(0).integers(0, 40, 120)
    row = alternative_annotators(codes, judge, cluster=labels).annotators[1]
    ours, theirs = ((codes[:, [0, 2]] == one[:, None]).mean(axis=1) for one in (judge, codes[:, 1]))
    wins = [np.mean((ours >= theirs)[labels == k]) for k in np.unique(labels)]
    lost = [np.mean((theirs >= ours)[labels == k]) for k in np.unique(labels)]
    assert row.advantage == pytest.approx(np.mean(wins))
    assert row.p_value == pytest.approx(ttest_1samp(np.subtract(lost, wins), 0.15, alternative="less").pvalue)


@given(st.integers(0, 10_000), st.permutations(range(4)), st.permutations(range(3)))
def test_names_of_labels_annotators_and_items_do_not_matter(seed, people, labels):
    codes, judge = panel(seed)
    one = alternative_annotators(codes, judge)
    rename = np.array([*labels, -1])  # -1 stays -1
    turn = np.random.default_rng(seed).permutation(len(judge))
    other = alternative_annotators(rename[codes][turn][:, people], rename[judge][turn])
    assert (other.omega, other.omega_guarded, other.tested) == (one.omega, one.omega_guarded, one.tested)
    assert other.rho == pytest.approx(one.rho)
    for place, column in enumerate(people):
        mine, theirs = other.annotators[place], one.annotators[column]
        assert (mine.items, mine.beaten, mine.beaten_guarded) == (theirs.items, theirs.beaten, theirs.beaten_guarded)
        assert mine.p_value == pytest.approx(theirs.p_value)


@given(st.integers(0, 10_000))
def test_a_judge_and_an_annotator_exchanged_exchange_their_advantages(seed):
    codes, judge = panel(seed, missing=0.0)
    swapped = codes.copy()
    swapped[:, 0] = judge
    one = alternative_annotators(codes, judge).annotators[0]
    other = alternative_annotators(swapped, codes[:, 0]).annotators[0]
    assert (one.advantage, one.annotators_advantage) == (other.annotators_advantage, other.advantage)


def test_too_little_is_no_evidence():
    codes, judge = panel(0, items=29, missing=0.0)
    found = alternative_annotators(codes, judge)
    assert found.omega is found.omega_guarded is found.rho is found.replaces is None
    assert [row.beaten for row in found.annotators] == [None] * 4
    assert found.annotators[0].items == 29
    codes, judge = panel(0, missing=0.0)
    codes[25:, 3] = -1
    part = alternative_annotators(codes, judge)
    assert (part.tested, part.annotators[3].units, part.annotators[3].p_guarded) == (3, 25, None)
    nothing = alternative_annotators(np.full((50, 3), -1), judge[:50])
    assert nothing.omega is None
    assert nothing.annotators[0].items == 0
    silent = alternative_annotators(codes, np.full(60, -1))
    assert silent.rho is None
    empty = alternative_annotators(np.zeros((0, 2), int), np.zeros(0, int))
    assert empty.tested == 0


@pytest.mark.parametrize(
    ("codes", "judge", "more"),
    [
        ([[0], [1]], [0, 1], {}),
        ([[0, 1]], [0, 1], {}),
        ([0, 1], [0, 1], {}),
        ([[0, -2]], [0], {}),
        ([[0.0, np.nan]], [0], {}),
        ([[0, 1]], [np.nan], {}),
        ([[0, 1]], [[0]], {}),
        ([[0, 1]], [0], {"epsilon": 1.0}),
        ([[0, 1]], [0], {"epsilon": np.nan}),
        ([[0, 1]], [0], {"q": 0.0}),
        ([[0, 1]], [0], {"others": 0}),
        ([[0, 1]], [0], {"fewest": 1}),
        ([[0, 1]], [0], {"cluster": [1, 2]}),
    ],
)
def test_what_is_no_panel_is_refused(codes, judge, more):
    with pytest.raises(BadInput):
        alternative_annotators(codes, judge, **more)
