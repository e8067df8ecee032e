"""Progress on stderr: done, rate, cost so far, time left. Read `shown_progress` first."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from fairtrial.cli.output import console as open_console
from fairtrial.cli.output import shown
from fairtrial.runs.progress import Progress, Silent, Tick

LINE_EVERY = 10.0
"""Seconds between lines where the terminal cannot redraw."""


@contextlib.contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Bars on a terminal, a line every few seconds elsewhere, nothing when `quiet`."""
    console = open_console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield _Lines(console)
    else:
        bars = Bars(
            TextColumn("{task.description:>8}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[spent]}"),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            refresh_per_second=5,
        )
        with bars:
            yield _Bars(bars)


def _spent(tick: Tick) -> str:
    money = f"${tick.usd:.4f} · " if tick.usd else ""
    failed = f" · {tick.failed} failed" if tick.failed else ""
    return f"{money}{tick.tokens:,} tokens{failed}"


class _Rate:
    def __init__(self, done: int) -> None:
        self.start, self.done = time.monotonic(), done

    def __call__(self, done: int) -> float:
        elapsed = time.monotonic() - self.start
        return (done - self.done) / elapsed if elapsed > 0.5 else 0.0  # a rate over no time is no rate


class _Bars:
    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, tuple[TaskID, _Rate]] = {}

    def tick(self, tick: Tick) -> None:
        """Redraw a stage's bar."""
        if tick.stage not in self.tasks:
            task = self.bars.add_task(tick.stage, total=tick.total, completed=tick.done - 1, rate="", spent="")
            self.tasks[tick.stage] = task, _Rate(tick.done - 1)
        task, rate = self.tasks[tick.stage]
        self.bars.update(task, completed=tick.done, rate=f"{rate(tick.done):.1f}/s", spent=_spent(tick))

    def say(self, message: str) -> None:
        """A sentence above the bars."""
        self.bars.console.print(shown(message), style="dim")


class _Lines:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.last = time.monotonic()
        self.rates: dict[str, _Rate] = {}

    def tick(self, tick: Tick) -> None:
        """A line now and then, and one at the end of a stage."""
        rate = self.rates.setdefault(tick.stage, _Rate(tick.done - 1))
        now = time.monotonic()
        if tick.done + tick.failed < tick.total and now - self.last < LINE_EVERY:
            return
        self.last = now
        per_second = rate(tick.done)
        pace = f", {per_second:.1f}/s, {(tick.total - tick.done) / per_second:.0f} s left" if per_second else ""
        self.console.print(
            f"{tick.stage}: {tick.done}/{tick.total}{pace}, {_spent(tick)}",
            soft_wrap=True,
        )

    def say(self, message: str) -> None:
        """A sentence."""
        self.console.print(shown(message), soft_wrap=True)
