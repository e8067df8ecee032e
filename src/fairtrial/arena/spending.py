"""What the arena's answers cost: each is bought anew, and a day has a limit. Read `DailyBudget` first."""

from fairtrial.arena.clock import now
from fairtrial.core import CallMemory, Completion, Request
from fairtrial.models import Budget


class NoMemory(CallMemory):
    """Every answer of the arena is asked for anew, and what people typed is kept in one place only."""

    def recall(self, key: str) -> Completion | None:
        """Nothing."""

    def record(self, key: str, request: Request, completion: Completion) -> None:
        """Keep nothing."""


class DailyBudget(Budget):
    """US dollars that all battles of a day (UTC) may cost, by the declared prices; since the server began.

    Args:
        usd: The limit; None is none.
    """

    def __init__(self, usd: float | None) -> None:
        super().__init__(usd=usd)
        self._day = now()[:10]

    @property
    def today(self) -> float:
        """What was spent today; at midnight it begins anew."""
        if self._day != now()[:10]:
            self._day, self.spent_usd = now()[:10], 0.0
        return self.spent_usd

    @property
    def reached(self) -> bool:
        """Whether nothing more may be bought today."""
        return self.usd is not None and self.today >= self.usd
