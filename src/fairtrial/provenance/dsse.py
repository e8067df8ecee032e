"""DSSE envelopes: a payload, its type, and signatures over both. Read `sign` and `read_envelope` first.

After the Dead Simple Signing Envelope specification 1.0. Each signature entry also carries the signer's public key
(the specification lets readers pass over fields they do not know), so that a stranger's intact envelope can be told
from a broken one.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from fairtrial.provenance._strict_json import Malformed, fields, parse
from fairtrial.provenance.keys import PublicKey, SigningKey

IN_TOTO = "application/vnd.in-toto+json"
MOST_BYTES = 32_000_000
_MOST_SIGNATURES = 16
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signer's signature."""

    signer: PublicKey
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed payload, well-formed; whether its signatures hold is another question."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def holds(self) -> bool:
        """Whether every signature was made over this payload by the key that stands beside it."""
        signed = pre_authentication_encoding(self.payload_type, self.payload)
        return all(signature.signer.verifies(signature.value, signed) for signature in self.signatures)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE of the DSSE specification: the bytes that are signed, ``DSSEv1 len(type) type len(payload) payload``."""
    kind = payload_type.encode()
    return b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))


def sign(payload: bytes, key: SigningKey, *, payload_type: str = IN_TOTO) -> bytes:
    """The JSON of an envelope over `payload`; the same payload and key give the same bytes."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    envelope = {
        "payloadType": payload_type,
        "payload": _encode(payload),
        "signatures": [
            {"keyid": key.public.keyid, "sig": _encode(signature), "publicKey": _encode(key.public.raw)},
        ],
    }
    return json.dumps(envelope, separators=(",", ":")).encode() + b"\n"


def read_envelope(data: bytes) -> Envelope:
    """The envelope in `data`, strictly: sizes, base64, duplicate keys, and that each keyid is its key's.

    Raises:
        Malformed: It is no such envelope; the text says why.
    """
    if len(data) > MOST_BYTES:
        raise Malformed("it is too large")
    payload_type, payload, entries = fields(parse(data), "the envelope", payloadType=str, payload=str, signatures=list)
    if not 1 <= len(entries) <= _MOST_SIGNATURES:
        raise Malformed(f"it has {len(entries)} signatures")
    return Envelope(
        payload_type=payload_type,
        payload=_decode(payload, "payload"),
        signatures=tuple(_signature(entry) for entry in entries),
    )


def _signature(entry: Any) -> Signature:
    keyid, sig, public = fields(entry, "a signature", keyid=str, sig=str, publicKey=str)
    signer = PublicKey(_decode(public, "publicKey", size=_KEY_BYTES))
    if signer.keyid != keyid:
        raise Malformed("a keyid is not that of the key beside it")
    return Signature(signer=signer, value=_decode(sig, "sig", size=_SIGNATURE_BYTES))


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _decode(text: str, what: str, *, size: int | None = None) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"'{what}' is not base64") from error
    # Unused bits of a last digit would let two texts mean one value.
    if _encode(value) != text:
        raise Malformed(f"'{what}' is not base64 in its one proper form")
    if size is not None and len(value) != size:
        raise Malformed(f"'{what}' has {len(value)} bytes instead of {size}")
    return value
