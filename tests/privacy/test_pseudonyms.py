"""One name for a rater within a release; no way from one release to the next without its key."""

import base64
import hashlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.privacy import Pseudonyms, new_key

KEY = bytes(range(32))


def rfc2104(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 from its definition."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


@given(st.sets(st.text(max_size=20), max_size=50))
def test_they_are_the_start_of_an_hmac_and_all_differ(raters: set[str]) -> None:
    names = Pseudonyms(KEY).of(raters)
    assert len(set(names.values())) == len(raters)
    for rater, name in names.items():
        whole = base64.b32encode(rfc2104(KEY, b"fairtrial rater\0" + rater.encode("utf-8"))).decode().lower()
        assert len(name) == 12
        assert whole.startswith(name)


def test_two_releases_share_no_pseudonym() -> None:
    raters = [f"rater-{i}" for i in range(500)]
    first, second = Pseudonyms(new_key()).of(raters), Pseudonyms(new_key()).of(raters)
    assert not set(first.values()) & set(second.values())


def test_equal_ones_become_longer_whatever_the_order() -> None:
    raters = [str(i) for i in range(100)]  # more than one character of 32 can name
    names = Pseudonyms(KEY).of(raters, shortest=1)
    assert len(set(names.values())) == 100
    assert len({len(name) for name in names.values()}) == 1
    assert len(names["0"]) > 1
    assert Pseudonyms(KEY).of(reversed(raters), shortest=1) == names


def test_a_rater_named_twice_is_one_rater() -> None:
    assert len(Pseudonyms(KEY).of(["x", "x"])) == 1


def test_the_key_shows_nowhere_and_is_long_enough() -> None:
    pseudonyms = Pseudonyms(KEY)
    assert repr(pseudonyms) == "Pseudonyms(***)"
    with pytest.raises(TypeError):
        pickle.dumps(pseudonyms)
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(b"short")
    assert len(new_key()) == 32
    assert new_key() != new_key()
