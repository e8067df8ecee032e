"""Public releases: votes that anyone can verify, and the boards that follow from them byte for byte.

Read `release.py` first (`publish`), then `rows.py` (what a row says), `screening.py` (personal data and its review
queue), `withholding.py` (votes taken back later) and `verification.py`.
"""

from fairtrial.arena.releases.release import RELEASE, Release, latest, listing, publish, read_release
from fairtrial.arena.releases.screening import Decision, Item, decide, decided, pending
from fairtrial.arena.releases.verification import verify_release
from fairtrial.arena.releases.withholding import withhold, withhold_due

__all__ = [
    "RELEASE",
    "Decision",
    "Item",
    "Release",
    "decide",
    "decided",
    "latest",
    "listing",
    "pending",
    "publish",
    "read_release",
    "verify_release",
    "withhold",
    "withhold_due",
]
