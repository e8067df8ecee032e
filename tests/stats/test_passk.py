from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.stats import majority_at_k, pass_at_k, passk


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_mean_over_all_subsets(numbers):
    n, right, k = numbers
    marks = [True] * right + [False] * (n - right)
    subsets = list(combinations(marks, k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def brute(answers, good, k):
    shares = []
    for subset in combinations(answers, k):
        counts = Counter(a for a in subset if a)
        top = [a for a in counts if counts[a] == max(counts.values())]
        shares.append(sum(a in good for a in top) / len(top) if top else 0.0)
    return sum(shares) / len(shares)


@given(st.lists(st.sampled_from(["12", "13", "14", ""]), min_size=1, max_size=8), st.data())
def test_majority_at_k_is_the_mean_over_all_subsets(answers, data):
    k = data.draw(st.integers(1, len(answers)))
    found = majority_at_k(answers, [a == "12" for a in answers], k)
    assert found == pytest.approx(brute(answers, {"12"}, k))


def test_drawn_subsets_approach_the_exact_answer(monkeypatch):
    answers = ["a"] * 5 + ["b"] * 4 + ["c"] * 3
    right = [a == "a" for a in answers]
    exact = majority_at_k(answers, right, 5)
    monkeypatch.setattr(passk, "EXACT_UP_TO", 0)
    drawn = [majority_at_k(answers, right, 5, seed=seed) for seed in (1, 1)]
    assert drawn[0] == drawn[1]
    assert drawn[0] == pytest.approx(exact, abs=0.02)


def test_unparsable_answers_have_no_vote():
    assert majority_at_k(["", "", "a"], [False, False, True], 3) == 1.0
    assert majority_at_k(["", ""], [False, False], 2) == 0.0


def test_what_cannot_be_is_refused():
    for n, right, k in ((3, 1, 4), (3, 1, 0), (3, 4, 1)):
        with pytest.raises(BadInput):
            pass_at_k(n, right, k)
    with pytest.raises(BadInput, match="both right and wrong"):
        majority_at_k(["a", "a"], [True, False], 1)
    with pytest.raises(BadInput, match="2 answers but 1 marks"):
        majority_at_k(["a", "b"], [True], 1)
