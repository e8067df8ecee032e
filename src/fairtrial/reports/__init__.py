"""The gallery: renders boards, charts and report pages, and computes nothing: every number comes from a `Report`.

Read `write_html` first (the page), then `charts` (the pictures) and `print_report_summary` (the terminal).
"""

from fairtrial.reports.figures import charts
from fairtrial.reports.page import write_html
from fairtrial.reports.terminal import print_board, print_report_summary

__all__ = ["charts", "print_board", "print_report_summary", "write_html"]
