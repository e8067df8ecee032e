"""A battle while it is being answered: two contestants write, the voter sees both at one pace. Read `ask` first.

Nothing that leaves `frames` before the ballot is used tells who writes: texts are normalised and masked, both panes
grow in step, and failures are not said to be of one side.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from fairtrial.arena.ballots import Ballot, Pane, Said
from fairtrial.arena.blinding import Blinding, BlindStream
from fairtrial.arena.lockstep import TICK, Lockstep
from fairtrial.arena.refusals import Refused
from fairtrial.arena.settings import ArenaSettings
from fairtrial.contestants import Ask, answer
from fairtrial.contestants.style import style
from fairtrial.core import (
    BudgetReached,
    Contestant,
    FairtrialError,
    Finish,
    ModelError,
    Prompt,
    Response,
    Usage,
)
from fairtrial.models import Model
from fairtrial.models.face import tokens_in

_log = logging.getLogger("fairtrial.arena")
PANES: tuple[Pane, Pane] = ("A", "B")
SIDES: tuple[Literal["a", "b"], Literal["a", "b"]] = ("a", "b")
Phase = Literal["answering", "answered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What becomes visible in one moment."""

    text: dict[Pane, str]
    """What is added to each pane; everything so far in a first frame."""
    first: bool = False
    votable: bool = False
    """Both answers have text."""
    phase: Phase = "answering"


@dataclass(slots=True)
class _Side:
    """One contestant's work on the battle."""

    contestant: Contestant
    model: Model
    pane: Pane
    stream: BlindStream | None = None
    raw: list[str] = field(default_factory=list)
    """Pieces of the answer to the turn that runs."""
    seen: int = 0
    """How many of them went through the blinding."""
    has_text: bool = False
    """Something of it can be seen."""
    task: asyncio.Task[None] | None = None
    overlong: bool = False
    ended: bool = False
    finish: Finish = "stop"
    error: str = ""
    usage: Usage = Usage()
    usd: float = 0.0
    seconds: float = 0.0
    masked: int = 0
    fingerprint: str = ""
    served_as: str = ""

    @property
    def text(self) -> str:
        return "".join(self.raw)

    def fresh(self, *, last: bool = False) -> str:
        """What came since it was asked last, as it may be shown."""
        assert self.stream is not None
        text = self.stream.feed("".join(self.raw[self.seen :])) if self.seen < len(self.raw) else ""
        self.seen = len(self.raw)
        text += self.stream.finish() if last else ""
        self.has_text |= bool(text.strip())
        return text

    @property
    def silent(self) -> bool:
        """Whether it ended with nothing to see."""
        return self.task is not None and self.task.done() and not self.has_text


class LiveBattle:
    """A battle in memory, from its first turn until its ballot is used, void or forgotten.

    Args:
        ballot: As recorded.
        sides: Contestant and model of the pairing's ``a`` and ``b``.
        blinding: What is masked.
        settings: Pace and limits.
        recorded: Done when the pair stands in the log; nothing is shown before.
        keep: Called with what was said after each finished turn, and with the failure of a battle that is void.
    """

    def __init__(
        self,
        ballot: Ballot,
        sides: dict[Literal["a", "b"], tuple[Contestant, Model]],
        *,
        blinding: Blinding,
        settings: ArenaSettings,
        recorded: asyncio.Future[None],
        keep: Callable[[Said, str], Awaitable[None]],
    ) -> None:
        self.ballot = ballot
        self.said = Said()
        self.phase: Phase = "answered"
        self.failure = ""
        self.votable = False
        self._blinding, self._settings, self._recorded, self._keep = blinding, settings, recorded, keep
        pane_of: dict[str, Pane] = {ballot.shown(pane): pane for pane in PANES}
        self._sides = {side: _Side(*sides[side], pane=pane_of[side]) for side in sides}
        self._by_pane = {side.pane: side for side in self._sides.values()}
        self.asked: tuple[str, ...] = ballot.said.prompts
        """What was asked so far, also in the turn that runs."""
        self._frames: list[Frame] = []
        self._shown: dict[Pane, tuple[str, ...]] = dict.fromkeys(PANES, ())
        self._news = asyncio.Event()
        self._turn: asyncio.Task[None] | None = None

    def ask(self, text: str) -> None:
        """Put the voter's next message to both contestants; `frames` tells how it goes.

        Raises:
            Refused: The turn before is not finished, or there were enough turns.
        """
        if self.phase == "answering":
            raise Refused("answering")
        most = self._settings.limits.turns
        if len(self.said.prompts) >= most:
            raise Refused("too_many_turns", most=most)
        self.asked = (*self.said.prompts, text)
        self._frames = []
        self.phase, self.failure = "answering", ""
        self._turn = asyncio.create_task(self._run_turn(), name=f"battle {self.ballot.id[:6]}")

    async def frames(self) -> AsyncIterator[Frame]:
        """What the voter sees of the turn that runs: all so far at once, then what is added, until it is over."""
        place = len(self._frames)
        so_far: dict[Pane, str] = {pane: "".join(f.text[pane] for f in self._frames[:place]) for pane in PANES}
        yield Frame(text=so_far, first=True, votable=self.votable, phase=self.phase)
        while True:
            news = self._news
            while place < len(self._frames):
                yield self._frames[place]
                place += 1
            if self.phase != "answering":
                return
            await news.wait()

    async def settled(self) -> None:
        """Wait until the turn that runs is over."""
        if self._turn is not None:
            await asyncio.wait([self._turn])

    def shown(self) -> dict[Pane, tuple[str, ...]]:
        """All finished answers as the voter sees them, by pane."""
        return dict(self._shown)

    def evidence(self) -> tuple[Said, tuple[Response, Response], dict[str, object]]:
        """What was said up to now, as responses and as fields of an `Outcome`; a turn that runs counts as cut.

        Raises:
            Refused: Not both answers have text.
        """
        running = self.phase == "answering"
        if not self.votable:
            raise Refused("not_yet")
        said = self.said
        if running:
            # What is judged is what was seen, masks and all, however far the models were ahead of it.
            now_a, now_b = ("".join(f.text[self._sides[side].pane] for f in self._frames) for side in SIDES)
            said = Said(prompts=self.asked, a=(*said.a, now_a), b=(*said.b, now_b))
        prompt = self._prompt(said.prompts)
        turns = {"a": said.a, "b": said.b}
        a, b = (self._response(self._sides[side], prompt, turns[side], running) for side in SIDES)
        outcome: dict[str, object] = {
            "early": running,
            "masked": {name: side.masked for name, side in self._sides.items()},
            "style": {"a": style(said.a[-1]), "b": style(said.b[-1])},
            "usd": sum(side.usd for side in self._sides.values()),
        }
        return said, (a, b), outcome

    async def end(self, failure: str = "") -> None:
        """Stop whatever runs; with `failure` the battle is void from now on."""
        for side in self._sides.values():
            if side.task is not None:
                side.task.cancel()
        if failure:
            self.phase, self.failure, self.votable = "failed", failure, False
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.wait({self._turn, self._recorded})  # a pair that was drawn is recorded, shown or not
        self._tell()

    def _prompt(self, turns: tuple[str, ...]) -> Prompt:
        return Prompt(key=self.ballot.question or "typed", turns=turns, language=self.ballot.language)

    async def _run_turn(self) -> None:
        """One turn, from the question to both answers."""
        lock = Lockstep(mode=self._settings.pace)
        asked = self._blinding.exempt("\n".join(self.asked))
        for side in self._sides.values():
            side.raw, side.seen, side.has_text = [], 0, False
            side.finish, side.error, side.overlong, side.ended = "stop", "", False, False
            side.stream = BlindStream(self._blinding, asked)
            side.task = asyncio.create_task(self._write(side, lock))
        try:
            await asyncio.shield(self._recorded)
            await self._pace(lock)
        except FairtrialError as error:  # the pair could not be recorded, so nothing of it is shown
            _log.error("a battle was not begun: %s", error)
            self.phase, self.failure, self.votable = "failed", "not_recorded", False
            self._tell()
        finally:
            for side in self._sides.values():
                if side.task is not None:
                    side.task.cancel()
        if self.phase == "failed":
            return
        silent = next((side.error or "empty" for side in self._sides.values() if not side.has_text), "")
        if silent and not self.said.prompts:
            self.phase, self.failure, self.votable = "failed", silent, False
        elif silent:  # what was said before can still be voted on
            self.phase, self.failure = "answered", silent
        else:
            a, b = self._sides["a"].text, self._sides["b"].text
            self.said = Said(prompts=self.asked, a=(*self.said.a, a), b=(*self.said.b, b))
            for side in self._sides.values():
                side.masked += len(side.stream.flags) if side.stream is not None else 0
            for pane, before in self._shown.items():
                self._shown[pane] = (*before, "".join(frame.text[pane] for frame in self._frames))
            self.phase, self.votable = "answered", True
        with suppress(FairtrialError):  # a vote writes it all again, and says so if it cannot
            await self._keep(self.said, self.failure if self.phase == "failed" else "")
        self._tell()

    async def _pace(self, lock: Lockstep) -> None:
        loop = asyncio.get_running_loop()
        while not lock.done:
            if any(side.silent for side in self._sides.values()):
                return  # nothing can be compared; the other answer is not shown, or it would tell which one failed
            for side in self._sides.values():
                if not side.ended:
                    lock.feed(side.pane, side.fresh())
            frame = lock.release(loop.time())
            if frame is not None and (frame.a or frame.b):
                self.votable = self.votable or lock.both_shown
                self._frames.append(Frame(text={"A": frame.a, "B": frame.b}, votable=self.votable))
                self._tell()
            await asyncio.sleep(TICK)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _write(self, side: _Side, lock: Lockstep) -> None:
        """Let one contestant answer, and hand its text on as it comes."""
        room = self._settings.limits.answer_characters

        def hand_on(piece: str) -> None:
            nonlocal room
            side.overlong |= len(piece) > room
            piece, room = piece[:room], room - len(piece[:room])
            side.raw.append(piece)

        past = self.said.a if side is self._sides["a"] else self.said.b
        ask = Ask(
            side.model,
            side.contestant,
            self._prompt(self.asked),
            repeat=0,
            trial_seed=self.ballot.pairing.seed,
            past=past,
            on_text=hand_on,
        )
        try:
            async with asyncio.timeout(self._settings.limits.answer_seconds):
                response = await answer(ask)
            self._take(side, response)
            side.finish = "length" if side.overlong else side.finish
            if not side.raw and response.text:  # a strategy whose answer is not one call's text
                hand_on(response.text)
        except TimeoutError:
            side.finish, side.error = "error", "timeout"
        except BudgetReached:
            side.finish, side.error = "error", "budget"
        except ModelError as error:
            side.finish, side.error = "error", error.kind
        except FairtrialError:
            side.finish, side.error = "error", "refused_request"
        finally:
            side.seconds += ask.seconds()
            lock.feed(side.pane, side.fresh(last=True))
            lock.finished(side.pane)
            side.ended = True

    def _take(self, side: _Side, response: Response) -> None:
        side.finish, side.error = response.finish, response.error
        side.usage += response.usage
        side.usd += response.usd
        side.fingerprint = response.fingerprint or side.fingerprint
        side.served_as = response.served_as or side.served_as

    def _response(self, side: _Side, prompt: Prompt, turns: tuple[str, ...], running: bool) -> Response:
        cut = running and side.task is not None and not side.task.done()
        usage = side.usage
        if cut:  # the provider has not said yet
            usage += Usage(completion_tokens=tokens_in(turns[-1]))
        return Response(
            prompt=prompt.id,
            contestant=side.contestant.id,
            turns=turns,
            finish="cut" if cut else side.finish,
            error="" if cut else side.error,
            usage=usage,
            usd=side.usd,
            style=style(turns[-1]),
            fingerprint=side.fingerprint,
            served_as=side.served_as,
            seconds=side.seconds,
        )
