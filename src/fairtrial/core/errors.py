"""Errors people can act on: what is wrong, where, and the next step. The exit code of a command lives on the error.

Read `FairtrialError` first; a surface prints `message`, `where` and `next_step` and exits with `exit_code`.
"""

import difflib
from collections.abc import Iterable


class FairtrialError(Exception):
    """Any failure this project can name.

    Attributes:
        message: One plain sentence: what is wrong.
        where: File, row, field, or endpoint it concerns; empty when the message already says so.
        next_step: The next command or edit to try.
        exit_code: What a command that meets this error exits with.
    """

    exit_code = 70

    def __init__(self, message: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        step = f" {self.next_step}" if self.next_step else ""
        return f"{place}{self.message}{step}"


class BadInput(FairtrialError):
    """Wrong usage or bad input: a file, a key, a capability a model lacks."""

    exit_code = 2


class NoConclusion(FairtrialError):
    """The evidence supports no answer: nothing to rank, not comparable, unverifiable."""

    exit_code = 3


class BudgetReached(FairtrialError):
    """A money, token, call or rate limit was reached; what was recorded stays."""

    exit_code = 4


class Interrupted(FairtrialError):
    """Stopped by a person or by a model that became unreachable; the same command goes on."""

    exit_code = 5


class IntegrityError(FairtrialError):
    """A signature, a digest or a database does not hold what it should."""

    exit_code = 6


class ModelError(FairtrialError):
    """One call of a model failed for good.

    Attributes:
        kind: Short name that is counted in reports: ``unreachable``, ``timeout``, ``rate_limited``,
            ``refused_request``, ``bad_answer``, ``crashed``, ``server_error``.
        passing: True when trying later may help (so the failure is not recorded as the model's answer).
    """

    exit_code = 5

    def __init__(self, message: str, *, kind: str, passing: bool, where: str = "", next_step: str = "") -> None:
        super().__init__(message, where=where, next_step=next_step)
        self.kind = kind
        self.passing = passing


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence naming the known word closest to `word`, or all known words when none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known: {', '.join(names)}." if names else ""
