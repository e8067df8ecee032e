"""A lab with votes that were really cast, for the tests of releases."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import fairtrial
from fairtrial.arena import ballots, raters
from fairtrial.arena.ballots import Ballot, Said, cast, open_ballot
from fairtrial.arena.clock import now
from fairtrial.arena.pairing import draw
from fairtrial.arena.releases import Release, publish
from fairtrial.arena.settings import ArenaSettings
from fairtrial.contestants.style import style
from fairtrial.core import Contestant, ModelIdentity, Response, to_json
from fairtrial.lab import Lab
from fairtrial.provenance import SigningKey
from fairtrial.store import Store
from fairtrial.store.arena_tables import entrants

SETTINGS = ArenaSettings(name="Test lab", operator="op@example.org", funding="nobody")
WORDS = [
    "the",
    "answer",
    "is",
    "that",
    "a",
    "model",
    "can",
    "do",
    "this",
    "and",
    "그리고",
    "모델은",
    "답합니다",
    "while",
    "others",
    "fail",
    "often",
]


class VotingLab:
    """Casts votes in a lab of its own.

    Args:
        path: Where to make it.
        contestants: Names; a later one is better.
    """

    def __init__(self, path: Path, contestants: Sequence[str] = ("north", "south", "east")) -> None:
        self.lab = Lab.create(path)
        self.reports = self.lab.directory.reports
        self.store = Store.open(self.lab.directory.database)
        self.random = Random(1)
        self.raters: list[str] = []
        made = [
            Contestant(name=n, model=ModelIdentity(provider="sim", model=n, simulated=True), strategy="direct")
            for n in contestants
        ]
        self.skill = {one.id: place for place, one in enumerate(made)}
        rows = [
            {"id": o.id, "name": o.name, "state": "active", "since": now(), "body": to_json(o), "entry": b"{}"}
            for o in made
        ]
        self.store.transact(lambda c: c.execute(entrants.insert(), rows) and None).result()

    def close(self) -> None:
        self.store.close()

    def enrol(self, count: int, profile: dict[str, str] | None = None) -> list[str]:
        def work(connection):
            found = [raters.add(connection, raters.new_secret(), "cookie", consent="1").id for _ in range(count)]
            for rater in found if profile else ():
                raters.set_profile(connection, rater, profile)
            return found

        self.raters += self.store.transact(work).result()
        return self.raters[-count:]

    def vote(self, count: int = 1, *, said: Callable[[int], Said] | None = None, rater: str | None = None,
             opinion: object = None, better: bool = False) -> list[Ballot]:  # fmt: skip
        """Cast votes; the better contestant wins often, or with `better` always."""
        if not self.raters:
            self.enrol(7)

        def work(connection):
            return [self._one(connection, n, said, rater, opinion, better) for n in range(count)]

        return self.store.transact(work).result()

    def _one(self, connection, n, said, rater, opinion, better_wins) -> Ballot:
        pairing = draw(tuple(sorted(self.skill)), seed=self.random.randrange(2**31))
        who = rater or self.random.choice(self.raters)
        spoken = said(n) if said else self.talk()
        ballot = Ballot(
            id=ballots.new_id(), rater=who, state="open", opened=now(hours=-0.01), expires=now(hours=1),
            pairing=pairing, language="en", category="other",
        )  # fmt: skip
        open_ballot(connection, ballot)
        if better_wins:
            opinion = 2 if self.skill[ballot.contestant("A")] > self.skill[ballot.contestant("B")] else -2
        if opinion is None:
            better = self.skill[ballot.contestant("A")] - self.skill[ballot.contestant("B")]
            shown = self.random.choice((-2, -1, 0, 1, 2)) + better
            opinion = self.random.choice(("both_bad", "skip", *[max(-2, min(2, shown))] * 8))
        answers = tuple(
            Response(prompt="p", contestant=who, turns=turns)
            for who, turns in ((pairing.a, spoken.a), (pairing.b, spoken.b))
        )
        outcome = {
            "early": False,
            "masked": {"a": 1},
            "style": {side: style(answer.text) for side, answer in zip("ab", answers, strict=True)},
        }
        return cast(connection, ballot.id, who, opinion, said=spoken, answers=answers, outcome=outcome).ballot

    def talk(self, words: int = 20) -> Said:
        def text() -> str:
            return " ".join(self.random.choices(WORDS, k=words))

        return Said(prompts=(text(),), a=(text(),), b=(f"**{text()}**",))

    def release(self, **more) -> Release:
        key = SigningKey.load(self.lab.directory.keys / "lab.pem")
        return publish(self.store, self.reports, key, SETTINGS, version=fairtrial.__version__, **more)


sys.modules.setdefault("release_lab", sys.modules[__name__])
