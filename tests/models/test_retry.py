"""Retries: how long is waited, what is given up, and what is said at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import ModelError
from fairtrial.models._retry import Passing, Retries, persist, retry_after_s

QUICK = Retries(most=3, first_s=0.001, longest_s=0.002)


class Flaky:
    """Fails as told, then answers."""

    def __init__(self, *failures: Passing) -> None:
        self.failures = list(failures)
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def passing(**facts: object) -> Passing:
    return Passing("it is busy", **{"kind": "server_error", **facts})


async def test_passing_failures_are_tried_again() -> None:
    flaky = Flaky(passing(), passing(), passing())
    assert await persist(flaky, QUICK, where="here") == "answer"
    assert flaky.tries == 4


async def test_after_the_last_try_the_failure_is_told_without_what_lies_beneath() -> None:
    flaky = Flaky(*(passing(kind="timeout") for _ in range(9)))
    with pytest.raises(ModelError) as raised:
        await persist(flaky, QUICK, where="http://x/v1")
    assert flaky.tries == 4
    error = raised.value
    assert (error.kind, error.passing) == ("timeout", True)
    assert str(error).startswith("http://x/v1: it is busy (4 tries).")
    assert error.next_step
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_what_cannot_help_is_not_tried_again() -> None:
    flaky = Flaky(passing(final=True))
    with pytest.raises(ModelError, match=r"it is busy\."):
        await persist(flaky, QUICK, where="x")
    assert flaky.tries == 1


async def test_a_server_that_asks_for_more_patience_than_there_is_is_given_up_at_once() -> None:
    flaky = Flaky(passing(kind="rate_limited", retry_after_s=3600.0))
    with pytest.raises(ModelError, match="asks to wait 3600 seconds"):
        await persist(flaky, QUICK, where="x")
    assert flaky.tries == 1


async def test_other_errors_pass_through_at_once() -> None:
    async def broken() -> str:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await persist(broken, QUICK, where="x")


@given(failed=st.integers(1, 2000), asked=st.none() | st.floats(0, 80))
def test_waits_are_jittered_bounded_and_never_shorter_than_asked(failed: int, asked: float | None) -> None:
    retries = Retries(first_s=0.5, longest_s=30.0)
    wait = retries.wait(failed, asked)
    if asked is None:
        assert 0.0 <= wait <= min(30.0, 0.5 * 2.0 ** min(failed - 1, 40))
    else:
        assert asked <= wait <= asked + 1.0


def test_backoff_grows_and_jitter_spreads() -> None:
    retries = Retries(first_s=1.0, longest_s=64.0)
    means = [sum(retries.wait(failed, None) for _ in range(2000)) / 2000 for failed in (1, 4, 7)]
    assert means == sorted(means)
    assert means[2] == pytest.approx(32.0, rel=0.15)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("12", 12.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 28.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:27:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=1445412452.0) == seconds
