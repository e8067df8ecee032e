import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.stats import chances
from fairtrial.stats.evalues import (
    ALWAYS,
    DEVOTED_SHARES,
    SHIFTS,
    SWAYED,
    e_bh,
    group_ratio,
    group_terms,
    likelihood_ratio,
    log_mean,
    probe_ratio,
    shift_ratios,
    taste_spread,
    tastes,
)

LOG_NU = math.log(1.1)
FOR_A = np.array([-0.5, 0.0, 0.5])


def drawn(rng, d):
    """Outcomes of Davidson's law at differences d."""
    loss, tie, _ = chances(d, LOG_NU)
    u = rng.random(d.shape)
    return np.where(u < loss, 0, np.where(u < loss + tie, 1, 2))


def ratios(d, outcome):
    """(M, N, G) for (M, N) votes, at the crowd's differences d."""
    flat = shift_ratios(np.stack(chances(d.ravel(), LOG_NU), axis=1), outcome.ravel(), FOR_A)
    return flat.reshape(*d.shape, -1)


def test_a_shift_of_the_odds_is_a_shift_of_the_strengths_in_davidsons_law():
    rng = np.random.default_rng(np.random.SeedSequence(1))
    d = rng.normal(0, 1, 50)
    outcome = rng.integers(0, 3, 50)
    found = shift_ratios(np.stack(chances(d, LOG_NU), axis=1), outcome, FOR_A)
    for n in range(50):
        for g, shift in enumerate(SHIFTS):
            there = chances(np.array([d[n] + shift]), LOG_NU)[outcome[n]][0]
            here = chances(np.array([d[n]]), LOG_NU)[outcome[n]][0]
            assert found[n, g] == pytest.approx(math.log(there / here), abs=1e-12)


def test_an_evalue_is_the_product_of_bets_placed_before_each_vote():
    # By hand: before each vote the two mixtures are updated by Bayes' rule and the bet pays the ratio of their forecasts.
    rng = np.random.default_rng(np.random.SeedSequence(2))
    null, d = tastes(0.6), rng.normal(0, 0.5, 30)
    outcome = rng.choice([0, 1, 2], 30, p=[0.1, 0.2, 0.7])
    wealth, honest, devoted = 1.0, list(null), list(ALWAYS)
    for n in range(30):
        chance = [float(chances(np.array([d[n] + s]), LOG_NU)[outcome[n]][0]) for s in SHIFTS]
        by_honest = sum(p * c for p, c in zip(honest, chance, strict=True))
        by_devoted = sum(p * c for p, c in zip(devoted, chance, strict=True))
        wealth *= by_devoted / by_honest
        honest = [p * c / by_honest for p, c in zip(honest, chance, strict=True)]
        devoted = [p * c / by_devoted for p, c in zip(devoted, chance, strict=True)]
    summed = ratios(d[None], outcome[None]).sum(axis=1)
    assert math.exp(likelihood_ratio(summed, null)[0]) == pytest.approx(wealth, rel=1e-9)


@pytest.mark.parametrize("sd", [0.6, 1.0])
def test_honest_raters_with_tastes_reach_one_over_a_with_chance_at_most_a_at_any_time(sd):
    rng = np.random.default_rng(np.random.SeedSequence(3))
    raters, votes = 6000, 60
    d = rng.normal(0, 0.5, (raters, votes))
    outcome = drawn(rng, d + rng.normal(0, sd, (raters, 1)))
    path = np.cumsum(ratios(d, outcome), axis=1)
    log_e = likelihood_ratio(path.reshape(-1, len(SHIFTS)), tastes(sd)).reshape(raters, votes)
    for a in (0.1, 0.01):
        assert (log_e.max(axis=1) >= math.log(1 / a)).mean() <= a
    for at in (4, votes - 1):
        e = np.exp(log_e[:, at])
        assert e.mean() <= 1 + 4 * e.std() / math.sqrt(raters)
    # Held against the crowd itself, tastes look like rigging: this is what the mixture is for.
    nobody = (SHIFTS == 0).astype(float)
    naive = likelihood_ratio(path.reshape(-1, len(SHIFTS)), nobody, tastes(2 * sd)).reshape(raters, votes)
    assert (naive.max(axis=1) >= math.log(10)).mean() > 0.2


def test_one_who_always_votes_for_a_contestant_is_found_within_twenty_votes():
    won = np.full((1, 20), 2)
    for d in (-0.5, 0.0, 0.5):
        log_e = likelihood_ratio(ratios(np.full((1, 20), d), won).sum(axis=1), tastes(0.6))
        assert log_e[0] > math.log(1000)
    lost = np.full((1, 20), 0)
    against = likelihood_ratio(ratios(np.zeros((1, 20)), lost).sum(axis=1), tastes(0.6), ALWAYS[::-1])
    mirrored = likelihood_ratio(ratios(np.zeros((1, 20)), won).sum(axis=1), tastes(0.6))
    assert against[0] == pytest.approx(mirrored[0])


def test_the_spread_of_tastes_is_found_and_never_less_than_declared():
    rng = np.random.default_rng(np.random.SeedSequence(4))
    for sd, low, high in ((0.2, 0.5, 0.5), (0.8, 0.65, 0.9)):
        d = rng.normal(0, 0.5, (400, 40))
        summed = ratios(d, drawn(rng, d + rng.normal(0, sd, (400, 1)))).sum(axis=1)
        assert low <= taste_spread(summed, 0.5) <= high


def test_group_terms_are_those_of_each_member_by_hand():
    rng = np.random.default_rng(np.random.SeedSequence(5))
    d = rng.normal(0, 0.5, (5, 3))
    summed = ratios(d, drawn(rng, d)).sum(axis=1)
    with_some, swayed = group_terms(summed, 0.6)
    for m in range(5):
        likelihood = np.exp(summed[m])
        honest = sum(tastes(0.6) * likelihood)
        devoted = sum(ALWAYS * likelihood)
        for f, share in enumerate(DEVOTED_SHARES):
            assert math.exp(with_some[m, f]) == pytest.approx((1 - share) * honest + share * devoted)
        for s, shift in enumerate(SWAYED):
            assert math.exp(swayed[m, s]) == pytest.approx(sum(tastes(0.6, shift) * likelihood))
    weight = np.exp(-((SWAYED / 0.2) ** 2) / 2)
    over = np.mean([math.exp(with_some[:, f].sum()) for f in range(len(DEVOTED_SHARES))])
    under = sum(w / weight.sum() * math.exp(swayed[:, s].sum()) for s, w in enumerate(weight))
    log_e, share = group_ratio(with_some.sum(axis=0)[None], swayed.sum(axis=0)[None], 0.2)
    assert math.exp(log_e[0]) == pytest.approx(over / under)
    assert share[0] == DEVOTED_SHARES[np.argmax(with_some.sum(axis=0))]


def test_honest_newcomers_with_a_common_leaning_are_no_burst_and_devoted_ones_are():
    rng = np.random.default_rng(np.random.SeedSequence(6))
    groups, ids = 400, 100

    def evidence(devoted):
        d = rng.normal(0, 0.5, (groups, ids, 1))
        shift = rng.normal(0, 0.6, d.shape) + rng.normal(0, 0.2, (groups, 1, 1))
        shift[:, :devoted] = 12.0
        summed = ratios(d[..., 0], drawn(rng, d + shift)[..., 0])
        terms = [one.reshape(groups, ids, -1).sum(axis=1) for one in group_terms(summed.reshape(-1, len(SHIFTS)), 0.6)]
        return group_ratio(*terms, 0.2)

    honest, _ = evidence(0)
    assert (honest >= math.log(20)).mean() <= 0.05
    rigged, share = evidence(50)
    assert (rigged >= math.log(1e4)).mean() > 0.95
    assert np.median(share) == 0.5


@pytest.mark.parametrize("chance", [0.8, 0.9, 1.0])
def test_probes_of_attentive_raters_have_a_mean_of_at_most_one(chance):
    # Exactly, over all outcomes of twelve probes.
    passed = np.arange(13)
    e = np.exp(probe_ratio(passed, 12 - passed, attentive=0.8))
    weight = [math.comb(12, k) * chance**k * (1 - chance) ** (12 - k) for k in passed]
    assert sum(weight * e) <= 1 + 1e-12
    assert e[3] > 100
    assert e[10] < 1


def rejected_by_definition(e, level):
    size = len(e)
    ordered = sorted(e, reverse=True)
    ratios = [x * level * k / size for k, x in enumerate(ordered, start=1)]
    assume(all(abs(ratio - 1) > 1e-9 for ratio in ratios))  # on the line itself rounding decides
    return max((k for k, ratio in enumerate(ratios, start=1) if ratio >= 1), default=0)


@given(st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=1, max_size=30), st.sampled_from([0.05, 0.2]))
def test_e_bh_rejects_as_many_as_its_definition_and_the_largest(e, level):
    with np.errstate(divide="ignore"):
        found = e_bh(np.log(np.array(e)), level)
    assert found.sum() == rejected_by_definition(e, level)
    if 0 < found.sum() < len(e):
        assert np.array(e)[found].min() >= np.array(e)[~found].max()


def test_false_discoveries_of_e_bh_stay_below_the_level_even_if_all_nulls_are_one():
    rng = np.random.default_rng(np.random.SeedSequence(7))
    shares = []
    for _ in range(4000):
        same = 20.0 / 0.05 if rng.random() < 0.05 / 20 else 0.0  # a fair bet that wins big, shared by 15 nulls
        e = np.array([same] * 15 + [1e5] * 5)
        with np.errstate(divide="ignore"):
            found = e_bh(np.log(e), 0.05)
        shares.append(found[:15].sum() / max(found.sum(), 1))
    assert np.mean(shares) <= 0.05


def test_log_mean_is_stable_where_the_values_are_not():
    values = np.array([[-2000.0, -2001.0], [1500.0, 1500.0]])
    assert log_mean(values, np.array([0.5, 0.5])) == pytest.approx([-2000 + math.log((1 + math.exp(-1)) / 2), 1500])


def test_bad_settings_are_refused():
    for wrong in (
        lambda: tastes(0.0),
        lambda: e_bh(np.zeros(2), 1.0),
        lambda: probe_ratio(np.ones(1), np.ones(1), attentive=1.0),
    ):
        with pytest.raises(BadInput):
            wrong()
