"""Votes and scores to boards, with the honesty rules in code. Read `rank` (votes) and `score_board` (scores) first."""

from fairtrial.ranking.boards import RATING_MARGIN, rank, rank_by
from fairtrial.ranking.face import board_bytes, board_json
from fairtrial.ranking.live import LiveBoard
from fairtrial.ranking.scores import SCORE_MARGIN, score_board
from fairtrial.ranking.sources import as_battles
from fairtrial.ranking.win_rates import WinRate, WinRates, win_rates

__all__ = [
    "RATING_MARGIN",
    "SCORE_MARGIN",
    "LiveBoard",
    "WinRate",
    "WinRates",
    "as_battles",
    "board_bytes",
    "board_json",
    "rank",
    "rank_by",
    "score_board",
    "win_rates",
]
