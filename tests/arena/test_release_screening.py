"""Personal data in votes: not published before a moderator has looked, and asked about once."""

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

sys.path[:0] = [str(Path(__file__).parent)]

from release_lab import VotingLab

from fairtrial.arena import ballots
from fairtrial.arena.ballots import Said
from fairtrial.arena.releases import decide, decided, pending, screening
from fairtrial.core import BadInput
from fairtrial.store import history
from fairtrial.store.arena_tables import log_bodies, notices

MAIL = "Write to jane.doe@example.org please."


@pytest.fixture
def lab(tmp_path: Path):
    made = VotingLab(tmp_path / "lab")
    yield made
    made.close()


def say(prompt: str, a: str = "fine", b: str = "fine, too"):
    return lambda n: Said(prompts=(prompt,), a=(a,), b=(b,))


def waiting(lab: VotingLab):
    with lab.store.reading() as connection:
        return pending(connection)


def decision(lab: VotingLab, what: str) -> None:
    (item,) = waiting(lab)
    lab.store.transact(lambda c: decide(c, item.id, what, "moderator")).result()


def rows_of(made) -> list[dict]:
    return [json.loads(line) for line in (made.directory / "votes.jsonl").read_bytes().splitlines()]


def published(made) -> bytes:
    return b"".join(path.read_bytes() for path in made.directory.iterdir())


def test_a_finding_withholds_the_conversation_and_the_vote_counts(lab: VotingLab):
    lab.vote(2, said=say(MAIL), opinion=2)
    lab.vote(3, opinion=1)
    made = lab.release()
    assert [row["text_withheld"] for row in rows_of(made)] == ["awaiting review"] * 2 + [None] * 3
    assert rows_of(made)[0]["conversation_a"] is None
    assert rows_of(made)[0]["winner"] in ("model_a", "model_b")
    assert made.manifest["texts_withheld"] == {"awaiting review": 2}
    assert b"jane.doe" not in published(made)
    (item,) = waiting(lab)  # the same text twice is one question
    assert (item.text, item.part, item.decision) == (MAIL, "prompts", None)
    assert item.findings[0].kind == "email"
    assert MAIL[item.findings[0].start : item.findings[0].end] == "jane.doe@example.org"


@pytest.mark.parametrize(
    ("what", "withheld", "said"),
    [
        ("as is", None, MAIL),
        ("masked", None, "Write to ⟨email⟩ please."),
        ("withhold", "personal data", None),
    ],
)
def test_a_decision_holds_for_this_text_from_the_next_release_on(lab: VotingLab, what, withheld, said):
    lab.vote(1, said=say("Hello", a=MAIL))
    lab.release()
    decision(lab, what)
    assert waiting(lab) == []
    lab.vote(1, said=say(MAIL))
    rows = rows_of(lab.release())
    assert [row["text_withheld"] for row in rows] == [withheld, withheld]
    if said:
        assert rows[0]["conversation_a"][1]["content"] == said
        assert rows[0]["conversation_b"][1]["content"] == "fine, too"
        assert rows[1]["conversation_b"][0]["content"] == said
    assert waiting(lab) == []  # not asked again


def test_a_decision_can_be_changed(lab: VotingLab):
    lab.vote(1, said=say(MAIL))
    lab.release()
    decision(lab, "as is")
    with lab.store.reading() as connection:
        (item,) = decided(connection)
    assert item.decision == "as is"
    lab.store.transact(lambda c: decide(c, item.id, "withhold", "owner")).result()
    assert [row["text_withheld"] for row in rows_of(lab.release())] == ["personal data"]


def test_one_text_unreviewed_among_reviewed_ones_still_withholds(lab: VotingLab):
    lab.vote(1, said=say(MAIL))
    lab.release()
    decision(lab, "as is")
    lab.vote(1, said=say(MAIL, a="Call me: 010-1234-5678"))
    assert [row["text_withheld"] for row in rows_of(lab.release())] == [None, "awaiting review"]
    assert [item.text for item in waiting(lab)] == ["Call me: 010-1234-5678"]


def test_the_log_tells_of_decisions_without_the_text(lab: VotingLab):
    lab.vote(1, said=say(MAIL))
    lab.release()
    decision(lab, "masked")
    with lab.store.reading() as connection:
        (entry,) = history.entries(connection, kinds=("screening",))
        stored = b"".join(bytes(row[0]) for row in connection.execute(select(log_bodies.c.body)))
        stored += b"".join(bytes(row[0]) for row in connection.execute(select(notices.c.body)))
        history.check(connection)
    assert entry.body["decision"] == "masked"
    assert entry.body["by"] == "moderator"
    assert entry.body["kinds"] == {"email": 1}
    assert b"jane" not in stored


def test_decisions_that_are_none(lab: VotingLab):
    lab.vote(1, said=say(MAIL))
    lab.release()
    (item,) = waiting(lab)
    for notice, what in (("s-nothing", "as is"), (item.id, "burn")):
        with pytest.raises(BadInput):
            lab.store.transact(lambda c, n=notice, w=what: decide(c, n, w, "moderator")).result()
    assert len(waiting(lab)) == 1


def test_a_text_whose_votes_were_taken_back_is_not_asked_about_and_forgotten(lab: VotingLab):
    cast = lab.vote(2, said=say(MAIL))
    lab.release()
    lab.store.transact(lambda c: ballots.erase(c, cast[0], state="withdrawn", by="rater")).result()
    assert waiting(lab) == []  # until the next release has found where else it stands
    lab.release()
    assert [item.ballot for item in waiting(lab)] == [cast[1].id]
    lab.store.transact(lambda c: ballots.erase(c, cast[1], state="withdrawn", by="rater")).result()
    lab.release()
    with lab.store.reading() as connection:
        assert connection.execute(select(notices)).all() == []
    lab.vote(1, said=say(MAIL))
    assert [row["text_withheld"] for row in rows_of(lab.release())] == ["awaiting review"]


def test_what_was_looked_through_is_not_looked_through_again_unless_the_rules_changed(lab: VotingLab, monkeypatch):
    looked: list[str] = []
    real = screening._kinds

    def counting(texts):
        looked.extend(texts)
        return real(texts)

    monkeypatch.setattr(screening, "_kinds", counting)
    lab.vote(4)
    lab.release()
    assert len(looked) == 12
    lab.vote(1, said=say("new one"))
    lab.release()
    assert looked[12:] == ["new one", "fine", "fine, too"]
    monkeypatch.setattr(screening, "rules", lambda: "other rules")
    monkeypatch.setattr("fairtrial.arena.releases.release.rules", lambda: "other rules")
    lab.release()
    assert len(looked) == 30


def test_many_texts_are_looked_through_in_other_processes_with_the_same_result(lab: VotingLab):
    def said(n: int) -> Said:
        return Said(prompts=(f"Number {n}: mail{n}@example.org" if n % 3 == 0 else f"Text {n}",), a=("x",), b=("y",))

    lab.vote(300, said=said)
    rows = rows_of(lab.release())
    assert [row["text_withheld"] is not None for row in rows] == [n % 3 == 0 for n in range(300)]
    assert len(waiting(lab)) == 100
    lab.release()
    with lab.store.reading() as connection:
        assert len(pending(connection, limit=1000)) == 100
