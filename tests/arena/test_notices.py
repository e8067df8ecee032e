"""Notices: rows that somebody must look at, and what may be written into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.arena import notices
from fairtrial.arena.notices import Notice, check_text
from fairtrial.core import BadInput
from fairtrial.store import Store


def test_listed_by_state_and_subject_oldest_first(store: Store):
    made = [
        Notice(id=f"r-{n}", kind="report", about="ab"[n % 2], state="open", since=f"2026-01-0{9 - n}", body={"n": n})
        for n in range(4)
    ]
    for one in made:
        store.transact(lambda c, one=one: notices.add(c, one)).result()
    done = Notice(id="r-1", kind="report", about="b", state="upheld", since=made[1].since, body={"n": 7})
    store.transact(lambda c: notices.save(c, done)).result()
    with store.reading() as connection:
        assert [one.id for one in notices.listed(connection, "report")] == ["r-3", "r-2", "r-1", "r-0"]
        assert [one.id for one in notices.listed(connection, "report", state="open", limit=2)] == ["r-3", "r-2"]
        assert notices.listed(connection, "report", about="b", state="upheld") == [done]
        assert notices.waiting(connection, "report") == 3
        assert notices.waiting(connection, "objection") == 0
        with pytest.raises(BadInput, match="no such objection"):
            notices.required(connection, "objection", "r-1")


@given(st.text(max_size=30))
def test_what_passes_can_be_stored(text):
    try:
        found = check_text(text, "text", most=20)
    except BadInput:
        return
    assert found.encode().decode() == found == check_text(found, "text", most=20)
    assert len(found) <= 20
    assert "\r" not in found


@pytest.mark.parametrize(
    ("text", "line"), [("x" * 21, False), ("\ud800", False), ("a\0b", False), ("a\nb", True), ("\x1b[2J", True)]
)
def test_what_is_no_text_is_refused(text: str, line: bool):
    with pytest.raises(BadInput, match="field"):
        check_text(text, "field", most=20, line=line)


def test_forms_and_files_end_lines_differently():
    assert check_text(" a\r\nb\rc\n", "text", most=9) == "a\nb\nc"
