"""The arena under load, and killed under load. Real server, real HTTP on loopback, simulated contestants.

    python benchmarks/arena.py load  [--seconds 60] [--rate 200] [--voters 50] [--postgres URL]
    python benchmarks/arena.py kills [--times 200] [--postgres URL]
    python benchmarks/arena.py start [--votes 100000] [--postgres URL]

`load`: voters ask and vote at a steady rate; every twentieth vote is sent twice. Afterwards every acknowledged vote is
looked up in the database and the log is walked. The disk's own fsync is measured beside it, on the same disk.
`kills`: the server is killed with SIGKILL at a random moment under load, again and again; after each start the
acknowledged votes are looked up.
`start`: seconds from the command to the first page, and memory, of a lab that holds many votes already.
Results are merged into results/arena.json.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np
import psutil
from sqlalchemy import select

from fairtrial.arena import access, raters
from fairtrial.arena import ballots as ballot_ids
from fairtrial.arena.ballots import Ballot, Said
from fairtrial.arena.clock import now
from fairtrial.arena.pairing import draw
from fairtrial.contestants.style import style
from fairtrial.core import Prompt, Response
from fairtrial.lab import Lab
from fairtrial.store import Store, history
from fairtrial.store.arena_tables import ballots, entrants
from fairtrial.store.tables import votes

RESULTS = Path(__file__).parent / "results" / "arena.json"
CONTESTANTS = 8


def make_lab(root: Path, voters: int, postgres: str | None) -> tuple[Path, list[str]]:
    """A lab with simulated contestants and one token a voter."""
    lab = Lab.create(root / "lab")
    tables = [f'database = "{postgres}"'] if postgres else []
    tables += [
        "[arena]",
        'name = "load"',
        "[arena.limits]",
        "battles_per_minute = 100000",
        "requests_per_second = 100000",
        "running = 1000",
    ]
    for k in range(CONTESTANTS):
        tables += [
            "[[contestant]]",
            f'name = "sim {k}"',
            f'model = "sim/s{k}"',
            f"settings = {{ skill = {k / 8:.2f}, length = 5 }}",
        ]
    settings = lab.path / "lab.toml"
    settings.write_text("format = 1\n" + "\n".join(tables) + "\n")
    with Store.create(lab.directory.database) as store:
        granted = [
            store.transact(lambda c, n=n: access.grant(c, f"voter {n}", {"vote"}, by="benchmark")).result()[0]
            for n in range(voters)
        ]
    return lab.path, granted


def open_store(lab: Lab) -> Store:
    return Store.open(lab.directory.database)


class Server:
    """`fairtrial serve` in a process of its own."""

    def __init__(self, lab: Path) -> None:
        command = [
            str(Path(sys.executable).with_name("fairtrial")),
            "serve",
            "--lab",
            str(lab),
            "--port",
            "0",
            "--json",
        ]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
        said = ""
        while not said.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the server did not start")
            said += line
        self.address = json.loads(said)["address"]
        self.start_seconds = time.perf_counter() - began

    def stop(self) -> None:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()


class Voter:
    """One voter: asks, votes, remembers what was acknowledged."""

    def __init__(self, session: aiohttp.ClientSession, address: str, token: str, rng: random.Random) -> None:
        self.session, self.address, self.rng = session, address, rng
        self.headers = {"Authorization": f"Bearer {token}"}
        self.acknowledged: dict[str, int] = {}
        self.sent: set[str] = set()
        self.seconds: list[float] = []
        self.battle_seconds: list[float] = []
        self.doubles = 0
        self.failures: dict[str, int] = {}

    async def once(self) -> None:
        """One battle and its vote."""
        try:
            began = time.perf_counter()
            battle = (await self._post("/battles", {"prompt": f"What is {self.rng.randrange(10**6)} + 1?"}))["battle"]
            self.battle_seconds.append(time.perf_counter() - began)
            grade = self.rng.choice([-2, -1, 0, 1, 2])
            self.sent.add(battle)
            began = time.perf_counter()
            got = await self._post(f"/battles/{battle}/vote", {"grade": grade})
            self.seconds.append(time.perf_counter() - began)
            if got["new"]:
                self.acknowledged[battle] = grade
            if self.rng.random() < 0.05:
                again = await self._post(f"/battles/{battle}/vote", {"grade": -grade})
                self.doubles += again["new"]
        except (aiohttp.ClientError, ConnectionError, TimeoutError, RuntimeError) as error:
            kind = (
                f"{type(error).__name__}: {str(error)[:60]}"
                if isinstance(error, RuntimeError)
                else type(error).__name__
            )
            self.failures[kind] = self.failures.get(kind, 0) + 1

    async def _post(self, path: str, body: dict) -> dict:
        async with self.session.post(f"{self.address}/api/v1{path}", json=body, headers=self.headers) as response:
            answer = await response.json()
            if response.status != 200:
                raise RuntimeError(f"{response.status} {answer['error']['kind']}")
            return answer


async def drive(voters: list[Voter], rate: float, seconds: float) -> float:
    """Let the voters act at a steady rate in all, each one after the other; the seconds it took."""
    began = time.perf_counter()
    share = len(voters) / rate

    async def one(place: int, voter: Voter) -> None:
        turn = 0
        while True:
            due = began + (turn + place / len(voters)) * share
            if due > began + seconds:
                return
            await asyncio.sleep(max(0, due - time.perf_counter()))
            await voter.once()
            turn += 1

    await asyncio.gather(*(one(place, voter) for place, voter in enumerate(voters)))
    return time.perf_counter() - began


def fsyncs(place: Path, stop: "asyncio.Event", found: list[float]) -> None:
    with tempfile.NamedTemporaryFile(dir=place) as file:
        while not stop.is_set():
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            found.append(time.perf_counter() - began)
            time.sleep(0.05)


async def board_lag(
    session: aiohttp.ClientSession, address: str, voters: list[Voter], stop: asyncio.Event, found: list[float]
) -> None:
    """Seconds until the board tells of as many votes as were acknowledged at a moment."""
    while not stop.is_set():
        target, began = sum(len(voter.acknowledged) for voter in voters), time.perf_counter()
        while not stop.is_set():
            async with session.get(f"{address}/api/v1/board") as response:
                board = await response.json()
            if response.status == 200 and sum(model["votes"] for model in board["models"]) >= 2 * target:
                found.append(time.perf_counter() - began)
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)


def spread(values: list[float], unit: float = 1000) -> dict:
    q = np.percentile(np.array(values) * unit, [50, 95, 99, 100]) if values else [float("nan")] * 4
    return {name: round(float(x), 2) for name, x in zip(("p50", "p95", "p99", "max"), q, strict=True)} | {
        "n": len(values)
    }


def checked(lab: Path, acknowledged: dict[str, int]) -> dict:
    """What the database holds of the acknowledged votes; the log is walked."""
    with open_store(Lab.open(lab)) as store, store.reading() as connection:
        stored = {row.key for row in connection.execute(select(votes.c.key).where(votes.c.kind == "human"))}
        used = {row.id for row in connection.execute(select(ballots.c.id).where(ballots.c.state == "voted"))}
        head, withheld = history.check(connection)
        logged = history.count(connection, "vote")
    return {
        "acknowledged": len(acknowledged),
        "lost": len(set(acknowledged) - stored) + len(set(acknowledged) - used),
        "stored": len(stored),
        "logged": logged,
        "log": head.size,
        "withheld": withheld,
    }


async def load(args: argparse.Namespace, root: Path) -> dict:
    lab, tokens = make_lab(root, args.voters, args.postgres)
    server = Server(lab)
    stop, synced, lags = asyncio.Event(), [], []
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            voters = [Voter(session, server.address, token, random.Random(n)) for n, token in enumerate(tokens)]
            await drive(voters, args.rate, 3)  # warm
            for voter in voters:
                voter.seconds.clear(), voter.battle_seconds.clear()
            before = sum(len(voter.acknowledged) for voter in voters)
            disk = asyncio.create_task(asyncio.to_thread(fsyncs, lab, stop, synced))
            lag = asyncio.create_task(board_lag(session, server.address, voters, stop, lags))
            busy = sum(psutil.Process(server.process.pid).cpu_times()[:2])
            took = await drive(voters, args.rate, args.seconds)
            busy = sum(psutil.Process(server.process.pid).cpu_times()[:2]) - busy
            stop.set()
            await asyncio.gather(disk, lag)
    finally:
        server.stop()
    acknowledged = {k: v for voter in voters for k, v in voter.acknowledged.items()}
    found = checked(lab, acknowledged)
    return {
        "database": "PostgreSQL" if args.postgres else "SQLite",
        "voters": args.voters,
        "seconds": round(took, 1),
        "votes_per_second": round((len(acknowledged) - before) / took, 1),
        "server_cpu_ms_per_vote": round(1000 * busy / (len(acknowledged) - before), 2),
        "vote_acknowledged_ms": spread([s for voter in voters for s in voter.seconds]),
        "battle_answered_ms": spread([s for voter in voters for s in voter.battle_seconds]),
        "disk_fsync_ms": spread(synced),
        "board_updated_s": spread(lags, 1),
        "counted_twice": sum(voter.doubles for voter in voters),
        "failures": {k: sum(v.failures.get(k, 0) for v in voters) for k in {k for v in voters for k in v.failures}},
    } | found


async def kills(args: argparse.Namespace, root: Path) -> dict:
    lab, tokens = make_lab(root, 16, args.postgres)
    rng, acknowledged, starts, lost, unsure = random.Random(7), {}, [], 0, 0
    for k in range(args.times):
        server = Server(lab)
        starts.append(server.start_seconds)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            voters = [
                Voter(session, server.address, token, random.Random(1000 * k + n)) for n, token in enumerate(tokens)
            ]
            work = asyncio.create_task(drive(voters, 150, 10))
            await asyncio.sleep(rng.uniform(0.05, 0.9))
            server.kill()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        acknowledged |= {key: v for voter in voters for key, v in voter.acknowledged.items()}
        unsure += sum(len(voter.sent - set(voter.acknowledged)) for voter in voters)
        if k % 10 == 9 or k == args.times - 1:
            found = checked(lab, acknowledged)
            lost = max(lost, found["lost"])
            print(f"{k + 1} kills: {found}", file=sys.stderr)
    return (
        {
            "database": "PostgreSQL" if args.postgres else "SQLite",
            "kills": args.times,
            "sent_not_acknowledged": unsure,
            "start_s": spread(starts, 1),
        }
        | found
        | {"lost": lost}
    )


async def start(args: argparse.Namespace, root: Path) -> dict:
    lab, _ = make_lab(root, 1, args.postgres)
    Server(lab).stop()  # enters the contestants
    draws = random.Random(11)
    with open_store(Lab.open(lab)) as store:
        with store.reading() as connection:
            entered = sorted(row.id for row in connection.execute(select(entrants.c.id)))
        add = lambda c: [raters.add(c, f"rater {n}", "cookie", consent="1").id for n in range(1000)]  # noqa: E731
        people = store.transact(add).result()
        for first in range(0, args.votes, 500):
            some = range(first, first + 500)
            store.transact(lambda c, some=some: _vote(c, entered, people, draws, some)).result()
    began = time.perf_counter()
    server = Server(lab)
    seconds = {"listening": time.perf_counter() - began}
    try:
        async with aiohttp.ClientSession() as session:
            for path in ("/board", "/integrity"):
                asked = time.perf_counter()
                async with session.get(server.address + path) as response:
                    await response.read()
                    assert response.status == 200
                seconds[path] = time.perf_counter() - asked
        memory = psutil.Process(server.process.pid).memory_info().rss
    finally:
        server.stop()
    return {
        "database": "PostgreSQL" if args.postgres else "SQLite",
        "votes": args.votes,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "memory_mb": round(memory / 2**20),
    }


def _vote(connection, entered: list[str], people: list[str], draws: random.Random, numbers: range) -> None:
    """Votes of many raters on battles of stored texts, written as the arena writes them."""
    for number in numbers:
        drawn = draw(entered, seed=draws.randrange(2**31), floor=1.0, weights={})
        asked = f"What is {number} + {draws.randrange(100)}, and how would you explain it to a child?"
        said = Said(prompts=(asked,), a=("It is what it is. " * 20,), b=("Count on your fingers. " * 15,))
        ballot = Ballot(
            id=ballot_ids.new_id(), rater=draws.choice(people), state="open", opened=now(), expires=now(hours=1),
            pairing=drawn, said=said, language="en",
        )  # fmt: skip
        prompt = Prompt(key="typed", turns=said.prompts, language="en").id
        answers = tuple(
            Response(prompt=prompt, contestant=name, turns=turns)
            for name, turns in ((drawn.a, said.a), (drawn.b, said.b))
        )
        outcome = {"early": False, "style": {side: style(one.text) for side, one in zip("ab", answers, strict=True)}}
        grade = draws.choice([-2, -1, 0, 1, 2])
        ballot_ids.open_ballot(connection, ballot)
        ballot_ids.cast(connection, ballot.id, ballot.rater, grade, said=said, answers=answers, outcome=outcome)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["load", "kills", "start"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--voters", type=int, default=50)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--votes", type=int, default=100_000)
    parser.add_argument("--postgres")
    parser.add_argument("--dir", type=Path, help="where the lab is made; its disk is what is measured")
    parser.add_argument("--note", default="", help="what to say of the run in its name, as of another machine")
    parser.add_argument("--dry", action="store_true", help="print, do not keep")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as root:
        found = asyncio.run({"load": load, "kills": kills, "start": start}[args.what](args, Path(root)))
    print(json.dumps(found, indent=1))
    if not args.dry:
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        kept[", ".join(filter(None, (args.what, found["database"], args.note)))] = found
        RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
