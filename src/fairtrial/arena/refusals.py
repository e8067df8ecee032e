"""What the arena refuses, by kind, so that a surface can say it in the visitor's language. Read `Refused` first."""

from typing import Literal

from fairtrial.core import FairtrialError

Kind = Literal[
    "unknown_ballot",  # no such ballot, or somebody else's: nobody may learn which
    "unknown_rater",
    "expired",
    "revealed",  # the names were shown: no opinion is accepted any more
    "void",  # the battle was ended: a contestant failed, or was taken out
    "withdrawn",
    "not_yet",  # not both answers have text
    "answering",  # the turn before is still being answered
    "too_long",
    "empty",
    "too_many_turns",
    "too_fast",
    "busy",
    "few_contestants",
    "budget",
    "no_answer",  # of which contestant, and why, is not said: it would tell who it is
    "closed_task",
    "bad_link",
    "finished_task",
    "unknown_task",
    "bad_grade",
    "too_many_notices",
]

_SAID: dict[str, str] = {
    "unknown_ballot": "this battle is not known, or it is not yours.",
    "unknown_rater": "you are not known here any more.",
    "expired": "this ballot has expired.",
    "revealed": "the names were shown already; no vote on this battle is accepted any more.",
    "void": "this battle was ended; no vote on it counts.",
    "withdrawn": "this vote was withdrawn.",
    "not_yet": "wait until both answers have some text.",
    "answering": "both answers must be finished before the next message.",
    "too_long": "this message has {characters} characters; at most {most} are allowed.",
    "empty": "there is no text to ask.",
    "too_many_turns": "a battle has at most {most} turns.",
    "too_fast": "that was too fast; try again in {seconds} seconds.",
    "busy": "too many battles are being answered now; try again in a moment.",
    "few_contestants": "two contestants are needed, and {alive} can answer now.",
    "budget": "the arena has spent what it may spend today.",
    "no_answer": "one of the two contestants could not answer.",
    "closed_task": "this rating task is closed.",
    "bad_link": "this invitation is not known, was used up, or has expired.",
    "finished_task": "there is nothing more to rate here.",
    "unknown_task": "there is no such rating task.",
    "too_many_notices": "there are many open messages already; wait until they were looked at.",
    "bad_grade": "a grade is a whole number from -2 to 2, 'both_bad' or 'skip'.",
}


class Refused(FairtrialError):
    """Something a visitor may not do now; nothing was changed.

    Attributes:
        kind: Which rule; surfaces have a sentence for each in every language.
        params: What fills the sentence's gaps.
    """

    exit_code = 2

    def __init__(self, kind: Kind, **params: object) -> None:
        super().__init__(_SAID[kind].format(**params))
        self.kind = kind
        self.params = params
