"""DSSE envelopes against the specification's own example, and strict reading."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.provenance import SigningKey
from fairtrial.provenance._strict_json import Malformed
from fairtrial.provenance.dsse import MOST_BYTES, pre_authentication_encoding, read_envelope, sign

KEY = SigningKey(b"\x07" * 32)
TYPE, PAYLOAD = "http://example.com/HelloWorld", b"hello world"


def test_encodes_as_the_specification_does():
    assert pre_authentication_encoding(TYPE, PAYLOAD) == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_of_bytes_not_of_characters():
    assert pre_authentication_encoding("é", "판".encode()) == "DSSEv1 2 é 3 판".encode()


def test_an_envelope_comes_back_and_holds():
    data = sign(PAYLOAD, KEY, payload_type=TYPE)
    envelope = read_envelope(data)
    assert (envelope.payload_type, envelope.payload) == (TYPE, PAYLOAD)
    assert [s.signer for s in envelope.signatures] == [KEY.public]
    assert envelope.holds()
    assert data == sign(PAYLOAD, KEY, payload_type=TYPE)


@given(payload=st.binary(max_size=200), kind=st.text(max_size=30))
def test_any_payload_and_type(payload: bytes, kind: str):
    envelope = read_envelope(sign(payload, KEY, payload_type=kind))
    assert (envelope.payload, envelope.payload_type, envelope.holds()) == (payload, kind, True)


def test_the_type_is_signed_too():
    changed = json.loads(sign(PAYLOAD, KEY, payload_type=TYPE)) | {"payloadType": "text/plain"}
    assert not read_envelope(json.dumps(changed).encode()).holds()


def test_every_signature_must_hold():
    envelope = json.loads(sign(PAYLOAD, KEY, payload_type=TYPE))
    other = json.loads(sign(b"something else", SigningKey(b"\x08" * 32), payload_type=TYPE))
    envelope["signatures"] += other["signatures"]
    assert not read_envelope(json.dumps(envelope).encode()).holds()


def test_no_single_bit_can_change_without_notice():
    data = sign(PAYLOAD, KEY, payload_type=TYPE)
    for place in range(len(data) - 1):  # the last byte is the line's end
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with contextlib.suppress(Malformed):
                assert not read_envelope(bytes(changed)).holds(), (place, bit)


def _with(**changes: object) -> bytes:
    return json.dumps(json.loads(sign(PAYLOAD, KEY)) | changes).encode()


def _with_signature(**changes: object) -> bytes:
    envelope = json.loads(sign(PAYLOAD, KEY))
    envelope["signatures"][0] |= changes
    return json.dumps(envelope).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "not an object"),
        (b"[" * 100_000, "nests too deeply"),
        (sign(PAYLOAD, KEY)[:-20], "not JSON"),
        (b'{"payload": "", "payload": ""}', "twice"),
        (b'{"payload": NaN}', "NaN"),
        (b"1" * 5000, "not JSON"),
        (_with(payload=3), "no proper 'payload'"),
        (_with(payload="aGVsbG8"), "not base64"),
        (_with(payload="aGVs bG8="), "not base64"),
        (_with(payload="aGVsbG9="), "one proper form"),
        (_with(signatures=[]), "0 signatures"),
        (_with(signatures=[{}] * 17), "17 signatures"),
        (_with(signatures=["x"]), "not an object"),
        (_with_signature(keyid="0" * 64), "not that of the key"),
        (_with_signature(sig=base64.b64encode(b"x" * 63).decode()), "63 bytes instead of 64"),
        (_with_signature(publicKey=base64.b64encode(b"x" * 31).decode()), "31 bytes instead of 32"),
        (b" " * (MOST_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_envelope(data: bytes, said: str):
    with pytest.raises(Malformed, match=said):
        read_envelope(data)
