"""A ballot counts once, whatever is sent and in whatever order; what it leaves behind is whole."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from fairtrial.arena import ballots, raters
from fairtrial.arena.ballots import Ballot, Said, cast, find, open_ballot
from fairtrial.arena.clock import now
from fairtrial.arena.pairing import draw
from fairtrial.arena.refusals import Refused
from fairtrial.core import Response
from fairtrial.store import Store, history
from fairtrial.store.tables import responses, votes

SAID = Said(prompts=("q",), a=("one",), b=("two",))
ANSWERS = (
    Response(prompt="p", contestant="c1", turns=("one",)),
    Response(prompt="p", contestant="c2", turns=("two",)),
)


def opened(store: Store, order: str | None = None, hours: float = 1.0) -> Ballot:
    pairing = draw(("c1", "c2"), seed=7)
    if order:
        pairing = replace(pairing, order=order)
    rater = store.transact(lambda c: raters.add(c, raters.new_secret(), "cookie", consent="1")).result()
    ballot = Ballot(
        id=ballots.new_id(), rater=rater.id, state="open", opened=now(), expires=now(hours=hours), pairing=pairing
    )
    store.transact(lambda c: open_ballot(c, ballot)).result()
    return ballot


def send(store: Store, ballot: Ballot, opinion, rater: str | None = None):
    return store.transact(
        lambda c: cast(
            c, ballot.id, rater or ballot.rater, opinion, said=SAID, answers=ANSWERS, outcome={"early": False}
        )
    )


def counts(store: Store) -> tuple[int, int, int]:
    with store.reading() as connection:
        return (
            connection.execute(select(func.count()).select_from(votes)).scalar_one(),
            connection.execute(select(func.count()).select_from(responses)).scalar_one(),
            history.count(connection, "vote"),
        )


@pytest.mark.parametrize(("order", "stored"), [("ab", 2), ("ba", -2)])
def test_a_grade_is_stored_for_the_battle_not_for_the_side(store: Store, order, stored):
    ballot = opened(store, order)
    receipt = send(store, ballot, 2).result()
    assert receipt.new
    assert receipt.ballot.outcome.grade == stored
    with store.reading() as connection:
        entry = next(e for e in history.entries(connection, kinds=("vote",)))
        assert find(connection, ballot.id) == receipt.ballot
    assert (entry.body["grade"], entry.body["order"]) == (stored, order)
    assert entry.seq == receipt.entry


def test_a_pair_stands_in_the_log_before_its_vote(store: Store):
    ballot = opened(store)
    with store.reading() as connection:
        pairing = next(history.entries(connection, kinds=("pairing",)))
    assert pairing.body["ballot"] == ballot.id
    assert pairing.body["p_pair"] == 1.0
    send(store, ballot, 1).result()
    with store.reading() as connection:
        assert [e.kind for e in history.entries(connection)] == ["pairing", "vote"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-2, -1, 0, 1, 2, "both_bad", "skip"]), min_size=1, max_size=6))
def test_whatever_is_sent_the_first_one_stands(tmp_path_factory, opinions):
    with Store.create(tmp_path_factory.mktemp("lab") / "lab.db") as store:
        ballot = opened(store, "ab")
        first = send(store, ballot, opinions[0]).result()
        for opinion in opinions[1:]:
            if opinions[0] == "skip" and opinion != "skip":
                with pytest.raises(Refused, match="names were shown"):
                    send(store, ballot, opinion).result()
            else:
                again = send(store, ballot, opinion).result()
                assert (again.new, again.ballot) == (False, first.ballot)
        assert counts(store) == (1, 2, 1)


def test_sent_at_once_from_many_threads_it_counts_once(store: Store):
    ballot = opened(store)
    got = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(send(store, ballot, (-2, 2)[n % 2]).result())) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(receipt.new for receipt in got) == 1
    assert len({receipt.entry for receipt in got}) == 1
    assert counts(store) == (1, 2, 1)


def test_somebody_elses_ballot_and_one_that_never_was_are_told_alike(store: Store):
    ballot = opened(store)
    other = opened(store).rater
    with pytest.raises(Refused) as foreign:
        send(store, ballot, 1, rater=other).result()
    with pytest.raises(Refused) as unknown:
        send(store, replace(ballot, id="nothing"), 1).result()
    assert str(foreign.value) == str(unknown.value)
    assert counts(store) == (0, 0, 0)


def test_an_expired_ballot(store: Store):
    ballot = opened(store, hours=-1)
    with pytest.raises(Refused, match="expired"):
        send(store, ballot, 1).result()
    assert counts(store) == (0, 0, 0)


@pytest.mark.parametrize("state", ["void", "withdrawn"])
def test_a_ballot_that_was_ended(store: Store, state):
    ballot = opened(store)
    store.transact(lambda c: ballots.save(c, replace(ballot, state=state))).result()
    with pytest.raises(Refused):
        send(store, ballot, 1).result()
    assert counts(store) == (0, 0, 0)
