"""Opening what is, and what is not, a lab's database, of either kind."""

import pickle
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from fairtrial.core import BadInput, FairtrialError, IntegrityError
from fairtrial.store import Reader, Store, database, history
from fairtrial.store.arena_tables import log
from fairtrial.store.tables import SCHEMA, jobs, metadata, responses, scores, trials


@pytest.fixture
def lab(place):
    """A database with a trial in it."""
    with Store.create(place) as store:
        store.put_trial("t", name="trial", created="2026", body={})
    return place


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path):
    """A database without tables."""
    if request.param == "sqlite":
        (tmp_path / "lab.db").touch()
        yield tmp_path / "lab.db"
        return
    server = request.getfixturevalue("postgres")
    made = server.empty()
    yield made
    server.drop(made)


@contextmanager
def changing(place):
    """A connection that may do anything."""
    engine = database.connect(place, writing=True)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_the_migrations_make_the_tables_we_use(lab):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = database.connect(lab, writing=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
    engine.dispose()


def test_the_known_version_is_the_newest_migration():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_opening_an_up_to_date_database_loads_no_alembic(lab):
    script = (
        "import sys, pickle; from fairtrial.store import Store\n"
        "Store.open(pickle.load(sys.stdin.buffer)).close(); print('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(lab), capture_output=True, check=True)
    assert said.stdout.strip() == b"False"


def test_creating_twice_keeps_what_is_there(lab):
    with Store.create(lab) as store:
        assert store.trial("t") is not None


def test_from_a_newer_version(lab):
    with changing(lab) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0042'")
    for opening in (Store.open, Store.create, Reader.open):
        with pytest.raises(IntegrityError, match=rf"version 0042.*up to {SCHEMA}.*upgrade fairtrial") as caught:
            opening(lab)
        assert caught.value.exit_code == 6


def test_from_an_older_version_for_reading_only(lab):
    with changing(lab) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(BadInput, match="older version 0000"):
        Reader.open(lab)


@pytest.mark.parametrize("opening", [Store.open, Store.create, Reader.open])
def test_somebody_elses_database(empty, opening):
    with changing(empty) as connection:
        connection.exec_driver_sql("CREATE TABLE cats (name text)")
    with pytest.raises(IntegrityError, match="not a lab's database"):
        opening(empty)


def test_a_reader_changes_nothing(lab):
    with (
        Reader.open(lab) as reader,
        pytest.raises(FairtrialError, match=r"may only be read|readonly"),
        reader.reading() as connection,
    ):
        connection.execute(delete(trials))


def test_a_read_sees_one_state_while_another_process_writes(lab, nouns):
    with Store.open(lab) as store, Reader.open(lab) as reader:
        store.put_jobs("t", [nouns.job(0)])
        store.flush()
        assert reader.progress("t")["answer"]["pending"] == 1
        with reader.reading() as connection:
            assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 1
            store.put_jobs("t", [nouns.job(1)])
            store.flush()
            assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 1
        assert reader.progress("t")["answer"]["pending"] == 2


def test_the_first_release_is_moved_forward_with_what_it_holds(empty):
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with changing(empty) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO meta VALUES ('name', 'kept')")
    with Store.open(empty) as store:
        assert store.meta("name") == "kept"
        assert store.transact(lambda c: history.append(c, "vote", {})).result() == 1


def test_a_log_that_was_tampered_with_is_found(lab):
    with Store.open(lab) as store:
        for n in range(3):
            store.transact(lambda c, n=n: history.append(c, "vote", {"n": n})).result()
        store.check()
        store.transact(lambda c: c.execute(update(log).where(log.c.seq == 2).values(kind="other"))).result()
        with pytest.raises(IntegrityError, match="entry 2"):
            store.check()


def test_its_kind_and_version(lab):
    with Reader.open(lab) as reader:
        assert re.fullmatch(r"(SQLite 3|PostgreSQL \d\d)\.[\d.]+", reader.version())


ODD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["NULL", "null", "", '"', "\\", "{}", "{a,b}", "a,b", "\\x00", "'", "%s", "?", ":x", "\n", " "]
)


@given(rows=st.dictionaries(ODD, st.tuples(ODD, st.floats(allow_nan=False), ODD, st.binary(max_size=20)), max_size=9))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_any_value_comes_back(lab, rows):
    place = database.place(lab)
    kept = [(key, *rest) for key, rest in rows.items()]
    with changing(lab) as connection:
        connection.execute(delete(scores))
        place.insert(connection, responses, [(key, "", "", "", 0, b"") for key in rows])
        place.insert(connection, scores, kept + kept)  # the second time over, keys are taken
        found = connection.execute(select(scores).order_by(scores.c.response_key)).all()
    # By code point, whatever the server's own order of text is.
    assert [(r.response_key, r.scorer, r.value, r.reason, bytes(r.body)) for r in found] == sorted(kept)
