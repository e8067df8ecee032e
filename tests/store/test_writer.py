"""The writer under threads, kill -9 and a full disk: nothing acknowledged is ever lost, nothing is half-written."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairtrial.core import Interrupted
from fairtrial.store import Store
from fairtrial.store.arena_tables import ARENA_TABLES
from fairtrial.store.tables import WRITE_ORDER, jobs

WRITES_FOR_EVER = """
import sys
from pathlib import Path
from fairtrial.core import Completion, ModelIdentity, Request, Response, Score
from fairtrial.store import Job, Store

path, start = Path(sys.argv[1]), int(sys.argv[2])
model = ModelIdentity(provider="sim", model="anchor", simulated=True)
store = Store.open(path)
for n in range(start, 10_000_000):
    store.put_jobs("t", [Job(position=n, kind="answer", key=f"k{n}", prompt=f"p{n}", contestant="c")])
    store.record(f"call{n}", Request(model=model, kind="chat", seed=n), Completion(text=f"answer {n}"))
    store.put_response(f"k{n}", Response(prompt=f"p{n}", contestant="c", turns=(f"answer {n}" * 20,)))
    store.put_score(
        f"k{n}",
        Score(response="r", prompt=f"p{n}", contestant="c", repeat=0, scorer="exact", value=1.0, reason="right"),
    )
    store.mark("t", n, "done")
    if n % 7 == 0:
        store.flush()
        print(n, flush=True)
"""


def test_kill_9_at_random_moments_loses_nothing_that_was_acknowledged(tmp_path: Path):
    path = tmp_path / "lab.db"
    with Store.create(path) as store:
        store.put_trial("t", name="t", created="2026", body={})
    moments = random.Random(7)
    start = 0
    for _ in range(15):
        acknowledged = _write_and_kill(path, start, moments.uniform(0, 0.25))
        with Store.open(path) as store:
            store.check()
            states = [(job.position, job.state) for job in store.jobs("t")]
            found = dict(store.responses("t"))
            scored = [position for position, _ in store.scores("t")]
            assert len(states) >= acknowledged + 1
            # Whole and in order: no result is there without what it refers to, and no job is done without its result.
            assert [position for position, _ in states] == list(range(len(states)))
            done = {position for position, state in states if state == "done"}
            assert set(range(acknowledged + 1)) <= done <= set(scored) <= set(found)
            assert all(found[n].text.startswith(f"answer {n}") for n in done)
            assert all(
                store.recall(f"call{n}").text == f"answer {n}" for n in random.Random(1).sample(sorted(done), 20)
            )
            start = len(states)
            for position, state in states:
                if state != "done":
                    store.mark("t", position, "done")
                    store.put_response(f"k{position}", found.get(position) or _lost(position))
                    store.put_score(f"k{position}", _score(position))


def _write_and_kill(path: Path, start: int, seconds: float) -> int:
    """Let a process write from `start` on, kill it, and return the last number it said was on disk."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_FOR_EVER, str(path), str(start)], stdout=subprocess.PIPE, text=True
    ) as child:
        last = int(child.stdout.readline())
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        return int((child.stdout.read().rsplit("\n", 1)[0] or str(last)).split()[-1])


def _lost(n: int):
    from fairtrial.core import Response

    return Response(prompt=f"p{n}", contestant="c", turns=(f"answer {n}",))


def _score(n: int):
    from fairtrial.core import Score

    return Score(response="r", prompt=f"p{n}", contestant="c", repeat=0, scorer="exact", value=1.0, reason="right")


def test_rows_from_many_threads_beside_a_busy_one(store: Store, nouns):
    store.put_jobs("t", [nouns.job(n) for n in range(800)])
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    def write(part: int) -> None:
        for n in range(part, 800, 8):
            store.record(nouns.key(n), nouns.request(n), nouns.completion(n))
            store.put_response(nouns.job(n).key, nouns.response(n))
            store.mark("t", n, "done")

    busy = threading.Thread(target=spin)
    writers = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in (busy, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    store.flush()
    stop.set()
    busy.join()
    assert store.progress("t")["answer"] == {"pending": 0, "done": 800, "failed": 0}
    assert [response for _, response in store.responses("t")] == [nouns.response(n) for n in range(800)]


def test_rows_become_durable_by_themselves(store: Store, nouns):
    from fairtrial.store import Reader

    store.put_response("k", nouns.response(1))
    with Reader.open(store.place) as other:
        patience = time.monotonic() + 20
        while other.response("k") is None:
            assert time.monotonic() < patience
            time.sleep(0.02)


def test_the_queue_is_bounded(store: Store, nouns, monkeypatch: pytest.MonkeyPatch):
    # With the disk standing still, putting has to stop too.
    store.flush()
    let_go = threading.Event()
    standing_still = threading.Event()
    finished = store._writer._on_durable

    def stand_still(rows) -> None:
        standing_still.set()
        let_go.wait()
        finished(rows)

    monkeypatch.setattr(store._writer, "_on_durable", stand_still)
    store.put_meta("first", "row")
    assert standing_still.wait(20)
    put = []

    def keep_putting() -> None:
        for n in range(20_000):
            store.put_meta(f"n{n}", "")
            put.append(n)

    thread = threading.Thread(target=keep_putting)
    thread.start()
    while (before := len(put)) < 10 or time.sleep(0.3) or len(put) != before:
        pass
    assert len(put) <= 4096
    let_go.set()
    thread.join()
    store.flush()
    assert store.meta("n19999") == ""


def test_flushing_nothing_returns(store: Store):
    store.flush()
    store.flush()


def test_parents_are_written_before_children():
    order = [table.name for table in WRITE_ORDER]
    for table in WRITE_ORDER:
        for key in table.foreign_keys:
            assert order.index(key.column.table.name) < order.index(table.name)
    everything = {table.name for table in (*WRITE_ORDER, *ARENA_TABLES)}
    assert everything == set(jobs.metadata.tables)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_said_plainly_and_keeps_what_was_flushed(small_disk: Path, nouns):
    path = small_disk / "lab.db"
    store = Store.create(path)
    kept = _fill(store, nouns)
    assert kept
    with pytest.raises(Interrupted, match="disk"):
        store.put_meta("one", "more")
    with pytest.raises(Interrupted, match="Free some space"):
        store.close()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    with Store.open(path) as store:
        store.check()
        assert all(store.response(f"k{n}") == nouns.response(n, "x" * 3000) for n in range(kept))
        assert store.response(f"k{kept + 30}") is None
        store.put_meta("one", "more")


def _fill(store: Store, nouns) -> int:
    """Write until the disk refuses; how many responses were flushed before."""
    kept = 0
    try:
        for n in range(5000):
            store.put_response(f"k{n}", nouns.response(n, "x" * 3000))
            if n % 20 == 0:
                store.flush()
                kept = n + 1
    except Interrupted:
        return kept
    raise AssertionError("the disk never refused")


HITS_A_FILE_LIMIT = """
import resource, sys
from pathlib import Path
from fairtrial.core import Interrupted, Response
from fairtrial.store import Store

store = Store.create(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
kept = 0
try:
    for n in range(5000):
        store.put_response(f"k{n}", Response(prompt="p", contestant="c", turns=("x" * 3000,)))
        store.flush()
        kept = n + 1
except Interrupted as error:
    print(kept, error.exit_code, error)
"""


def test_a_file_that_may_not_grow(tmp_path: Path):
    path = tmp_path / "lab.db"
    child = subprocess.run(
        [sys.executable, "-c", HITS_A_FILE_LIMIT, str(path)], capture_output=True, text=True, check=True
    )
    kept, code, said = child.stdout.split(maxsplit=2)
    assert code == "5"
    assert "Free some space" in said
    assert "Traceback" not in child.stderr
    with Store.open(path) as store:
        store.check()
        assert all(store.response(f"k{n}") is not None for n in range(int(kept)))
