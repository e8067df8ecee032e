"""Objections and corrections to published verdicts, signed on receipt, with the lab's answer beside. Read `file` first.

The lab signs that it received these words about this verdict at this time, so it can neither lose nor change them
unseen; it signs its answer likewise. An objector may add a signature of their own. Each objection has a public
document that anyone can check without the lab: `receipts.public_document` and `receipts.verify_objection`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from sqlalchemy.engine import Connection

from fairtrial.arena import notices
from fairtrial.arena.clock import now
from fairtrial.arena.notices import Notice
from fairtrial.arena.receipts import (
    Answer,
    Kind,
    Objection,
    Outcome,
    own_signers,
    payload_digest,
    sign_answer,
    sign_receipt,
)
from fairtrial.arena.refusals import Refused
from fairtrial.core import BadInput, nearest
from fairtrial.provenance import SigningKey
from fairtrial.provenance.statements import is_plain_name
from fairtrial.store import history

MAX_TEXT = 10_000
MAX_NAME = 200
MAX_OPEN = 500


def file(
    connection: Connection,
    about: str,
    text: str,
    *,
    published: Mapping[str, str],
    key: SigningKey,
    kind: str = "objection",
    name: str = "",
    affiliation: str = "",
    own: bytes | None = None,
) -> Objection:
    """Record an objection to a published verdict and sign its receipt.

    Args:
        connection: Within `Store.transact`.
        about: Release id or report name.
        text: What is wrong with it.
        published: Digest of every published verdict, by id or name.
        key: The lab's.
        kind: ``objection`` or ``correction``.
        name: Of whoever objects; may be empty. Public.
        affiliation: Likewise.
        own: Their own envelope, as `sign_own` makes it.

    Raises:
        BadInput: No such verdict, no text or too much, an envelope that does not fit.
        Refused: ``too_many_notices``.
    """
    if about not in published or not is_plain_name(about):
        raise BadInput("no such verdict was published.", where="about", next_step=nearest(about[:80], published))
    if kind not in get_args(Kind):
        raise BadInput(f"'{kind:.40}' is neither objection nor correction.", where="kind")
    digest = published[about].removeprefix("sha256:")
    said = notices.check_text(text, "text", most=MAX_TEXT)
    if not said:
        raise BadInput("there is no text.", where="text", next_step="Say what is wrong, and how you know.")
    signers = () if own is None else own_signers(own, about, digest, said)
    if notices.waiting(connection, "objection") >= MAX_OPEN:
        raise Refused("too_many_notices")
    found = Objection(
        id=notices.new_id("objection"),
        kind="objection" if kind == "objection" else "correction",
        about=about,
        digest=digest,
        text=said,
        name=notices.check_text(name, "name", most=MAX_NAME, line=True),
        affiliation=notices.check_text(affiliation, "affiliation", most=MAX_NAME, line=True),
        at=now(),
        state="open",
        salt=secrets.token_hex(32),
        receipt="",
        own=own.decode() if own is not None else "",
        signers=signers,
    )
    found = replace(found, receipt=sign_receipt(found, key))
    notices.add(connection, _notice(found))
    _note(connection, "filed", found, {"receipt": payload_digest(found.receipt)})
    return found


def answer(
    connection: Connection, objection_id: str, outcome: Outcome, text: str, *, by: str, key: SigningKey
) -> Objection:
    """Record and sign the lab's answer; there is one, and it stays.

    Raises:
        BadInput: No such objection, answered already, no text or too much.
    """
    found = find(connection, objection_id)
    if found.answer is not None:
        raise BadInput(f"this {found.kind} was answered already.", where=objection_id)
    if outcome not in get_args(Outcome):
        raise BadInput("the outcome is upheld or dismissed.", where="outcome")
    said = notices.check_text(text, "text", most=MAX_TEXT)
    if not said:
        raise BadInput("there is no text.", where="text", next_step="Say why.")
    given = Answer(outcome=outcome, text=said, at=now(), receipt="")
    given = replace(given, receipt=sign_answer(found, given, key))
    found = replace(found, answer=given, state=outcome)
    notices.save(connection, _notice(found))
    told = {"outcome": outcome, "by": by, "receipt": payload_digest(given.receipt)}
    _note(connection, "answered", found, told)
    return found


def withhold(connection: Connection, objection_id: str, *, why: str, by: str) -> Objection:
    """Erase the words and the names of an objection (they do harm, or name a person); receipt and answer stay.

    Raises:
        BadInput: No such objection, or no reason.
    """
    found = find(connection, objection_id)
    if not why.strip():
        raise BadInput("a reason is needed; the log keeps it.", where="why")
    found = replace(found, text="", name="", affiliation="", salt="", own="", withheld=True)
    notices.save(connection, _notice(found))
    _note(connection, "withheld", found, {"by": by, "why": notices.check_text(why, "why", most=2000)})
    return found


def find(connection: Connection, objection_id: str) -> Objection:
    """The objection of this id.

    Raises:
        BadInput: There is none.
    """
    return _objection(notices.required(connection, "objection", objection_id))


def public(connection: Connection, *, about: str | None = None) -> list[Objection]:
    """Every objection with its answer, oldest first: all, or those to one verdict."""
    return [_objection(one) for one in notices.listed(connection, "objection", about=about)]


# --- rows -------------------------------------------------------------------------------------------------------------

_OWN_COLUMNS = ("id", "about", "at", "state")


def _notice(objection: Objection) -> Notice:
    names = [name for name in Objection.__dataclass_fields__ if name not in (*_OWN_COLUMNS, "answer")]
    body = {name: getattr(objection, name) for name in names}
    given = objection.answer
    body["answer"] = given and {name: getattr(given, name) for name in Answer.__dataclass_fields__}
    return Notice(
        id=objection.id, kind="objection", about=objection.about, state=objection.state, since=objection.at, body=body
    )


def _objection(notice: Notice) -> Objection:
    body = dict(notice.body)
    given = body.pop("answer")
    body["signers"] = tuple(body["signers"])
    return Objection(
        id=notice.id,
        about=notice.about,
        at=notice.since,
        state=notice.state,
        answer=given and Answer(**given),
        **body,
    )


def _note(connection: Connection, event: str, objection: Objection, told: dict[str, Any]) -> None:
    body = {"event": event, "id": objection.id, "about": objection.about, "digest": objection.digest, "at": now()}
    history.append(connection, "objection", body | told)
