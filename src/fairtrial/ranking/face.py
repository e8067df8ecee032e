"""The board as JSON: the shape that files, the web and other programs read. Read `board_json` first."""

import math
from typing import Any

from fairtrial.core import Board, BoardModel
from fairtrial.core.canonical import to_plain

DIGITS = 6
"""Decimals kept: enough for any reader, few enough to be the same on any machine."""


def board_json(board: Board) -> dict[str, Any]:
    """A board as dicts, lists, strings, numbers and None; numbers are rounded to six decimals.

    Keys of a model that say nothing (a score on a board of votes, a price nobody declared) are left out.
    """
    plain: dict[str, Any] = _rounded(
        {
            "evidence": board.evidence,
            "scope": board.scope,
            "view": board.view,
            "models": [_model(model) for model in board.models],
            "differences": [to_plain(difference) for difference in board.differences],
            "fit": to_plain(board.fit),
            "controls": to_plain(board.controls),
            "refusals": list(board.refusals),
            "excluded": board.excluded,
            "snapshot": board.snapshot,
        }
    )
    return plain if board.raw is None else plain | {"raw": board_json(board.raw)}


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


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
