"""What one `rank` found, for every face that shows it. Read `Ranking` first."""

from dataclasses import dataclass
from typing import Any

from fairtrial.core import Board
from fairtrial.reports.marks import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Boards from one source of votes."""

    title: str
    """What was ranked: a file, a lab's report."""
    boards: tuple[Board, ...]
    """The board; or, split by a column, the board of all votes and one for each value."""
    by: str = ""
    """The column that the boards are split by; empty for none."""
    agreement: dict[str, Any] | None = None
    """`stats.Agreement` as a dict, its raters with a ``name``; None where it was not asked for."""
    matrix: bool = False
    """Whether the win matrix is shown."""

    @property
    def whole(self) -> Board:
        """The board of all votes."""
        return self.boards[0]

    @property
    def parts(self) -> tuple[Board, ...]:
        """The boards of single values."""
        return self.boards[1:] if self.by else ()

    def value(self, part: Board) -> str:
        """The value that a part is of, hidden characters spelt out."""
        return visible(part.view.get(self.by, ""))
