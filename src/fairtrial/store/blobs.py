"""Content-addressed files: the name of a blob is the SHA-256 of what is in it. Read `Blobs.put` first."""

import hashlib
import re
from pathlib import Path

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store._errors import translated
from fairtrial.store._files import write_whole

_ADDRESS = re.compile(r"sha256:[0-9a-f]{64}")


class Blobs:
    """The directory ``blobs/``, where ``sha256:abcd…`` lies in ``ab/cd/abcd…``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, address: str) -> Path:
        """Where the blob of this address lies, or would lie.

        Raises:
            BadInput: `address` is not ``sha256:`` and 64 hexadecimal digits.
        """
        if not _ADDRESS.fullmatch(address):
            raise BadInput(f"'{address[:80]}' is not the address of a blob.", next_step="Write sha256:<64 hex digits>.")
        name = address.removeprefix("sha256:")
        return self.root / name[:2] / name[2:4] / name

    def put(self, content: bytes) -> str:
        """Store `content` and return its address. Durable on return; a damaged copy is replaced."""
        address = _address(content)
        path = self.path(address)
        with translated(path):
            if not path.is_file() or _address(path.read_bytes()) != address:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
        return address

    def get(self, address: str) -> bytes:
        """The content stored under `address`, verified.

        Raises:
            BadInput: Nothing is stored under it.
            IntegrityError: What lies there is not what was stored.
        """
        path = self.path(address)
        with translated(path):
            if not path.is_file():
                raise BadInput("there is no such blob in this lab.", where=address)
            content = path.read_bytes()
        if _address(content) != address:
            raise IntegrityError(
                "this blob is damaged: its content has another digest.",
                where=str(path),
                next_step="Restore the file from a copy of the lab.",
            )
        return content

    def __contains__(self, address: str) -> bool:
        return self.path(address).is_file()


def _address(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
