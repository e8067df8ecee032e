"""Who it was: what a voter learns once the ballot is used. Read `unmasked` first."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot, Pane, Receipt
from fairtrial.arena.live import PANES
from fairtrial.arena.refusals import Refused
from fairtrial.arena.registry import Registry
from fairtrial.core import Contestant, Prompt, Response, from_json
from fairtrial.store.tables import responses

Answers = tuple[Response | None, Response | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmasked:
    """One contestant as it is shown after the vote."""

    name: str
    contestant: Contestant | None
    """None for an imported answer, of which only the name is known."""
    price: tuple[float, float] | None
    seconds: float
    tokens: int
    usd: float
    masked: int
    """How many self-identifications were masked in its answers."""
    finish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a voter learns once the ballot is used."""

    receipt: Receipt
    reveal: dict[Pane, Unmasked]


def unmasked(ballot: Ballot, answers: Answers, registry: Registry) -> dict[Pane, Unmasked]:
    """Both contestants of a ballot that was used.

    Args:
        ballot: Used.
        answers: The responses of the pairing's a and b, as far as they are on record.
        registry: Where names stand.
    """
    said = {"a": answers[0], "b": answers[1]}
    return {pane: _one(ballot, pane, said[ballot.shown(pane)], registry) for pane in PANES}


def _one(ballot: Ballot, pane: Pane, response: Response | None, registry: Registry) -> Unmasked:
    side = ballot.shown(pane)
    entrant = registry.entrants.get(ballot.contestant(pane))
    assert ballot.outcome is not None
    return Unmasked(
        name=registry.name(ballot.contestant(pane)),
        contestant=entrant.contestant if entrant else None,
        price=entrant.entry.price if entrant else None,
        seconds=response.seconds if response else 0.0,
        tokens=response.usage.completion_tokens if response else 0,
        usd=response.usd if response else 0.0,
        masked=ballot.outcome.masked.get(side, 0),
        finish=response.finish if response else "",
    )


def recorded_answers(connection: Connection, ballot: Ballot) -> Answers:
    """The responses that were recorded with a ballot's vote; None where they were erased."""
    return _response(connection, f"{ballot.id}:a"), _response(connection, f"{ballot.id}:b")


def _response(connection: Connection, key: str) -> Response | None:
    row = connection.execute(select(responses.c.body).where(responses.c.key == key)).first()
    return None if row is None else from_json(bytes(row.body), Response)


def stored_answers(ballot: Ballot) -> tuple[Response, Response]:
    """The answers that a ballot has on record: those of a rating task, or of a battle from before a restart.

    Raises:
        Refused: There are none.
    """
    if not ballot.said.a or not ballot.said.b:
        raise Refused("void" if ballot.state in ("void", "open") else "unknown_ballot")
    prompt = Prompt(key=ballot.question or "typed", turns=ballot.said.prompts, language=ballot.language)
    return (
        Response(prompt=prompt.id, contestant=ballot.pairing.a, turns=ballot.said.a),
        Response(prompt=prompt.id, contestant=ballot.pairing.b, turns=ballot.said.b),
    )
