"""What is PostgreSQL's own: addresses, one writer, sessions that end in the middle, refusals in plain words."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import literal, select
from sqlalchemy.exc import SQLAlchemyError

from fairtrial.core import BadInput, FairtrialError, Interrupted
from fairtrial.store import Reader, Store, history
from fairtrial.store._errors import translated
from fairtrial.store.postgresql import PostgreSQL


@pytest.fixture
def fresh(postgres):
    made = postgres.fresh()
    yield made
    postgres.drop(made)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@host/db", "holds a password"),
        ("postgresql://me@host/db?password=secret", "holds a password"),
        ("mysql://me@host/db", "no address of a PostgreSQL database"),
        ("postgresql://me@host/", "no address of a PostgreSQL database"),
        ("postgresql://me@host:port/db", "cannot be read"),
        ("postgresql://me@host/db?sslmod=require", "unknown setting 'sslmod'"),
        ("postgresql://me@host/db?sslmode=maybe", "sslmode 'maybe' is not known"),
    ],
)
def test_addresses_that_are_none(url, said):
    with pytest.raises(BadInput, match=said) as refused:
        PostgreSQL.parse(url)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_not_there(postgres):
    for _ in range(10):  # a server that refuses may close before its reason is read
        with pytest.raises(BadInput, match="no such database"):
            Store.open(replace(postgres.admin, database="never_made"))


def test_what_the_server_said_is_told_though_the_driver_failed_to_say_goodbye():
    from pg8000.exceptions import DatabaseError, InterfaceError

    lost = InterfaceError("network error")
    lost.__cause__ = BrokenPipeError(32, "Broken pipe")
    lost.__cause__.__context__ = DatabaseError({"C": "3D000", "M": "database does not exist"})
    with pytest.raises(BadInput, match="no such database"), translated("here"):
        raise lost


def test_a_server_that_does_not_answer():
    with pytest.raises(FairtrialError) as refused:
        Reader.open(PostgreSQL.parse("postgresql://me@127.0.0.1:9/db"))
    assert refused.value.message


def test_a_second_writer_is_told_who_is_the_first(fresh):
    with Store.open(fresh), pytest.raises(FairtrialError, match="writ"):
        Store.open(fresh)
    with Store.open(fresh) as again:  # free once the first is gone
        assert again.transact(lambda c: history.append(c, "vote", {})).result() == 1


def test_a_database_that_may_only_be_read_is_not_opened_for_writing(postgres, fresh):
    Store.create(fresh).close()
    postgres.sql(f"ALTER DATABASE {fresh.database} SET default_transaction_read_only = on")
    with pytest.raises(BadInput, match="may only be read"):
        Store.open(fresh)
    with Reader.open(fresh) as reader, reader.reading() as connection:
        assert history.head(connection).size == 0


def test_a_session_that_is_ended_is_taken_up_again(postgres, fresh):
    with Store.open(fresh) as store:
        store.transact(lambda c: history.append(c, "vote", {"n": 0})).result()
        _end_sessions(postgres, fresh)
        with suppress(Interrupted, FairtrialError):  # this one may be told that it was not done …
            store.transact(lambda c: history.append(c, "vote", {"n": 1})).result()
        store.transact(lambda c: history.append(c, "vote", {"n": 2})).result()  # … the next one is
        with store.reading() as connection:
            history.check(connection)


@pytest.fixture
def session(postgres):
    engine = postgres.admin.engine(writing=False)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _prepared(session) -> int:
    return session.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()


def test_statements_are_prepared_once_and_not_without_end(session):
    for _ in range(3):
        assert session.execute(select(literal(7))).scalar_one() == 7
    assert _prepared(session) == 1
    for n in [*range(300), *range(300)]:
        assert session.exec_driver_sql(f"SELECT %s::int + {n}", (1,)).scalar_one() == n + 1
    assert _prepared(session) == 200


@pytest.mark.parametrize("bad", ["SELECT %s FROM nowhere", "SELECT 1 / (%s::int - 1)"])
def test_a_statement_that_fails_spoils_no_later_one(session, bad):
    for _ in range(2):
        with pytest.raises(SQLAlchemyError, match=r"nowhere|zero"), session.begin():
            session.exec_driver_sql(bad, (1,))
    assert session.exec_driver_sql("SELECT 10 / %s::int", (5,)).scalar_one() == 2


def test_sessions_ended_at_any_moment_lose_nothing_and_do_nothing_twice(postgres, fresh):
    told, ended, stop = [], [], threading.Event()

    def end_sessions() -> None:
        draws = random.Random(5)
        while not stop.is_set():
            time.sleep(draws.uniform(0.01, 0.06))
            ended.append(len(_end_sessions(postgres, fresh)))

    with Store.open(fresh) as store:
        killer = threading.Thread(target=end_sessions)
        killer.start()
        try:
            for n in range(400):
                with suppress(FairtrialError):
                    told.append((n, store.transact(lambda c, n=n: history.append(c, "vote", {"n": n})).result(30)))
        finally:
            stop.set()
            killer.join()
        with suppress(FairtrialError), store.reading() as connection:  # it may be one of those that were ended
            connection.execute(select(1))
        with store.reading() as connection:
            history.check(connection)
            kept = [(entry.body["n"], entry.seq) for entry in history.entries(connection)]
    assert len(told) > 20
    assert sum(ended) >= 5
    assert set(told) <= set(kept)  # what was acknowledged is there, where it was said to be
    assert len({n for n, _ in kept}) == len(kept)  # and nothing is there twice
    assert {n for n, _ in kept} == {n for n, _ in told}  # what was refused was not done


def _end_sessions(postgres, place) -> list:
    return postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.database}'")
