"""What a run tells about itself while it works. Read `Progress` first; surfaces draw it, `Silent` ignores it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A moment of a run."""

    stage: str
    """``answers`` or ``judging``."""
    done: int
    total: int
    failed: int
    usd: float
    tokens: int
    calls: int


class Progress(Protocol):
    """Where a run reports to."""

    def tick(self, tick: Tick) -> None:
        """Called after every finished job; cheap."""

    def say(self, message: str) -> None:
        """One sentence for a person: a model is loading, an endpoint is slow."""


class Silent:
    """Progress nobody watches."""

    def tick(self, tick: Tick) -> None:
        """Nothing."""

    def say(self, message: str) -> None:
        """Nothing."""
