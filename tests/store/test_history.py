"""The log: chained, salted, erasable, and never without what it tells of."""

import hashlib
import json
import threading

import pytest
import rfc8785
from sqlalchemy import delete, insert, select, update

from fairtrial.core import BadInput, FairtrialError, IntegrityError
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import log, log_bodies
from fairtrial.store.tables import meta


def add(store: Store, *bodies: dict) -> list[int]:
    return [store.transact(lambda c, body=body: history.append(c, "vote", body)).result() for body in bodies]


def test_links_by_a_second_computation(store: Store):
    bodies = [{"grade": 1, "rater": "가"}, {"grade": -2}, {"nested": {"b": 1, "a": [1.5, None]}}]
    assert add(store, *bodies) == [1, 2, 3]
    before = bytes(32)
    with store.reading() as connection:
        rows = list(history.entries(connection))
        head, withheld = history.check(connection)
    for row, body in zip(rows, bodies, strict=True):
        leaf = hashlib.sha256(b"\x00" + rfc8785.dumps({"salt": row.salt.hex(), "kind": "vote", "body": body})).digest()
        before = hashlib.sha256(b"\x02" + before + leaf).digest()
        assert (row.leaf, row.link, row.body) == (leaf, before, body)
    assert (head.size, head.link, withheld) == (3, before, 0)
    assert len({row.salt for row in rows}) == 3


def test_an_erased_body_is_withheld_and_the_rest_still_verifies(store: Store):
    add(store, *({"n": n} for n in range(5)))
    with store.reading() as connection:
        before = history.head(connection)
    assert store.transact(lambda c: history.erase(c, [2, 4])).result() == 2
    with store.reading() as connection:
        assert history.check(connection) == (before, 2)
        assert [entry.body for entry in history.entries(connection)] == [{"n": 0}, None, {"n": 2}, None, {"n": 4}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (update(log_bodies).where(log_bodies.c.seq == 2).values(body=b'{"n":9}'), "entry 2 .* not what was recorded"),
        (update(log).where(log.c.seq == 2).values(kind="other"), "entry 2 .* not what was recorded"),
        (update(log).where(log.c.seq == 3).values(link=bytes(32)), "entry 3 .* does not follow"),
        (update(log).where(log.c.seq == 2).values(leaf=bytes(32)), "entry 2 .* does not follow"),
    ],
)
def test_a_change_is_found(store: Store, change, said):
    add(store, {"n": 1}, {"n": 2}, {"n": 3})
    store.transact(lambda c: c.execute(change)).result()
    with store.reading() as connection, pytest.raises(IntegrityError, match=said):
        history.check(connection)


def test_a_missing_entry_is_found(store: Store):
    add(store, {"n": 1}, {"n": 2}, {"n": 3})
    for table in (log_bodies, log):
        store.transact(lambda c, table=table: c.execute(delete(table).where(table.c.seq == 2))).result()
    with store.reading() as connection, pytest.raises(IntegrityError, match="entry 2 of the log is missing"):
        history.check(connection)


def test_an_entry_does_not_exist_without_what_it_tells_of(store: Store):
    def fails(connection):
        connection.execute(insert(meta).values(name="half", value="done"))
        history.append(connection, "vote", {"n": 1})
        raise BadInput("no.")

    with pytest.raises(BadInput, match="no"):
        store.transact(fails).result()
    assert add(store, {"n": 2}) == [1]
    with store.reading() as connection:
        assert connection.execute(select(meta.c.value).where(meta.c.name == "half")).first() is None
        assert json.loads(connection.execute(select(log_bodies.c.body)).scalar_one()) == {"n": 2}


def test_many_threads_make_one_chain(store: Store):
    def worker(n: int) -> None:
        for k in range(25):
            add(store, {"worker": n, "k": k})

    threads = [threading.Thread(target=worker, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        head, _ = history.check(connection)
        told = [(entry.body["worker"], entry.body["k"]) for entry in history.entries(connection)]
    assert head.size == 200
    assert all([k for n, k in told if n == worker] == list(range(25)) for worker in range(8))


def test_an_error_of_the_database_rejects_the_work_and_the_next_one_is_done(store: Store):
    add(store, {"n": 1})
    with pytest.raises(FairtrialError):
        store.transact(lambda c: c.exec_driver_sql("INSERT INTO nowhere VALUES (1)")).result()
    assert add(store, {"n": 2}) == [2]


def test_after_closing_nothing_is_accepted(place):
    store = Store.create(place)
    store.close()
    with pytest.raises(FairtrialError, match="closed"):
        store.transact(lambda c: None)
