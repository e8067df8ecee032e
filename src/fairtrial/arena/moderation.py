"""Reports about answers, and what moderators do about them. Read `report` first, then `decide`.

A take-down withholds texts; the vote that was cast on them still counts, because otherwise a report would be a way to
delete votes. Only where the battle itself is no evidence (a prompt made to harm, an answer that named its model) does a
moderator take the whole battle out. Either is an entry of the log, so anyone can count what was done and why.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from fairtrial.arena import ballots, notices, tasks
from fairtrial.arena.ballots import Ballot, Pane, Said
from fairtrial.arena.clock import now
from fairtrial.arena.notices import Notice
from fairtrial.arena.raters import Rater
from fairtrial.arena.refusals import Refused
from fairtrial.arena.votes import prompt_key
from fairtrial.core import BadInput, nearest
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots as ballot_table
from fairtrial.store.tables import responses

Reason = Literal["harm", "personal data", "deepfake", "identity revealed", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)
Action = Literal["none", "texts", "battle"]
"""Nothing; withhold the texts; or withhold them and count no vote on them."""
MAX_NOTE = 2000
MAX_OPEN = 20
"""Open reports of one rater."""
_MAX_QUEUE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report about an answer."""

    id: str
    ballot: str
    side: Literal["", "a", "b"]
    """Whose answer, as in the ballot's pairing; empty for the battle as a whole."""
    reason: Reason
    note: str
    rater: str
    at: str
    state: notices.State
    decision: dict[str, str]
    """``action``, ``why``, ``by`` and ``at``, once decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a decision did; the arena lets go of these ballots where it has them in memory."""

    report: Report | None
    withheld: tuple[str, ...] = ()
    """Ballots whose texts are gone."""
    uncounted: tuple[str, ...] = ()
    """Those of them whose votes do not count any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of the reports with one reason, by the log."""

    received: int = 0
    upheld: int = 0
    dismissed: int = 0
    texts: int = 0
    """Decisions that withheld texts, those without a report included."""
    battles: int = 0
    """Decisions that took a battle out."""

    @property
    def open(self) -> int:
        """Not decided yet."""
        return self.received - self.upheld - self.dismissed


def report(
    connection: Connection, rater: Rater, ballot_id: str, reason: str, *, pane: Pane | None = None, note: str = ""
) -> Report:
    """Report an answer, or with no `pane` a battle as a whole. Sent again it is one report.

    Raises:
        Refused: ``unknown_ballot``: none of the rater's own; ``too_long`` a note; ``too_many_notices``.
        BadInput: A reason that is not on the list, a note that is no text.
    """
    ballot = ballots.find(connection, ballot_id)
    if ballot is None or ballot.rater != rater.id:
        raise Refused("unknown_ballot")
    _check_reason(reason)
    if len(note) > MAX_NOTE:
        raise Refused("too_long", characters=len(note), most=MAX_NOTE)
    note = notices.check_text(note, "note", most=MAX_NOTE)
    about = ballot.id if pane is None else f"{ballot.id}:{ballot.shown(pane)}"
    same = notices.listed(connection, "report", state="open", about=about)
    if same:  # a ballot is one rater's, so it is theirs
        return _report(same[0])
    waiting = notices.listed(connection, "report", state="open", limit=_MAX_QUEUE)
    if len(waiting) == _MAX_QUEUE or sum(one.body["rater"] == rater.id for one in waiting) >= MAX_OPEN:
        raise Refused("too_many_notices")
    body = {"reason": reason, "note": note, "rater": rater.id}
    found = Notice(id=notices.new_id("report"), kind="report", about=about, state="open", since=now(), body=body)
    notices.add(connection, found)
    history.append(connection, "report", {"notice": found.id, "ballot": ballot.id, "reason": reason, "at": found.since})
    return _report(found)


def queue(connection: Connection, *, limit: int = 50) -> list[Report]:
    """Open reports, oldest first."""
    return [_report(one) for one in notices.listed(connection, "report", state="open", limit=limit)]


def decide(
    connection: Connection,
    report_id: str,
    decision: Literal["upheld", "dismissed"],
    *,
    why: str,
    by: str,
    action: Action = "none",
) -> Decided:
    """Decide on a report.

    Args:
        connection: Within `Store.transact`.
        report_id: Which.
        decision: Whether there is something in it.
        why: The reason; it goes into the log.
        by: Who decides.
        action: What is done, where it is upheld.

    Raises:
        BadInput: No such report, decided already, no reason, or an action on what is dismissed.
    """
    notice = notices.required(connection, "report", report_id)
    if notice.state != "open":
        raise BadInput(f"this report was {notice.state} already.", where=report_id)
    if decision == "dismissed" and action != "none":
        raise BadInput("nothing is taken down when a report is dismissed.", where=report_id)
    found = _report(notice)
    done = {"action": action, "why": _checked(why), "by": by, "at": now()}
    decided = replace(notice, state=decision, body=notice.body | {"decision": done})
    notices.save(connection, decided)
    ids = _act(connection, ballots.find(connection, found.ballot), action, by)
    told = {"notice": report_id, "ballot": found.ballot, "reason": found.reason, "decision": decision}
    history.append(connection, "moderation", told | done)
    return replace(ids, report=_report(decided))


def take_down(
    connection: Connection, ballot_id: str, action: Literal["texts", "battle"], *, reason: str, why: str, by: str
) -> Decided:
    """Take a battle down without a report.

    Raises:
        BadInput: No such ballot, an unknown reason, or none.
    """
    _check_reason(reason)
    told = {"ballot": ballot_id, "reason": reason, "action": action, "why": _checked(why), "by": by, "at": now()}
    ballot = ballots.find(connection, ballot_id)
    if ballot is None:
        raise BadInput("there is no such battle.", where=ballot_id)
    done = _act(connection, ballot, action, by)
    history.append(connection, "moderation", told)
    return done


def handled(connection: Connection) -> dict[Reason, Handled]:
    """Reports and decisions by reason, counted from the log, so that anyone who has it counts the same."""
    counts = {reason: dict.fromkeys(Handled.__dataclass_fields__, 0) for reason in REASONS}
    for entry in history.entries(connection, kinds=("report", "moderation")):
        if entry.body is None:
            continue
        mine = counts[entry.body["reason"]]
        if entry.kind == "report":
            mine["received"] += 1
            continue
        if "decision" in entry.body:
            mine[entry.body["decision"]] += 1
        mine["texts"] += entry.body["action"] == "texts"
        mine["battles"] += entry.body["action"] == "battle"
    return {reason: Handled(**mine) for reason, mine in counts.items()}


def is_withheld(ballot: Ballot) -> bool:
    """Whether the texts of a ballot were taken down."""
    return bool(ballot.said.prompts) and not any((*ballot.said.prompts, *ballot.said.a, *ballot.said.b))


def _act(connection: Connection, ballot: Ballot | None, action: Action, by: str) -> Decided:
    if ballot is None or action == "none":
        return Decided(report=None)
    concerned = [ballot]
    if ballot.task is not None and ballot.item is not None:  # all raters of an item see the same texts
        tasks.withhold(connection, ballot.task, ballot.item)
        query = select(ballot_table).where(ballot_table.c.task == ballot.task, ballot_table.c.item == ballot.item)
        concerned = [ballots.as_ballot(row) for row in connection.execute(query)]
    uncounted = []
    for one in concerned:
        if action == "battle" and one.state in ("voted", "skipped"):
            ballots.erase(connection, one, state="taken down", by=by)
            uncounted.append(one.id)
        else:
            _withhold(connection, one)
    return Decided(report=None, withheld=tuple(one.id for one in concerned), uncounted=tuple(uncounted))


def _withhold(connection: Connection, ballot: Ballot) -> None:
    """Erase the texts of a ballot. Its vote stays, with the number of turns and the name of its prompt."""
    said = ballot.said
    blank = Said(prompts=("",) * len(said.prompts), a=("",) * len(said.a), b=("",) * len(said.b))
    kept = replace(ballot, said=blank, question=ballot.question or prompt_key(said.prompts))
    if ballot.state == "open":
        kept = replace(kept, state="void", failure="taken down")
    ballots.save(connection, kept)
    connection.execute(delete(responses).where(responses.c.key.in_((f"{ballot.id}:a", f"{ballot.id}:b"))))


def _check_reason(reason: str) -> None:
    if reason not in REASONS:
        raise BadInput(f"'{reason:.40}' is no reason to report.", where="reason", next_step=nearest(reason, REASONS))


def _checked(why: str) -> str:
    if not why.strip():
        raise BadInput("a reason is needed; the log keeps it.", where="why")
    return notices.check_text(why, "why", most=MAX_NOTE)


def _report(notice: Notice) -> Report:
    ballot, _, side = notice.about.partition(":")
    body: dict[str, Any] = notice.body
    return Report(
        id=notice.id,
        ballot=ballot,
        side="a" if side == "a" else "b" if side == "b" else "",
        reason=body["reason"],
        note=body["note"],
        rater=body["rater"],
        at=notice.since,
        state=notice.state,
        decision=body.get("decision", {}),
    )
