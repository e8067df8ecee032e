"""Keys on disk: RFC 8032's own vector, permissions, and every way in which a key file can be wrong."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fairtrial.core import BadInput, IntegrityError
from fairtrial.provenance import PublicKey, SigningKey, public_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.pem"


def test_signs_as_rfc_8032_section_7_1_test_2_says():
    key = SigningKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.public.raw.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72") == signature
    assert key.public.verifies(signature, b"\x72")
    assert not key.public.verifies(signature, b"\x73")


def test_a_key_pair_comes_back_and_is_private(path: Path):
    made = SigningKey.create(path)
    assert SigningKey.load(path).public == made.public == PublicKey.load(public_path(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert made.public.keyid.startswith(made.public.fingerprint.replace(" ", ""))
    assert len(made.public.fingerprint.split()) == 8


def test_the_private_key_is_never_readable_by_others_even_under_umask_0(path: Path):
    # A tracer of the open call itself: the mode is given when the file is made, not afterwards.
    script = (
        "import sys, os, pathlib\n"
        "seen = []\n"
        "sys.addaudithook(lambda name, args: seen.append(args) if name == 'open' else None)\n"
        "os.umask(0)\n"
        "real = os.open\n"
        "def spy(path, flags, mode=0o777, **more):\n"
        "    found = real(path, flags, mode, **more)\n"
        "    print(pathlib.Path(path).name, oct(os.fstat(found).st_mode & 0o777), bool(flags & os.O_EXCL))\n"
        "    return found\n"
        "os.open = spy\n"
        "from fairtrial.provenance import SigningKey\n"
        "SigningKey.create(pathlib.Path(sys.argv[1]))\n"
    )
    said = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True).stdout
    assert "lab.pem 0o600 True" in said.splitlines()


def test_a_key_is_never_overwritten(path: Path):
    SigningKey.create(path)
    before = path.read_bytes(), public_path(path).read_bytes()
    with pytest.raises(BadInput, match="already"):
        SigningKey.create(path)
    assert (path.read_bytes(), public_path(path).read_bytes()) == before


def test_others_may_not_read_it(path: Path):
    SigningKey.create(path)
    path.chmod(0o640)
    with pytest.raises(IntegrityError, match=f"chmod 600 {path}"):
        SigningKey.load(path)


def test_a_missing_key_names_the_next_step(path: Path):
    with pytest.raises(BadInput, match="fairtrial init"):
        SigningKey.load(path)


def test_a_directory_that_is_not_there(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be written"):
        SigningKey.create(tmp_path / "nowhere" / "lab.pem")


def test_every_changed_byte_of_either_half_is_noticed(path: Path):
    key = SigningKey.create(path)
    for file in (path, public_path(path)):
        whole = file.read_bytes()
        for place in range(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= 0x01
            file.write_bytes(bytes(changed))
            try:
                found = SigningKey.load(path)
            except IntegrityError:
                continue
            # Only what PEM says means nothing (line ends) may change without notice.
            assert found.public == key.public
            assert chr(whole[place]).isspace()
        file.write_bytes(whole)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 200, b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key(path: Path, content: bytes):
    SigningKey.create(path)
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="not an Ed25519 key"):
        SigningKey.load(path)


def test_another_kind_of_key(path: Path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    SigningKey.create(path)
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(IntegrityError, match="not an Ed25519 key"):
        SigningKey.load(path)


def test_the_private_key_is_not_printed(path: Path):
    key = SigningKey.create(path)
    secret = key.pem().splitlines()[1].decode()
    assert secret not in f"{key!r} {key}"
    assert key.public.fingerprint in repr(key)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_may_not_be_read(path: Path):
    SigningKey.create(path)
    path.chmod(0)
    with pytest.raises(BadInput, match="cannot be read"):
        SigningKey.load(path)
