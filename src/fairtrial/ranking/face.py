"""The board as JSON: the shape that files, the web and other programs read. Read `board_json` first."""

import json
import math
from typing import Any

from fairtrial.core import Board, BoardModel, Difference
from fairtrial.core.canonical import to_plain

DIGITS = 6
"""Decimals kept: enough for any reader, few enough to be the same on any machine."""


def board_json(board: Board) -> dict[str, Any]:
    """A board as dicts, lists, strings, numbers and None; numbers are rounded to six decimals.

    Keys of a model that say nothing (a score on a board of votes, a price nobody declared) are left out.
    """
    plain = {
        "evidence": board.evidence,
        "scope": board.scope,
        "view": board.view,
        "models": [_rounded(_model(model)) for model in board.models],
        "differences": [_difference(difference) for difference in board.differences],
        "fit": _rounded(to_plain(board.fit)),
        "controls": {name: _significant(effect) for name, effect in board.controls.items()},
        "refusals": list(board.refusals),
        "excluded": board.excluded,
        "snapshot": board.snapshot,
    }
    return plain if board.raw is None else plain | {"raw": board_json(board.raw)}


def board_bytes(plain: object) -> bytes:
    """A board's JSON as files hold it: the same bytes wherever it is written."""
    return json.dumps(plain, ensure_ascii=False, indent=1).encode() + b"\n"


def _model(model: BoardModel) -> dict[str, Any]:
    row = {
        "name": model.name,
        "rating": model.rating,
        "ci": list(model.ci),
        "rank_set": list(model.rank_set) if model.rank_set else None,
        "tier": model.tier,
        "votes": model.votes,
        "win_rate": model.win_rate,
    }
    if model.score is not None:
        row |= {"score": model.score, "score_ci": list(model.score_ci or (None, None)), "score_n": model.score_n}
    row |= {key: value for key, value in (("usd", model.usd), ("tokens", model.tokens)) if value is not None}
    return row | ({"simulated": True} if model.simulated else {})


def _difference(one: Difference) -> dict[str, Any]:
    """A pair; there are K (K - 1) / 2 of them, so this one is written out."""
    low, high = one.ci
    return {
        "a": one.a,
        "b": one.b,
        "estimate": round(one.estimate, DIGITS),
        "ci": [None if low is None else round(low, DIGITS), None if high is None else round(high, DIGITS)],
        "unit": one.unit,
        "verdict": one.verdict,
        "margin": one.margin,
        "n": one.n,
        "more_items": one.more_items,
    }


def _significant(value: Any) -> Any:
    """Numbers to as many significant digits: a feature may be measured in any unit."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _significant(item) for key, item in value.items()}
    return [_significant(item) for item in value] if isinstance(value, list | tuple) else value


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
