"""How many calls are in flight: halved on congestion once a round trip, grown by one a window, first come first served."""

import asyncio

import pytest

from fairtrial.models._throttle import Throttle, shared_throttle


async def take(throttle: Throttle, count: int) -> list[int]:
    return [await throttle.enter() for _ in range(count)]


async def test_no_more_calls_than_places() -> None:
    throttle = Throttle(3)
    peak = 0

    async def call() -> None:
        nonlocal peak
        ticket = await throttle.enter()
        peak = max(peak, throttle.in_flight)
        await asyncio.sleep(0)
        throttle.leave(ticket, congested=False, succeeded=True)

    await asyncio.gather(*(call() for _ in range(50)))
    assert (peak, throttle.in_flight) == (3, 0)


async def test_congestion_seen_by_calls_of_one_round_trip_halves_once() -> None:
    throttle = Throttle(16)
    for ticket in await take(throttle, 16):
        throttle.leave(ticket, congested=True, succeeded=False)
    assert throttle.limit == 8
    for ticket in await take(throttle, 8):
        throttle.leave(ticket, congested=True, succeeded=False)
    assert throttle.limit == 4


async def test_at_least_one_place_stays() -> None:
    throttle = Throttle(2)
    for _ in range(5):
        throttle.leave(await throttle.enter(), congested=True, succeeded=False)
    assert throttle.limit == 1


async def test_a_window_of_successes_adds_one_place_up_to_the_ceiling() -> None:
    throttle = Throttle(4)
    throttle.leave(await throttle.enter(), congested=True, succeeded=False)
    limits = []
    for _ in range(12):
        throttle.leave(await throttle.enter(), congested=False, succeeded=True)
        limits.append(throttle.limit)
    assert limits == [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]


async def test_failures_that_are_no_congestion_change_nothing() -> None:
    throttle = Throttle(4)
    for _ in range(20):
        throttle.leave(await throttle.enter(), congested=False, succeeded=False)
    assert throttle.limit == 4


async def test_waiting_calls_are_served_in_order_and_cancelled_ones_take_no_place() -> None:
    throttle = Throttle(1)
    first = await throttle.enter()
    order: list[str] = []

    async def call(name: str) -> None:
        ticket = await throttle.enter()
        order.append(name)
        throttle.leave(ticket, congested=False, succeeded=True)

    tasks = {name: asyncio.create_task(call(name)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["b"].cancel()
    throttle.leave(first, congested=False, succeeded=True)
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert order == ["a", "c", "d"]
    assert throttle.in_flight == 0


async def test_a_call_cancelled_in_the_moment_of_its_turn_passes_the_place_on() -> None:
    throttle = Throttle(1)
    first = await throttle.enter()
    cancelled, next_one = asyncio.create_task(throttle.enter()), asyncio.create_task(throttle.enter())
    await asyncio.sleep(0)
    throttle.leave(first, congested=False, succeeded=True)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    ticket = await next_one
    throttle.leave(ticket, congested=False, succeeded=True)
    assert throttle.in_flight == 0


async def test_users_of_one_endpoint_share_its_throttle_and_the_largest_ceiling() -> None:
    one, same, other = (
        shared_throttle("http://a/v1", 4),
        shared_throttle("http://a/v1", 9),
        shared_throttle("http://b/v1", 4),
    )
    assert one is same
    assert one is not other
    assert (one.ceiling, one.limit) == (9, 9)
    shared_throttle("http://a/v1", 2)
    assert one.ceiling == 9


async def test_a_wider_ceiling_does_not_undo_a_cut() -> None:
    throttle = Throttle(8)
    throttle.leave(await throttle.enter(), congested=True, succeeded=False)
    throttle.widen(32)
    assert (throttle.ceiling, throttle.limit) == (32, 4)
