"""A lab's directory: made once, whole, and written by one run at a time."""

import os
import re
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store import LabDirectory, Store


@pytest.fixture
def lab(tmp_path: Path) -> LabDirectory:
    made = LabDirectory(tmp_path / "lab")
    made.create()
    return made


def test_a_new_lab_is_whole(lab: LabDirectory):
    lab.check()
    assert {entry.name for entry in lab.path.iterdir()} == {
        *("lab.toml", "lab.db", "blobs", "keys", "reports", ".gitignore"),
    }
    assert tomllib.loads(lab.settings.read_text()) == {"format": 1}
    assert stat.S_IMODE(lab.keys.stat().st_mode) == 0o700
    assert "keys/" in (lab.path / ".gitignore").read_text().splitlines()
    assert lab.blobs.get(lab.blobs.put(b"x")) == b"x"


def test_creating_again_leaves_everything_alone(lab: LabDirectory):
    lab.settings.write_text('format = 1\nname = "Ours"\n')
    (lab.path / ".gitignore").write_text("keys/\nnotes/\n")
    with Store.open(lab.database) as store:
        store.put_meta("a", "b")
    lab.create()
    assert tomllib.loads(lab.settings.read_text())["name"] == "Ours"
    assert "notes/" in (lab.path / ".gitignore").read_text()
    with Store.open(lab.database) as store:
        assert store.meta("a") == "b"


def test_a_strangers_directory_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(BadInput, match="not empty and is no lab"):
        LabDirectory(tmp_path).create()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_directory_will_do(tmp_path: Path):
    LabDirectory(tmp_path).create()
    LabDirectory(tmp_path).check()


def test_a_creation_that_was_cut_off_is_completed(lab: LabDirectory):
    lab.settings.unlink()  # it is written last
    with pytest.raises(BadInput, match="no lab here"):
        lab.check()
    lab.create()
    lab.check()


def test_a_file_in_the_way(tmp_path: Path):
    (tmp_path / "lab").write_text("")
    with pytest.raises(BadInput, match="file exists"):
        LabDirectory(tmp_path / "lab").create()


def test_nothing_here(tmp_path: Path):
    with pytest.raises(BadInput, match="fairtrial init"):
        LabDirectory(tmp_path).check()


def test_missing_parts_are_named(lab: LabDirectory):
    lab.database.path.unlink()
    lab.reports.rmdir()
    with pytest.raises(IntegrityError, match=re.escape("lab.db, reports")):
        lab.check()


HOLDS = """
import sys
from pathlib import Path
from fairtrial.store import LabDirectory
with LabDirectory(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_runs_at_once(lab: LabDirectory):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, lab.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(BadInput, match=rf"process {other.pid}, started 20\d\d-\d\d-\d\dT[\d:]+") as caught,
            lab.lock(),
        ):
            pass
        assert caught.value.exit_code == 2
        other.send_signal(signal.SIGKILL)  # a dead run holds nothing
        other.wait()
        with lab.lock():
            pass


def test_the_lock_is_given_back(lab: LabDirectory):
    for _ in range(3):
        with lab.lock():
            with pytest.raises(BadInput, match=f"process {os.getpid()}"), lab.lock():
                pass
            assert lab.exists()
    with pytest.raises(RuntimeError, match="boom"), lab.lock():
        raise RuntimeError("boom")
    with lab.lock():
        pass


def test_children_do_not_inherit_the_lock(lab: LabDirectory):
    with lab.lock():
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with lab.lock():
            pass
    finally:
        child.communicate()
