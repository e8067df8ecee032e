"""Calibration by human labels: against statsmodels, against simulated truth, and where nothing can be learned."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from fairtrial.core import BadInput, Vote
from fairtrial.evaluators import Heuristic, Judge
from fairtrial.evaluators.calibration import Calibrated, calibrate, fit_slope, signal_of, slope_rate
from fairtrial.evaluators.forecasts import LEAST
from fairtrial.evaluators.human_labels import human_labels
from fairtrial.formats.pairs import Pair


def drawn(seed: int, *, n: int = 300, slope: float = 0.7, prompts: int = 60):
    """Signals, labels with ties, and prompts whose pairs go together."""
    rng = np.random.default_rng(seed)
    prompt = rng.integers(0, prompts, n)
    signal = rng.normal(size=n) * 2 + rng.normal(size=prompts)[prompt]
    y = (rng.random(n) < 1 / (1 + np.exp(-slope * signal))).astype(float)
    y[rng.random(n) < 0.1] = 0.5
    return signal, y, prompt


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.DomainWarning")
def test_slope_and_interval_are_those_of_a_regression_with_two_more_rows(seed):
    signal, y, prompt = drawn(seed)
    typical = math.sqrt((signal**2).mean())
    rows, target = np.append(signal, [typical, typical]), np.append(y, [1.0, 0.0])
    groups = np.append(prompt, [1000, 1001])
    glm = sm.GLM(target, rows[:, None], family=sm.families.Binomial())
    other = glm.fit(cov_type="cluster", cov_kwds={"groups": groups}, tol=1e-12)
    slope = fit_slope(signal, y)
    found = slope_rate(signal, y, prompt, slope)
    assert slope == pytest.approx(other.params[0], rel=1e-7)
    half = (found.ci[1] - found.ci[0]) / 2
    assert half / student.ppf(0.975, found.prompts - 1) == pytest.approx(other.bse[0], rel=1e-6)


def test_the_maximum_is_a_maximum_of_the_penalised_likelihood():
    signal, y, _ = drawn(5, n=40)
    typical = math.sqrt((signal**2).mean())

    def likelihood(slope: float) -> float:
        prior = math.log(1 / (1 + math.exp(-slope * typical))) + math.log(1 / (1 + math.exp(slope * typical)))
        return (
            float((y * -np.log1p(np.exp(-slope * signal)) + (1 - y) * -np.log1p(np.exp(slope * signal))).sum()) + prior
        )

    slope = fit_slope(signal, y)
    assert likelihood(slope) > max(likelihood(slope - 1e-3), likelihood(slope + 1e-3))


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_complete_separation_has_a_finite_slope_of_known_size(n):
    """All n pairs of one signal right: p = (n + 1) / (n + 2), as with one pseudo-pair of either kind."""
    slope = fit_slope(np.full(n, 3.0), np.ones(n))
    assert 1 / (1 + math.exp(-3 * slope)) == pytest.approx((n + 1) / (n + 2))
    wide = slope_rate(np.full(n, 3.0), np.ones(n), np.arange(n), slope).ci
    assert n == 1 or wide[0] < slope < wide[1]


@given(
    data=st.lists(st.tuples(st.floats(-16, 16), st.sampled_from([0.0, 0.5, 1.0])), max_size=30),
    unit=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_turning_pairs_round_changes_nothing_and_the_unit_only_the_unit(data, unit):
    signal = np.round(np.array([one for one, _ in data]), 6)
    y = np.array([one for _, one in data])
    slope = fit_slope(signal, y)
    assert math.isfinite(slope)
    turned = np.arange(len(y)) % 2 == 0
    again = fit_slope(np.where(turned, -signal, signal), np.where(turned, 1 - y, y))
    assert again == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert fit_slope(signal * unit, y) * unit == pytest.approx(slope, rel=1e-6, abs=1e-9)


def vote(item, *, evaluator="judge:j:1", status="graded", grade=0, **detail):
    return Vote(battle=item.battle.id, evaluator=evaluator, kind="judge", status=status, grade=grade, order="both", detail=detail)  # fmt: skip


def labels_of(y, prompts):
    name = {1.0: "a", 0.0: "b", 0.5: "tie"}
    pairs = [
        Pair(key=f"k{n}", prompts=(f"Prompt {p}",), a=(f"a {n}",), b=(f"b {n}",), label=name[one], label_source="human")
        for n, (one, p) in enumerate(zip(y, prompts, strict=True))
    ]
    return human_labels("people.jsonl", pairs, apart_from=())


def by_odds(item, odds):
    p = 1 / (1 + math.exp(-odds))
    return vote(item, grade=int(np.sign(odds)), ab="first", ba="second", log_odds_ab=odds, log_odds_ba=-odds, p_a=p)


def test_an_overconfident_judge_is_made_honest_on_prompts_it_was_not_fitted_to():
    rng = np.random.default_rng(11)
    truth = rng.normal(size=600) * 1.5
    y = (rng.random(600) < 1 / (1 + np.exp(-truth))).astype(float)
    labels = labels_of(y, rng.integers(0, 120, 600))
    found = calibrate([by_odds(i, 5 * t) for i, t in zip(labels.items, truth, strict=True)], labels)
    assert found.signal == "log-odds"
    assert found.fitted.ci[0] < 0.2 < found.fitted.ci[1]
    assert found.log_loss_change.ci[1] < 0
    assert found.brier_change.ci[1] < 0
    assert found.before.calibration_error.ci[0] > 0.1
    assert found.after.calibration_error.ci[0] < 0.03
    assert found.after.log_loss.estimate == pytest.approx(np.log1p(np.exp(-truth * (2 * y - 1))).mean(), abs=0.01)


def test_a_prompt_s_own_labels_do_not_reach_its_probabilities():
    """Labels that are pure chance, but alike within a prompt: a map fitted to them would look better than one half."""
    changes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        prompt = np.repeat(np.arange(8), 5)
        y, side = rng.integers(0, 2, 8)[prompt].astype(float), rng.choice([-1.0, 1.0], 8)[prompt]
        labels = labels_of(y, prompt)
        found = calibrate([by_odds(i, s) for i, s in zip(labels.items, side, strict=True)], labels)
        changes.append(found.after.log_loss.estimate - math.log(2))
        assert found.folds == 8
    assert np.mean(changes) > 0


def test_the_interval_of_the_change_covers_the_truth_of_the_fitted_maps():
    """The judge says 3 times the true log-odds; what a slope is worth to other pairs is known by integration."""
    rng = np.random.default_rng(0)
    wide = norm.ppf(np.arange(1, 2000) / 2000)
    chance = 1 / (1 + np.exp(-wide))
    loss = lambda k: (chance * np.logaddexp(0, -k * wide) + (1 - chance) * np.logaddexp(0, k * wide)).mean()  # noqa: E731
    held = 0
    for _ in range(100):
        t = rng.normal(size=60)
        y = (rng.random(60) < 1 / (1 + np.exp(-t))).astype(float)
        labels = labels_of(y, np.arange(60))
        found = calibrate([by_odds(i, 3 * x) for i, x in zip(labels.items, t, strict=True)], labels)
        truth = loss(3 * found.slope) - loss(3)
        held += found.log_loss_change.ci[0] < truth < found.log_loss_change.ci[1]
    assert held >= 88


@pytest.mark.parametrize(
    ("detail", "kind", "signal"),
    [
        ({"log_odds_ab": 2.0, "log_odds_ba": 1.0, "ab": "first", "ba": "first"}, "log-odds", 0.5),
        ({"log_odds_ab": 700.0, "log_odds_ba": -700.0}, "log-odds", 16.0),
        ({"lead": -0.25, "ab": "first", "ba": "second"}, "jurors", -0.25),
        ({"share_ab": 0.5, "share_ba": -1.0, "ab": "first", "ba": "second"}, "repeats", 0.75),
        ({"grade_ab": 2, "grade_ba": 1, "ab": "first", "ba": "first"}, "grades", 0.5),
        ({"ab": "first", "ba": "tie"}, "verdicts", 0.5),
        ({"ab": "first", "ba": "first"}, "verdicts", 0.0),
        ({"same_text": True}, "verdicts", 0.0),
    ],
)
def test_the_signal_is_averaged_over_orders(detail, kind, signal):
    (item,) = labels_of([1.0], [0]).items
    assert signal_of(vote(item, **detail)) == (kind, signal)
    other = {"ab": "ba", "ba": "ab"}
    turned = {k[:-2] + other[k[-2:]] if k[-2:] in other else k: -v if k == "lead" else v for k, v in detail.items()}
    assert signal_of(vote(item, **turned)) == (kind, -signal)


def test_an_invalid_vote_stays_invalid_and_is_counted():
    labels = labels_of([1.0, 0.0] * 10, range(20))
    votes = [by_odds(i, 1.0) for i in labels.items[:-2]] + [
        vote(i, status="invalid", grade=None) for i in labels.items[-2:]
    ]
    found = calibrate(votes, labels)
    assert (found.pairs, found.invalid, found.prompts) == (18, 2, 18)
    judge = Calibrated(Judge(Heuristic("longer")), found)
    assert judge.moved(votes[-1]).status == "invalid"
    assert judge.moved(votes[-1]).grade is None


def test_a_judge_that_is_wrong_more_often_than_right_says_one_half_and_is_not_turned_round():
    labels = labels_of([1.0, 0.0] * 20, range(40))
    votes = [by_odds(i, -2.0 if i.label > 0 else 2.0) for i in labels.items]
    found = calibrate(votes, labels)
    assert found.slope == 0
    assert found.fitted.ci[1] < 0
    assert {one.grade for one in map(Calibrated(Judge(Heuristic("longer")), found).moved, votes)} == {0}
    assert found.after.log_loss.estimate == pytest.approx(math.log(2))
    assert found.after.log_loss.ci == (None, None)


def test_a_judge_that_never_leans_says_one_half():
    labels = labels_of([1.0, 0.0] * 10, range(20))
    found = calibrate([vote(i, ab="first", ba="first") for i in labels.items], labels)
    assert (found.slope, found.signal, found.before) == (0, "verdicts", None)
    assert found.fitted.ci == (None, None)


def test_probabilities_and_votes_take_one_side_and_own_one_is_kept():
    labels = labels_of([1.0, 0.0] * 20, range(40))
    votes = [by_odds(i, 0.5 * i.label + 0.1) for i in labels.items]
    judge = Calibrated(Judge(Heuristic("longer")), calibrate(votes, labels))
    for before, after in zip(votes, map(judge.moved, votes), strict=True):
        assert after.grade == before.grade == np.sign(after.detail["p_a"] - 0.5)
        assert after.detail["own_p_a"] == before.detail["p_a"]
        assert after.evaluator == judge.id != before.evaluator


def test_other_labels_are_another_evaluator():
    inner = Judge(Heuristic("longer"))
    ids = set()
    for y in ([1.0, 0.0] * 10, [1.0, 0.0] * 9 + [0.5, 0.5], [0.0, 1.0] * 10):
        labels = labels_of(y, range(20))
        ids.add(Calibrated(inner, calibrate([by_odds(i, 1.0) for i in labels.items], labels)).id)
    assert len(ids) == 3


def test_few_prompts_are_too_few():
    labels = labels_of([1.0] * 40, [n % 4 for n in range(40)])
    with pytest.raises(BadInput, match=r"people.jsonl: 4 prompts"):
        calibrate([by_odds(i, 1.0) for i in labels.items], labels)


def test_a_judge_s_certainty_costs_no_infinite_loss():
    labels = labels_of([0.0] + [1.0] * 9, range(10))
    found = calibrate([by_odds(i, 40.0) for i in labels.items], labels)
    assert found.before.log_loss.estimate == pytest.approx(-math.log(LEAST) / 10, rel=1e-3)
    assert math.isfinite(found.after.log_loss.estimate)
