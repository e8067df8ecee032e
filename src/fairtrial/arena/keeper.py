"""The thread in which boards follow the votes, one work after the other. Read `Keeper.later` first."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_log = logging.getLogger("fairtrial.arena")


class Keeper(ThreadPoolExecutor):
    """One thread."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="boards")

    def later(self, work: Callable[..., object], *given: Any) -> None:
        """Do `work` in order; a defect in it is for the log."""
        self.submit(work, *given).add_done_callback(_told)


def _told(future: Future[object]) -> None:
    if not future.cancelled() and future.exception() is not None:
        _log.error("a board could not follow", exc_info=future.exception())
