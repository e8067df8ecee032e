"""Names of raters for one release of data, which nobody can join to another release. Read `Pseudonyms` first."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_KEY_BYTES = 32
_SHORT = 12


def new_key() -> bytes:
    """A fresh key for one release: 32 bytes from the operating system."""
    return secrets.token_bytes(_KEY_BYTES)


class Pseudonyms:
    """HMAC-SHA-256 of rater ids under one release's key, in lower-case base32 (RFC 2104, RFC 4648).

    Within a release a rater keeps one pseudonym. The key is destroyed once the release is made: without it nobody, the
    lab included, can compute a pseudonym from an id, so the pseudonyms of two releases cannot be joined. A withdrawal
    later makes a new release with a new key.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError(f"a key has at least {_KEY_BYTES} bytes")
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonyms(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("the key of a release is not written anywhere")

    def of(self, raters: Iterable[str], *, shortest: int = _SHORT) -> dict[str, str]:
        """A pseudonym for each rater of the release: the first `shortest` characters (5 bits each).

        All are longer by the same amount when two would be equal (12 characters: odds of 1 in 2 million among a
        million raters), so what a rater is called does not depend on the order of the raters.
        """
        whole = {rater: self._whole(rater) for rater in raters}
        length = shortest
        while len({name[:length] for name in whole.values()}) < len(whole):
            length += 1
        return {rater: name[:length] for rater, name in whole.items()}

    def _whole(self, rater: str) -> str:
        digest = hmac.digest(self._key, b"fairtrial rater\0" + rater.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.b32encode(digest).decode("ascii").rstrip("=").lower()
