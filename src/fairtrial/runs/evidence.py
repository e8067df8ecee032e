"""Writes a trial's evidence as JSON lines, in the order of its jobs, with digests. Read `EvidenceFile` first.

Evidence holds no timings, so the same trial gives the same bytes whatever the number of workers.
"""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fairtrial.core import Prompt, Response, Score, to_json
from fairtrial.core.canonical import to_plain


class EvidenceFile:
    """A JSON-lines file that knows its digest when closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self._file = path.open("wb")
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: dict[str, Any]) -> None:
        """Add one object."""
        data = to_json(line) + b"\n"
        self._hash.update(data)
        self._file.write(data)
        self.lines += 1

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of what was written so far."""
        return "sha256:" + self._hash.hexdigest()


def prompt_line(prompt: Prompt, *, text: bool) -> dict[str, Any]:
    """A line of prompts.jsonl."""
    line: dict[str, Any] = {"id": prompt.id, "key": prompt.key, "tags": prompt.tags, "language": prompt.language}
    line |= {"source": prompt.source, "licence": prompt.licence}
    if text:
        line |= {
            "turns": prompt.turns,
            "system": prompt.system,
            "choices": prompt.choices,
            "reference": prompt.reference,
            "scorer": prompt.scorer,
        }
    return line


def response_line(response: Response, name: str, *, text: bool) -> dict[str, Any]:
    """A line of responses.jsonl; without text, the tokens, money and style of the answer remain."""
    line: dict[str, Any] = {
        "id": response.id,
        "prompt": response.prompt,
        "contestant": response.contestant,
        "name": name,
        "repeat": response.repeat,
        "finish": response.finish,
        "error": response.error,
        "usage": to_plain(response.usage),
        "usd": response.usd,
        "style": response.style,
        "fingerprint": response.fingerprint,
        "served_as": response.served_as,
    }
    if text:
        line |= {"turns": response.turns, "steps": to_plain(response.steps)}
    return line


def score_line(score: Score, *, text: bool, short: bool) -> dict[str, Any]:
    """A line of scores.jsonl; without text, only short predictions (a letter, a number) are kept."""
    line: dict[str, Any] = to_plain(score)
    if not (text or short):
        line["extracted"] = ""
    return line
