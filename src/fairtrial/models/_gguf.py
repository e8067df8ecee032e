"""What a GGUF file says of itself, read in plain Python before anything native sees it. Read `read_gguf` first.

Every count and length is held against the size of the file, so that a damaged or hostile one costs a plain sentence
and not a crash. The layout is the GGUF specification of the ggml project, versions 2 and 3, little-endian.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairtrial.core import BadInput

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_METADATA = 65_536
MOST_TENSORS = 65_536
MOST_ELEMENTS = 4_194_304
"""Of one metadata array; the largest vocabularies have about 300,000 tokens."""
LONGEST_NAME = 65_535
LONGEST_TEXT = 16 * 2**20
MOST_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9

# Elements in a block and bytes of a block, by ggml tensor type. An unknown type is left to the runtime to refuse.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
}  # fmt: skip

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufSummary:
    """The few facts about a model file that Fairtrial acts on."""

    architecture: str
    """For example ``llama``."""
    context_length: int
    """Tokens the model was trained for; 0 where the file does not say."""
    chat: bool
    """The file carries a chat template."""
    tensors: int
    metadata: Mapping[str, Value]
    """Scalar and text entries; arrays are counted and skipped."""


def read_gguf(path: Path) -> GgufSummary:
    """Read and check the header of a GGUF file.

    Raises:
        BadInput: Not a GGUF file, an unsupported version, a count or length that cannot be true, or a file shorter
            than its tensors.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(_Cursor(data))
    except ValueError:  # an empty file cannot be mapped
        raise _damaged(path, "is empty") from None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}.", where=str(path)) from None
    except _Broken as broken:
        raise _damaged(path, str(broken)) from None


class _Broken(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


def _damaged(path: Path, what: str) -> BadInput:
    return BadInput(
        f"this model file {what}.", where=str(path), next_step="Get the file again and compare its SHA-256."
    )


class _Cursor:
    """A position in the file that never moves past its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.size = len(data)
        self.at = 0

    def take(self, count: int, what: str) -> int:
        """Move over `count` bytes and return where they began."""
        begin = self.at
        if count > self.size - begin:
            raise _Broken(f"ends before its {what} does (cut short or damaged)")
        self.at = begin + count
        return begin

    def number(self, code: str, what: str) -> int:
        layout = "<" + code
        return int(struct.unpack_from(layout, self.data, self.take(struct.calcsize(layout), what))[0])

    def text(self, what: str, longest: int) -> str:
        length = self.number("Q", what)
        if length > longest:
            raise _Broken(f"holds a {what} of {length} bytes, which cannot be right")
        begin = self.take(length, what)
        return self.data[begin : begin + length].decode("utf-8", "replace")


def _read(cursor: _Cursor) -> GgufSummary:
    begin = cursor.take(4, "first four bytes")
    if cursor.data[begin : begin + 4] != MAGIC:
        raise _Broken("is not in GGUF format")
    version = cursor.number("I", "header")
    if version not in VERSIONS:
        raise _Broken(f"is GGUF version {version}; versions 2 and 3 (little-endian) are supported")
    tensors, entries = cursor.number("Q", "header"), cursor.number("Q", "header")
    if tensors > MOST_TENSORS or entries > MOST_METADATA:
        raise _Broken(f"claims {tensors} tensors and {entries} metadata entries, which cannot be right")
    metadata: dict[str, Value] = {}
    for _ in range(entries):
        key = cursor.text("metadata key", LONGEST_NAME)
        if key in metadata:
            raise _Broken(f"has the metadata key {key!r} twice")
        metadata[key] = _value(cursor, cursor.number("I", "metadata"))
    _check_tensors(cursor, tensors, metadata)
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise _Broken("names no model architecture")
    length = metadata.get(f"{architecture}.context_length")
    return GgufSummary(
        architecture=architecture,
        context_length=length if isinstance(length, int) else 0,
        chat=bool(metadata.get("tokenizer.chat_template")),
        tensors=tensors,
        metadata=metadata,
    )


def _value(cursor: _Cursor, kind: int) -> Value:
    if kind in _SCALARS:
        layout = "<" + _SCALARS[kind]
        value: Value = struct.unpack_from(layout, cursor.data, cursor.take(struct.calcsize(layout), "metadata"))[0]
        return value
    if kind == _STRING:
        return cursor.text("metadata", LONGEST_TEXT)
    if kind != _ARRAY:
        raise _Broken(f"has metadata of unknown type {kind}")
    inner, count = cursor.number("I", "metadata"), cursor.number("Q", "metadata")
    if count > MOST_ELEMENTS:
        raise _Broken(f"has a metadata list of {count} elements, which cannot be right")
    if inner in _SCALARS:
        cursor.take(count * struct.calcsize("<" + _SCALARS[inner]), "metadata list")
    elif inner == _STRING:
        for _ in range(count):
            cursor.take(cursor.number("Q", "metadata list"), "metadata list")
    else:
        raise _Broken(f"has a metadata list of unknown type {inner}")
    return None


def _check_tensors(cursor: _Cursor, tensors: int, metadata: Mapping[str, Value]) -> None:
    """Every tensor must lie inside the file."""
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment % 8 or alignment > LONGEST_NAME:
        raise _Broken(f"has an alignment of {alignment!r}")
    furthest = 0
    for _ in range(tensors):
        name = cursor.text("tensor name", LONGEST_NAME)
        dimensions = cursor.number("I", "tensor list")
        if dimensions > MOST_DIMENSIONS:
            raise _Broken(f"gives tensor {name!r} {dimensions} dimensions")
        elements = 1
        for _ in range(dimensions):
            elements *= cursor.number("Q", "tensor list")
        kind, offset = cursor.number("I", "tensor list"), cursor.number("Q", "tensor list")
        block, block_bytes = _BLOCKS.get(kind, (1, 0))
        furthest = max(furthest, offset + -(-elements // block) * block_bytes)
    start = -(-cursor.at // alignment) * alignment
    if start + furthest > cursor.size:
        raise _Broken(f"is cut short: its tensors need {start + furthest} bytes, the file has {cursor.size}")
