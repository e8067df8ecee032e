"""What was acknowledged stays: after SIGKILL, and in a database whose write-ahead log was cut at any byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from fairtrial.arena import ballots, raters
from fairtrial.arena.ballots import Ballot, Said, cast, open_ballot
from fairtrial.arena.clock import now
from fairtrial.arena.pairing import draw
from fairtrial.core import Interrupted, Response
from fairtrial.store import Store, history
from fairtrial.store.tables import votes

VOTES = 12


def vote(store: Store, rater: str, n: int) -> str:
    ballot = Ballot(
        id=ballots.new_id(),
        rater=rater,
        state="open",
        opened=now(),
        expires=now(hours=1),
        pairing=draw(("c1", "c2", "c3"), seed=n),
    )
    store.transact(lambda c: open_ballot(c, ballot)).result()
    said = Said(prompts=(f"question {n}",), a=("x" * 700,), b=("y" * 900,))
    answers = tuple(
        Response(prompt=f"p{n}", contestant=c, turns=turns) for c, turns in (("c1", said.a), ("c2", said.b))
    )
    store.transact(
        lambda c: cast(c, ballot.id, rater, 1, said=said, answers=answers, outcome={"early": False})
    ).result()
    return ballot.id


def test_a_write_ahead_log_cut_at_any_byte_leaves_whole_votes_in_order(tmp_path: Path):
    place = tmp_path / "lab.db"
    with Store.create(place) as store:
        rater = store.transact(lambda c: raters.add(c, raters.new_secret(), "cookie", consent="1")).result().id
        acknowledged = [vote(store, rater, n) for n in range(VOTES)]
        copy = tmp_path / "copy"
        copy.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{place}{suffix}", copy / f"lab.db{suffix}")
    whole = (copy / "lab.db-wal").read_bytes()
    assert len(whole) > 50_000
    frame = 24 + 4096
    draws = random.Random(7)
    cuts = {32 + k * frame + offset for k in range(len(whole) // frame + 1) for offset in (-1, 0, 1, 24, 25)}
    cuts |= {draws.randrange(len(whole)) for _ in range(60)}
    kept_counts = set()
    for cut in sorted(c for c in cuts if 0 <= c <= len(whole)):
        cut_place = tmp_path / "cut"
        shutil.rmtree(cut_place, ignore_errors=True)
        cut_place.mkdir()
        shutil.copy(copy / "lab.db", cut_place / "lab.db")
        (cut_place / "lab.db-wal").write_bytes(whole[:cut])
        with Store.open(cut_place / "lab.db") as store:
            store.check()
            with store.reading() as connection:
                kept = {row.key for row in connection.execute(select(votes.c.key))}
                logged = [e.body["ballot"] for e in history.entries(connection, kinds=("vote",))]
                history.check(connection)
            assert logged == acknowledged[: len(logged)]
            assert kept == set(logged)  # a vote and its entry in the log: both or neither
        kept_counts.add(len(kept))
    assert kept_counts == set(range(VOTES + 1))


_WRITER = textwrap.dedent("""
    import sys
    sys.path.insert(0, {here!r})
    from pathlib import Path
    from test_durability import vote
    from fairtrial.arena import raters
    from fairtrial.store import Store
    with Store.open(Path(sys.argv[1])) as store:
        rater = store.transact(lambda c: raters.add(c, raters.new_secret(), "cookie", consent="1")).result().id
        n = 0
        while True:
            print(vote(store, rater, n), flush=True)
            n += 1
""")


def test_killed_while_voting_nothing_acknowledged_is_lost(tmp_path: Path):
    place = tmp_path / "lab.db"
    Store.create(place).close()
    draws, acknowledged = random.Random(3), []
    script = _WRITER.format(here=str(Path(__file__).parent))
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", script, str(place)], stdout=subprocess.PIPE, text=True) as process:
            acknowledged += [process.stdout.readline().strip() for _ in range(draws.randrange(5, 60))]
            os.kill(process.pid, signal.SIGKILL)
            acknowledged += [line.strip() for line in process.stdout if len(line.strip()) == 24]
        with Store.open(place) as store, store.reading() as connection:
            kept = {row.key for row in connection.execute(select(votes.c.key))}
            history.check(connection)
            logged = history.count(connection, "vote")
        assert set(acknowledged) <= kept
        assert len(kept) == logged
    assert len(acknowledged) > 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_full_disk_votes_are_refused_plainly_and_go_on_when_there_is_room(small_disk: Path):
    ballast = small_disk / "ballast"
    with Store.create(small_disk / "lab.db") as store:
        rater = store.transact(lambda c: raters.add(c, raters.new_secret(), "cookie", consent="1")).result().id
        acknowledged = [vote(store, rater, n) for n in range(5)]
        ballast.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - 20_000))
        with pytest.raises(Interrupted) as refused:  # noqa: PT012
            for n in range(5, 200):
                acknowledged.append(vote(store, rater, n))  # noqa: PERF401 - those before the error count
        assert "full" in str(refused.value)
        ballast.unlink()
        acknowledged += [vote(store, rater, n) for n in range(200, 205)]
        with store.reading() as connection:
            kept = {row.key for row in connection.execute(select(votes.c.key))}
            history.check(connection)
    assert kept == set(acknowledged)
