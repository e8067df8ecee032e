import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t
from statsmodels.stats.weightstats import ttost_paired

from fairtrial.core import BadInput
from fairtrial.stats import compare_judges, paired_scores


def judged(seed=0, clusters=60, most=1, gain=0.1, seeds=(1, 1), scatter=0.0):
    """Scores 0, ½, 1 of two judges on the same items: prompts hard or easy for both, a judge's several runs uneven."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(clusters), rng.integers(1, most + 1, clusters))
    hard = rng.normal(0, 0.15, clusters)[code][:, None]
    out = []
    for level, runs in zip((0.6 + gain, 0.6), seeds, strict=True):
        uneven = rng.normal(0, scatter, (1, runs)) * (runs > 1)
        out.append(rng.binomial(2, np.clip(level + uneven - hard, 0, 1)) / 2)
    return out[0], out[1], code


@pytest.mark.parametrize("most", [1, 4])
def test_with_one_seed_it_is_paired_scores_over_prompts(most):
    first, second, code = judged(most=most)
    means = [[one[code == k].mean() for one in (first, second)] for k in range(60)]
    single = paired_scores(means).single
    found = compare_judges(first[:, 0], second[:, 0], cluster=code, margin=0.05)
    assert (found.estimate, found.lower, found.upper) == pytest.approx(
        (single.estimate[0, 1], single.lower[0, 1], single.upper[0, 1])
    )
    assert (found.df, found.seed_share) == pytest.approx((59, 0.0))
    assert (found.clusters, found.items, found.seeds) == (60, len(code), (1, 1))


def test_the_p_value_is_that_of_two_one_sided_tests():
    first, second, _ = judged(1, clusters=2000, gain=0.01)
    theirs = ttost_paired(first[:, 0], second[:, 0], -0.05, 0.05)[0]
    assert compare_judges(first, second, margin=0.05).p_equivalent == pytest.approx(theirs, rel=0.1)
    # exactly, with the pseudo-items written out and the variance over n as the room has it
    first, second, _ = judged(2, clusters=80, gain=0.0)
    gap = np.append(first - second, [1, -1])
    error = gap.std() / math.sqrt(82)
    want = max(t.sf((gap.mean() + 0.1) / error, 79), t.cdf((gap.mean() - 0.1) / error, 79))
    assert compare_judges(first, second, margin=0.1).p_equivalent == pytest.approx(want)


@pytest.mark.parametrize(
    ("gain", "clusters", "margin", "word"),
    [
        (0.2, 400, 0.05, "better"),
        (-0.2, 400, 0.05, "worse"),
        (0.0, 4000, 0.05, "equivalent"),
        (0.0, 40, 0.05, "inconclusive"),
    ],
)
def test_four_words(gain, clusters, margin, word):
    first, second, _ = judged(3, clusters=clusters, gain=gain)
    found = compare_judges(first, second, margin=margin)
    assert found.verdict.word == word
    assert (found.verdict.more_items is None) == (word != "inconclusive")


@given(st.integers(0, 5000), st.floats(0, 1), st.sampled_from([(1, 1), (3, 1), (2, 4)]))
def test_swapping_seeds_order_and_the_margin(seed, margin, seeds):
    first, second, code = judged(seed, clusters=25, most=3, gain=0.05, seeds=seeds, scatter=0.05)
    one = compare_judges(first, second, cluster=code, margin=margin)
    other = compare_judges(second, first, cluster=code, margin=margin)
    assert (other.estimate, other.lower, other.upper) == pytest.approx((-one.estimate, -one.upper, -one.lower))
    assert other.p_equivalent == pytest.approx(one.p_equivalent)
    swap = {"better": "worse", "worse": "better"}
    assert other.verdict.word == swap.get(one.verdict.word, one.verdict.word)
    turn, runs = np.random.default_rng(seed).permutation(len(code)), np.random.default_rng(seed).permutation(seeds[0])
    moved = compare_judges(first[turn][:, runs], second[turn], cluster=code[turn], margin=margin)
    assert (moved.lower, moved.upper) == pytest.approx((one.lower, one.upper))
    if abs(one.p_equivalent - 0.025) > 1e-9:
        assert (one.verdict.word == "equivalent") == (one.p_equivalent < 0.025)
    assert one.lower <= one.estimate <= one.upper
    shown = compare_judges(first, second, cluster=code, margin=min(1.0, one.smallest_margin + 1e-6))
    assert shown.verdict.word == "equivalent" or one.smallest_margin > 1 - 1e-6
    missed = compare_judges(first, second, cluster=code, margin=max(0.0, one.smallest_margin - 1e-6))
    assert missed.verdict.word != "equivalent"


def test_seeds_add_their_scatter_as_welch_has_it():
    first, second, _ = judged(4, clusters=300, seeds=(3, 5), scatter=0.1)
    found = compare_judges(first, second, margin=0.05)
    gap = np.append(first.mean(axis=1) - second.mean(axis=1), [1, -1])
    items = gap.var() / 302
    ours, theirs = first.mean(axis=0).var(ddof=1) / 3, second.mean(axis=0).var(ddof=1) / 5
    total = items + ours + theirs
    df = total**2 / (items**2 / 299 + ours**2 / 2 + theirs**2 / 4)
    reach = t.isf(0.025, df) * math.sqrt(total)
    assert found.df == pytest.approx(df)
    assert (found.lower, found.upper) == pytest.approx((gap.mean() - reach, gap.mean() + reach))
    assert found.seed_share == pytest.approx((ours + theirs) / total)
    alone = compare_judges(first.mean(axis=1), second.mean(axis=1), margin=0.05)
    assert alone.upper - alone.lower < found.upper - found.lower


def test_a_missing_score_does_not_pass_for_a_weak_seed():
    easy = np.repeat([1.0, 0.0], 50)[:, None]
    first, second = np.repeat(easy, 3, axis=1), np.repeat(easy, 1, axis=1)
    holes = first.copy()
    holes[:25, 0] = np.nan
    full, part = (compare_judges(one, second, margin=0.1) for one in (first, holes))
    assert (part.lower, part.upper, part.seed_share) == (full.lower, full.upper, 0.0)


def test_only_items_both_judged_count():
    first, second, code = judged(5, most=3)
    first[:7], second[10:15] = np.nan, np.nan
    keep = ~np.isnan(first + second)[:, 0]
    one = compare_judges(first, second, cluster=code, margin=0.1)
    assert one == compare_judges(first[keep], second[keep], cluster=code[keep], margin=0.1)
    assert one.items == keep.sum()


def test_equal_judges_are_not_proven_equal_by_few_items():
    same = np.ones(12)
    found = compare_judges(same, same, margin=0.05)
    assert (found.estimate, found.verdict.word) == (0.0, "inconclusive")
    assert found.smallest_margin > 0.1
    assert compare_judges(np.ones(400), np.ones(400), margin=0.05).verdict.word == "equivalent"
    one = compare_judges([1.0], [0.0], margin=0.05)
    assert (one.lower, one.upper, one.verdict.word) == (-1.0, 1.0, "inconclusive")


def test_needed_clusters_give_the_power_asked_for():
    rng = np.random.default_rng(0)
    pilot = rng.binomial(2, 0.7, (2, 400)) / 2
    needed = compare_judges(*pilot, margin=0.08).needed
    draws = rng.binomial(2, 0.7, (800, 2, needed)) / 2
    shown = [compare_judges(*one, margin=0.08).verdict.word == "equivalent" for one in draws]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)
    assert compare_judges(*pilot, margin=0.04).needed == pytest.approx(4 * needed, rel=0.01)
    assert compare_judges(*pilot, margin=0.0).needed is None
    first, second, _ = judged(6, clusters=500, seeds=(2, 2), scatter=0.2)
    assert compare_judges(first, second, margin=0.02).needed is None  # only more seeds could help


@pytest.mark.parametrize("seeds", [(1, 1), (3, 1), (3, 3)])
def test_intervals_hold_the_truth_and_equivalence_is_seldom_false(seeds):
    held, false = [], []
    for rep in range(300):
        first, second, code = judged(1000 + rep, clusters=40, most=3, gain=0.1, seeds=seeds, scatter=0.05)
        found = compare_judges(first, second, cluster=code, margin=0.1)
        held.append(found.lower <= 0.1 <= found.upper)
        false.append(found.verdict.word in ("equivalent", "worse"))
    assert np.mean(held) > 0.93 - 2 * np.sqrt(0.93 * 0.07 / 300)
    assert np.mean(false) < 0.05


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ([np.nan, 1], [1, np.nan], {}),
        ([], [], {}),
        ([1, 0], [1], {}),
        ([2], [1], {}),
        ([1], [1], {"margin": -0.1}),
        ([1], [1], {"margin": math.nan}),
        ([1], [1], {"margin": 1.5}),
        ([1], [1], {"power": 1.0}),
        ([1, 0], [1, 0], {"cluster": [1]}),
        ([[[1]]], [1], {}),
        ([[1, np.nan], [0, np.nan]], [1, 0], {}),
        (np.zeros((2, 0)), [1, 0], {}),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, more):
    with pytest.raises(BadInput):
        compare_judges(first, second, **{"margin": 0.1} | more)
