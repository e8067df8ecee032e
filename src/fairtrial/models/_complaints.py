"""What a server says is wrong, and what follows from it. Read `verdict_on` first.

Three things can follow from a status that is no success: the run stops with an error a person can act on, the call is
tried again, or the refusal is the model's answer and goes on record as evidence.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fairtrial.core import BadInput, Completion
from fairtrial.models._foreign import decode, word
from fairtrial.models._retry import Passing, retry_after_s
from fairtrial.models._secret import Secret

LONGEST = 300
"""Characters of a server's message that are repeated."""

STOPPING = frozenset({401, 402, 403, 404, 405, 407, 410, 501})
"""Statuses about the address, the key or the account: they say nothing about the model."""
TRY_AGAIN = frozenset({408, 409, 425, 429})
CONGESTED = frozenset({429, 503, 529})
FILTERED = frozenset({"content_filter", "content_policy_violation", "moderation_blocked", "data_inspection_failed"})
EXHAUSTED = frozenset({"insufficient_quota", "billing_hard_limit_reached"})

NOT_TAKEN = re.compile(
    r"(?i)unsupported|not support|n't support|unrecogni[sz]ed|unknown (?:name|field|param|arg)|not permitted|"
    r"not allowed|extra (?:inputs|fields)|cannot find field|not implemented"
)
ROLE_NOT_TAKEN = re.compile(r"(?i)'?(system|developer|assistant)'? (?:role|message)|messages\[\d+\]\.role")


REMEDIES = {
    "temperature": 'Write temperature = "default" on the contestant.',
    "max_completion_tokens": "Remove max_tokens from the contestant.",
}
LOGPROBS_STEP = "It gives no log-probabilities: as a judge, set read = 'verdict' on the evaluator."


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The body of an error, read from any of the shapes in use."""

    said: str = ""
    code: str = ""
    param: str = ""

    def names(self, parameter: str) -> bool:
        """Whether the complaint is about this field of the body."""
        return self.param == parameter or any(f"{q}{parameter}{q}" in self.said for q in "'\"`")

    def not_taken(self, sent: Collection[str]) -> str:
        """The field among `sent` that the endpoint does not take; empty when the complaint is another one."""
        if not (NOT_TAKEN.search(self.said) or self.code in {"unsupported_parameter", "unsupported_value"}):
            return ""
        return self.param if self.param in sent else next((p for p in sent if self.names(p)), "")


def read_complaint(body: bytes | Mapping[str, Any]) -> Complaint:
    """What an error body says: ``{"error": {…}}``, ``{"error": "…"}``, ``{"detail": …}``, a bare message, or a page."""
    answer: Any = body
    if isinstance(body, bytes):
        try:
            answer = decode(body)
        except ValueError:
            return Complaint(said=_plain(body[: 20 * LONGEST].decode("utf-8", errors="replace")))
    if isinstance(answer, list) and answer:
        answer = answer[0]
    error = answer
    if isinstance(answer, dict):
        error = answer.get("error") or answer.get("detail") or answer
    if isinstance(error, dict):
        said = word(error.get("message")) or word(error.get("error"))
        facts = error.get("metadata")
        flagged = isinstance(facts, dict) and "flagged_input" in facts  # how a gateway reports a filter
        return Complaint(
            said=said, code="content_filter" if flagged else word(error.get("code")), param=word(error.get("param"))
        )
    if isinstance(error, list):
        return Complaint(said="; ".join(_fault(fault) for fault in error if isinstance(fault, dict)))
    return Complaint(said=word(error))


def _fault(fault: dict[str, Any]) -> str:
    """A validator's finding, ``'seed': Extra inputs are not permitted``."""
    where = fault.get("loc")
    place = ".".join(str(part) for part in where if part != "body") if isinstance(where, list) else ""
    return f"'{place}': {word(fault.get('msg'))}"


def _plain(page: str) -> str:
    """The title of a web page, or the text as it is."""
    title = re.search(r"(?is)<title[^>]{0,99}>([^<]{1,200})", page)
    if title:
        return f"a web page, '{title[1].strip()}'"
    return "a web page" if page.lstrip().startswith("<") else page


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What an error message may say about the one who called."""

    model: str
    endpoint: str
    secret: Secret | None
    key_name: str
    """The environment variable that holds the key; empty without one."""

    def quote(self, said: str) -> str:
        """A server's words, made safe to repeat: one line, the key masked, cut."""
        clean = " ".join("".join(c if c.isprintable() else " " for c in said[: 4 * LONGEST]).split())
        if self.secret is not None:
            clean = self.secret.scrub(clean)
        return clean if len(clean) <= LONGEST else clean[:LONGEST] + "…"


def verdict_on(
    status: int, headers: Mapping[str, str], body: bytes, *, sent: Mapping[str, object], caller: Caller
) -> Completion:
    """What follows from an answer whose status is no success.

    Args:
        status: HTTP status, 400 or above.
        headers: Of the answer.
        body: Of the answer.
        sent: The body that was refused.
        caller: Whose call it was.

    Returns:
        A completion with ``finish="error"`` (or ``"refused"`` by a filter): the refusal is evidence.

    Raises:
        BadInput: Address, key, account, or a parameter asked for that the model does not take.
        Passing: Trying again may help.
    """
    complaint = read_complaint(body)
    said = caller.quote(complaint.said) or "nothing more"
    if (status >= 500 and status not in STOPPING) or status in TRY_AGAIN:
        raise _passing(status, headers, complaint, said)
    if complaint.code in FILTERED:
        return Completion(text=said, finish="refused")
    if status in STOPPING:
        raise _stop(status, said, caller)
    _check_parameters(complaint, said, sent, caller)
    return Completion(text=said, finish="error", error="refused_request")


def _passing(status: int, headers: Mapping[str, str], complaint: Complaint, said: str) -> Passing:
    limited = status == 429
    exhausted = complaint.code in EXHAUSTED
    return Passing(
        f"the endpoint answers {status}, saying: {said}",
        kind="rate_limited" if limited else "timeout" if status in {408, 504} else "server_error",
        retry_after_s=retry_after_s(headers.get("Retry-After")),
        congested=status in CONGESTED and not exhausted,
        final=exhausted,
        next_step="Look at the account's credit, then give the same command again." if exhausted else "",
    )


def _stop(status: int, said: str, caller: Caller) -> BadInput:
    key = f"the key in {caller.key_name}" if caller.key_name else "the key"
    if status in {401, 403, 407}:
        without = "it asks for a key" if caller.secret is None else f"it does not accept {key}"
        step = (
            "Set api_key_env to the name of the environment variable that holds the key."
            if caller.secret is None
            else f"Check {key}, and that it may use model '{caller.model}'."
        )
        message = f"{without} ({status}, saying: {said})."
    elif status == 402:
        message, step = f"the account is out of credit ({status}, saying: {said}).", "Add credit, then go on."
    else:
        message = f"it does not offer this call for model '{caller.model}' ({status}, saying: {said})."
        step = "Check base_url (most end in /v1), the model's name, and chat = true or false."
    return BadInput(message, where=caller.endpoint, next_step=step)


def _check_parameters(complaint: Complaint, said: str, sent: Mapping[str, object], caller: Caller) -> None:
    """A parameter that was asked for is never dropped: the person who asked decides."""
    wants_logprobs = "logprobs" in sent
    refused = complaint.not_taken([name for name in sent if name not in {"model", "messages", "prompt"}])
    if refused:
        step = REMEDIES.get(refused, f"Remove {refused} from the contestant.")
        raise BadInput(
            f"model '{caller.model}' does not take '{refused}' (saying: {said}).",
            where=caller.endpoint,
            next_step=LOGPROBS_STEP if wants_logprobs else step,
        )
    if ROLE_NOT_TAKEN.search(complaint.said) and NOT_TAKEN.search(complaint.said):
        raise BadInput(
            f"model '{caller.model}' does not take messages of this role (saying: {said}).",
            where=caller.endpoint,
            next_step="Use a strategy or persona without a system message.",
        )
