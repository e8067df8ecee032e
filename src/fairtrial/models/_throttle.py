"""How many calls of one endpoint are in flight at once, found by trying. Read `Throttle` first.

Additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989): half as many after a sign of congestion, at
most once a round trip; one more after as many successes as there are places.
"""

import asyncio
from collections import deque
from weakref import WeakKeyDictionary, WeakValueDictionary


class Throttle:
    """Places for calls in flight. Every call takes one with `enter` and gives it back with `leave`.

    Attributes:
        ceiling: Most places there may ever be.
        limit: Places there are now.
        in_flight: Places taken.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = ceiling
        self.in_flight = 0
        self._successes = 0
        self._cuts = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def widen(self, ceiling: int) -> None:
        """Allow more places, because another user of the endpoint declares more."""
        if ceiling > self.ceiling:
            if self.limit == self.ceiling:
                self.limit = ceiling
            self.ceiling = ceiling
            self._admit()

    async def enter(self) -> int:
        """Wait for a place, first come first served.

        Returns:
            A ticket for `leave`: how often the limit had been cut when the call set out.
        """
        if self.in_flight >= self.limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # the place came together with the cancellation
                    self.in_flight -= 1
                    self._admit()
                raise
        else:
            self.in_flight += 1
        return self._cuts

    def leave(self, ticket: int, *, congested: bool, succeeded: bool) -> None:
        """Give a place back.

        Args:
            ticket: What `enter` returned.
            congested: The endpoint was overrun. Calls that set out before the last cut do not cut again.
            succeeded: The endpoint coped.
        """
        self.in_flight -= 1
        if congested and ticket == self._cuts:
            self._cuts += 1
            self._successes = 0
            self.limit = max(1, self.limit // 2)
        elif succeeded and not congested:
            self._successes += 1
            if self._successes >= self.limit:
                self._successes = 0
                self.limit = min(self.ceiling, self.limit + 1)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


_throttles: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, Throttle]] = WeakKeyDictionary()


def shared_throttle(endpoint: str, ceiling: int) -> Throttle:
    """The running event loop's throttle of `endpoint`; all providers with the same base URL share it."""
    here = _throttles.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    throttle = here.get(endpoint)
    if throttle is None:
        throttle = here[endpoint] = Throttle(ceiling)
    throttle.widen(ceiling)
    return throttle
