"""ROUGE-L: the bit-parallel LCS against the plain table, and what a token is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import BadInput, Prompt, Response
from fairtrial.evaluators import Scorer, check_reference
from fairtrial.evaluators.rouge import MAX_REFERENCE, lcs_length, rouge_l, tokens

SHORT = st.lists(st.sampled_from("abcd"), max_size=40)


def table(one: list[str], other: list[str]) -> int:
    """The textbook's dynamic programme."""
    best = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            best[i + 1][j + 1] = best[i][j] + 1 if a == b else max(best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


def subsequences(one: list[str]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = {()}
    for token in one:
        found |= {(*before, token) for before in found}
    return found


@given(SHORT, SHORT)
def test_lcs_is_that_of_the_table(one: list[str], other: list[str]) -> None:
    assert lcs_length(one, other) == table(one, other) == lcs_length(other, one)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_lcs_is_the_longest_of_all_common_subsequences(one: list[str], other: list[str]) -> None:
    assert lcs_length(one, other) == max(map(len, subsequences(one) & subsequences(other)))


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_value_is_symmetric_and_at_most_one(one: str, other: str) -> None:
    value = rouge_l(one, other)
    assert 0 <= value <= 1
    assert value == rouge_l(other, one)
    assert rouge_l(one, one) == float(bool(tokens(one)))


@pytest.mark.parametrize(
    ("said", "wanted", "value"),
    [
        # Lin 2004, section 3.1: both share unigrams and bigrams with the reference; the order tells them apart
        ("police kill gunman", "police killed gunman", 2 / 3),
        ("gunman kill police", "police killed gunman", 1 / 3),
        ("The cat sat on a mat.", "cat sat on mat", 1.0),
        ("", "cat", 0.0),
        ("!!!", "cat", 0.0),
        ("서울은 수도다", "서울이 수도다", 2 * 5 / 12),
        ("Python은 좋다", "python은 좋다", 1.0),
        ("東京", "東北", 0.5),
        ("café", "cafe", 0.0),
    ],
)
def test_values(said: str, wanted: str, value: float) -> None:
    assert rouge_l(said, wanted) == pytest.approx(value)


def test_units() -> None:
    assert tokens("Python은 the 서울-2024 Café!") == ["python", "은", "서", "울", "-2024", "café"]
    assert tokens("가각") == tokens("가각") == ["가", "각"]  # written in jamo


def scored(text: str, reference: str, finish: str = "stop"):
    prompt = Prompt(key="x", turns=("?",), reference=reference)
    return Scorer("rouge_l").score(prompt, Response(prompt=prompt.id, contestant="c", turns=(text,), finish=finish))


def test_the_whole_answer_counts_and_the_best_reference() -> None:
    assert scored("Answer: one\ntwo", "answer one two").value == 1
    assert scored("big dog", "small cat||big dog").reason == "right"
    assert scored("big dog", "small dog").reason == "partial"
    assert scored("", "small dog").reason == "unparsable"
    assert scored("big", "big", finish="refused").value == 0
    assert scored("x", "big dog", finish="length").reason == "truncated"


def test_references_that_cannot_be_scored_are_refused_before_the_run() -> None:
    for reference in ("…", "one||!", "b " * (MAX_REFERENCE + 1)):
        with pytest.raises(BadInput, match="item 'x' needs a reference"):
            check_reference(Prompt(key="x", turns=("?",), reference=reference), "rouge_l", where="f")


@pytest.mark.timeout(120)
def test_hostile_answers_take_linear_time() -> None:
    words = [str(i % 700) for i in range(2_000)]
    reference = " ".join(words)
    assert scored(reference, reference).value == 1
    for text in ("1 " * 499_000, "\u0315" * 400_000 + "\u0300" * 400_000, "answer" + " " * 900_000, "가" * 999_999):
        assert scored(text, reference).value < 0.01
    assert scored("a b " * 300_000, "a b").value == 0  # over 1,000,000 characters
