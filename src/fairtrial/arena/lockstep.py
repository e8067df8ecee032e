"""Two answers released at one pace, so that arrival times do not tell a watcher who is faster. Read `Lockstep` first.

A state machine without clock or IO: text goes in by `feed`, and `release` is asked at a given time what may be shown.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from fairtrial.arena.blinding.display import marks

TICK = 0.05
"""Seconds between releases."""
SLACK = 0.05
"""What pacing may add after the later end, as a share of the time that answer took itself."""
READING = 40.0
"""Characters a second that are shown at most while an answer is being written: more than people read."""

Pane = Literal["A", "B"]


@cache
def _characters() -> re.Pattern[str]:
    # What a reader takes for one character: with its marks, skin tones and joined pictures; two letters make a flag.
    attached = f"[{marks()}\u1160-\u11ff\U0001f3fb-\U0001f3ff]|\u200d."
    return re.compile(f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|.)(?:{attached}){{0,32}}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """What becomes visible at one moment."""

    a: str
    b: str
    done: bool
    """Both answers are complete and shown. That one of them is, is not said."""


@dataclass(slots=True)
class _Side:
    ready: deque[str] = field(default_factory=deque)
    """Characters that have come and are not shown."""
    tail: str = ""
    """The last character; it may still go on."""
    shown: int = 0
    finished: bool = False

    def take(self, count: int) -> str:
        count = min(count, len(self.ready))
        self.shown += count
        return "".join(self.ready.popleft() for _ in range(count))


class Lockstep:
    """Two answers at one pace.

    While both are being written, both panes have the same number of characters: what the slower one has, from the
    moment both have begun, at no more than `READING` characters a second; releases fall on a grid of `tick` seconds
    from the first call of `release`, so arrival times are rounded up to it. Once one has ended and is shown to its end,
    the other goes on at no more than the pace shown so far, whether its text is waiting or is only just being written.
    Once both have ended, what is left of both comes within `SLACK` of the time the later one took, or at the next tick
    where that is longer. An answer without text, as of a failed model, is not told from a slow one: nothing is shown
    until both have ended.

    The limit is what hides who is faster. Shown as they come, a longer answer by the faster model ends in a rush, and
    one by the slower model does not: at 20 against 200 words a second that alone told the faster pane in 95 of 100
    battles. While both keep ahead of the limit, the frames depend on nothing but the moment both have begun, the moment
    both have ended, and the two lengths.

    What a watcher still learns: these moments, as with ``whole``; who knows by heart how fast a model writes can
    compare the total time with both lengths. Of a model that writes more slowly than the limit, its pace; and, where
    the answers differ in length, whether the rest came in a rush, as above. ``whole`` does not give the latter away.

    Args:
        mode: ``lockstep``, or ``whole``: both answers appear when both are done.
        tick: Seconds between releases.
    """

    def __init__(self, *, mode: Literal["lockstep", "whole"] = "lockstep", tick: float = TICK) -> None:
        self._whole = mode == "whole"
        self._tick = tick
        self._sides: dict[Pane, _Side] = {"A": _Side(), "B": _Side()}
        self._start: float | None = None
        self._step = -1
        self._first_shown = 0.0
        self._last_paced = 0.0
        self._credit = 0.0  # characters that the pace allows and that were not there
        self._pace: float | None = None  # characters per second, once one has ended
        self._ended: float | None = None
        self._left = 0  # characters of the longer one that were not shown when both had ended
        self.done = False
        """Both answers are complete and shown."""

    @property
    def both_shown(self) -> bool:
        """Whether each pane has text."""
        return all(side.shown for side in self._sides.values())

    def feed(self, pane: Pane, text: str) -> None:
        """Text of the answer in `pane` has come.

        Raises:
            ValueError: That answer has ended.
        """
        side = self._sides[pane]
        if side.finished and text:
            raise ValueError(f"The answer in pane {pane} has ended.")
        characters = _characters().findall(side.tail + text)
        if len(characters) > 1 and characters[-1] == "\u200d":  # nothing has come yet for it to join
            characters[-2:] = ["".join(characters[-2:])]
        side.tail = characters.pop() if characters else ""
        side.ready.extend(characters)

    def finished(self, pane: Pane) -> None:
        """The answer in `pane` has ended."""
        side = self._sides[pane]
        if side.tail:
            side.ready.append(side.tail)
        side.tail, side.finished = "", True

    def release(self, now: float) -> Frame | None:
        """What becomes visible at `now` (seconds on any clock that does not go back); None for nothing."""
        if self._start is None:
            self._start = now
        step = int((now - self._start) / self._tick + 1e-6)
        if self.done or step <= self._step:
            return None
        self._step = step
        return self._at(self._start + step * self._tick)

    def _at(self, now: float) -> Frame | None:
        a, b = self._sides["A"], self._sides["B"]
        ended = a.finished and b.finished
        if ended and self._ended is None:
            self._ended, self._left = now, max(a.shown + len(a.ready), b.shown + len(b.ready)) - max(a.shown, b.shown)
        begun = all(side.shown or side.ready for side in (a, b))
        if not ended and (self._whole or not begun):
            return None
        text_a, text_b = self._take(now, a, b)
        self.done = ended and not a.ready and not b.ready
        return Frame(text_a, text_b, self.done) if text_a or text_b or self.done else None

    def _take(self, now: float, a: _Side, b: _Side) -> tuple[str, str]:
        """The next part of both answers; `shown` is the same in both as far as both have text."""
        if self._whole:
            return a.take(len(a.ready)), b.take(len(b.ready))
        was = max(a.shown, b.shown)
        have = sorted((side.shown + len(side.ready), side.finished) for side in (a, b))
        (common, shorter_ended), (most, _) = have
        if was == 0:
            self._first_shown = now
        if self._ended is not None:
            target = self._rest(now, was, most)
        else:
            target = max(was, common)
            if shorter_ended and most > common:
                target = self._beyond(now, was, common, most)
            target = min(target, max(was, int(READING * (now - self._first_shown + self._tick) + 1e-6)))
        self._last_paced = now
        return a.take(target - a.shown), b.take(target - b.shown)

    def _beyond(self, now: float, was: int, common: int, most: int) -> int:
        """How far the longer answer may go on once the shorter one has ended."""
        if was < common:
            return common
        if self._pace is None:
            shown_for = now - self._first_shown
            self._pace = common / shown_for if shown_for > 0 else float("inf")
            self._last_paced = now
        if self._pace == float("inf"):
            return most
        self._credit += self._pace * (now - self._last_paced)
        target = min(was + int(self._credit), most)
        self._credit = min(self._credit - int(self._credit), 1.0) if target < most else 0.0
        return target

    def _rest(self, now: float, was: int, most: int) -> int:
        """How far both are shown once both have ended: the last release falls within the slack."""
        assert self._ended is not None
        began = self._start or 0.0
        slack = SLACK * (self._ended - self._tick - began) - self._tick  # the end itself was noticed up to a tick late
        share = min((now + self._tick - self._ended) / slack, 1.0) if slack > 0 else 1.0
        return max(was, most - int(self._left * (1 - share)))
