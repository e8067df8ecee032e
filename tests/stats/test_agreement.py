import csv
import os
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from fairtrial.core import BadInput
from fairtrial.stats import Battles
from fairtrial.stats.agreement import (
    CATEGORIES,
    NO_VARIATION,
    NOTHING_SHARED,
    battle_units,
    cohen_kappa,
    each_against_rest,
    krippendorff_alpha,
    rater_agreement,
)

LEVELS = ("nominal", "ordinal", "interval")


def columns(table):
    """Units, raters and values of a raters x units table with NaN where nothing was rated."""
    table = np.asarray(table, dtype=float)
    rater, unit = np.nonzero(~np.isnan(table))
    return unit, rater, table[rater, unit]


def alpha_of(table, level="nominal", **how):
    return krippendorff_alpha(*columns(table), level=level, draws=20, **how).estimate


def drawn(rng, units, raters, accuracy, prior):
    """Raters who see the true value with some chance and guess otherwise."""
    truth = rng.choice(len(prior), units, p=prior)
    guess = rng.integers(0, len(prior), (units, raters))
    said = np.where(rng.random((units, raters)) < accuracy, truth[:, None], guess)
    return np.repeat(np.arange(units), raters), np.tile(np.arange(raters), units), said.ravel()


def true_alpha(accuracy, prior):
    prior = np.asarray(prior)
    says = accuracy * np.eye(len(prior)) + (1 - accuracy) / len(prior)
    equal, chance = (prior[:, None] * says**2).sum(), ((prior @ says) ** 2).sum()
    return (equal - chance) / (1 - chance)


tables = st.integers(2, 5).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, np.nan]), min_size=raters, max_size=raters),
        min_size=2,
        max_size=12,
    ).map(lambda rows: np.array(rows).T)
)


def pairable(table):
    """The table without units that fewer than two rated."""
    return np.where((~np.isnan(table)).sum(axis=0) > 1, table, np.nan)


# --- Krippendorff's alpha ---------------------------------------------------------------------------------------------


def test_the_worked_examples_of_krippendorff_2011():
    # Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, sections A and B.
    binary = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    assert alpha_of(binary) == pytest.approx(0.095, abs=5e-4)
    letters = ["aabbdcccedda", "babbbccceddd"]
    assert alpha_of([[ord(x) for x in row] for row in letters]) == pytest.approx(0.692, abs=5e-4)


def test_the_example_of_the_package_krippendorff_with_missing_values():
    x = np.nan
    table = [
        [x, x, x, x, x, 3, 4, 1, 2, 1, 1, 3, 3, x, 3],
        [1, x, 2, 1, 3, 3, 4, 3, x, x, x, x, x, x, x],
        [x, x, 2, 1, 3, 4, 4, x, 2, 1, 1, 3, 3, x, 4],
    ]
    found = krippendorff_alpha(*columns(table))
    assert found.estimate == pytest.approx(0.691358, abs=1e-6)
    assert (found.units, found.values, found.raters) == (12, 26, 3)
    assert alpha_of(table, "interval") == pytest.approx(0.810845, abs=1e-6)


@given(table=tables, level=st.sampled_from(LEVELS))
def test_alpha_is_that_of_the_package_krippendorff(table, level):
    shared = pairable(table)
    assume(len(np.unique(shared[~np.isnan(shared)])) > 1)
    # Values of units rated once must not enter their table of possible values: an ordinal scale is its pairable values.
    want = krippendorff.alpha(shared, level_of_measurement=level)
    assert alpha_of(table, level) == pytest.approx(want, abs=1e-9)


@given(table=tables)
def test_what_cannot_be_told_is_none_with_a_reason(table):
    shared = pairable(table)
    known = shared[~np.isnan(shared)]
    for level in LEVELS:
        found = krippendorff_alpha(*columns(table), level=level, draws=20)
        assert found.values == known.size
        if len(np.unique(known)) > 1:
            assert found.reason == ""
            assert -1 <= found.lower <= found.estimate <= found.upper <= 1
            assert found.lower < found.upper
        else:
            assert (found.estimate, found.lower, found.upper) == (None, None, None)
            assert found.reason == (NO_VARIATION if known.size else NOTHING_SHARED)


def test_votes_that_never_vary_are_neither_agreement_nor_chance():
    assert krippendorff_alpha([0, 0, 1, 1], [0, 1, 0, 1], [2, 2, 2, 2]).reason == NO_VARIATION
    assert krippendorff_alpha([0, 1], [0, 1], [0, 1]).reason == NOTHING_SHARED
    assert krippendorff_alpha([], [], []).reason == NOTHING_SHARED


def test_the_last_of_a_raters_repeated_values_counts():
    unit, rater, value = [7, 7, 7, 8, 8], [3, 3, 9, 3, 9], [0, 1, 1, 0, 0]
    found = krippendorff_alpha(unit, rater, value)
    assert (found.estimate, found.units, found.values, found.raters) == (1.0, 2, 4, 2)
    # One rater who repeats himself agrees with nobody.
    assert krippendorff_alpha([0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]).reason == NOTHING_SHARED


@given(table=tables, level=st.sampled_from(LEVELS), seed=st.integers(0, 9))
def test_names_and_row_order_change_nothing(table, level, seed):
    unit, rater, value = columns(table)
    rng = np.random.default_rng(seed)
    turn = rng.permutation(len(unit))
    again = (1000 - 3 * unit[turn], rng.permutation(50)[rater[turn]], value[turn])
    one, other = (krippendorff_alpha(*v, level=level, draws=50) for v in ((unit, rater, value), again))
    assert one.reason == other.reason
    if one.estimate is not None:
        parts = [(x.estimate, x.lower, x.upper) for x in (one, other)]
        assert parts[0] == pytest.approx(parts[1], abs=1e-9)


def test_the_interval_is_that_of_resampling_units_one_by_one():
    rng = np.random.default_rng(4)
    unit, rater, value = drawn(rng, 300, 3, 0.7, [0.5, 0.2, 0.3])
    counts = np.zeros((300, 3))
    np.add.at(counts, (unit, value), 1)
    for level in LEVELS:
        resampled = [
            krippendorff.alpha(value_counts=counts[rng.integers(0, 300, 300)], level_of_measurement=level)
            for _ in range(1500)
        ]
        found = krippendorff_alpha(unit, rater, value, level=level, draws=4000)
        # The pseudo-units and the widening matter little with 300 units.
        assert (found.lower, found.upper) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.015)
        assert found == krippendorff_alpha(unit, rater, value, level=level, draws=4000)
        assert found.lower != krippendorff_alpha(unit, rater, value, level=level, draws=4000, seed=1).lower


@pytest.mark.parametrize("raters", [2, 5])
@pytest.mark.parametrize("accuracy", [0.4, 0.95])
def test_the_interval_covers(accuracy, raters):
    # Resampling without pseudo-units covers 84 % of the time at accuracy 0.95 with 30 units and two raters.
    prior, rng = [0.45, 0.1, 0.45], np.random.default_rng(int(100 * accuracy) + raters)
    truth, hits = true_alpha(accuracy, prior), 0
    for _ in range(200):
        found = krippendorff_alpha(*drawn(rng, 30, raters, accuracy, prior), draws=300)
        hits += found.lower <= truth <= found.upper
    assert hits >= 182  # 91 %: 95 % less 2.6 Monte Carlo errors


def test_full_agreement_on_few_units_is_no_certainty():
    few = krippendorff_alpha(*columns([[0, 1, 0, 1], [0, 1, 0, 1]]))
    many = krippendorff_alpha(*columns([[0, 1] * 200, [0, 1] * 200]))
    assert few.estimate == many.estimate == few.upper == 1
    assert few.lower < 0.5 < many.lower < 1


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="differ in length: 2, 1, 2"):
        krippendorff_alpha([0, 0], [1], [0, 1])
    with pytest.raises(BadInput, match="finite"):
        krippendorff_alpha([0, 0], [1, 2], [0, np.nan])
    many = columns(np.tile(np.arange(CATEGORIES + 1), (2, 1)))
    with pytest.raises(BadInput, match="21 distinct values"):
        krippendorff_alpha(*many)
    with pytest.raises(BadInput, match="21 distinct values"):
        each_against_rest(*many)
    assert krippendorff_alpha(*many, level="interval").estimate == pytest.approx(1)


def test_an_interval_scale_takes_any_numbers():
    rng = np.random.default_rng(5)
    table = rng.normal(1e6, 1, 40) + rng.normal(0, 0.5, (4, 40))
    found = krippendorff_alpha(*columns(table), level="interval")
    assert found.estimate == pytest.approx(krippendorff.alpha(table, level_of_measurement="interval"), abs=1e-6)
    assert found.lower < found.estimate < found.upper


# --- Cohen's kappa ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@given(cells=st.lists(st.integers(0, 12), min_size=16, max_size=16))
def test_kappa_and_its_standard_error_are_those_of_statsmodels(weights, cells):
    table = np.reshape(cells, (4, 4))
    found = cohen_kappa(table, weights=weights)
    either = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    assert found.n == table.sum()
    if len(either) < 2:
        assert found.estimate is None
        assert found.reason == (NO_VARIATION if found.n else NOTHING_SHARED)
        return
    with np.errstate(all="ignore"):  # theirs divides by a standard error of zero
        want = cohens_kappa(table, wt=weights)
    assert found.estimate == pytest.approx(want.kappa, abs=1e-9)
    assert (found.se or 0.0) == pytest.approx(np.sqrt(max(want.var_kappa, 0)), abs=1e-6)
    row, column = np.repeat(np.arange(16), cells) // 4, np.repeat(np.arange(16), cells) % 4
    again = cohen_kappa(row, column, weights=weights)
    assert (again.estimate, again.se or 0.0) == pytest.approx((found.estimate, found.se or 0.0), abs=1e-6)


def test_no_standard_error_where_its_formula_says_zero():
    perfect = cohen_kappa([0, 1, 2, 0], [0, 1, 2, 0])
    assert (perfect.estimate, perfect.se) == (1.0, None)
    useless = cohen_kappa([[0, 3], [0, 3]])  # one of the two always says the same
    assert (useless.estimate, useless.se) == (pytest.approx(0), None)


def test_kappa_refuses_what_is_no_table():
    for wrong in ([[1, 2]], [1, 2], [[1, -1], [0, 2]], [[1, np.nan], [0, 2]]):
        with pytest.raises(BadInput, match="square"):
            cohen_kappa(wrong)
    for wrong in ([0, 1, 1], [0, np.inf]):
        with pytest.raises(BadInput, match="two raters"):
            cohen_kappa([0, 1], wrong)
    assert cohen_kappa([], []).reason == NOTHING_SHARED


# --- each against the rest --------------------------------------------------------------------------------------------


def by_hand(table, rater):
    """Observed, expected, kappa of one rater from a table, value by value."""
    seen, mine, theirs = [], Counter(), Counter()
    for column in np.asarray(table, dtype=float).T:
        others = [x for r, x in enumerate(column) if r != rater and not np.isnan(x)]
        if np.isnan(column[rater]) or not others:
            continue
        seen.append(others.count(column[rater]) / len(others))
        mine[column[rater]] += 1
        for x in others:
            theirs[x] += 1 / len(others)
    n = len(seen)
    if not n:
        return 0, None, None, None
    observed, expected = sum(seen) / n, sum(mine[x] * theirs[x] for x in mine) / n**2
    return n, observed, expected, (observed - expected) / (1 - expected) if expected < 1 - 1e-12 else None


@given(table=tables)
def test_each_rater_by_hand(table):
    unit, rater, value = columns(table)
    found = each_against_rest(unit, rater, value)
    assert [x.rater for x in found] == sorted(set(rater.tolist()))
    for x in found:
        want = by_hand(table, x.rater)
        assert (x.units, x.observed, x.expected, x.kappa) == pytest.approx(want, abs=1e-9)
        assert (x.se is None) == (x.kappa is None)
        assert x.se is None or x.se > 0


def guard(x):
    return (x.observed**2 + (1 - x.observed) ** 2) / (x.units + 2) ** 2 / (1 - x.expected) ** 2


def test_two_raters_have_cohens_kappa_and_its_standard_error():
    rng = np.random.default_rng(6)
    unit, rater, value = drawn(rng, 90, 2, 0.6, [0.2, 0.3, 0.5])
    want = cohen_kappa(value[rater == 0], value[rater == 1])
    for x in each_against_rest(unit, rater, value):
        assert x.kappa == pytest.approx(want.estimate)
        assert (x.se**2 - guard(x)) * 89 / 90 == pytest.approx(want.se**2)


def test_the_standard_error_is_that_of_leaving_out_units():
    rng = np.random.default_rng(7)
    unit, rater, value = drawn(rng, 120, 4, 0.6, [0.2, 0.3, 0.5])
    kappas = np.array(
        [[x.kappa for x in each_against_rest(unit[k], rater[k], value[k])] for k in (unit != u for u in range(120))]
    )
    jackknife = 119 / 120 * ((kappas - kappas.mean(axis=0)) ** 2).sum(axis=0)
    ours = [x.se**2 - guard(x) for x in each_against_rest(unit, rater, value)]
    assert ours == pytest.approx(jackknife, rel=0.05)


def test_the_standard_error_tells_how_far_kappa_strays():
    rng = np.random.default_rng(8)
    found = [each_against_rest(*drawn(rng, 60, 3, 0.7, [0.4, 0.2, 0.4]))[0] for _ in range(300)]
    kappas, errors = np.array([(x.kappa, x.se) for x in found]).T
    assert errors.mean() == pytest.approx(kappas.std(), rel=0.15)
    assert kappas.mean() == pytest.approx(true_alpha(0.7, [0.4, 0.2, 0.4]), abs=0.02)


def test_a_rater_alone_has_no_numbers():
    alone = each_against_rest([0, 0, 1], [4, 5, 6], [1, 1, 0])[2]
    assert (alone.rater, alone.units) == (6, 0)
    assert (alone.observed, alone.expected, alone.kappa, alone.se) == (None, None, None, None)
    same = each_against_rest([0, 0], [4, 5], [1, 1])[0]
    assert (same.observed, same.expected, same.kappa, same.se) == (1.0, 1.0, None, None)
    assert each_against_rest([], [], []) == ()
    assert each_against_rest([3], [2], [1])[0].units == 0


# --- battles ----------------------------------------------------------------------------------------------------------

LABELS = ("model_b", "tie", "model_a", "both_bad", "abstain", "invalid")


def votes(seed=1, *, raters=6, prompts=15, count=500, contrary=()):
    """Votes of raters who mostly prefer the model of lower index; those in `contrary` the other one."""
    rng = np.random.default_rng(seed)
    a, rater = rng.integers(0, 3, count), rng.integers(0, raters, count)
    b, prompt = (a + 1 + rng.integers(0, 2, count)) % 3, rng.integers(0, prompts, count)
    better = np.where((a < b) ^ np.isin(rater, contrary), 2, 0)
    odd = (prompt * 7 + a + b) % 4 == 0  # battles on which they prefer a tie
    outcome = np.where(odd, 1, better)
    outcome = np.where(rng.random(count) < 0.3, rng.integers(0, 6, count), outcome)
    return Battles.from_columns(
        {
            "model_a": [f"m{k}" for k in a],
            "model_b": [f"m{k}" for k in b],
            "winner": [LABELS[o] for o in outcome],
            "question_id": [f"q{k:02d}" for k in prompt],
            "rater": [f"r{k}" for k in rater],
        }
    )


def test_a_battle_is_a_prompt_and_a_pair_whoever_was_shown_first():
    found = Battles.from_columns(
        {
            "model_a": ["x", "y", "x", "y", "x", "y", "x", "y"],
            "model_b": ["y", "x", "y", "x", "z", "x", "y", "x"],
            "winner": ["model_a", "model_a", "tie", "both_bad", "model_b", "model_b", "invalid", "abstain"],
            "question_id": ["p", "p", "p", "q", "p", "q", "p", "p"],
            "rater": list("abcdefgh"),
        }
    )
    unit, rater, value = battle_units(found)
    assert value.tolist() == [2, 0, 1, 3, 0, 2]
    assert rater.tolist() == [0, 1, 2, 3, 4, 5]
    assert unit[0] == unit[1] == unit[2]
    assert unit[3] == unit[5]
    assert len({*unit.tolist()}) == 3


def swapped(battles):
    """The same votes, each with its sides shown the other way round."""
    mirror = np.array([2, 1, 0, 3, 4, 5])
    return replace(battles, a=battles.b, b=battles.a, outcome=mirror[battles.outcome])


def test_sides_and_integer_widths_change_nothing():
    some = votes()
    want = rater_agreement(some)
    assert rater_agreement(swapped(some)) == want
    narrow = replace(
        some,
        a=some.a.astype(np.uint8),
        b=some.b.astype(np.uint8),
        outcome=some.outcome.astype(np.uint8),
        prompt=some.prompt.astype(np.uint8),
        rater=some.rater.astype(np.uint16),
    )
    assert rater_agreement(narrow) == want
    assert rater_agreement(swapped(narrow)) == want


def test_new_names_of_raters_change_only_their_order():
    some = votes()
    one, other = rater_agreement(some), rater_agreement(replace(some, rater=5 - some.rater))
    assert (one.nominal, one.ordinal) == (other.nominal, other.ordinal)
    assert [x.kappa for x in one.raters] == pytest.approx([x.kappa for x in other.raters[::-1]])


def test_the_parts_fit_together():
    some = votes()
    found = rater_agreement(some, draws=50)
    unit, rater, value = battle_units(some)
    last = {(u, r): v for u, r, v in zip(unit.tolist(), rater.tolist(), value.tolist(), strict=True)}
    assert found.repeats == len(unit) - len(last) > 0
    table = np.full((6, unit.max() + 1), np.nan)
    for (u, r), v in last.items():
        table[r, u] = v
    assert found.nominal.estimate == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    graded = pairable(np.where(table == 3, np.nan, table))
    assert found.ordinal.estimate == pytest.approx(krippendorff.alpha(graded, level_of_measurement="ordinal"))
    counts = np.array(list(Counter(table[~np.isnan(pairable(table))]).values()))
    n = counts.sum()
    chance = 1 - (counts * (counts - 1)).sum() / (n * (n - 1))
    assert found.observed == pytest.approx(1 - (1 - found.nominal.estimate) * chance)


def test_who_votes_against_the_others_stands_out():
    found = rater_agreement(votes(contrary=(4,), count=900)).raters
    worst = min(found, key=lambda x: x.kappa)
    assert worst.rater == 4
    assert worst.kappa + 3 * worst.se < min(x.kappa for x in found if x.rater != 4)


def test_unknown_prompts_or_raters_are_refused():
    some = votes()
    with pytest.raises(BadInput, match="no two raters are known to have judged the same battle"):
        rater_agreement(replace(some, prompt=None))
    with pytest.raises(BadInput, match="no raters"):
        rater_agreement(replace(some, rater=None))


def test_votes_nobody_shares_give_reasons_not_numbers():
    found = rater_agreement(votes().take(np.arange(500) < 1))
    assert (found.nominal.reason, found.ordinal.reason) == (NOTHING_SHARED, NOTHING_SHARED)
    assert found.observed is None


def test_many_raters_cost_what_their_votes_cost():
    rng = np.random.default_rng(9)
    rater, unit, value = rng.integers(0, 20_000, 60_000), rng.integers(0, 30_000, 60_000), rng.integers(0, 4, 60_000)
    tracemalloc.start()
    try:
        found = krippendorff_alpha(unit, rater, value)
        each = each_against_rest(unit, rater, value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.lower < 0 < found.upper
    assert len(each) == len(np.unique(rater))
    assert peak < 60e6  # a table of raters by units would hold 600 million numbers


# --- published codings ------------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> Path:
    place = os.environ.get("FAIRTRIAL_TEST_DATA")
    if not place:
        pytest.skip("set FAIRTRIAL_TEST_DATA to the directory of published benchmarks")
    return Path(place)


def codings(path):
    with path.open(encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    code = {label: k for k, label in enumerate(sorted({x for row in rows for x in row if x}))}
    return [[code[x] if x else np.nan for x in row] for row in rows]


@pytest.mark.data
def test_four_observers_of_krippendorff_2011(data):
    # Sections C, D and E: nominal, ordinal and interval values of any number of observers, some missing.
    table = codings(data / "evalica_samples" / "codings.csv")
    want = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849}
    assert {level: alpha_of(table, level) for level in LEVELS} == pytest.approx(want, abs=5e-4)
    found = krippendorff_alpha(*columns(table))
    assert (found.units, found.values, found.raters) == (11, 40, 4)


@pytest.mark.data
def test_part_of_speech_tags_against_evalica(data):
    table = codings(data / "evalica_samples" / "gcl.csv")
    assert alpha_of(table) == pytest.approx(0.0833333, abs=1e-6)  # evalica 2026-08, tests of alpha
