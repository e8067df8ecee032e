"""Trying again: which waits, how often, and what is said at the end. Read `persist` first."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from fairtrial.core import ModelError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How a passing failure is retried: exponential backoff with full jitter, at least as long as the server asks.

    Full jitter draws the wait uniformly between zero and the backoff (Brooker, "Exponential backoff and jitter", 2015):
    calls that failed together do not come back together.
    """

    most: int = 6
    """Tries after the first one."""
    first_s: float = 0.5
    """Longest wait before the second try; it doubles from try to try."""
    longest_s: float = 30.0
    patience_s: float = 90.0
    """Longest wait that a server may ask for; beyond it the call is given up at once."""

    def wait(self, failed: int, asked_s: float | None) -> float:
        """Seconds to wait after `failed` tries (at least 1), when the server asked for `asked_s`."""
        jitter = random.uniform(0.0, min(self.longest_s, self.first_s * 2.0 ** min(failed - 1, 30)))
        return jitter if asked_s is None else asked_s + min(jitter, 1.0)


class Passing(Exception):
    """One try failed in a way that says nothing about the model.

    Attributes:
        message: What is wrong, in one plain sentence.
        kind: A `ModelError.kind`.
        retry_after_s: Seconds that the server asked to wait, if it did.
        congested: The endpoint has more calls in flight than it can take.
        final: Trying again soon is known to be useless.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        retry_after_s: float | None = None,
        congested: bool = False,
        final: bool = False,
        next_step: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.congested = congested
        self.final = final
        self.next_step = next_step


async def persist(
    attempt: Callable[[], Awaitable[T]], retries: Retries, *, where: str, clean: Callable[[str], str] = str
) -> T:
    """What `attempt` returns, tried again while it raises `Passing`.

    The waiting happens outside `attempt`, so a call that waits holds no place that another call could use.

    Args:
        attempt: One try.
        retries: How often and how long.
        where: The endpoint, for the error.
        clean: Makes a message safe to show.

    Raises:
        ModelError: ``passing=True``: every try failed. It carries no trace of the failures below it, which could
            show request headers.
    """
    failed = 0
    while True:
        failure = None
        try:
            return await attempt()
        except Passing as passing:
            failure = passing
        failed += 1
        asked_s = failure.retry_after_s
        if failure.final or failed > retries.most or (asked_s is not None and asked_s > retries.patience_s):
            break
        await asyncio.sleep(retries.wait(failed, asked_s))
    tries = f" ({failed} tries)" if failed > 1 else ""
    asks = f"; it asks to wait {asked_s:.0f} seconds" if asked_s is not None and asked_s > retries.patience_s else ""
    raise ModelError(
        f"{clean(failure.message).removesuffix('.')}{asks}{tries}.",
        kind=failure.kind,
        passing=True,
        where=where,
        next_step=failure.next_step or "Nothing is lost: give the same command again later.",
    )


def retry_after_s(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for: a number, or the time until an HTTP date (RFC 9110, 10.2.3).

    Args:
        value: The header, None when there was none.
        now: Unix time to count a date from; the clock's, when not given.

    Returns:
        At least 0; None when there is no header or it cannot be read.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - (time.time() if now is None else now)
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
