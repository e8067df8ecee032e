"""in-toto statements: which files, by digest, a claim is about. Read `Statement` first.

After the in-toto Attestation Framework, Statement v1. The predicate of an evaluation says how the figures came about:
its name, date, trial, contestants, software, kinds of evidence and statistics; its caller fills it.
"""

import re
from dataclasses import dataclass
from typing import Any

from fairtrial.core import canonical_json
from fairtrial.provenance._strict_json import Malformed, fields, parse

STATEMENT = "https://in-toto.io/Statement/v1"
EVALUATION = "urn:fairtrial:evaluation:v0.1"
"""Predicate type of a signed evaluation report."""
CARD = "urn:fairtrial:judge-card:v0.1"
"""Predicate type of the signed cards of judges on one set of pairs."""

_MOST_SUBJECTS = 100_000
_MOST_NAME = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is claimed (`predicate`) about which files (`subjects`)."""

    subjects: dict[str, str]
    """File name, relative with forward slashes, to SHA-256 (64 hexadecimal digits)."""
    predicate_type: str
    predicate: dict[str, Any]

    def to_json(self) -> bytes:
        """RFC 8785 canonical JSON, subjects in order of name."""
        return canonical_json(
            {
                "_type": STATEMENT,
                "subject": [
                    {"name": name, "digest": {"sha256": self.subjects[name]}} for name in sorted(self.subjects)
                ],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


def read_statement(payload: bytes) -> Statement:
    """The statement in an envelope's payload, strictly.

    Raises:
        Malformed: It is no such statement, names a file twice, or names one outside its directory.
    """
    kind, subject, predicate_type, predicate = fields(
        parse(payload), "the statement", _type=str, subject=list, predicateType=str, predicate=dict
    )
    if kind != STATEMENT:
        raise Malformed(f"it is a {kind[:80]!a} and no in-toto statement")
    if not 1 <= len(subject) <= _MOST_SUBJECTS:
        raise Malformed(f"the statement names {len(subject)} files")
    subjects: dict[str, str] = {}
    for entry in subject:
        name, digests = fields(entry, "a subject", name=str, digest=dict)
        (sha256,) = fields(digests, "a digest", sha256=str)
        if not is_plain_name(name):
            raise Malformed(f"{name[:80]!a} is not the name of a file within the report")
        if name in subjects:
            raise Malformed(f"'{name}' is named twice")
        if not _SHA256.fullmatch(sha256):
            raise Malformed(f"the digest of '{name}' is no SHA-256")
        subjects[name] = sha256
    return Statement(subjects=subjects, predicate_type=predicate_type, predicate=predicate)


def is_plain_name(name: str) -> bool:
    """Whether `name` is a relative path with forward slashes that stays in its directory on every system."""
    parts = name.split("/")
    return (
        len(name) <= _MOST_NAME
        and all(part not in {"", ".", ".."} for part in parts)
        and name.isprintable()
        and not any(character in name for character in '\\:*?"<>|')
    )
