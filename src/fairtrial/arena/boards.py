"""The arena's leaderboards: one that follows every vote, and any view of it. Read `Boards.view` first."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fairtrial.arena.ballots import Ballot
from fairtrial.arena.votes import STYLE, VoteColumns
from fairtrial.core import BadInput, Board, NoConclusion
from fairtrial.ranking import LiveBoard, rank
from fairtrial.ranking.live import PROVISIONAL

CONTROLS = (*(f"relative:{name}" if name == "characters" else name for name in STYLE), "position")
"""What the style-controlled board takes out: length, headings, lists, bold, and which answer was shown first."""
UNKNOWN = "und"
"""A view of votes whose language is not known (BCP 47)."""
CROWD = 5
"""Fewest raters of whom a group's board is shown, as k in releases."""
_KEPT = 64  # views that are remembered
_SPARED = 10  # a view that takes a second to compute is computed every ten seconds at most


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which votes count, and how."""

    control: bool = False
    """Style and the first position taken out."""
    category: str = ""
    language: str = ""
    group: str = ""
    """``BAND=VALUE`` of what raters told about themselves."""
    task: str = ""
    """A rating task; empty: battles of the arena."""
    flagged: bool = True
    """False: votes count by the weight that the integrity tests left them."""

    @property
    def plain(self) -> bool:
        """Whether this is the board that follows every vote."""
        return self == View()

    def labels(self) -> dict[str, str]:
        """What was selected, as a board's `view`."""
        told = {name: getattr(self, name) for name in ("category", "language", "group", "task")}
        chosen = {name: value for name, value in told.items() if value}
        return {"category": "all"} | chosen | ({} if self.flagged else {"flagged": "weighted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    changes: int
    again: float
    found: Any


Weights = tuple[Sequence[float], Sequence[str]]
"""Weight and reason of each vote."""


class Boards:
    """Boards over the arena's votes.

    Args:
        votes: All votes.
        profiles: What raters told, by rater.
        weigh: Weight and reason of each row of given columns.
        refresh: Least seconds between two computations of one view.
        clock: Seconds now.
    """

    def __init__(
        self,
        votes: VoteColumns,
        *,
        profiles: Callable[[], Mapping[str, Mapping[str, str]]],
        weigh: Callable[[Mapping[str, Sequence[Any]]], Weights],
        refresh: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._votes, self._profiles, self._weigh = votes, profiles, weigh
        self._refresh, self._clock = refresh, clock
        self._lock = threading.Lock()
        self._seen: dict[View | str, _Look] = {}
        self._changes = 0
        self._live = self._start()

    def add(self, ballot: Ballot) -> None:
        """Take in a vote; its effect on the ratings is at once, on rank sets at the next look."""
        row = self._votes.add(ballot)
        self._changes += 1
        if row["task"]:
            return
        with self._lock:
            self._live.add(
                row["model_a"], row["model_b"], row["winner"], rater=row["rater"], question_id=row["question_id"]
            )

    def restart(self) -> None:
        """Begin again from the columns, after votes were taken back."""
        self._changes += 1
        live = self._start()
        with self._lock:
            self._live = live

    def ratings(self) -> Mapping[str, tuple[float, float]]:
        """Name to rating and standard error, after the last vote; empty while there is no joint rating."""
        with self._lock:
            return self._live.ratings

    def view(self, view: View) -> Board:
        """The board of a view; at most `refresh` seconds old, if votes have come since.

        Raises:
            BadInput: A view that makes no sense.
            NoConclusion: No vote to rank by.
        """
        found = self._look(view, lambda: self._computed(view))
        if isinstance(found, NoConclusion):
            raise found
        assert isinstance(found, Board)
        return found

    def selected(self, view: View) -> dict[str, list[Any]]:
        """The columns of the votes that a view counts, all with weight 1."""
        columns = self._votes.columns()
        kept = self._kept(columns, view)
        return {name: [column[k] for k in kept] for name, column in columns.items()}

    def weights(self) -> Weights:
        """Weight and reason of each vote of the arena, as of the last look."""
        found = self._look("weights", lambda: self._weigh(self.selected(View())))
        assert isinstance(found, tuple)
        return found

    def compared(self) -> tuple[Board | None, Board | None]:
        """The arena's board with weights, and counted in full; None where there is none.

        Of the same votes and at one look, so that what differs is due to the weights alone.
        """

        def compute() -> tuple[Board | None, Board | None]:
            chosen = self.selected(View())
            return self._tried(chosen, View(flagged=False)), self._tried(chosen, View())

        weighted, in_full = self._look("compared", compute)
        return weighted, in_full

    def _tried(self, chosen: dict[str, list[Any]], view: View) -> Board | None:
        try:
            return self._ranked(chosen, view)
        except (NoConclusion, BadInput):
            return None

    def values(self, column: str) -> dict[str, int]:
        """The values of a column, with the number of votes of each, most first."""
        counts: dict[str, int] = {}
        for value in self._votes.columns()[column]:
            counts[value] = counts.get(value, 0) + 1
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    def _look(self, key: View | str, compute: Callable[[], Any]) -> Any:
        """What was computed last, or anew when votes have come since and a tenth of the time at most goes into it."""
        now, seen = self._clock(), self._seen.get(key)
        if seen is not None and (seen.changes == self._changes or now < seen.again):
            return seen.found
        changes = self._changes
        found = compute()
        spent = self._clock() - now
        if len(self._seen) >= _KEPT:
            self._seen.pop(min(self._seen, key=lambda one: self._seen[one].again))
        self._seen[key] = _Look(changes=changes, again=now + max(self._refresh, _SPARED * spent), found=found)
        return found

    def _start(self) -> LiveBoard:
        columns = self._votes.columns()
        arena = [k for k, task in enumerate(columns["task"]) if not task]
        names = ("model_a", "model_b", "winner", "rater", "question_id")
        return LiveBoard({name: [columns[name][k] for k in arena] for name in names}, evidence="human")

    def _computed(self, view: View) -> Board | NoConclusion:
        try:
            if view.plain:
                with self._lock:
                    return self._live.board()
            return self._ranked(self.selected(view), view)
        except NoConclusion as nothing:
            return nothing

    def _ranked(self, chosen: dict[str, list[Any]], view: View) -> Board:
        left_out: dict[str, int] = {}
        if not view.flagged:
            weights, reasons = self._weigh(chosen)
            for weight, reason in zip(weights, reasons, strict=True):
                if weight <= 0:
                    left_out[reason] = left_out.get(reason, 0) + 1
            counted = [k for k, weight in enumerate(weights) if weight > 0]
            chosen = {name: [column[k] for k in counted] for name, column in chosen.items()}
            chosen["weight"] = [float(weights[k]) for k in counted]
        if not chosen["model_a"]:
            raise NoConclusion("there are no votes of this kind yet.")
        control = [name for name in CONTROLS if _differs(chosen, name)] if view.control else []
        board = rank(chosen, evidence="human", control=control, view=view.labels())
        return replace(
            board,
            refusals=(PROVISIONAL, *board.refusals),
            excluded=board.excluded | left_out,
            fit=board.fit | {"provisional": True, "interval": "at this look"},
        )

    def _kept(self, columns: Mapping[str, Sequence[Any]], view: View) -> list[int]:
        wanted = {"task": view.task} | {
            name: "" if value == UNKNOWN else value
            for name in ("category", "language")
            if (value := getattr(view, name))
        }
        kept = [
            k
            for k in range(len(columns["battle_id"]))
            if columns["probe"][k] < 0 and all(columns[name][k] == value for name, value in wanted.items())
        ]
        if not view.group:
            return kept
        band, _, value = view.group.partition("=")
        if not value:
            raise BadInput("a group of raters is BAND=VALUE.", where="group", next_step="For example: language=ko")
        profiles = self._profiles()
        mine = [k for k in kept if profiles.get(columns["rater"][k], {}).get(band) == value]
        if len({columns["rater"][k] for k in mine}) < CROWD:
            raise NoConclusion(
                f"a group's board needs {CROWD} raters; with fewer it would tell what one of them thinks."
            )
        return mine


def _differs(columns: Mapping[str, Sequence[Any]], control: str) -> bool:
    """Whether what a control takes out ever differs between the two answers; the position always does."""
    feature = control.rpartition(":")[2]
    if feature == "position":
        return True
    return any(a != b for a, b in zip(columns[f"feature_{feature}_a"], columns[f"feature_{feature}_b"], strict=True))
