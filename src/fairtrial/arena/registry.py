"""The contestants of the arena: who there is, who can answer now, and what became of each. Read `Registry` first.

Whoever was registered once stays on the record. Every change is an entry of the log, written in the same transaction.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from fairtrial.arena.clock import now
from fairtrial.core import BadInput, Contestant, FairtrialError, PromptSet, Provider, canonical_json, from_json, to_json
from fairtrial.models import Gate, Model, open_provider
from fairtrial.runs.entrants import check_use, make_contestant
from fairtrial.runs.trial import ContestantEntry
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import entrants

IMPORTED = "import:"
"""Before the name of whoever wrote an imported answer: nothing else is known of them."""
State = Literal["active", "stopped", "retired"]
Event = Literal["registered", "facts", "stopped", "resumed", "retired"]


@dataclass(slots=True, kw_only=True)
class Entrant:
    """A contestant of the arena."""

    contestant: Contestant
    entry: ContestantEntry
    state: State
    since: str
    model: Model | None = None
    """None while its model cannot be used; see `trouble`."""
    trouble: str = ""
    running: int = 0
    """Battles it is answering in now."""

    @property
    def alive(self) -> bool:
        """Whether it may be drawn."""
        return self.state == "active" and self.model is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a contestant's history."""

    seq: int
    event: Event
    at: str
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class Registry:
    """The arena's contestants.

    Args:
        store: The lab's store, open for writing.
        gate: What their calls pass.
    """

    def __init__(self, store: Store, gate: Gate) -> None:
        self._store, self._gate = store, gate
        self._providers: dict[bytes, Provider] = {}
        self.entrants: dict[str, Entrant] = {}
        """By contestant id."""

    async def open(self, entries: Sequence[ContestantEntry]) -> None:
        """Register what is new, and open every model that is on the record.

        Raises:
            BadInput: A contestant's settings make no sense, or an old name stands for another contestant now.
        """
        with self._store.reading() as connection:
            for row in connection.execute(select(entrants)):
                contestant = from_json(bytes(row.body), Contestant)
                entry = ContestantEntry.model_validate_json(bytes(row.entry))
                self.entrants[row.id] = Entrant(contestant=contestant, entry=entry, state=row.state, since=row.since)
        for entry in entries:
            await self.register(entry)
        for entrant in self.entrants.values():
            if entrant.state == "active" and entrant.model is None:
                await self._open_model(entrant)

    async def close(self) -> None:
        """Close every model."""
        providers, self._providers = list(self._providers.values()), {}
        for provider in providers:
            await provider.close()

    async def register(self, entry: ContestantEntry, *, by: str = "lab.toml", untrusted: bool = False) -> Entrant:
        """Put a contestant on the record, or take up changed facts about it.

        Args:
            entry: Its settings.
            by: Who did it, for the log.
            untrusted: The settings were entered on the web: only public addresses then.

        Raises:
            BadInput: Unusable settings, or a name that stands for another contestant.
        """
        if not entry.name.isprintable():
            raise BadInput("a contestant's name is printable text.", where=f"contestant {entry.name!r}")
        if untrusted and entry.base_url:
            entry = entry.model_copy(update={"settings": entry.settings | {"untrusted": True}})
        provider = self._provider(entry)
        contestant = make_contestant(entry, provider, PromptSet(name="", prompts=()))
        named = self.by_name(entry.name)
        if named is not None and named.contestant.id != contestant.id:
            raise BadInput(
                f"'{entry.name}' is on the record with other settings; whoever answers otherwise is someone else.",
                where=f"contestant '{entry.name}'",
                next_step="Give the changed one a new name, and retire the old one with a reason.",
            )
        known = self.entrants.get(contestant.id)
        if known is not None and known.contestant.name != entry.name:
            raise BadInput(
                f"'{entry.name}' answers as '{known.contestant.name}' does: the same model, used in the same way.",
                where=f"contestant '{entry.name}'",
            )
        if known is not None and known.entry == entry:
            return known
        await self._record(contestant, entry, known, by)
        entrant = Entrant(contestant=contestant, entry=entry, state="active", since=now())
        if known is not None:
            entrant.state, entrant.since, entrant.running = known.state, known.since, known.running
        self.entrants[contestant.id] = entrant
        if entrant.state == "active":
            await self._open_model(entrant)
        return entrant

    def by_name(self, name: str) -> Entrant | None:
        """The contestant of this name, or None."""
        return next((one for one in self.entrants.values() if one.contestant.name == name), None)

    def alive(self) -> list[str]:
        """Ids of all who may be drawn now, sorted."""
        return sorted(name for name, one in self.entrants.items() if one.alive)

    def ready(self, contestant: str) -> tuple[Contestant, Model]:
        """A contestant that is alive, and its model."""
        entrant = self.entrants[contestant]
        assert entrant.model is not None
        return entrant.contestant, entrant.model

    def name(self, contestant: str) -> str:
        """The name that a contestant id stands for, or an imported answer's name."""
        if contestant.startswith(IMPORTED):
            return contestant.removeprefix(IMPORTED)
        return self.entrants[contestant].contestant.name

    async def change(
        self,
        contestant: str,
        event: Literal["stopped", "resumed", "retired"],
        *,
        reason: str,
        by: str,
        meanwhile: Callable[[], int] = lambda: 0,
    ) -> Change:
        """Take a contestant out of every battle, take it back in, or retire it.

        Args:
            contestant: Its id.
            event: What happens; a retired one does not come back.
            reason: Public.
            by: Who does it.
            meanwhile: Called once nothing new is drawn; ends its running battles and says how many there were.

        Raises:
            BadInput: No reason, or not possible in its state.
            Interrupted: It could not be written: the contestant is as before, its battles are over.
        """
        entrant = self.entrants.get(contestant)
        if entrant is None:
            raise BadInput("there is no such contestant.")
        if not reason.strip():
            raise BadInput("a reason is needed; it is public.", where="reason")
        allowed = {"stopped": ("active",), "resumed": ("stopped",), "retired": ("active", "stopped")}
        if entrant.state not in allowed[event]:
            raise BadInput(f"'{entrant.contestant.name}' is {entrant.state} already.", where="contestant")
        began = time.perf_counter()
        state: State = "active" if event == "resumed" else event
        before = entrant.state, entrant.since
        entrant.state, entrant.since = state, now()  # from here on it is not drawn
        ended = meanwhile()
        details = {"battles_ended": ended, "seconds": round(time.perf_counter() - began, 3)}
        body = _told(entrant.contestant, event, by) | {"reason": reason.strip()} | details

        def work(connection: Connection) -> int:
            values = {"state": state, "since": entrant.since}
            connection.execute(update(entrants).where(entrants.c.id == contestant).values(values))
            return history.append(connection, "registry", body)

        try:
            seq = await asyncio.wrap_future(self._store.transact(work))
        except BaseException:
            entrant.state, entrant.since = before  # what is not in the log did not happen, and may be asked for again
            raise
        if state == "active" and entrant.model is None:
            await self._open_model(entrant)
        return Change(seq=seq, event=event, at=body["at"], reason=reason.strip(), details=details)

    def changes(self, contestant: str | None = None) -> list[Change]:
        """The history of one contestant, or of all, oldest first."""
        with self._store.reading() as connection:
            found = [e for e in history.entries(connection, kinds=("registry",)) if e.body is not None]
        skipped = ("event", "at", "reason")
        return [
            Change(
                seq=entry.seq,
                event=entry.body["event"],
                at=entry.body["at"],
                reason=entry.body.get("reason", ""),
                details={key: value for key, value in entry.body.items() if key not in skipped},
            )
            for entry in found
            if entry.body is not None and contestant in (None, entry.body["contestant"])
        ]

    async def _record(self, contestant: Contestant, entry: ContestantEntry, known: Entrant | None, by: str) -> None:
        event: Event = "registered" if known is None else "facts"
        body = _told(contestant, event, by) | _public(contestant, entry)
        row = {"body": to_json(contestant), "entry": entry.model_dump_json(exclude_none=True).encode()}

        def work(connection: Connection) -> None:
            if known is None:
                fixed = {"id": contestant.id, "name": contestant.name, "state": "active", "since": body["at"]}
                connection.execute(insert(entrants), fixed | row)
            else:
                connection.execute(update(entrants).where(entrants.c.id == contestant.id).values(row))
            history.append(connection, "registry", body)

        await asyncio.wrap_future(self._store.transact(work))

    def _provider(self, entry: ContestantEntry) -> Provider:
        settings = entry.provider_settings()
        key = canonical_json([entry.model, settings])
        if key not in self._providers:
            self._providers[key] = open_provider(entry.model, settings)
        return self._providers[key]

    async def _open_model(self, entrant: Entrant) -> None:
        try:
            provider = self._provider(entrant.entry)
            await provider.open()
            model = Model(provider, self._gate, price=entrant.entry.price or (0.0, 0.0))
            check_use(entrant.entry, model)
        except FairtrialError as error:
            entrant.model, entrant.trouble = None, str(error)
        else:
            entrant.model, entrant.trouble = model, ""


def _told(contestant: Contestant, event: str, by: str) -> dict[str, Any]:
    return {"event": event, "contestant": contestant.id, "name": contestant.name, "by": by, "at": now()}


def _public(contestant: Contestant, entry: ContestantEntry) -> dict[str, Any]:
    """What anyone may know of a contestant."""
    facts: Mapping[str, str] = contestant.facts
    return {
        "model": {"provider": contestant.model.provider, "model": contestant.model.model}
        | ({"digest": contestant.model.digest} if contestant.model.digest else {}),
        "strategy": contestant.strategy,
        "simulated": contestant.model.simulated,
        "facts": dict(facts),
        "price": list(entry.price) if entry.price else None,
    }
