"""A copy of a lab that is in use is a lab, and a wrong destination is left alone."""

import threading
from pathlib import Path

import pytest

from fairtrial.core import BadInput, IntegrityError
from fairtrial.lab import Lab
from fairtrial.lab.backup import back_up
from fairtrial.store import Store, history


def test_a_copy_taken_while_entries_are_written(tmp_path: Path):
    lab = Lab.create(tmp_path / "lab")
    stop = threading.Event()
    with Store.open(lab.directory.database) as store:

        def write() -> None:
            n = 0
            while not stop.is_set():
                store.transact(lambda c, n=n: history.append(c, "vote", {"n": n})).result()
                n += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            store.transact(lambda c: history.append(c, "vote", {"n": -1})).result()
            copied = back_up(lab, tmp_path / "copy")
        finally:
            stop.set()
            writer.join()
        with store.reading() as connection:
            links = {entry.link.hex() for entry in history.entries(connection)}
    assert copied.entries >= 1
    assert copied.link in links
    again = Lab.open(copied.path)
    assert again.public_key == lab.public_key
    assert (copied.path / "keys" / "lab.pem").stat().st_mode & 0o77 == 0
    with Store.open(again.directory.database) as store, store.reading() as connection:
        assert history.head(connection).link.hex() == copied.link


def test_a_destination_that_is_taken(tmp_path: Path):
    lab = Lab.create(tmp_path / "lab")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="there already"):
        back_up(lab, tmp_path / "other")
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_a_changed_history_is_not_called_a_copy(tmp_path: Path):
    lab = Lab.create(tmp_path / "lab")
    with Store.open(lab.directory.database) as store:
        store.transact(lambda c: history.append(c, "vote", {"n": 1})).result()
        store.transact(lambda c: c.exec_driver_sql("UPDATE log SET leaf = zeroblob(32)")).result()
    with pytest.raises(IntegrityError, match="entry 1 of the log"):
        back_up(lab, tmp_path / "copy")
