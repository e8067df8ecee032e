"""A release: the public data of a lab at one moment, signed, with the boards that follow from it. Read `publish` first.

It is written beside and made public by one rename; the log tells of it in the same transaction that makes it known to
the lab, so whatever is taken back later reaches it (`withholding`).
"""

import hashlib
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot, Said
from fairtrial.arena.boards import CONTROLS
from fairtrial.arena.clock import now
from fairtrial.arena.releases import card, files, withholding
from fairtrial.arena.releases.evidence import Evidence, cast, crowds, gather
from fairtrial.arena.releases.rows import (
    COLUMNS,
    LEAVES,
    MOST_BYTES,
    VOTES_JSONL,
    VOTES_PARQUET,
    leaf_of,
    line_of,
    minute,
    public_row,
    without_texts,
)
from fairtrial.arena.releases.screening import Screening, rules
from fairtrial.arena.settings import ArenaSettings
from fairtrial.arena.weights import weigh
from fairtrial.core import BadInput, FairtrialError, NoConclusion
from fairtrial.privacy import Pseudonyms, new_key
from fairtrial.provenance import STATEMENT_NAME, SigningKey, sign_directory
from fairtrial.ranking import board_bytes, board_json, rank
from fairtrial.stats import POSITION
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import releases

RELEASE = "urn:fairtrial:release:v0.1"
"""Predicate type of a signed release."""
MANIFEST, CARD, CARD_FOR_PEOPLE = "manifest.json", "card.json", "CARD.md"
ROWS = (VOTES_JSONL, VOTES_PARQUET)
"""What is not signed as a file but row by row."""
_QUESTION = "Which answer is better?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release on disk."""

    directory: Path
    manifest: Mapping[str, Any]
    """What ``manifest.json`` says: when, how many, what is left out and why, boards and their commands."""

    @property
    def id(self) -> str:
        """Its name, which is that of its directory."""
        return str(self.manifest["release"])

    def withheld(self) -> dict[str, int]:
        """Rows withheld since it was made, by reason."""
        return dict(Counter(files.withheld_in(self.directory / VOTES_PARQUET).values()))


def publish(
    store: Store, reports: Path, key: SigningKey, settings: ArenaSettings, *, version: str, task: str | None = None
) -> Release:
    """Make and sign a release of all votes of the arena, or of a rating task. Call it in a thread.

    Votes are read in one reading transaction, so the writer and other readers go on.

    Args:
        store: The lab's store, open for writing.
        reports: Where the lab's reports lie.
        key: The lab's signing key.
        settings: What the owner declared: name, licence, funding, the question to voters.
        version: Fairtrial's.
        task: A rating task.

    Raises:
        BadInput: The directory may not be written.
        FairtrialError: The disk is full.
    """
    with withholding.alone(reports):
        withholding.settle(store, reports)
        staged = reports / f".release-{secrets.token_hex(8)}.new"
        staged.mkdir()
        try:
            done = _stage(store, staged, settings, version, task)
            ready = staged.rename(reports / f".{done.name}.new")
            sign_directory(ready, key, done.predicate, predicate_type=RELEASE, apart=ROWS)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        told = {"release": done.name, "at": now(), "rows": len(done.seqs), "statement": _sha256(ready / STATEMENT_NAME)}
        store.transact(lambda connection: _record(connection, done, told, ready)).result()
        withholding.settle(store, reports)
    return read_release(reports / done.name)


def listed(reports: Path) -> tuple[list[Release], list[str]]:
    """The lab's releases that can be read, latest first, and the names of those that cannot."""
    found, damaged = [], []
    for path in reports.glob(f"release-*/{MANIFEST}"):
        try:
            one = read_release(path.parent)
            order = (str(one.manifest["created"]), one.manifest["log"]["size"], one.id)
            said = one.manifest["rows"], one.manifest["raters"], one.manifest["boards"], one.manifest["task"]
        except (BadInput, KeyError, TypeError):
            damaged.append(path.parent.name)
        else:
            if said and one.id == path.parent.name and isinstance(order[1], int):
                found.append((order, one))
            else:
                damaged.append(path.parent.name)
    return [one for _, one in sorted(found, key=lambda pair: pair[0], reverse=True)], sorted(damaged)


def latest(reports: Path, *, task: str | None = None) -> Release | None:
    """The latest release of the arena, or of a rating task; None where there is none yet."""
    return next((one for one in listed(reports)[0] if one.manifest["task"] == task), None)


def read_release(directory: Path) -> Release:
    """The release in a directory.

    Raises:
        BadInput: There is none.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise BadInput("there is no release here.", where=str(directory)) from None
    return Release(directory=directory, manifest=manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    name: str
    task: str | None
    size: int
    seqs: Sequence[int]
    screening: Screening
    predicate: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    """Names that hold in this release only."""

    raters: Mapping[str, str]
    questions: Mapping[str, str]
    bands: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, evidence: Evidence, bands: Mapping[str, Mapping[str, str]]) -> "_Naming":
        pseudonyms = Pseudonyms(new_key())  # forgotten on return
        typed = {question for question in evidence.columns["question_id"] if question.startswith("typed:")}
        questions = pseudonyms.of(typed)
        return cls(
            raters=pseudonyms.of(set(evidence.columns["rater"])),
            questions={question: f"typed-{name}" for question, name in questions.items()},
            bands=bands,
        )


def _stage(store: Store, staged: Path, settings: ArenaSettings, version: str, task: str | None) -> _Staged:
    """Write everything but the signature into `staged`."""
    created = now()
    with store.reading() as connection:
        evidence = gather(connection, task)
        bands, band_facts = crowds(connection, evidence)
        naming = _Naming.of(evidence, bands)
        screening = Screening(connection, task or "", screened=_screened(connection, task))
        weights, reasons = weigh(evidence.columns) if evidence.seqs else ([], [])
        withheld: Counter[str] = Counter()
        with (staged / VOTES_JSONL).open("wb") as rows, (staged / LEAVES).open("wb") as leaves:
            votes = screening.passed(cast(connection, task))
            for place, (ballot, said) in enumerate(votes):
                row = _row(ballot, said, evidence, naming, place, weights[place], reasons[place])
                withheld.update([row["text_withheld"]] if row["text_withheld"] else [])
                rows.write(line_of(row))
                leaves.write(leaf_of(row).encode() + b"\n")
            files.sync(rows)
            files.sync(leaves)
    files.write_parquet(staged / VOTES_JSONL, staged / VOTES_PARQUET)
    leaves_digest = _sha256(staged / LEAVES)
    name = f"release-{created[:10]}-{leaves_digest[:8] if evidence.seqs else secrets.token_hex(4)}"
    manifest: dict[str, Any] = {
        "release": name,
        "created": minute(created),
        "fairtrial": version,
        "task": task,
        "rows": len(evidence.seqs),
        "columns": list(COLUMNS),
        "raters": len(naming.raters),
        "log": {"size": evidence.head.size, "link": evidence.head.link.hex()},
        "taken_back": dict(evidence.taken_back),
        "weighted": dict(sorted(Counter(r for w, r in zip(weights, reasons, strict=True) if w < 1).items())),
        "texts_withheld": dict(sorted(withheld.items())),
        "bands": band_facts,
        "policies": dict(sorted(Counter(evidence.columns["policy"]).items())),
        "sources": dict(sorted(evidence.sources.items())),
        "contestants": _contestants(evidence),
        "boards": _boards(staged, evidence.columns),
        "card": {
            "lab": settings.name,
            "licence": settings.licence,
            "operator": settings.operator or card.NOT_STATED,
            "funding": settings.funding or card.NOT_STATED,
            "question": settings.question or _QUESTION,
        },
    }
    _write(staged / CARD, _pretty(card.croissant(manifest, leaves_digest)))
    plain = Path(card.__file__).with_name("CARD.md").read_text(encoding="utf-8")
    _write(staged / CARD_FOR_PEOPLE, card.for_people(manifest, plain).encode())
    _write(staged / MANIFEST, _pretty(manifest))
    kept = ("release", "created", "fairtrial", "rows", "log", "boards")
    return _Staged(
        name=name,
        task=task,
        size=evidence.head.size,
        seqs=evidence.seqs,
        screening=screening,
        predicate={key: manifest[key] for key in kept},
    )


def _row(
    ballot: Ballot, said: Said | str, evidence: Evidence, naming: _Naming, place: int, weight: float, reason: str
) -> dict[str, Any]:
    question = evidence.columns["question_id"][place]
    row = public_row(
        ballot,
        evidence.name_of,
        question=naming.questions.get(question, question),
        rater=naming.raters[ballot.rater],
        bands=naming.bands.get(ballot.rater, {}),
        weight=weight,
        reason=reason,
        said=said,
    )
    return row if len(line_of(row)) <= MOST_BYTES else without_texts(row, "too long")


def _boards(staged: Path, columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Rank the Parquet file as the command line does, and write each board; or say why there is none."""
    controls = [name for name in CONTROLS if _differs(columns, name.rpartition(":")[2])]
    boards: dict[str, tuple[dict[str, Any], str]] = {
        "board.json": ({}, ""),
        "board-unweighted.json": ({"weighted": False}, " --unweighted"),
        "board-style.json": ({"control": controls}, f" --control {','.join(controls)}"),
    }
    told: dict[str, Any] = {}
    for file, (options, words) in boards.items():
        try:
            board = rank(staged / VOTES_PARQUET, **options)
        except (NoConclusion, BadInput) as refused:
            told[file] = {"refused": refused.message}
            continue
        _write(staged / file, board_bytes(board_json(board)))
        command = f"fairtrial rank {VOTES_PARQUET}{words} --json | cmp - {file}"
        told[file] = {"snapshot": board.snapshot, "command": command}
    return told


def _differs(columns: Mapping[str, Sequence[Any]], feature: str) -> bool:
    """Whether a feature of style ever differs between two answers; the position always does."""
    if feature == POSITION:
        return True
    return any(a != b for a, b in zip(columns[f"feature_{feature}_a"], columns[f"feature_{feature}_b"], strict=True))


def _contestants(evidence: Evidence) -> list[dict[str, Any]]:
    there = set(evidence.columns["model_a"]) | set(evidence.columns["model_b"])
    known = {one.name: one for one in evidence.contestants.values()}
    rows = []
    for name in sorted(there):
        one = known.get(name)
        if one is None:
            rows.append({"name": name, "id": "imported"})
            continue
        simulated = {"simulated": True} if one.model.simulated else {}
        rows.append({"name": name, "id": one.id, "strategy": one.strategy, "facts": dict(one.facts)} | simulated)
    return rows


def _screened(connection: Connection, task: str | None) -> int:
    """Up to which place in the log votes were screened by the present rules, for the last release of this kind."""
    for row in connection.execute(select(releases.c.body).order_by(releases.c.since.desc(), releases.c.id)):
        body = json.loads(bytes(row.body))
        if body["task"] == task:
            return int(body["screened"]) if body["rules"] == rules() else 0
    return 0


def _record(connection: Connection, done: _Staged, told: dict[str, Any], ready: Path) -> None:
    if not ready.is_dir():  # nothing of a release is known to the lab before all of it is on disk
        raise FairtrialError("the release that was to be recorded is gone.", where=str(ready))
    history.append(connection, "release", told)
    body = {"size": done.size, "task": done.task, "seqs": list(done.seqs), "rules": rules()}
    body["screened"] = done.seqs[-1] if done.seqs else 0
    row = {"id": done.name, "since": told["at"], "body": msgspec.json.encode(body)}
    connection.execute(insert(releases), row)
    done.screening.record(connection)


def _pretty(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        files.sync(file)


def _sha256(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
