"""Server-sent events come out the same however the bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.models._sse import EventParser

ENDINGS = ["\n", "\r", "\r\n"]


def parse(pieces: list[bytes]) -> list[str]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.finish()


lines = st.sampled_from(
    ["", "data: {}", "data:x", "data", "data:  two", ": comment", "event: e", "id: 1", "data: 한국어 🙂"]
)
streams = st.lists(st.tuples(lines, st.sampled_from(ENDINGS)), max_size=30).map(
    lambda rows: "".join(line + ending for line, ending in rows).encode()
)


@given(stream=streams | st.binary(max_size=200), cuts=st.lists(st.integers(0, 400), max_size=40))
def test_any_split_of_the_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(c for c in cuts if c <= len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    whole = parse([stream])
    assert parse(pieces) == whole
    assert parse([stream[i : i + 1] for i in range(len(stream))]) == whole
    assert parse([p for piece in pieces for p in (b"", piece)]) == whole


@pytest.mark.parametrize("ending", ENDINGS)
def test_all_line_endings_end_lines(ending: str) -> None:
    stream = ending.join(["data: one", "", "data: two", "data: lines", "", ""]).encode()
    assert parse([stream]) == ["one", "two\nlines"]


def test_comments_other_fields_and_a_byte_order_mark_are_skipped() -> None:
    assert parse([b"\xef\xbb\xbf: hello\nevent: x\nretry: 9\ndata: one\n\n: ping\n\ndata:two\n\n"]) == ["one", "two"]


def test_a_character_cut_in_its_middle_is_whole_again() -> None:
    stream = "data: 판결🙂\n\n".encode()
    for i in range(len(stream)):
        assert parse([stream[:i], stream[i:]]) == ["판결🙂"]


def test_bytes_that_are_no_utf8_are_replaced_and_stop_nothing() -> None:
    assert parse([b"data: \xff!\n\ndata: ok\n\n"]) == ["\ufffd!", "ok"]


def test_an_event_without_its_blank_line_comes_out_at_the_end() -> None:
    parser = EventParser()
    assert parser.feed(b"data: [DONE]") == []
    assert parser.finish() == ["[DONE]"]
    assert parser.finish() == []


def test_only_one_space_after_the_colon_is_dropped_and_an_empty_event_says_nothing() -> None:
    assert parse([b"data:  x\n\n\n\nevent: lone\n\ndata\n\n"]) == [" x", ""]
