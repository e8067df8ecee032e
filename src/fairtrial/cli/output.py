"""How commands speak: tables and boards for people, one JSON object for programs, one sentence for errors."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairtrial.core.errors import BadInput, FairtrialError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from fairtrial.core import Report


def console(*, stderr: bool = False) -> "Console":
    """Rich on stdout, or on stderr for progress and warnings. Text is never parsed as markup; style with `Text`."""
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=False, markup=False, emoji=False, highlight=False)


def shown(text: str) -> str:
    """`text` from outside (a path, a server's list, a stranger's key) so that it cannot steer the terminal."""
    if text.isprintable():
        return text
    from fairtrial.reports.marks import visible  # only here: what draws reports takes a while to load

    return visible(text)


def as_json(value: object) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")


def table(columns: Sequence[str], rows: "Sequence[Sequence[str | Text]]") -> None:
    """A plain table on stdout; only `Text` is styled."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(shown(cell) if isinstance(cell, str) else cell for cell in row))
    console().print(grid)


def show_report(report: "Report", directory: Path, *, json: bool) -> None:
    """The boards of a report and where it lies."""
    if json:
        from fairtrial.core.canonical import to_plain
        from fairtrial.ranking import board_json

        plain = to_plain(report) | {"boards": [board_json(b) for b in report.boards]}
        as_json({"directory": str(directory), "report": plain})
        return
    from fairtrial.reports import print_report_summary

    screen = console()
    print_report_summary(report, screen)
    screen.print(f"\nReport: {shown(str(directory / 'report.html'))}", soft_wrap=True)
    screen.print(f"Check:  fairtrial verify {shown(str(directory))}", soft_wrap=True)


def save_picture(report: "Report", path: Path) -> None:
    """What `show_report` prints, as an SVG picture of a terminal 100 columns wide."""
    import io

    from rich.console import Console

    from fairtrial.reports import print_report_summary

    screen = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    print_report_summary(report, screen)
    svg = screen.export_svg(title=f"fairtrial report · {report.name}")
    own_fonts_only = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture fetches nothing
    path.write_text(own_fonts_only, encoding="utf-8")


def fail(error: Exception, *, json: bool = False) -> int:
    """Say on stderr what went wrong and what to try, with `json` also on stdout; the exit code for it."""
    if isinstance(error, FairtrialError):
        known = error
    elif isinstance(error, OSError) and error.errno is not None:
        known = BadInput(f"{os.strerror(error.errno)}.", where=str(error.filename or ""))
    else:
        known = FairtrialError(
            f"an internal error, {type(error).__name__}: {error}",
            next_step="Give the same command with --debug and report what it prints.",
        )
    place = f"{known.where}: " if known.where else ""
    sys.stderr.write(f"fairtrial: {shown(place + known.message)}\n")
    if known.next_step:
        sys.stderr.write(f"  → {shown(known.next_step)}\n")
    if json:
        said = {"message": known.message, "where": known.where, "next_step": known.next_step}
        as_json({"error": said, "exit_code": known.exit_code})
    return known.exit_code
