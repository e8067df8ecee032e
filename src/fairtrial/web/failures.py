"""What went wrong, as an HTTP status and a sentence in the visitor's language. Read `status_of` first."""

from typing import Literal

from pydantic import BaseModel

from fairtrial.arena.refusals import Refused
from fairtrial.core import BadInput, FairtrialError, IntegrityError, Interrupted, ModelError, NoConclusion
from fairtrial.web.words import Words

_STATUS: dict[str, int] = {
    "unknown_ballot": 404,
    "unknown_rater": 401,
    "expired": 410,
    "revealed": 409,
    "void": 409,
    "withdrawn": 410,
    "not_yet": 409,
    "answering": 409,
    "too_long": 413,
    "empty": 422,
    "too_many_turns": 409,
    "too_fast": 429,
    "busy": 503,
    "few_contestants": 503,
    "budget": 503,
    "no_answer": 502,
    "closed_task": 410,
    "bad_link": 404,
    "finished_task": 404,
    "unknown_task": 404,
    "bad_grade": 422,
    "too_many_notices": 429,
}

NOT_RECORDED = "not_recorded"
"""The failure of a battle whose pair could not be written, so that nothing of it was shown."""


class Detail(BaseModel):
    """What is wrong, where, and what to do."""

    kind: str
    message: str
    where: str = ""
    next_step: str = ""


class Problem(BaseModel):
    """An error of the API."""

    error: Detail


class Denied(FairtrialError):
    """A token is missing, not in force, or does not allow this."""

    exit_code = 2

    def __init__(self, kind: Literal["no_token", "wrong_scope"], **params: str) -> None:
        said = {
            "no_token": "a token that is in force is needed: Authorization: Bearer ft_…",
            "wrong_scope": "this token does not allow '{scope}'.",
        }
        super().__init__(said[kind].format(**params))
        self.kind = kind
        self.params = params


def is_ours(error: FairtrialError) -> bool:
    """Whether the server's own disk or database refused: nothing that the visitor sent would be accepted now.

    A store that may not be written says `BadInput`, because for a command it is one; what it names is a place here.
    """
    if isinstance(error, Interrupted | IntegrityError):
        return True
    here = error.where.startswith(("/", "postgresql://")) or error.where.endswith(("lab.db", "lab.pem"))
    return isinstance(error, BadInput) and here


def status_of(error: FairtrialError) -> int:
    """The HTTP status that an error means."""
    if isinstance(error, Refused):
        return _STATUS[error.kind]
    if isinstance(error, Denied):
        return 401 if error.kind == "no_token" else 403
    if is_ours(error):
        return 500 if isinstance(error, IntegrityError) else 503
    found: dict[type[FairtrialError], int] = {BadInput: 422, NoConclusion: 404, ModelError: 502}
    return found.get(type(error), 500)


def problem(error: FairtrialError) -> Problem:
    """An error as the API says it. What the server's own disk or database said stays in its log."""
    kind = str(getattr(error, "kind", "")) or type(error).__name__
    if is_ours(error):
        return Problem(error=Detail(kind="not_now", message="This could not be written now; nothing was lost."))
    return Problem(error=Detail(kind=kind, message=error.message, where=error.where, next_step=error.next_step))


def sentence(error: FairtrialError, t: Words) -> str:
    """An error as a page says it, in the visitor's language."""
    if isinstance(error, Refused):
        return t(f"refused.{error.kind}", **error.params)
    if isinstance(error, Denied):
        return t("admin.not_allowed" if error.kind == "wrong_scope" else "admin.log_in_first")
    if is_ours(error):
        return t("error.not_now")
    return f"{error.message[:1].upper()}{error.message[1:]} {error.next_step}".strip()


def wait_seconds(error: FairtrialError) -> int | None:
    """For ``Retry-After``."""
    if isinstance(error, Refused) and error.kind in ("too_fast", "busy"):
        return int(str(error.params.get("seconds", 5)))
    return None
