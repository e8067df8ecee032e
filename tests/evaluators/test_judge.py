"""The pairwise judge: both orders, probabilities before verdicts, invalid is not a tie."""

import math

import pytest

from fairtrial.core import Completion, TokenChance
from fairtrial.evaluators.readings import read_probabilities, read_verdict


def chances(**tokens: float) -> Completion:
    listed = tuple(TokenChance(token=t.replace("_", " "), logprob=math.log(p)) for t, p in tokens.items())
    return Completion(text="", chances=listed)


def test_all_spellings_of_a_letter_count() -> None:
    reading = read_probabilities(chances(A=0.2, _A=0.2, b=0.1, the=0.3))
    assert reading.verdict == "first"
    assert reading.log_odds == pytest.approx(math.log(0.4 / 0.1))


def test_a_letter_outside_the_list_gets_the_least_listed_probability() -> None:
    assert read_probabilities(chances(A=0.9, the=0.01)).log_odds == pytest.approx(math.log(0.9 / 0.01))


def test_a_chance_of_nothing_as_servers_write_it_is_a_number() -> None:
    listed = (TokenChance(token="A", logprob=-0.1), TokenChance(token="x", logprob=-9999.0))
    assert read_probabilities(Completion(text="A", chances=listed)).verdict == "first"
    both = (TokenChance(token="A", logprob=-9999.0), TokenChance(token="B", logprob=0.0))
    reading = read_probabilities(Completion(text="B", chances=both))
    assert reading.verdict == "second"
    assert math.isfinite(reading.log_odds)


def test_no_letter_is_invalid() -> None:
    assert read_probabilities(chances(the=0.9, Sure=0.1)).verdict == "invalid"
    assert read_probabilities(Completion(text="A")).verdict == "invalid"
    assert read_probabilities(Completion(text="", finish="error")).verdict == "invalid"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("B is longer.\nVerdict: A", "first"),
        ("**Verdict: B**", "second"),
        ("Verdict: tie", "tie"),
        ("Verdict: A\nVerdict: A", "first"),
        ("Verdict: A … no.\nVerdict: B", "invalid"),
        ("Verdict: a tie", "tie"),
        ("Verdict: A tie.", "tie"),
        ("Verdict: A or B", "invalid"),
        ("Verdict: A and B are equal", "invalid"),
        ("Verdict: A/B", "invalid"),
        ("Verdict: A, because it is right", "first"),
        ("I like A", "invalid"),
        ("", "invalid"),
    ],
)
def test_the_final_structured_verdict_only(text: str, verdict: str) -> None:
    assert read_verdict(Completion(text=text)).verdict == verdict
