"""The mathematics of an append-only history: salted leaves, and links that chain them. Read `log_leaf` first.

A vote has few possible values, so a plain digest of one could be guessed; the salt prevents that. Body and salt can be
erased: leaf and link stay, and the history before and after still verifies.
"""

import hashlib

from fairtrial.core.canonical import canonical_json

FIRST_LINK = bytes(32)
"""What the first entry is linked to."""


def log_leaf(salt: bytes, kind: str, body: object) -> bytes:
    """SHA-256 of 0x00 and the canonical JSON (RFC 8785) of salt, kind and body: a leaf as in RFC 9162.

    Args:
        salt: 32 random bytes; in the JSON they stand in hexadecimal.
        kind: What kind of entry it is.
        body: Plain JSON values.
    """
    return hashlib.sha256(b"\x00" + canonical_json({"salt": salt.hex(), "kind": kind, "body": body})).digest()


def log_link(before: bytes, leaf: bytes) -> bytes:
    """SHA-256 of 0x02, the link before (`FIRST_LINK` for the first entry) and this leaf."""
    return hashlib.sha256(b"\x02" + before + leaf).digest()
