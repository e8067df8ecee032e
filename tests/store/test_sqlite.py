"""An SQLite file: what it is set to, and what is said when it is missing, damaged, full or held by others."""

import sqlite3
import subprocess
from pathlib import Path

import pytest

from fairtrial.core import BadInput, IntegrityError, Interrupted
from fairtrial.store import Reader, Store, database, sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "lab.db"
    with Store.create(made) as store:
        store.put_trial("t", name="trial", created="2026", body={})
    return made


def test_settings_that_make_it_safe(path: Path):
    engine = database.connect(path, writing=True)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_creation_that_was_cut_off_is_completed(tmp_path: Path):
    path = tmp_path / "lab.db"
    path.touch()
    with pytest.raises(IntegrityError, match="not a lab's database"):
        Store.open(path)
    with Store.create(path) as store:
        assert store.trials() == []


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
    monkeypatch.setattr(sqlite, "_BUSY_MS", 50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = Store.open(path)
    store.put_meta("a", "b")
    with pytest.raises(Interrupted, match="another program holds"):
        store.close()
    other.close()
