"""Public releases: votes that anyone can verify, and the boards that follow from them byte for byte.

Read `release.py` first (`publish`), then `rows.py` (what a row says), `screening.py` (personal data and its review
queue), `withholding.py` (votes taken back later), `verification.py` and `looks.py` (what a release's boards say).
"""

from fairtrial.arena.releases.looks import BOARDS, Look, Place, place, read_look, statement_digest
from fairtrial.arena.releases.release import RELEASE, Release, latest, listed, publish, read_release
from fairtrial.arena.releases.screening import Decision, Item, decide, decided, pending
from fairtrial.arena.releases.verification import verify_release
from fairtrial.arena.releases.withholding import withhold, withhold_due

__all__ = [
    "BOARDS",
    "RELEASE",
    "Decision",
    "Item",
    "Look",
    "Place",
    "Release",
    "decide",
    "decided",
    "latest",
    "listed",
    "pending",
    "place",
    "publish",
    "read_look",
    "read_release",
    "statement_digest",
    "verify_release",
    "withhold",
    "withhold_due",
]
