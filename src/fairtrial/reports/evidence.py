"""Reading a report directory: report.json and the evidence files beside it, row by row.

Read `Evidence` first. Nothing is computed; a damaged line is named with its file and row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fairtrial.core import BadInput, IntegrityError, Report, from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One line of prompts.jsonl; without item text only id, key, tags and language are there."""

    id: str
    key: str = ""
    turns: tuple[str, ...] = ()
    system: str = ""
    choices: tuple[str, ...] = ()
    reference: str | None = None
    tags: tuple[str, ...] = ()
    language: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHead:
    """What of a response is needed to choose which samples a page embeds."""

    id: str
    prompt: str
    contestant: str
    repeat: int = 0
    finish: str = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow(ResponseHead):
    """One line of responses.jsonl."""

    name: str = ""
    turns: tuple[str, ...] = ()
    error: str = ""
    steps: tuple[dict[str, Any], ...] = ()
    usage: dict[str, int] = field(default_factory=dict)
    usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One line of scores.jsonl."""

    response: str
    scorer: str
    value: float
    reason: str
    extracted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BattleRow:
    """One line of battles.jsonl."""

    id: str
    prompt: str
    a: str
    b: str
    repeat: int = 0
    policy: str = ""
    p_pair: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRow:
    """One line of votes.jsonl."""

    battle: str
    evaluator: str
    kind: str = ""
    status: str = "graded"
    grade: int | None = None
    order: str = "ab"
    detail: dict[str, Any] = field(default_factory=dict)


Row = TypeVar("Row")
"""One of the dataclasses here, or another that names some of a line's keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A report directory."""

    directory: Path

    def report(self) -> Report:
        """The report itself.

        Raises:
            BadInput: There is no report.json here.
            IntegrityError: It is not a report.
        """
        path = self.directory / "report.json"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(
                f"no report can be read here: {error.strerror}.",
                where=str(path),
                next_step="Make one: fairtrial report, or name the directory that holds report.json.",
            ) from error
        return from_json(data, Report)

    def rows(self, stem: str, kind: type[Row]) -> Iterator[Row]:
        """The rows of ``<stem>.jsonl``, one at a time; none where the trial made no such evidence.

        Raises:
            IntegrityError: A line is damaged; file and row are named.
        """
        path = self.directory / f"{stem}.jsonl"
        if not path.exists():
            return
        decode = msgspec.json.Decoder(kind).decode
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield decode(line)
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise IntegrityError(
                            f"this evidence line cannot be read: {error}",
                            where=f"{path}, row {number}",
                            next_step=f"Try: fairtrial verify {self.directory}",
                        ) from error

    def require(self, names: list[str]) -> None:
        """Refuse to draw a page from incomplete evidence.

        Raises:
            IntegrityError: A file that the report lists is not there.
        """
        for name in names:
            if name.endswith(".jsonl") and not (self.directory / name).exists():
                raise IntegrityError(
                    "the report lists this evidence file, but it is not there.",
                    where=str(self.directory / name),
                    next_step="Keep report.json and its evidence files together.",
                )
