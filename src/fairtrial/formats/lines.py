"""A file's bytes and its text, line by line: unpacked, capped, UTF-8, with errors that name the spot.

Read `text_lines` first. Whatever is not a readable text of a credible size is refused in one sentence.
"""

import codecs
import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from fairtrial.core import BadInput

MAX_ROW = 4 * 2**20
"""Longest row in bytes: about a million tokens of English."""
MAX_FILE = 2**30
"""Most bytes read from one file, after unpacking."""
_BLOCK = 2**18
_UNPACK_FREE = 2**22
"""Bytes that a gzip file may always unpack to."""
_UNPACK_RATIO = 100
"""Beyond that, how many times its own size; text seldom packs better than 1 : 20."""


def check_file(path: Path) -> None:
    """Refuse what is missing, empty, not a file, or gzipped under another name.

    Raises:
        BadInput: One of these.
    """
    try:
        if path.is_dir():
            raise BadInput("this is a directory, not a file.", where=str(path), next_step=_inside(path))
        if not path.exists():
            raise BadInput(
                "there is no such file.",
                where=str(path),
                next_step="Check the path; a trial file names files from where it lies.",
            )
        if not path.is_file():
            raise BadInput("this is not a regular file.", where=str(path), next_step="Save the rows in a file first.")
        if path.stat().st_size == 0:
            raise BadInput("the file is empty.", where=str(path), next_step="Put at least one row into it.")
        with path.open("rb") as source:
            packed = source.read(2) == b"\x1f\x8b"
    except OSError as error:
        _unreadable(path, error)
    if packed and not path.name.lower().endswith(".gz"):
        raise BadInput("the file is gzipped but not named so.", where=str(path), next_step="Add .gz to its name.")


def _inside(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())[:5]
    return f"Name a file in it, for example {', '.join(names)}." if names else "Name a file."


def _unreadable(path: Path, error: OSError) -> NoReturn:
    raise BadInput(
        f"the file cannot be read: {error.strerror or error}.", where=str(path), next_step="Check its permissions."
    ) from error


def file_blocks(path: Path, *, cap: int | None = MAX_FILE) -> Iterator[bytes]:
    """The file's bytes, unpacked, within `cap` and, for gzip, within a credible ratio to what lies on disk.

    Raises:
        BadInput: Cut, damaged, oversized or unreadable.
    """
    packed = path.name.lower().endswith(".gz")
    total, limit = 0, math.inf if cap is None else cap
    if packed:
        limit = min(limit, max(_UNPACK_FREE, _UNPACK_RATIO * path.stat().st_size))
    try:
        with gzip.open(path) if packed else path.open("rb") as source:
            while block := source.read(_BLOCK):
                total += len(block)
                if total > limit:
                    raise BadInput(
                        f"the file holds more than {limit / 2**20:,.0f} MiB"
                        + (" once unpacked, which is not credible for text." if packed and limit != cap else "."),
                        where=str(path),
                        next_step="Unpack and check it yourself, or split it into smaller files.",
                    )
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        reason = "the gzip file is cut off" if isinstance(error, EOFError) else f"the gzip file is damaged ({error})"
        raise BadInput(f"{reason}.", where=str(path), next_step="Fetch or pack it again.") from error
    except OSError as error:
        _unreadable(path, error)


def _byte_lines(path: Path) -> Iterator[bytes]:
    """Lines with their line feed (the last one perhaps without), each at most `MAX_ROW` bytes."""
    rest = b""
    number = 1
    for block in file_blocks(path):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line + b"\n"
        number += len(lines)
        if len(rest) > MAX_ROW:
            raise too_long(path, f"line {number}")
    if rest:
        yield rest


def too_long(path: Path, what: str) -> BadInput:
    """The error for a row beyond `MAX_ROW`."""
    return BadInput(
        f"{what} is longer than {MAX_ROW // 2**20} MiB.",
        where=str(path),
        next_step="Check for a missing line break or an unclosed quotation mark.",
    )


def text_lines(path: Path) -> Iterator[str]:
    """Lines of UTF-8 text, each with its line feed (the last one perhaps without); a byte-order mark is dropped.

    Raises:
        BadInput: A line that is not UTF-8 (its number, the byte's offset in the file, the likely encoding), holds a
            NUL byte, or is too long.
    """
    offset = 0
    for number, raw in enumerate(_byte_lines(path), 1):
        line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            start = offset + error.start + len(raw) - len(line)
            raise _not_utf8(path, number, start, raw) from error
        if "\0" in text:
            start = offset + raw.index(0)
            raise (
                _not_utf8(path, number, start, raw)
                if raw.count(0) >= max(3, len(raw) / 4)
                else _nul(path, number, start)
            )
        offset += len(raw)
        yield text


def _not_utf8(path: Path, line: int, byte: int, raw: bytes) -> BadInput:
    encoding = _likely_encoding(raw)
    return BadInput(
        f"the file is not UTF-8 text: line {line}, byte {byte} of the file; it looks like {encoding}.",
        where=str(path),
        next_step=f"Convert it, for example: iconv -f {encoding} -t UTF-8 '{path.name}' > new{path.suffix}",
    )


def _nul(path: Path, line: int, byte: int) -> BadInput:
    return BadInput(
        f"the file holds a NUL byte, which is no text: line {line}, byte {byte} of the file.",
        where=str(path),
        next_step="Take it out, or write the file again.",
    )


def _likely_encoding(raw: bytes) -> str:
    """A guess good enough for a hint: UTF-16 by its marks and zeros, CP949 when that reads as Korean, else Windows."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in raw:
        return "UTF-16"
    try:
        foreign = [letter for letter in raw.decode("cp949") if ord(letter) > 127]
    except UnicodeDecodeError:
        return "WINDOWS-1252"
    korean = sum("가" <= letter <= "힣" for letter in foreign)
    return "CP949" if korean > len(foreign) / 2 else "WINDOWS-1252"
