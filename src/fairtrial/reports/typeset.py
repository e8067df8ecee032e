"""How numbers are set in type: one decimal for scores, whole rating points, minus signs, intervals, bounds left open.

Read `interval` first. Formatting only: a score of 0.725 is set as 72.5, nothing is derived.
"""

from collections.abc import Sequence
from typing import Literal

from fairtrial.core import BoardModel
from fairtrial.core.flow import Interval

_SCALE = {"score": 100.0, "rating": 1.0}
_DECIMALS = {"score": 1, "rating": 0}


def number(value: float, unit: str = "rating", *, signed: bool = False) -> str:
    """One estimate: scores as 0 … 100 with one decimal, rating points whole; a true minus sign."""
    text = f"{value * _SCALE.get(unit, 1.0):{'+' if signed else ''}.{_DECIMALS.get(unit, 2)}f}"
    return "0" + text[2:] if float(text) == 0 and text[0] in "-+" else text.replace("-", "−")


def decimal(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """A number with so many significant digits at most, without an exponent where it can be; a true minus sign."""
    text = f"{value:{'+' if signed else ''}.{digits}g}"
    return text.replace("-", "−")


def fixed(value: float, decimals: int = 2) -> str:
    """A number for a column of numbers; a true minus sign."""
    return f"{value:.{decimals}f}".replace("-", "−")


def percent(share: float) -> str:
    """``38%`` of a share 0 … 1."""
    return f"{100 * share:.3g}%"


def span_of(ends: Sequence[float], digits: int = 2) -> str:
    """``[0.31, 0.42]``: two ends with so many significant digits."""
    return f"[{', '.join(decimal(end, digits) for end in ends)}]"


def interval(ci: Interval | None, unit: str = "rating", *, signed: bool = False) -> str:
    """``[57.2, 83.9]``; ``≥ 57.2`` or ``≤ 83.9`` where one side is open; empty where nothing bounds the value."""
    low, high = ci or (None, None)
    if low is None and high is None:
        return ""
    if high is None and low is not None:
        return f"≥ {number(low, unit, signed=signed)}"
    if low is None and high is not None:
        return f"≤ {number(high, unit, signed=signed)}"
    assert low is not None
    assert high is not None
    return f"[{number(low, unit, signed=signed)}, {number(high, unit, signed=signed)}]"


def places(rank_set: tuple[int, int] | None) -> str:
    """``1–3``, ``2``, or empty."""
    if rank_set is None:
        return ""
    best, worst = rank_set
    return str(best) if best == worst else f"{best}–{worst}"


def money(usd: float) -> str:
    """US dollars with enough digits to tell small prices apart."""
    return f"{usd:.2f}" if usd >= 1 or usd == 0 else f"{usd:.2g}" if usd >= 1e-4 else f"{usd:.1e}"


def count(value: float) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def cost_unit(rows: Sequence[BoardModel]) -> Literal["usd", "tokens"]:
    """One unit for a whole board: dollars where every contestant that is not simulated spent some, else tokens."""
    real = [row for row in rows if not row.simulated]
    return "usd" if real and all(row.usd for row in real) else "tokens"


def cost(row: BoardModel, unit: Literal["usd", "tokens"]) -> str:
    """What an answer cost on average, without its unit; empty where it is not known."""
    if unit == "usd":
        return "" if row.usd is None else money(row.usd)
    return "" if row.tokens is None else count(row.tokens)


def unit_of(row: BoardModel) -> str:
    """``score`` on a scorer's row, ``rating`` on any other."""
    return "score" if row.score is not None else "rating"


def estimate_of(row: BoardModel) -> tuple[float | None, Interval]:
    """The row's headline estimate and its interval: the score on a scorer's board, the rating on any other."""
    if row.score is not None:
        return row.score, row.score_ci or (None, None)
    return row.rating, row.ci
