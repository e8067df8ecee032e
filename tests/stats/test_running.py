import numpy as np
import pytest
from vote_tables import columns

from fairtrial.stats import Battles, Comparisons, Running, fit, uncertainty

SCALE = 400 / np.log(10)


def table(seed=1, votes=1500):
    rng = np.random.default_rng(seed)
    made = columns(seed, theta=np.linspace(0.8, -0.8, 7), votes=votes, prompts=80)
    return Battles.from_columns(made | {"rater": [f"r{k}" for k in rng.integers(0, 40, votes)]})


def state(votes, ties, ways):
    comparisons = Comparisons.of(votes)
    clusters = {name: votes.clusters(name) for name in ways}
    estimate = fit(comparisons, ties=ties)
    return estimate, comparisons, clusters, uncertainty(estimate, comparisons, clusters)


def follow(votes, start, ties="davidson", ways=("rater", "prompt")):
    first = votes.take(np.arange(len(votes)) < start)
    running = Running(*state(first, ties, ways))
    for i in range(start, len(votes)):
        cluster = {name: int(votes.clusters(name)[i]) for name in ways}
        running.add(int(votes.a[i]), int(votes.b[i]), int(votes.outcome[i]), cluster)
    return running


@pytest.mark.parametrize("ties", ["davidson", "half", "rao-kupper"])
def test_a_hundred_votes_without_a_refit_stay_within_a_tenth_of_a_point(ties):
    votes = table()
    running = follow(votes, 1400, ties)
    exact, *_, found = state(votes, ties, ("rater", "prompt"))
    before, *_ = state(votes.take(np.arange(1500) < 1400), ties, ("rater", "prompt"))
    assert SCALE * np.abs(running.theta - exact.theta).max() < 0.1
    assert SCALE * np.abs(before.theta - exact.theta).max() > 1  # what standing still would miss
    # With 40 raters a standard error is itself uncertain by 11 %; the updates must stay well inside that.
    assert np.allclose(running.standard_errors, np.sqrt(np.diag(found.covariance)), rtol=0.07)


def test_one_vote_moves_the_estimate_as_a_refit_does():
    votes = table()
    running = follow(votes, 1499)
    exact, *_ = state(votes, "davidson", ("rater", "prompt"))
    assert SCALE * np.abs(running.theta - exact.theta).max() < 1e-3


def test_the_updated_sandwich_is_the_one_worked_out_from_its_parts():
    votes = table()
    running = follow(votes, 1400, ways=("rater",))
    way = running.ways["rater"]
    moves = np.array([way.score(code) for code in range(way.count)]) @ running.inverse
    assert np.allclose(way.covariance, moves.T @ moves, rtol=1e-8, atol=1e-12)


def test_new_raters_open_new_clusters():
    votes = table()
    rater = votes.rater.copy()
    rater[1400:] = 40 + np.arange(100)
    running = follow(
        Battles(names=votes.names, a=votes.a, b=votes.b, outcome=votes.outcome, rater=rater), 1400, ways=("rater",)
    )
    assert running.ways["rater"].clusters == 140


def test_a_weight_counts_a_vote_that_often():
    votes = table()
    first = votes.take(np.arange(1500) < 1000)
    once, twice = Running(*state(first, "davidson", ("rater",))), Running(*state(first, "davidson", ("rater",)))
    for _ in range(2):
        once.add(0, 1, 2, {"rater": 3})
    twice.add(0, 1, 2, {"rater": 3}, weight=2.0)
    assert np.allclose(once.theta, twice.theta, atol=1e-4)


def test_clusters_that_balance_exactly_leave_the_guard_and_no_overflow():
    # Twenty raters with one win and one loss each: nothing varies between them, so there is nothing to scale.
    a, b = np.zeros(40, dtype=int), np.ones(40, dtype=int)
    votes = Battles(names=("a", "b"), a=a, b=b, outcome=np.tile([2, 0], 20), rater=np.repeat(np.arange(20), 2))
    running = Running(*state(votes, "davidson", ("rater",)))
    before = running.standard_errors
    running.add(0, 1, 2, {"rater": 3})
    assert (before > 0.05).all()
    assert np.allclose(running.standard_errors, before, rtol=0.5)


def test_a_model_that_the_fit_does_not_know_is_refused_and_changes_nothing():
    votes = table()
    running = Running(*state(votes, "davidson", ("rater",)))
    before = running.point.copy()
    with pytest.raises(IndexError):
        running.add(7, 1, 2, {"rater": 3})
    assert (running.point == before).all()
