"""A lab's Ed25519 keys as plain PEM files, readable by their owner only. Read `SigningKey` first.

A key is named by its ``keyid``, the SHA-256 of the raw public key; people compare its shorter `PublicKey.fingerprint`.
"""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fairtrial.core import BadInput, IntegrityError

_MOST_BYTES = 4096  # a PEM file of such a key has about 120
# What the library says of damaged keys: one changed bit can make it see another algorithm.
_NO_KEY = (ValueError, TypeError, UnsupportedAlgorithm, InternalError)
_INIT = "Make one with: fairtrial init"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A signer, as everyone may know it."""

    raw: bytes
    """32 bytes, RFC 8032."""

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError("an Ed25519 public key has 32 bytes")

    @property
    def keyid(self) -> str:
        """SHA-256 of the raw key, 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def fingerprint(self) -> str:
        """The first half of the keyid in eight groups of four, to be read out and compared."""
        return fingerprint_of(self.keyid)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (64 bytes, Ed25519 after RFC 8032) was made over `message` by this key's owner."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def load(cls, path: Path) -> "PublicKey":
        """The public key in a PEM file.

        Raises:
            BadInput: There is none, or it may not be read.
            IntegrityError: The file is damaged or holds another kind of key.
        """
        content, _ = _read(path)
        try:
            found = serialization.load_pem_public_key(content)
        except _NO_KEY as error:
            raise _damaged(path) from error
        if not isinstance(found, Ed25519PublicKey):
            raise _damaged(path)
        return cls(found.public_bytes_raw())

    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM."""
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class SigningKey:
    """A lab's private key. Never printed: its repr shows the fingerprint only."""

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"

    @classmethod
    def create(cls, path: Path) -> "SigningKey":
        """Make a key pair: `path` (mode 0600 from its first moment) and, beside it, `public_path`.

        Raises:
            BadInput: There is a key already (it is never overwritten), or the directory may not be written.
        """
        key = cls(os.urandom(32))
        if os.path.lexists(path):
            raise _there_already(path)
        try:
            # The public half first: a private key on disk has it beside it, even after a crash in between.
            _write(public_path(path), key.public.pem(), mode=0o644, flags=os.O_TRUNC)
            _write(path, key.pem(), mode=0o600, flags=os.O_EXCL)
        except FileExistsError:
            raise _there_already(path) from None
        except OSError as error:
            raise BadInput(
                f"the signing key cannot be written: {error.strerror or error}.",
                where=str(error.filename or path),
                next_step="Check that the directory exists, may be written, and has space.",
            ) from error
        return key

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """The key pair at `path`, checked: permissions, form, and that the two halves belong together.

        Raises:
            BadInput: There is none, or it may not be read.
            IntegrityError: Others may read it, it is damaged, or its halves differ.
        """
        content, mode = _read(path)
        if mode & 0o077:
            raise IntegrityError(
                "others may read this private key.", where=str(path), next_step=f"Try: chmod 600 {path}"
            )
        try:
            found = serialization.load_pem_private_key(content, password=None)
        except _NO_KEY as error:
            raise _damaged(path) from error
        if not isinstance(found, Ed25519PrivateKey):
            raise _damaged(path)
        key = cls(found.private_bytes_raw())
        # One changed digit of a private key gives another valid key; only its other half can tell.
        if PublicKey.load(public_path(path)) != key.public:
            raise IntegrityError(
                f"{path.name} and {public_path(path).name} do not belong together: one of them was changed.",
                where=str(path.parent),
                next_step="Restore them from a copy of the lab.",
            )
        return key

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of `message`, 64 bytes; the same message always gets the same one."""
        return self._key.sign(message)

    def pem(self) -> bytes:
        """PKCS#8 in PEM, unencrypted."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def public_path(path: Path) -> Path:
    """Where the public half of the private key at `path` lies: ``lab.pub.pem`` beside ``lab.pem``."""
    return path.with_suffix(".pub.pem")


def fingerprint_of(keyid: str) -> str:
    """The printable short form of a keyid: 128 bits in eight groups of four digits."""
    return " ".join(keyid[start : start + 4] for start in range(0, 32, 4))


def _write(path: Path, content: bytes, *, mode: int, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()  # no half key
        raise


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES), os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        raise BadInput("there is no such key.", where=str(path), next_step=_INIT) from None
    except OSError as error:
        raise BadInput(f"this key cannot be read: {error.strerror or error}.", where=str(path)) from error


def _there_already(path: Path) -> BadInput:
    return BadInput("there is a signing key already.", where=str(path), next_step="Move it away first to make another.")


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(
        "this is not an Ed25519 key in PEM, or it is damaged.",
        where=str(path),
        next_step="Restore it from a copy of the lab.",
    )
