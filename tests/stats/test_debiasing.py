import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, pearsonr, t
from statsmodels.api import OLS, add_constant

from fairtrial.core import BadInput
from fairtrial.stats import paired_scores, ppi_mean, worth


def verdicts(rng, clusters, *, rate=0.6, rho=0.8, most=1, icc=0.3):
    """Human and judge verdicts -1, 0, 1 from correlated normal scores; 1 to `most` items share a prompt's lean."""
    sizes = rng.integers(1, most + 1, clusters)
    code = np.repeat(np.arange(clusters), sizes)
    icc = icc if most > 1 else 0.0
    common = np.sqrt(icc) * rng.normal(size=clusters)[code] + np.sqrt(1 - icc) * rng.normal(size=len(code))
    other = rho * common + np.sqrt(1 - rho**2) * rng.normal(size=len(code))
    cuts = norm.ppf([1 - rate - 0.1, 1 - rate + 0.1])
    return np.digitize(common, cuts) - 1.0, np.digitize(other, cuts) - 1.0, code


def truth(rate):
    return 2 * rate - 1


def halves(seed=0, *, clusters=60, more=400, most=1, rho=0.8, rate=0.6):
    rng = np.random.default_rng(seed)
    y, f, code = verdicts(rng, clusters + more, most=most, rho=rho, rate=rate)
    here = code < clusters
    return y[here], f[here], f[~here], code[here], code[~here]


@pytest.mark.parametrize("seed", range(3))
def test_estimate_and_lambda_are_the_papers(seed):
    y, f, wide, *_ = halves(seed)
    n, more = len(y), len(wide)
    ratio = np.var(f, ddof=1) / n + np.var(wide, ddof=1) / more
    weight = min(1.0, max(0.0, np.cov(y, f)[0, 1] / n / ratio))
    found = ppi_mean(y, f, wide)
    assert found.weight == pytest.approx(weight)
    assert found.estimate == pytest.approx(y.mean() + weight * (wide.mean() - f.mean()))
    assert (found.human, found.labelled, found.clusters, found.unlabelled) == (pytest.approx(y.mean()), 60, 60, 400)


def test_with_endless_unlabelled_items_it_is_regression():
    y, f, wide, *_ = halves(1, clusters=200, more=200_000)
    fit = OLS(y, add_constant(f - wide.mean())).fit(cov_type="HC1")
    found = ppi_mean(y, f, wide)
    assert found.estimate == pytest.approx(fit.params[0], abs=2e-4)
    assert (found.upper - found.lower) / 2 == pytest.approx(fit.bse[0] * t.isf(0.025, 198), rel=0.04)  # pseudo-clusters


def test_people_alone_have_the_interval_of_paired_scores():
    y, f, wide, *_ = halves(2)
    single = paired_scores(np.stack([np.maximum(y, 0), np.maximum(-y, 0)], axis=1)).single  # differences are y
    found = ppi_mean(y, f, wide)
    assert (found.human_lower, found.human_upper) == pytest.approx((single.lower[0, 1], single.upper[0, 1]))


def test_a_silent_judge_and_no_unlabelled_items_change_nothing():
    y, f, wide, *_ = halves(3)
    for found in (ppi_mean(y, 0 * f, 0 * wide), ppi_mean(y, f, [])):
        assert (found.weight, found.multiplier, found.estimate) == (0.0, 1.0, found.human)
        assert (found.lower, found.upper) == (found.human_lower, found.human_upper)


def slow_interval(y, f, wide, here, there):
    """The interval cluster by cluster, from sets of items."""
    n, more, names = len(y), len(wide), sorted(set(here))
    count, spread = len(names), len(set(there))

    def mine(values, labels, name):
        return sum(v - np.mean(values) for v, label in zip(values, labels, strict=True) if label == name)

    top = bottom = 0.0
    for name in sorted(set(here) | set(there)):
        a = mine(y, here, name) / n * math.sqrt(count / (count - 1))
        b = mine(wide, there, name) / more * math.sqrt(spread / (spread - 1))
        b -= mine(f, here, name) / n * math.sqrt(count / (count - 1))
        top, bottom = top - a * b, bottom + b * b
    weight = min(1.0, max(0.0, top / bottom))
    rest = [v - weight * (g - np.mean(wide)) for v, g in zip(y, f, strict=True)]
    size = n / count
    centre = sum(rest) / (n + 2 * size)
    variance = (size * (1 - centre) / (n + 2 * size)) ** 2 + (size * (1 + centre) / (n + 2 * size)) ** 2
    for name in sorted(set(here) | set(there)):
        own = sum(r - centre for r, label in zip(rest, here, strict=True) if label == name) / (n + 2 * size)
        beside = mine(wide, there, name) / more * math.sqrt(spread / (spread - 1))
        variance += (own * math.sqrt((count - 1) / (count - 2)) + weight * beside) ** 2
    reach = t.isf(0.025, count - 2) * math.sqrt(variance)
    return sum(rest) / n, centre - reach, centre + reach


@pytest.mark.parametrize("overlap", [0, 15])
def test_clusters_written_twice_also_where_a_prompt_is_on_both_sides(overlap):
    y, f, wide, here, there = halves(4, clusters=40, more=80, most=4)
    there = there - overlap  # the first unlabelled prompts are now labelled ones
    found = ppi_mean(y, f, wide, cluster=here, cluster_unlabelled=there)
    assert (found.estimate, found.lower, found.upper) == pytest.approx(slow_interval(y, f, wide, here, there))
    names = np.array([f"prompt {k}" for k in range(200)])
    again = ppi_mean(y, f, wide, cluster=names[here], cluster_unlabelled=names[there])
    assert again.upper == pytest.approx(found.upper)


def test_resampling_prompts_agrees_with_the_interval():
    y, f, wide, here, there = halves(5, clusters=150, more=400, most=4)
    found = ppi_mean(y, f, wide, cluster=here, cluster_unlabelled=there)
    rng = np.random.default_rng(0)
    mine = [np.flatnonzero(here == k) for k in range(150)]
    beside = [np.flatnonzero(there == k) for k in range(150, 550)]
    moved = []
    for _ in range(500):
        one = np.concatenate([mine[k] for k in rng.integers(0, 150, 150)])
        two = np.concatenate([beside[k] for k in rng.integers(0, 400, 400)])
        a, b, c = y[one], f[one], wide[two]
        weight = np.clip(np.cov(a, b)[0, 1] / len(a) / (b.var() / len(a) + c.var() / len(c)), 0, 1)
        moved.append(a.mean() + weight * (c.mean() - b.mean()))
    assert (found.upper - found.lower) / 2 == pytest.approx(1.96 * np.std(moved), rel=0.12)


def test_copies_of_items_are_not_evidence_when_clustered():
    y, f, wide, here, there = halves(6)
    twice = {"cluster": np.tile(here, 3), "cluster_unlabelled": np.tile(there, 3)}
    one, three = ppi_mean(y, f, wide), ppi_mean(np.tile(y, 3), np.tile(f, 3), np.tile(wide, 3), **twice)
    assert (three.lower, three.upper, three.multiplier) == pytest.approx((one.lower, one.upper, one.multiplier))


def test_the_multiplier_is_what_worth_foretells():
    y, f, wide, *_ = halves(7, clusters=4000, more=12_000)
    found, told = ppi_mean(y, f, wide), worth(y, f)
    assert found.multiplier == pytest.approx(told.at(3).estimate, rel=0.02)
    assert told.at(0).estimate == 1.0
    assert told.at(3).estimate < told.ceiling.estimate == pytest.approx(1 / (1 - told.rho**2))
    lower, upper = 1 / (1 - told.lower**2), 1 / (1 - told.upper**2)
    assert (told.ceiling.lower, told.ceiling.upper) == pytest.approx((lower, upper))


@given(st.integers(0, 2000), st.sampled_from([1, 4]), st.floats(0.1, 0.9))
def test_order_sign_and_scale_do_not_matter(seed, most, rate):
    y, f, wide, here, there = halves(seed, clusters=20, more=30, most=most, rate=rate)
    labels = {"cluster": here, "cluster_unlabelled": there}
    one, told = ppi_mean(y, f, wide, **labels), worth(y, f, cluster=here)
    other = ppi_mean(-y, -f, -wide, **labels)
    assert (other.lower, other.upper, other.multiplier) == pytest.approx((-one.upper, -one.lower, one.multiplier))
    unit = ppi_mean((y + 1) / 2, (f + 1) / 2, (wide + 1) / 2, **labels, scale=(0, 1))
    assert (unit.lower, unit.upper) == pytest.approx(((one.lower + 1) / 2, (one.upper + 1) / 2))
    turn = np.random.default_rng(seed).permutation(len(y))
    moved = ppi_mean(y[turn], f[turn], wide, cluster=here[turn], cluster_unlabelled=there)
    assert moved.lower == pytest.approx(one.lower)
    assert -1 <= one.lower <= one.estimate <= one.upper <= 1
    assert one.lower < one.upper
    assert one.human_lower <= one.human <= one.human_upper
    for again in (worth(-y, -f, cluster=here), worth(f, y, cluster=here), worth(y[turn], f[turn], cluster=here[turn])):
        if told.rho is not None:
            assert (again.rho, again.lower, again.upper) == pytest.approx((told.rho, told.lower, told.upper))
            assert -1 <= told.lower <= told.rho <= told.upper <= 1
    against = worth(y, -f, cluster=here)
    if told.rho is not None:
        assert (against.lower, against.upper) == pytest.approx((-told.upper, -told.lower))


def test_a_judge_against_people_is_left_out_and_worth_nothing():
    y, f, wide, *_ = halves(8)
    found, told = ppi_mean(y, -f, -wide), worth(y, -f)
    assert (found.weight, found.estimate) == (0.0, found.human)
    assert found.multiplier < 1
    assert told.upper < 0
    assert (told.ceiling.estimate, told.ceiling.lower, told.ceiling.upper) == (1.0, 1.0, 1.0)


def test_rounding_never_makes_agreement_more_than_full():
    for count in range(6, 60):
        y = np.ones(count)
        y[: 1 + count % 3] = -1.0
        told = worth(y, y, cluster=np.arange(count))
        assert told.lower <= told.rho <= told.upper <= 1
        assert told.ceiling.lower >= 1
        assert told.ceiling.estimate is None or told.ceiling.estimate > 1


def test_full_agreement_is_no_certainty():
    y = np.repeat([1.0, -1.0, 0.0], 20)
    told = worth(y, y)
    assert told.rho == pytest.approx(1.0)
    assert 0.6 < told.lower < 0.99  # careful at this end: of 60 items one may be the first that differs
    assert told.upper == 1.0
    assert told.ceiling.estimate is told.ceiling.upper is None
    assert told.ceiling.lower == pytest.approx(1 / (1 - told.lower**2))
    found = ppi_mean(y, y, np.tile(y, 10))
    assert 0.05 < found.upper - found.lower < found.human_upper - found.human_lower


def slow_worth(y, f, code):
    """Lower and upper end with items listed and left out one cluster after the other."""
    names, size = sorted(set(code)), len(y) / len(set(code)) / 2
    ends = []
    for sign in (-1, 1):
        rows = [(1.0, a, b, name) for a, b, name in zip(y, f, code, strict=True)]
        rows += [(size, 1.0, sign, "up"), (size, -1.0, -sign, "down")]

        def z(kept):
            w, a, b = (np.array([row[k] for row in kept], dtype=float) for k in range(3))
            cov = np.cov(a, b, aweights=w, ddof=0)
            return math.atanh(cov[0, 1] / math.sqrt(cov[0, 0] * cov[1, 1]))

        left = [z([row for row in rows if row[3] != name]) for name in [*names, "up", "down"]]
        error = math.sqrt((len(left) - 1) * np.var(left))
        ends.append(math.tanh(z(rows) + sign * error * t.isf(0.025, len(names) - 1)))
    return ends


@pytest.mark.parametrize("most", [1, 4])
def test_the_correlation_and_its_interval_written_twice(most):
    y, f, _, code, _ = halves(9, most=most)
    told = worth(y, f, cluster=code)
    assert told.rho == pytest.approx(pearsonr(y, f).statistic)
    assert (told.lower, told.upper) == pytest.approx(slow_worth(y, f, code.tolist()))
    assert (told.items, told.clusters, told.reason) == (len(y), 60, "")


def test_resampling_prompts_agrees_with_the_interval_of_rho():
    rng = np.random.default_rng(3)
    y, f, code = verdicts(rng, 300, most=4)
    told = worth(y, f, cluster=code)
    rows = [np.flatnonzero(code == k) for k in range(300)]
    draws = [np.concatenate([rows[k] for k in rng.integers(0, 300, 300)]) for _ in range(600)]
    ends = np.quantile([np.corrcoef(y[one], f[one])[0, 1] for one in draws], [0.025, 0.975])
    assert np.abs(ends - [told.lower, told.upper]).max() < 0.015


def test_missing_verdicts():
    y, f, wide, *_ = halves(10)
    holes, silent = y.copy(), f.copy()
    holes[:10], silent[20:25] = np.nan, np.nan
    quiet = np.nan_to_num(silent)
    for one, other in (
        (ppi_mean(holes, silent, wide), ppi_mean(y[10:], quiet[10:], wide)),
        (ppi_mean(y, f, [np.nan, *wide]), ppi_mean(y, f, [0.0, *wide])),
    ):
        assert asdict(one) == pytest.approx(asdict(other))
    one, other = worth(holes, silent), worth(y[10:], quiet[10:])
    assert (one.rho, one.lower, one.upper) == pytest.approx((other.rho, other.lower, other.upper))
    assert (one.items, one.clusters) == (50, 50)


def test_too_little_is_no_evidence_and_no_crash():
    for y, f in (([1, 1, 1], [1, 0, 1]), ([1, 0, 1], [1, 1, 1]), ([np.nan] * 3, [1, 0, 1]), ([], [])):
        told = worth(y, f)
        assert told.rho is told.lower is told.ceiling is told.at(2) is None
        assert told.reason
    few = worth([1, -1], [1, -1])
    assert (few.lower, few.upper, few.ceiling) == (None, None, None)
    single = worth([1, -1, 0], [1, 0, 0], cluster=["p"] * 3)
    assert (single.lower, single.clusters) == (None, 1)
    one = ppi_mean([1.0], [1.0], [0.0, 1.0])
    assert (one.lower, one.upper, one.weight) == (-1.0, 1.0, 0.0)
    two = ppi_mean([1.0, 1.0], [1.0, 0.0], [0.0, 1.0, 1.0])
    assert -1 <= two.lower < two.upper <= 1
    three = ppi_mean([1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    assert -1 <= three.lower < three.upper <= 1
    mixed = worth([1, -1, 0, 1], [1, 0, 0, 1])
    assert all(math.isfinite(x) for x in (mixed.rho, mixed.lower, mixed.upper))


@pytest.mark.parametrize(
    ("call", "args", "more"),
    [
        (ppi_mean, ([np.nan], [1], [1]), {}),
        (ppi_mean, ([], [], [1]), {}),
        (ppi_mean, ([1, 0], [1], [1]), {}),
        (ppi_mean, ([2], [1], [1]), {}),
        (ppi_mean, ([1], [np.inf], [1]), {}),
        (ppi_mean, ([1], [1], [[1]]), {}),
        (ppi_mean, ([1], [1], [1]), {"cluster": [1]}),
        (ppi_mean, ([1], [1], [1]), {"cluster_unlabelled": [1]}),
        (ppi_mean, ([1], [1], [1]), {"cluster": [1, 2], "cluster_unlabelled": [1]}),
        (ppi_mean, ([1], [1], [1]), {"cluster": [1], "cluster_unlabelled": [1, 2]}),
        (ppi_mean, ([1], [1], [1]), {"scale": (1, -1)}),
        (worth, ([1, 0], [1]), {}),
        (worth, ([1, 0], [1, 3]), {}),
        (worth, ([1, 0], [1, 0]), {"cluster": [1]}),
    ],
)
def test_what_is_no_verdict_is_refused(call, args, more):
    with pytest.raises(BadInput):
        call(*args, **more)


@pytest.mark.parametrize("ratio", [-1, math.nan])
def test_a_ratio_is_a_count(ratio):
    with pytest.raises(BadInput, match="ratio"):
        worth([1, -1, 0, 1], [1, 0, 0, 1]).at(ratio)


@pytest.mark.parametrize(("rate", "rho", "most"), [(0.5, 0.6, 1), (0.8, 0.9, 1), (0.6, 0.8, 4)])
def test_intervals_hold_the_truth(rate, rho, most):
    rng = np.random.default_rng(11)
    y, f, _ = verdicts(rng, 200_000, rate=rate, rho=rho, most=most)
    correlation, mean = pearsonr(y, f).statistic, truth(rate)
    held = []
    for _ in range(400):
        y, f, code = verdicts(rng, 330, rate=rate, rho=rho, most=most)
        here = code < 30
        found = ppi_mean(y[here], f[here], f[~here], cluster=code[here], cluster_unlabelled=code[~here])
        told = worth(y[here], f[here], cluster=code[here])
        held.append(
            [
                found.lower <= mean <= found.upper,
                found.human_lower <= mean <= found.human_upper,
                told.lower is None or told.lower <= correlation <= told.upper,
            ]
        )
    assert (np.mean(held, axis=0) > 0.93 - 2 * np.sqrt(0.93 * 0.07 / 400)).all()
