"""A lab's memory on disk: its directory, its database, its blobs.

Read `store.py` first (what can be put and read), then `tables.py` (how it lies there), then `writer.py` (how it gets
there without loss).
"""

from fairtrial.store import arena_tables, history
from fairtrial.store.blobs import Blobs
from fairtrial.store.directory import LabDirectory
from fairtrial.store.reader import Job, JobKind, JobState, Reader, TrialRecord
from fairtrial.store.store import Store

__all__ = [
    "Blobs",
    "Job",
    "JobKind",
    "JobState",
    "LabDirectory",
    "Reader",
    "Store",
    "TrialRecord",
    "arena_tables",
    "history",
]
