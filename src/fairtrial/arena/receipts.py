"""The proofs of objections: what the lab signs, what an objector may sign, and the check of both. Pure.

Read `verify_objection` first. Words and names enter a receipt as one salted digest, so that they can be erased while
the receipt stays; the lab's answer names the receipt by digest.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from fairtrial.arena import notices
from fairtrial.core import BadInput, canonical_json
from fairtrial.provenance import PublicKey, SigningKey, Statement, dsse, fingerprint_of
from fairtrial.provenance._strict_json import Malformed, fields, parse
from fairtrial.provenance.statements import read_statement

Kind = Literal["objection", "correction"]
Outcome = Literal["upheld", "dismissed"]
FILED = "urn:fairtrial:objection:v0.1"
"""Predicate type of the lab's receipt."""
ANSWERED = "urn:fairtrial:objection-answer:v0.1"
"""Predicate type of the lab's answer."""
OWN = "urn:fairtrial:objection-text:v0.1"
"""Predicate type of what an objector signs."""
_MAX_ENVELOPE = 100_000
_TEXTS = ("id", "kind", "about", "digest", "text", "name", "affiliation", "at", "salt")
_PARTS = {*_TEXTS, "signers", "withheld", "receipt", "own", "answer"}
Word = Literal["TRUSTED", "UNTRUSTED", "TAMPERED", "UNREADABLE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the lab says to it."""

    outcome: Outcome
    text: str
    at: str
    receipt: str
    """The signed answer, a DSSE envelope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """An objection on record."""

    id: str
    kind: Kind
    about: str
    """Release id or report name."""
    digest: str
    """SHA-256 of the verdict, 64 hexadecimal digits."""
    text: str
    """Empty where it was withheld."""
    name: str
    affiliation: str
    at: str
    state: notices.State
    salt: str
    receipt: str
    """The lab's receipt, a DSSE envelope."""
    own: str
    """The objector's own envelope, or empty."""
    signers: tuple[str, ...]
    """Key ids of those who signed it themselves."""
    withheld: bool = False
    answer: Answer | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The objector's keys as people compare them."""
        return tuple(map(fingerprint_of, self.signers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of an objection's public document found."""

    word: Word
    """TRUSTED: receipt and answer are by keys one trusts · UNTRUSTED: intact, by another key · TAMPERED: not what was
    signed · UNREADABLE: no such document."""
    problems: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    """Fingerprints of those who signed receipt and answer."""
    objectors: tuple[str, ...] = ()
    """Fingerprints of those who signed the objection themselves. Nobody vouches for who they are."""
    answered: bool = False
    withheld: bool = False
    """The words were taken down, so only that there were some can be checked."""


def public_document(objection: Objection) -> bytes:
    """The objection as anyone may have and check it, canonical JSON."""
    document: dict[str, Any] = {name: getattr(objection, name) for name in (*_TEXTS, "signers", "withheld")}
    document["receipt"] = json.loads(objection.receipt)
    document["own"] = json.loads(objection.own) if objection.own else None
    given = objection.answer
    document["answer"] = given and {
        "outcome": given.outcome,
        "text": given.text,
        "at": given.at,
        "receipt": json.loads(given.receipt),
    }
    return canonical_json(document)


def verify_objection(data: bytes, trusted: Collection[PublicKey | str]) -> Checked:
    """Whether a public document is what the lab signed, and the objector too where they did. Works offline.

    It cannot tell that an answer was left out; the log of the lab counts both.

    Args:
        data: As `public_document` made it.
        trusted: Public keys or key ids.
    """
    try:
        found = _read(data)
    except Malformed as error:
        return Checked(word="UNREADABLE", problems=(f"{error}.",))
    problems: list[str] = []
    signers = list(_signers("receipt", found.receipt, found, FILED, _filed(found), problems))
    objectors: tuple[str, ...] = ()
    if found.own:
        objectors = _signers("own", found.own, found, OWN, {"text": _text_digest(found.text)}, problems)
        if objectors and tuple(sorted(set(objectors))) != found.signers:
            problems.append("own: it is signed by others than the receipt says.")
    elif found.signers and not found.withheld:
        problems.append("own: the objector's own signature is missing.")
    if found.withheld and (found.text or found.name or found.affiliation or found.salt or found.own):
        problems.append("withheld: there are words all the same.")
    by_lab = [set(signers)]
    if found.answer is not None:
        said = _answered(found.id, found.receipt, found.answer)
        by = _signers("answer", found.answer.receipt, found, ANSWERED, said, problems)
        signers += [one for one in by if one not in signers]
        by_lab.append(set(by))
    known = {key if isinstance(key, str) else key.keyid for key in trusted}
    word: Word = "TRUSTED" if all(known & one for one in by_lab) else "UNTRUSTED"
    return Checked(
        word="TAMPERED" if problems else word,
        problems=tuple(problems),
        signers=tuple(map(fingerprint_of, signers)),
        objectors=tuple(map(fingerprint_of, objectors)),
        answered=found.answer is not None,
        withheld=found.withheld,
    )


def _read(data: bytes) -> Objection:
    """The document as an objection; the receipts within it are not looked at yet."""
    if len(data) > 10 * _MAX_ENVELOPE:
        raise Malformed("it is too large")
    document = parse(data)
    try:
        canonical_json(document)
    except ValueError as error:  # half a character, a number without one form
        raise Malformed("it has no canonical form") from error
    texts = fields(document, "the document", **dict.fromkeys(_TEXTS, str))
    signers, withheld, receipt = fields(document, "the document", signers=list, withheld=bool, receipt=dict)
    if not all(isinstance(one, str) for one in signers):
        raise Malformed("a signer is no key id")
    if set(document) - _PARTS:
        raise Malformed("it has parts that nobody signs")
    own, given = document.get("own"), document.get("answer")
    reply = None
    if given is not None:
        outcome, text, at, envelope = fields(given, "the answer", outcome=str, text=str, at=str, receipt=dict)
        if len(given) > 4:
            raise Malformed("the answer has parts that nobody signs")
        reply = Answer(outcome=outcome, text=text, at=at, receipt=json.dumps(envelope))
    if own is not None and not isinstance(own, dict):
        raise Malformed("the document has no proper 'own'")
    return Objection(
        **dict(zip(_TEXTS, texts, strict=True)),
        state="open",
        receipt=json.dumps(receipt),
        own=json.dumps(own) if own else "",
        signers=tuple(signers),
        withheld=withheld,
        answer=reply,
    )


def _signers(
    what: str, envelope: str, objection: Objection, kind: str, predicate: dict[str, Any], problems: list[str]
) -> tuple[str, ...]:
    """Key ids of who signed that `predicate` holds of the verdict; otherwise none, and what is wrong."""
    try:
        read = dsse.read_envelope(envelope.encode())
        statement = read_statement(read.payload)
    except Malformed as error:
        problems.append(f"{what}: {error}.")
        return ()
    expected = dict(predicate)
    if objection.withheld and kind == FILED:  # of the words only the digest is left
        expected["content"] = statement.predicate.get("content")
    if not read.holds():
        problems.append(f"{what}: the signature does not match the statement.")
    elif read.payload_type != dsse.IN_TOTO or statement.predicate_type != kind:
        problems.append(f"{what}: it is a statement of another kind.")
    elif statement.subjects != {objection.about: objection.digest}:
        problems.append(f"{what}: it is about another verdict.")
    elif statement.predicate != expected:
        problems.append(f"{what}: it is not what was signed.")
    else:
        return tuple(signature.signer.keyid for signature in read.signatures)
    return ()


# --- what is signed ---------------------------------------------------------------------------------------------------


def _filed(objection: Objection) -> dict[str, Any]:
    """The receipt's predicate. Words and names are in it as one salted digest, so that they can be erased."""
    words = {name: getattr(objection, name) for name in ("salt", "text", "name", "affiliation")}
    return {
        "id": objection.id,
        "kind": objection.kind,
        "at": objection.at,
        "content": hashlib.sha256(canonical_json(words)).hexdigest(),
        "signers": list(objection.signers),
    }


def _answered(objection: str, receipt: str, given: Answer) -> dict[str, Any]:
    return {
        "objection": objection,
        "receipt": payload_digest(receipt),
        "outcome": given.outcome,
        "text": _text_digest(given.text),
        "at": given.at,
    }


def own_signers(own: bytes, about: str, digest: str, text: str) -> tuple[str, ...]:
    """Key ids of those who signed an objector's envelope, once it is certain that it is over these words.

    Raises:
        BadInput: It is no such envelope.
    """
    step = "Sign it again over the same text, or send it without a signature of your own."
    try:
        read = dsse.read_envelope(own[: _MAX_ENVELOPE + 1])  # a cut one cannot be read
        statement = read_statement(read.payload)
    except Malformed as error:
        raise BadInput(f"this is no signed statement: {error}.", where="own", next_step=step) from error
    if not read.holds():
        raise BadInput("the signature does not match the statement.", where="own", next_step=step)
    expected = (dsse.IN_TOTO, OWN, {about: digest}, {"text": _text_digest(text)})
    if (read.payload_type, statement.predicate_type, statement.subjects, statement.predicate) != expected:
        raise BadInput("what you signed is not this text about this verdict.", where="own", next_step=step)
    return tuple(sorted({signature.signer.keyid for signature in read.signatures}))


def _statement(about: str, digest: str, kind: str, predicate: dict[str, Any]) -> bytes:
    return Statement(subjects={about: digest}, predicate_type=kind, predicate=predicate).to_json()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def payload_digest(envelope: str) -> str:
    """SHA-256 of what was signed, whatever stands around it; empty for what is no envelope."""
    try:
        return hashlib.sha256(dsse.read_envelope(envelope.encode()).payload).hexdigest()
    except Malformed:
        return ""


def sign_receipt(objection: Objection, key: SigningKey) -> str:
    """The lab's receipt of an objection."""
    return dsse.sign(_statement(objection.about, objection.digest, FILED, _filed(objection)), key).decode()


def sign_answer(objection: Objection, given: Answer, key: SigningKey) -> str:
    """The lab's signed answer."""
    predicate = _answered(objection.id, objection.receipt, given)
    return dsse.sign(_statement(objection.about, objection.digest, ANSWERED, predicate), key).decode()


def sign_own(about: str, digest: str, text: str, key: SigningKey) -> bytes:
    """What an objector may send along: an envelope over the verdict and the words, by a key of their own."""
    return dsse.sign(
        _statement(about, digest.removeprefix("sha256:"), OWN, {"text": _text_digest(notices.trimmed(text))}), key
    )
