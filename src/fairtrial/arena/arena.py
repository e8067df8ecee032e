"""The arena of a lab: begin a battle, vote, see who it was. Read `Arena.begin`, then `Arena.vote`.

It lives in one event loop. Whatever must not be lost goes through the store's single writer, and is acknowledged when
it is on disk; the leaderboards follow in a thread of their own.
"""

import asyncio
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeVar

from sqlalchemy.engine import Connection

from fairtrial.arena import assignment, ballots, deblinding, raters
from fairtrial.arena.access import Access
from fairtrial.arena.ballots import Ballot, Opinion, Pane, Said
from fairtrial.arena.blinding import Blinding
from fairtrial.arena.boards import Boards
from fairtrial.arena.clock import now
from fairtrial.arena.exposure import counted
from fairtrial.arena.keeper import Keeper
from fairtrial.arena.live import SIDES, LiveBattle
from fairtrial.arena.moderation import Decided
from fairtrial.arena.pairing import draw
from fairtrial.arena.raters import Rater
from fairtrial.arena.refusals import Refused
from fairtrial.arena.registry import Change, Registry
from fairtrial.arena.releases import withhold_due
from fairtrial.arena.reveal import Unmasked, Verdict, recorded_answers, stored_answers, unmasked
from fairtrial.arena.settings import ArenaSettings
from fairtrial.arena.spending import DailyBudget, NoMemory
from fairtrial.arena.topics import category_of, is_text, language_of
from fairtrial.arena.votes import VoteColumns, used_ballots
from fairtrial.arena.weights import weigh
from fairtrial.contestants.style import style
from fairtrial.contestants.wording import user_message
from fairtrial.core import Prompt, PromptSet
from fairtrial.models import Gate
from fairtrial.runs.trial import ContestantEntry
from fairtrial.store import Store

T = TypeVar("T")
_MINUTE = 60.0
_REMEMBERED = 50_000  # raters who need not be looked up again


class Arena:
    """The arena. Open it with `open`, close it with `close`.

    Args:
        store: The lab's store, open for writing.
        settings: What the owner declared.
        prompts: The pool of prompts for voters who bring none.
        reports: Where releases lie, from which votes that are taken back later are withheld.
    """

    def __init__(
        self, store: Store, settings: ArenaSettings, prompts: PromptSet, *, reports: Path | None = None
    ) -> None:
        self.store, self.settings, self.pool, self.reports = store, settings, prompts, reports
        self.budget = DailyBudget(settings.limits.usd_per_day)
        self.registry = Registry(store, Gate(NoMemory(), self.budget))
        self.access = Access(store)
        self.votes = VoteColumns(self.registry.name)
        self._live: dict[str, LiveBattle] = {}
        self._known: dict[str, Rater] = {}
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._keeper = Keeper()
        self._background: set[asyncio.Task[Any]] = set()

    async def open(self, entries: Sequence[ContestantEntry] = ()) -> None:
        """Register the contestants, open their models, and read the votes so far.

        Raises:
            BadInput: A contestant's settings make no sense.
        """
        await self.registry.open(entries)
        self.blinding = Blinding([one.contestant for one in self.registry.entrants.values()])
        with self.store.reading() as connection:
            self.exposure = counted(connection)
            for ballot in used_ballots(connection):
                self.votes.add(ballot)
        self.boards = Boards(self.votes, profiles=self.profiles, weigh=weigh)
        self.auditor = deblinding.Auditor(self.store, lambda: self.blinding)
        self._withhold()

    async def close(self) -> None:
        """End what runs, and close every model. The store stays open."""
        for battle in list(self._live.values()):
            await battle.end()
        if self._background:
            await asyncio.wait(self._background)
        self._keeper.shutdown()
        await asyncio.to_thread(self.auditor.close)
        await self.registry.close()

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction of the store's writer, and wait until it is on disk."""
        return await asyncio.wrap_future(self.store.transact(work))

    # Raters

    async def enrol(self, kind: raters.RaterKind, *, secret: str | None = None, task: str | None = None) -> str:
        """Record a rater who agreed to the notice; gives the secret by which they are known again."""
        secret = secret or raters.new_secret()
        await self.transact(
            lambda c: raters.find(c, secret) or raters.add(c, secret, kind, consent=raters.NOTICE, task=task)
        )
        return secret

    def rater(self, secret: str | None) -> Rater | None:
        """Who holds this secret, or None."""
        if not secret:
            return None
        known = self._known.get(raters.secret_digest(secret))
        if known is not None:
            return known
        with self.store.reading() as connection:
            found = raters.find(connection, secret)
        if found is None or found.state != "active":
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[raters.secret_digest(secret)] = found
        return found

    async def tell(self, rater: Rater, profile: dict[str, str]) -> None:
        """Keep what a rater chose to tell about themselves (`privacy.check_profile`), in place of what was told."""
        await self.transact(lambda c: raters.set_profile(c, rater.id, profile))
        self._known.clear()

    def profiles(self) -> dict[str, dict[str, str]]:
        """What each rater told about themselves."""
        with self.store.reading() as connection:
            return raters.profiles(connection)

    # Battles

    async def begin(self, rater: Rater, text: str | None = None, *, page: str = "en") -> LiveBattle:
        """Draw two contestants and let them answer.

        Args:
            rater: Who will vote.
            text: What they ask; None takes a prompt from the pool.
            page: Language of the page.

        Raises:
            Refused: Too long, too fast, too busy, out of budget, or fewer than two contestants can answer.
        """
        prompt = self._prompt(text, page)
        self._check_room(rater)
        alive = self.registry.alive()
        if len(alive) < 2:
            raise Refused("few_contestants", alive=len(alive))
        weights = {
            one.contestant.id: self.settings.weights.get(one.contestant.name, 1.0)
            for one in self.registry.entrants.values()
        }
        pairing = draw(alive, seed=secrets.randbits(31), floor=self.settings.floor, weights=weights)
        ballot = Ballot(
            id=ballots.new_id(),
            rater=rater.id,
            state="open",
            opened=now(),
            expires=now(hours=self.settings.ballot_hours),
            pairing=pairing,
            said=Said(prompts=(user_message(prompt),)),
            source="typed" if text is not None else f"pool:{self.pool.name}",
            question="" if text is not None else prompt.id,
            language=prompt.language,
            category=prompt.category,
        )
        recorded = asyncio.wrap_future(self.store.transact(lambda c: ballots.open_ballot(c, ballot)))
        sides = {side: self.registry.ready(name) for side, name in zip(SIDES, (pairing.a, pairing.b), strict=True)}
        battle = LiveBattle(
            ballot,
            sides,
            blinding=self.blinding,
            settings=self.settings,
            recorded=recorded,
            keep=lambda said, failure: self._keep(ballot.id, said, failure),
        )
        self._live[ballot.id] = battle
        battle.ask(user_message(prompt))
        return battle

    def live(self, rater: Rater, ballot_id: str) -> LiveBattle | None:
        """The rater's battle if it is in memory, or None.

        Raises:
            Refused: It is somebody else's.
        """
        battle = self._live.get(ballot_id)
        if battle is not None and battle.ballot.rater != rater.id:
            raise Refused("unknown_ballot")
        return battle

    def ballot(self, rater: Rater, ballot_id: str) -> Ballot:
        """The rater's own ballot as recorded.

        Raises:
            Refused: There is none, or it is somebody else's.
        """
        with self.store.reading() as connection:
            found = ballots.find(connection, ballot_id)
        if found is None or found.rater != rater.id:
            raise Refused("unknown_ballot")
        return found

    def say(self, rater: Rater, ballot_id: str, text: str) -> LiveBattle:
        """Go on with a battle: one more message to both contestants.

        Raises:
            Refused: Used up, gone from memory, too long, or too many turns.
        """
        self._check_text(text)
        battle = self.live(rater, ballot_id)
        if battle is None:
            found = self.ballot(rater, ballot_id)
            raise Refused("void" if found.state in ("open", "void") else "revealed")
        if battle.phase == "failed":
            raise Refused("void")
        battle.ask(text)
        return battle

    async def vote(self, rater: Rater, ballot_id: str, opinion: Opinion) -> Verdict:
        """Use a ballot, and learn who it was. Sent again it counts once and reveals again.

        Raises:
            Refused: Unknown, foreign, expired, void or used-up ballot, not both answers have text yet, or a rating task
                that is closed or whose invitation was revoked.
            Interrupted: It could not be written; the ballot is as before.
        """
        if opinion not in (-2, -1, 0, 1, 2, "both_bad", "skip") or isinstance(opinion, bool):
            raise Refused("bad_grade")
        battle = self.live(rater, ballot_id)
        if battle is not None and battle.phase != "failed":
            said, answers, outcome = battle.evidence()
        else:
            found = self.ballot(rater, ballot_id)
            said = found.said
            answers = stored_answers(found)
            outcome = {
                "early": False,
                "style": {side: style(one.text) for side, one in zip("ab", answers, strict=True)},
            }

        def work(connection: Connection) -> ballots.Receipt:
            if battle is None and found.task is not None and found.state == "open":
                assignment.enter(connection, found.task, rater)
            return ballots.cast(connection, ballot_id, rater.id, opinion, said=said, answers=answers, outcome=outcome)

        receipt = await self.transact(work)
        used = receipt.ballot
        if receipt.new:
            self.exposure.settled(used)
            self._keeper.later(self.boards.add, used)
        if self._live.pop(ballot_id, None) is not None and battle is not None:
            self._do(battle.end())
        names = unmasked(used, answers, self.registry) if receipt.new else self.reveal(used)
        return Verdict(receipt=receipt, reveal=names)

    def reveal(self, ballot: Ballot) -> dict[Pane, Unmasked]:
        """Who answered, for a ballot that was used.

        Raises:
            Refused: It was not used yet.
        """
        if ballot.state == "open" or ballot.outcome is None:
            raise Refused("not_yet")
        with self.store.reading() as connection:
            return unmasked(ballot, recorded_answers(connection, ballot), self.registry)

    def shown(self, ballot: Ballot) -> dict[Pane, tuple[str, ...]]:
        """What was said on record, by pane, as it may be seen before the vote: normalised, names masked."""
        return assignment.shown(ballot, self.blinding)

    def history(self, rater: Rater) -> list[Ballot]:
        """What a rater voted on, newest first."""
        with self.store.reading() as connection:
            return ballots.of_rater(connection, rater.id)

    async def withdraw(self, rater: Rater, ballot_id: str) -> None:
        """Take a vote back: it counts no more, and what was said is erased. That it existed stays in the log.

        Raises:
            Refused: There is none, or it is somebody else's.
        """
        found = self.ballot(rater, ballot_id)
        await self.transact(lambda c: ballots.erase(c, found, state="withdrawn", by="rater"))
        self.votes.withdrawn.add(ballot_id)
        self._keeper.later(self.boards.restart)
        self._withhold()

    async def change(
        self, contestant: str, event: Literal["stopped", "resumed", "retired"], *, reason: str, by: str
    ) -> Change:
        """Stop, resume or retire a contestant; stopping ends every battle that it is in at once."""
        return await self.registry.change(
            contestant, event, reason=reason, by=by, meanwhile=lambda: self._end_battles(contestant, event)
        )

    async def register(self, entry: ContestantEntry, *, by: str, untrusted: bool) -> None:
        """Take up a contestant (`Registry.register`); battles that begin from now on mask its names, too."""
        await self.registry.register(entry, by=by, untrusted=untrusted)
        self.blinding = Blinding([one.contestant for one in self.registry.entrants.values()])

    def apply(self, decided: Decided) -> None:
        """Let go of what moderators took down, where it is in memory."""
        for battle in [self._live.pop(name) for name in decided.withheld if name in self._live]:
            self.exposure.settled(battle.ballot)
            self._do(battle.end())
        if decided.uncounted:
            self.votes.withdrawn.update(decided.uncounted)
            self._keeper.later(self.boards.restart)
        self._withhold()

    @property
    def running(self) -> int:
        """Battles that are being answered now."""
        return sum(battle.phase == "answering" for battle in self._live.values())

    # Inside

    def _withhold(self) -> None:
        """Take votes that were withdrawn out of the releases that have them; what is due follows from the log."""
        if self.reports is not None:
            self._keeper.later(withhold_due, self.store, self.reports)

    def _prompt(self, text: str | None, page: str) -> Prompt:
        if text is None:
            own = [p for p in self.pool.prompts if p.language.startswith(page)] or list(self.pool.prompts)
            return Random(secrets.randbits(64)).choice(own)
        self._check_text(text)
        return Prompt(key="typed", turns=(text,), language=language_of(text, page), tags=(category_of(text),))

    def _check_text(self, text: str) -> None:
        most = self.settings.limits.prompt_characters
        if len(text) > most:
            raise Refused("too_long", characters=len(text), most=most)
        if not text.strip() or not is_text(text):
            raise Refused("empty")

    def _check_room(self, rater: Rater) -> None:
        limits, moment = self.settings.limits, time.monotonic()
        recent = self._recent[rater.id]
        while recent and recent[0] < moment - _MINUTE:
            recent.popleft()
        if len(recent) >= limits.battles_per_minute:
            raise Refused("too_fast", seconds=round(recent[0] + _MINUTE - moment) or 1)
        self._forget()
        if self.running >= limits.running:
            raise Refused("busy")
        if self.budget.reached:
            raise Refused("budget")
        recent.append(moment)

    def _forget(self) -> None:
        """Let go of battles whose ballots have expired; what was said in them is recorded."""
        moment = now()
        for name in [name for name, battle in self._live.items() if battle.ballot.expires < moment]:
            battle = self._live.pop(name)
            if battle.phase != "failed":  # those were counted when they failed
                self.exposure.settled(battle.ballot)
            self._do(battle.end())

    async def _keep(self, ballot_id: str, said: Said, failure: str) -> None:
        def work(connection: Connection) -> Ballot | None:
            found = ballots.find(connection, ballot_id)
            if found is None or found.state != "open":
                return None
            kept = replace(found, said=said, failure=failure, state="void" if failure else "open")
            ballots.save(connection, kept)
            return kept

        if (kept := await self.transact(work)) is not None and kept.state != "open":
            self.exposure.settled(kept)

    def _end_battles(self, contestant: str, event: str) -> int:
        if event == "resumed":
            return 0
        hit = [b for b in self._live.values() if contestant in (b.ballot.pairing.a, b.ballot.pairing.b)]
        for battle in hit:
            del self._live[battle.ballot.id]
            self._do(self._void(battle))
        return len(hit)

    async def _void(self, battle: LiveBattle) -> None:
        await battle.end("stopped")
        await self._keep(battle.ballot.id, battle.said, "stopped")

    def _do(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
