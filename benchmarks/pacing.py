"""What showing two answers at one pace adds to the slower model's own time. Two embedded contestants, real HTTP.

    python benchmarks/pacing.py [--battles 24] [--runs 3]

Server and client share a process, so that each contestant's pieces of text can be timed where they come from its
provider. A model's own time goes from its call to the end of its call. Added time: the client's last frame minus the
later end of the two calls. First moment: the client's first frame with both answers minus the moment when both models
had given a piece of text. The battles of two simulated contestants, at 20 and at 200 words a second, are measured in
the same way. All of it is run three times, because the machine is shared; the rule, made before the first run, is that
the run counts during which other processes used the least processor time. All runs are written to results/pacing.json.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import uvicorn

from fairtrial.arena import access
from fairtrial.core import Completion, Provider, Request
from fairtrial.lab import Lab
from fairtrial.lab.serving import open_arena
from fairtrial.lab.starter import add_arena
from fairtrial.web.app import create

RESULTS = Path(__file__).parent / "results" / "pacing.json"
WARM = 3
"""Battles that are not counted: they load the model."""
QUESTIONS = (
    "Why is the sky blue?",
    "Give three reasons to learn a language.",
    "Tell a short story about a lighthouse.",
    "Explain gravity to a child.",
    "How is bread made?",
    "What is a fair trial?",
)
LIMITS = "\n[arena.limits]\nbattles_per_minute = 1000\n"
SIMULATED = "\n".join(
    f'[[contestant]]\nname = "{name}"\nmodel = "sim/{name}"\n'
    f"settings = {{ skill = 0.5, length = 40, words_per_s = {rate} }}\n"
    for name, rate in (("slow", 20), ("quick", 200))
)


class Call:
    """Moments of one call of a model."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.pieces: list[float] = []
        self.ended = 0.0


def watch(provider: Provider, calls: list[Call]) -> None:
    """Note the moments of every call of `provider` in `calls`."""
    inner = provider.send

    async def send(request: Request, *, on_text: Callable[[str], None] | None = None) -> Completion:
        call = Call()
        calls.append(call)

        def timed(piece: str) -> None:
            call.pieces.append(time.perf_counter())
            if on_text is not None:
                on_text(piece)

        try:
            return await inner(request, on_text=timed)
        finally:
            call.ended = time.perf_counter()

    provider.send = send  # type: ignore[method-assign]


async def watched(session: aiohttp.ClientSession, address: str, question: str) -> list[tuple[float, bool]]:
    """The moments at which text came to the client, and whether both answers had some by then."""
    seen: list[tuple[float, bool]] = []
    async with session.post(address, json={"prompt": question, "stream": True}) as answer:
        kind = b""
        async for line in answer.content:
            kind = line if line.startswith(b"event: ") else kind
            if line.startswith(b"data: ") and kind == b"event: text\n":
                seen.append((time.perf_counter(), json.loads(line[6:])["votable"]))
    return seen


async def measure(settings: Callable[[Path], None], battles: int, root: Path) -> list[dict[str, float]]:
    """One row a battle."""
    lab = Lab.create(root)
    settings(lab.directory.settings)
    rows: list[dict[str, float]] = []
    async with open_arena(lab) as opened:
        calls: list[Call] = []
        for provider in opened.arena.registry._providers.values():
            watch(provider, calls)
        server = uvicorn.Server(uvicorn.Config(create(opened), http="httptools", lifespan="off", log_level="warning"))
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/battles"
        token, _ = await opened.arena.access.change(lambda c: access.grant(c, "pace", {"vote"}, by="benchmark"))
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            while len(rows) < battles + WARM:
                calls.clear()
                seen = await watched(session, address, QUESTIONS[len(rows) % len(QUESTIONS)])
                if len(calls) != 2 or not all(call.pieces for call in calls) or not seen:
                    raise RuntimeError("a contestant did not answer")
                rows.append(_row(calls, seen))
        server.should_exit = True
        await serving
    return rows[WARM:]


def _row(calls: list[Call], seen: list[tuple[float, bool]]) -> dict[str, float]:
    own = max(call.ended - call.began for call in calls)
    both_begun = max(call.pieces[0] for call in calls)
    return {
        "slower_model_s": own,
        "added_s": seen[-1][0] - max(call.ended for call in calls),
        "added_share": (seen[-1][0] - max(call.ended for call in calls)) / own,
        "added_to_last_piece_share": (seen[-1][0] - max(call.pieces[-1] for call in calls)) / own,
        "first_shown_ms": 1000 * (next(at for at, both in seen if both) - both_begun),
        "pieces_per_s": min(len(call.pieces) / (call.pieces[-1] - call.began) for call in calls),
    }


def embedded(settings: Path) -> None:
    """The contestants that `fairtrial demo` declares."""
    add_arena(settings)
    settings.write_text(settings.read_text() + LIMITS)


def simulated(settings: Path) -> None:
    """A slow and a quick contestant."""
    settings.write_text(f"format = 1\n{SIMULATED}{LIMITS}")


def others_cpu() -> tuple[float, float]:
    """Processor seconds that all processes but ours used so far, and the moment."""
    times, me = psutil.cpu_times(), psutil.Process()
    busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
    mine = 0.0
    for one in (me, *me.children(recursive=True)):
        used = one.cpu_times()
        mine += used.user + used.system
    ended = me.cpu_times()
    return busy - mine - ended.children_user - ended.children_system, time.perf_counter()


def one_run(settings: Callable[[Path], None], battles: int) -> dict[str, Any]:
    """Measure once."""
    load = os.getloadavg()[0]
    before, began = others_cpu()
    with tempfile.TemporaryDirectory() as root:
        rows = asyncio.run(measure(settings, battles, Path(root) / "lab"))
    after, ended = others_cpu()
    found: dict[str, Any] = {
        "battles": len(rows),
        "load_before": round(load, 2),
        "others_cores": round(max(after - before, 0.0) / (ended - began), 3),
    }
    for name in rows[0]:
        middle, p95, most = np.percentile([row[name] for row in rows], [50, 95, 100])
        found[name] = {"p50": round(middle, 4), "p95": round(p95, 4), "max": round(most, 4)}
    return found


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--battles", type=int, default=24)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "gpu": None},
        "rule": "of the runs, the one during which other processes used the least processor time (others_cores)",
    }
    for settings in (simulated, embedded):
        runs = [one_run(settings, options.battles) for _ in range(options.runs)]
        results[settings.__name__] = min(runs, key=lambda run: run["others_cores"]) | {"runs": runs}
        print(json.dumps({settings.__name__: runs}, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
