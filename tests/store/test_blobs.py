"""Blobs are what their names say, or an error."""

import hashlib
from pathlib import Path

import pytest

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store import Blobs


def test_round_trip(tmp_path: Path):
    blobs = Blobs(tmp_path / "blobs")
    for content in (b"", b"picture", bytes(range(256)) * 5000):
        address = blobs.put(content)
        name = hashlib.sha256(content).hexdigest()
        assert address == "sha256:" + name
        assert blobs.path(address) == tmp_path / "blobs" / name[:2] / name[2:4] / name
        assert address in blobs
        assert blobs.get(address) == content


def test_putting_again_changes_nothing_and_leaves_no_rest(tmp_path: Path):
    blobs = Blobs(tmp_path)
    first = blobs.put(b"picture")
    stamp = blobs.path(first).stat().st_mtime_ns
    assert blobs.put(b"picture") == first
    assert blobs.path(first).stat().st_mtime_ns == stamp
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [blobs.path(first)]


def test_every_damaged_byte_is_noticed_and_a_new_put_heals(tmp_path: Path):
    blobs = Blobs(tmp_path)
    address = blobs.put(b"picture")
    for damaged in [b"", b"picture ", *(b"picture"[:n] + b"!" + b"picture"[n + 1 :] for n in range(7))]:
        blobs.path(address).write_bytes(damaged)
        with pytest.raises(IntegrityError, match="damaged"):
            blobs.get(address)
    blobs.put(b"picture")
    assert blobs.get(address) == b"picture"


def test_unknown_and_impossible_addresses(tmp_path: Path):
    blobs = Blobs(tmp_path)
    with pytest.raises(BadInput, match="no such blob"):
        blobs.get("sha256:" + "0" * 64)
    for address in ("", "sha256:abc", "../../etc/passwd", "sha256:" + "A" * 64, "sha256:" + "0" * 64 + "\n"):
        with pytest.raises(BadInput, match="not the address"):
            blobs.get(address)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path):
    blobs = Blobs(tmp_path)
    address = "sha256:" + hashlib.sha256(b"picture").hexdigest()
    blobs.path(address).mkdir(parents=True)  # the name is taken by a directory: the last step fails
    with pytest.raises(BadInput):
        blobs.put(b"picture")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
