"""Signed directories: sign every file of a report, and say later whether it is still what was signed. Read `verify`.

Works offline and needs nothing but the directory and the keys one trusts.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fairtrial.core import BadInput
from fairtrial.provenance import dsse
from fairtrial.provenance._strict_json import Malformed
from fairtrial.provenance.keys import PublicKey, SigningKey, fingerprint_of
from fairtrial.provenance.statements import EVALUATION, Statement, is_plain_name, read_statement

STATEMENT_NAME = "statement.dsse.json"
_UNFINISHED_NAME = f".{STATEMENT_NAME}.tmp"

Word = Literal["TRUSTED", "UNTRUSTED", "TAMPERED", "UNSIGNED", "UNREADABLE"]
_EXIT_CODES: dict[Word, int] = {"TRUSTED": 0, "UNTRUSTED": 3, "TAMPERED": 6, "UNSIGNED": 6, "UNREADABLE": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of a signed directory found."""

    word: Word
    """TRUSTED: intact, by a key one trusts · UNTRUSTED: intact, by another key · TAMPERED: changed after signing ·
    UNSIGNED: no statement · UNREADABLE: the statement is no statement."""
    problems: tuple[str, ...] = ()
    """One sentence for each thing wrong, each naming its file."""
    signers: tuple[str, ...] = ()
    """Keyids of those whose signatures hold."""
    notes: tuple[str, ...] = ()
    """What is no fault but should be known: rows withheld since."""
    files: int = 0
    """Files that the statement covers."""
    predicate: dict[str, Any] | None = None
    """What was signed about them; only when the signature holds."""

    @property
    def exit_code(self) -> int:
        """0 trusted · 3 intact, but by an unknown key · 6 signature or integrity."""
        return _EXIT_CODES[self.word]

    @property
    def signer(self) -> str:
        """Fingerprints of the signers, to compare with those their owners print; empty when no signature holds."""
        return ", ".join(fingerprint_of(keyid) for keyid in self.signers)


def sign_directory(
    directory: Path,
    key: SigningKey,
    predicate: dict[str, Any],
    *,
    predicate_type: str = EVALUATION,
    apart: Collection[str] = (),
) -> Path:
    """Sign every file in `directory` as it is now and write ``statement.dsse.json`` beside them, whole or not at all.

    Files that are `apart` are not signed as files; another signed file tells what is in them.

    Raises:
        BadInput: There is nothing to sign, something that is no plain file, or the directory may not be written.
        ValueError: The predicate has no canonical JSON (NaN, for example).
    """
    try:
        (directory / _UNFINISHED_NAME).unlink(missing_ok=True)  # left by a signing that was cut off
        subjects = {}
        for name in _names(directory):
            if name in apart:
                continue
            if not is_plain_name(name):
                raise BadInput(f"a file cannot be named {name!a} in a signed report.", where=str(directory))
            subjects[name] = _sha256(directory / name)
        if not subjects:
            raise BadInput("there is no file to sign here.", where=str(directory))
        statement = Statement(subjects=subjects, predicate_type=predicate_type, predicate=predicate)
        return _write_statement(directory, dsse.sign(statement.to_json(), key))
    except _NotPlain as error:
        raise BadInput(f"{error} and cannot be signed.", where=str(directory)) from error
    except OSError as error:
        raise _unusable(error, directory) from error


def verify(
    path: Path,
    trusted: Collection[PublicKey | str],
    *,
    predicate_type: str = EVALUATION,
    apart: Collection[str] = (),
) -> Verdict:
    """Whether the report at `path` is what someone signed, and whether that someone is trusted.

    Args:
        path: The report's directory, or any file in it.
        trusted: Public keys or keyids.
        predicate_type: The kind of statement expected; another kind is UNREADABLE as this one.
        apart: Files that the caller looks at; see `sign_directory`.

    Raises:
        BadInput: There is nothing at `path`, or it may not be read.
    """
    directory = path if path.is_dir() else path.parent
    try:
        if not path.exists():
            raise BadInput("there is no such report.", where=str(path))
        envelope = _envelope(directory)
        if envelope is None:
            return Verdict(word="UNSIGNED", problems=(f"There is no {STATEMENT_NAME}.",))
        if not envelope.holds():
            return Verdict(
                word="TAMPERED", problems=(f"{STATEMENT_NAME}: the signature does not match the statement.",)
            )
        return _judge(directory, envelope, trusted, predicate_type, apart)
    except Malformed as error:
        return Verdict(word="UNREADABLE", problems=(f"{STATEMENT_NAME}: {error}.",))
    except OSError as error:
        raise _unusable(error, directory) from error


def statement_type(path: Path) -> str | None:
    """The predicate type that the statement at `path` claims, signed or not; None where there is no readable one."""
    try:
        envelope = _envelope(path if path.is_dir() else path.parent)
        return None if envelope is None else read_statement(envelope.payload).predicate_type
    except (Malformed, OSError):
        return None


def _judge(
    directory: Path,
    envelope: dsse.Envelope,
    trusted: Collection[PublicKey | str],
    predicate_type: str,
    apart: Collection[str],
) -> Verdict:
    """The verdict on an envelope whose signatures hold."""
    if envelope.payload_type != dsse.IN_TOTO:
        raise Malformed(f"its payload is {envelope.payload_type[:80]!a} and no statement")
    statement = read_statement(envelope.payload)
    if statement.predicate_type != predicate_type:
        raise Malformed(f"it is a {statement.predicate_type[:80]!a} and no {predicate_type!a}")
    known = {key if isinstance(key, str) else key.keyid for key in trusted}
    signers = tuple(signature.signer.keyid for signature in envelope.signatures)
    problems = tuple(_differences(directory, statement.subjects, apart))
    word: Word = "TRUSTED" if known.intersection(signers) else "UNTRUSTED"
    return Verdict(
        word="TAMPERED" if problems else word,
        problems=problems,
        signers=signers,
        files=len(statement.subjects),
        predicate=statement.predicate,
    )


def _differences(directory: Path, subjects: dict[str, str], apart: Collection[str]) -> Iterator[str]:
    """A sentence for each file that was changed, is missing, or was added."""
    found = set()
    strange: list[str] = []
    for name in _names(directory, strange=strange):
        found.add(name)
        if name in apart and name not in subjects:
            continue
        if name not in subjects:
            yield f"{_shown(name)}: added after signing."
        elif _sha256(directory / name) != subjects[name]:
            yield f"{name}: changed after signing."
    yield from (f"{problem}." for problem in strange)
    for name in sorted(subjects.keys() - found):
        yield f"{name}: missing."


class _NotPlain(Exception):
    """Something in a report's directory is neither a plain file nor a directory; the text names it."""


def _names(directory: Path, *, strange: list[str] | None = None) -> Iterator[str]:
    """Every file below `directory`, sorted, without the statement; links and devices go to `strange` or are refused."""
    for place, folders, files in os.walk(directory, onerror=_raise):
        folders.sort()
        for name in sorted(folders + files):
            path = Path(place) / name
            relative = path.relative_to(directory).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or relative == STATEMENT_NAME:
                continue
            if stat.S_ISREG(mode):
                yield relative
            elif strange is None:
                raise _NotPlain(f"{_shown(relative)} is no plain file")
            else:
                strange.append(f"{_shown(relative)}: no plain file, but a link or a device")


def _sha256(path: Path) -> str:
    # O_NOFOLLOW, O_NONBLOCK: a file exchanged for a link or a pipe since it was listed is not followed or waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _envelope(directory: Path) -> dsse.Envelope | None:
    path = directory / STATEMENT_NAME
    if not os.path.lexists(path):
        return None
    if not stat.S_ISREG(path.lstat().st_mode):
        raise Malformed("it is no plain file")
    with path.open("rb") as file:
        return dsse.read_envelope(file.read(dsse.MOST_BYTES + 1))


def _write_statement(directory: Path, content: bytes) -> Path:
    unfinished = directory / _UNFINISHED_NAME
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return unfinished.replace(directory / STATEMENT_NAME)
    finally:
        unfinished.unlink(missing_ok=True)


def _shown(name: str) -> str:
    """A file's name as it can be printed: a stranger's may hold control characters."""
    return name if name.isprintable() else ascii(name)


def _raise(error: OSError) -> None:
    raise error


def _unusable(error: OSError, directory: Path) -> BadInput:
    return BadInput(
        f"cannot be read or written: {error.strerror or error}.",
        where=str(error.filename or directory),
        next_step="Check its owner, permissions and free space.",
    )
