"""Opening what is, and what is not, a lab's database."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fairtrial.core import BadInput, FairtrialError, IntegrityError
from fairtrial.store import Reader, Store, database, history
from fairtrial.store.tables import SCHEMA, metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "lab.db"
    with Store.create(made) as store:
        store.put_trial("t", name="trial", created="2026", body={})
    return made


def test_the_migrations_make_the_tables_we_use(path: Path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = database.connect(path, writing=False)
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


def test_settings_that_make_it_safe(path: Path):
    engine = database.connect(path, writing=True)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_opening_an_up_to_date_database_loads_no_alembic(path: Path):
    script = (
        "import sys, pathlib; from fairtrial.store import Store\n"
        "Store.open(pathlib.Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


def test_creating_twice_keeps_what_is_there(path: Path):
    with Store.create(path) as store:
        assert store.trial("t") is not None


def test_a_creation_that_was_cut_off_is_completed(tmp_path: Path):
    path = tmp_path / "lab.db"
    path.touch()
    with pytest.raises(IntegrityError, match="not a lab's database"):
        Store.open(path)
    with Store.create(path) as store:
        assert store.trials() == []


def test_from_a_newer_version(path: Path):
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0042'")
    raw.close()
    for opening in (Store.open, Store.create, Reader.open):
        with pytest.raises(IntegrityError, match=rf"version 0042.*up to {SCHEMA}.*upgrade fairtrial") as caught:
            opening(path)
        assert caught.value.exit_code == 6


def test_from_an_older_version_for_reading_only(path: Path):
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0000'")
    raw.close()
    with pytest.raises(BadInput, match="older version 0000"):
        Reader.open(path)


@pytest.mark.parametrize("opening", [Store.open, Reader.open])
def test_no_database(tmp_path: Path, opening):
    with pytest.raises(BadInput, match="fairtrial init"):
        opening(tmp_path / "lab.db")
    assert not (tmp_path / "lab.db").exists()


@pytest.mark.parametrize("opening", [Store.open, Store.create, Reader.open])
def test_not_a_database(tmp_path: Path, opening):
    path = tmp_path / "lab.db"
    path.write_bytes(b"hello, I am a letter and no database at all. " * 100)
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match="damaged or is no database"):
        opening(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opening", [Store.open, Store.create, Reader.open])
def test_somebody_elses_database(tmp_path: Path, opening):
    path = tmp_path / "lab.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE cats (name)")
    raw.close()
    with pytest.raises(IntegrityError, match="not a lab's database"):
        opening(path)


def test_a_directory_that_is_not_there(tmp_path: Path):
    with pytest.raises(BadInput, match="no such file or directory"):
        Store.create(tmp_path / "nowhere" / "lab.db")


def test_damage_is_found(path: Path, nouns):
    with Store.open(path) as store:
        store.put_jobs("t", [nouns.job(n) for n in range(2000)])
    content = bytearray(path.read_bytes())
    for page in range(8 * 4096, len(content), 4096):
        content[page : page + 200] = b"\xa5" * 200
    path.write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="damaged"), Store.open(path) as store:
        store.check()
    with pytest.raises(IntegrityError, match="damaged"), Store.open(path) as store:
        list(store.jobs("t"))


def test_cut_short(path: Path):
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(IntegrityError, match="damaged"), Store.open(path) as store:
        store.check()


def test_a_missing_parent_row_is_found(path: Path):
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO scores VALUES ('nobody', 'exact', 1.0, 'right', x'')")
    raw.close()
    with Store.open(path) as store, pytest.raises(IntegrityError, match=r"1 rows refer.*scores"):
        store.check()


def test_a_reader_changes_nothing(path: Path):
    from sqlalchemy.exc import OperationalError

    engine = database.connect(path, writing=False)
    with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM trials")
    engine.dispose()


def test_reading_while_another_process_writes(path: Path, nouns):
    with Store.open(path) as store, Reader.open(path) as reader:
        store.put_jobs("t", [nouns.job(0)])
        store.flush()
        assert reader.progress("t")["answer"]["pending"] == 1


def test_a_medium_that_may_not_be_written(tmp_path: Path):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk here")
    try:
        with Store.create(place / "lab.db") as store:
            store.put_trial("t", name="trial", created="2026", body={})
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with Reader.open(place / "lab.db") as reader:
            assert reader.trial("t") is not None
        with pytest.raises(BadInput, match="written"):
            Store.open(place / "lab.db")
        with pytest.raises(BadInput, match="written"):
            Store.create(place / "other.db")
    finally:
        subprocess.run(["umount", place], check=True)


def test_another_program_holds_it(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = Store.open(path)
    store.put_meta("a", "b")
    with pytest.raises(FairtrialError, match="another program holds"):
        store.close()
    other.close()


def test_the_first_release_is_moved_forward_with_what_it_holds(tmp_path: Path):
    from alembic import command
    from alembic.config import Config

    path = tmp_path / "lab.db"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    path.touch()
    engine = database.connect(path, writing=True)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO meta VALUES ('name', 'kept')")
    engine.dispose()
    with Store.open(path) as store:
        assert store.meta("name") == "kept"
        assert store.transact(lambda c: history.append(c, "vote", {})).result() == 1
