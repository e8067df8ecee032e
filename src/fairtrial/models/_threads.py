"""How many threads an embedded model gets. Read `default_threads`."""

import os
from pathlib import Path

from fairtrial.core import BadInput

MOST_THREADS = 8
"""Small models stop gaining here: every layer ends with all threads waiting for each other."""


def default_threads() -> int:
    """FAIRTRIAL_THREADS, or one for each physical core that this process may use, at most 8.

    Raises:
        BadInput: FAIRTRIAL_THREADS is not a positive whole number.
    """
    chosen = os.environ.get("FAIRTRIAL_THREADS", "")
    if chosen:
        if not chosen.isdecimal() or int(chosen) < 1:
            raise BadInput(f"FAIRTRIAL_THREADS is {chosen!r}, not a positive whole number.", next_step="Try 1.")
        return int(chosen)
    return max(1, min(_physical_cores(), _quota(), MOST_THREADS))


def _physical_cores() -> int:
    """Cores among the processors this process may run on; two hyper-threads of one core share its arithmetic."""
    try:
        usable = os.sched_getaffinity(0)
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
    siblings = set()
    for cpu in usable:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            return len(usable)
    return len(siblings)


def _quota() -> int:
    """Processors that a container's limit amounts to, rounded down; many where there is no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text()
            period = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return MOST_THREADS
    if not quota.strip().isdecimal():  # "max" or -1
        return MOST_THREADS
    return max(1, int(quota) // int(period))
