import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.stats import verdict


@pytest.mark.parametrize(
    ("lower", "upper", "word"),
    [
        (0.01, 0.30, "better"),
        (-0.30, -0.01, "worse"),
        (-0.04, 0.03, "equivalent"),
        (0.01, 0.04, "equivalent"),  # surely above zero, surely too small to matter
        (-0.10, 0.02, "inconclusive"),
        (0.0, 0.30, "inconclusive"),
        (-0.05, 0.05, "inconclusive"),  # touches the margin
        (0.02, math.inf, "better"),
        (-math.inf, math.inf, "inconclusive"),
    ],
)
def test_four_words(lower, upper, word):
    estimate = (lower + upper) / 2 if math.isfinite(lower + upper) else 0.0
    assert verdict(estimate, lower, upper, margin=0.05, items=40).word == word


def test_not_significant_is_never_equal_without_a_margin():
    assert verdict(0.0, -0.001, 0.001, margin=0.0, items=10_000).word == "inconclusive"


def test_further_items_follow_the_square_root_law():
    said = verdict(0.10, -0.10, 0.30, margin=0.01, items=50)
    assert said.more_items == 150  # half-width 0.2 must halve: four times the items
    assert verdict(0.0, -0.10, 0.10, margin=0.05, items=50).more_items == 150  # towards equivalence
    assert verdict(0.1, 0.05, 0.15, margin=0.01, items=50).more_items is None
    assert verdict(0.1, 0.05, math.inf, margin=0.01, items=50).more_items is None
    assert verdict(0.0, -0.1, 0.1, margin=0.0, items=50).more_items is None


@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_swapping_sides_swaps_better_and_worse(estimate, half, margin):
    swap = {"better": "worse", "worse": "better"}
    one = verdict(estimate, estimate - half, estimate + half, margin=margin, items=30)
    other = verdict(-estimate, -estimate - half, -estimate + half, margin=margin, items=30)
    assert other.word == swap.get(one.word, one.word)
    assert one.more_items == other.more_items


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_a_margin_is_a_distance(margin):
    with pytest.raises(BadInput, match="margin"):
        verdict(0.0, -1.0, 1.0, margin=margin, items=1)
