"""Draws: uniform where declared, never below the floor, and the same again from what is recorded."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.arena.pairing import draw, pair_chances, redrawn

IDS = tuple(f"c{k}" for k in range(6))


def test_uniform_pairs_and_sides_are_equally_likely():
    drawn = [draw(IDS, seed=seed) for seed in range(30_000)]
    counts = Counter((one.a, one.b) for one in drawn)
    expected = len(drawn) / 15
    assert len(counts) == 15
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 36.1  # chi-square, 14 df: 0.1 %
    assert abs(sum(one.order == "ab" for one in drawn) - 15_000) < 3.3 * np.sqrt(7_500)
    assert max(abs(one.p_pair - 1 / 15) for one in drawn) < 1e-12


def test_weights_shift_draws_as_recorded_and_the_floor_holds():
    weights = {"c0": 5.0, "c1": 0.0}
    drawn = [draw(IDS, seed=seed, floor=0.3, weights=weights) for seed in range(30_000)]
    counts = Counter((one.a, one.b) for one in drawn)
    chance = {(one.a, one.b): one.p_pair for one in drawn}
    assert sum(chance.values()) == pytest.approx(1)
    assert min(chance.values()) == pytest.approx(0.3 / 15)  # a contestant of weight 0 still meets everyone
    for pair, p in chance.items():
        assert abs(counts[pair] - 30_000 * p) < 4.5 * np.sqrt(30_000 * p * (1 - p))
    assert drawn[0].policy == "floor 0.3"


@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=8),
    st.floats(0.01, 1),
)
def test_chances_are_a_distribution_with_a_floor(weights, floor):
    chances = pair_chances(weights, floor)
    assert chances.sum() == pytest.approx(1)
    assert (chances >= floor / len(chances) - 1e-12).all()


@given(st.sets(st.text(min_size=1, max_size=5), min_size=2, max_size=7), st.integers(0, 2**31 - 1), st.floats(0.05, 1))
def test_anyone_can_draw_it_again(ids, seed, floor):
    weights = {name: 1.0 + k for k, name in enumerate(sorted(ids))}
    one = draw(sorted(ids, reverse=True), seed=seed, floor=floor, weights=weights)
    assert redrawn(one).a == one.a
    assert redrawn(one).b == one.b
    assert redrawn(one).order == one.order
    assert redrawn(one).p_pair == pytest.approx(one.p_pair, rel=1e-4)
    assert (one.a, one.b) in combinations(sorted(ids), 2)
