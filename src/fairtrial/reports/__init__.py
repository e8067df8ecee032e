"""The gallery: renders boards, charts and report pages, and computes nothing: every number comes from a `Report`.

Read `write_html` first (a trial's page), then `print_ranking` (what `rank` found, in a terminal), `board_page` and
`board_svg` (the same as a page and as a picture).
"""

from fairtrial.reports.board_page import board_page
from fairtrial.reports.figures import charts
from fairtrial.reports.page import write_html
from fairtrial.reports.pictures import board_png, board_svg
from fairtrial.reports.rankings import Ranking
from fairtrial.reports.screens import print_ranking
from fairtrial.reports.terminal import print_board, print_report_summary

__all__ = [
    "Ranking",
    "board_page",
    "board_png",
    "board_svg",
    "charts",
    "print_board",
    "print_ranking",
    "print_report_summary",
    "write_html",
]
