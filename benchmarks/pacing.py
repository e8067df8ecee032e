"""What showing two answers in lockstep adds to the slower model's own time. Two embedded contestants, real HTTP.

    python benchmarks/pacing.py [--battles 24]

Server and client share a process, so that each contestant's own pieces of text can be timed where they come. Added time
is the client's last piece of text minus the later model's last; the first moment is the client's first frame with both
answers minus the moment when both models had a piece of text. The result is written to results/pacing.json.
"""

import argparse
import asyncio
import json
import os
import socket
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np
import uvicorn

from fairtrial.arena import access
from fairtrial.lab import Lab
from fairtrial.lab.serving import open_arena
from fairtrial.lab.starter import add_arena
from fairtrial.web.app import create

RESULTS = Path(__file__).parent / "results" / "pacing.json"
QUESTIONS = (
    "Why is the sky blue?",
    "Give three reasons to learn a language.",
    "Tell a short story about a lighthouse.",
    "Explain gravity to a child.",
    "How is bread made?",
    "What is a fair trial?",
)


class Watch:
    """Times of a provider's pieces of text, by call."""

    def __init__(self, provider) -> None:
        self.calls: list[list[float]] = []
        inner = provider.send

        async def send(request, *, on_text=None):  # noqa: ANN202 - as the provider's
            began, times = time.perf_counter(), []
            self.calls.append(times)
            times.append(began)

            def timed(piece: str) -> None:
                times.append(time.perf_counter())
                on_text(piece)

            return await inner(request, on_text=timed if on_text else None)

        provider.send = send


async def measure(battles: int, root: Path) -> list[dict[str, float]]:
    lab = Lab.create(root / "lab")
    add_arena(lab.directory.settings)
    settings = lab.directory.settings
    settings.write_text(settings.read_text() + "\n[arena.limits]\nbattles_per_minute = 1000\n")
    rows = []
    async with open_arena(lab) as opened:
        watches = {id(p): Watch(p) for p in opened.arena.registry._providers.values()}
        server = uvicorn.Server(uvicorn.Config(create(opened), http="httptools", lifespan="off", log_level="warning"))
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/battles"
        token, _ = await opened.arena.access.change(lambda c: access.grant(c, "pace", {"vote"}, by="benchmark"))
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            for n in range(battles + 2):
                for watch in watches.values():
                    watch.calls.clear()
                seen, first = [], None
                body = {"prompt": QUESTIONS[n % len(QUESTIONS)], "stream": True}
                async with session.post(address, json=body) as answer:
                    async for line in answer.content:
                        if line.startswith(b'data: {"a": ') and b"votable" in line:
                            seen.append(time.perf_counter())
                            first = first or (seen[-1] if b'"votable": true' in line else None)
                calls = [call for watch in watches.values() for call in watch.calls if len(call) > 1]
                if n < 2 or len(calls) != 2 or first is None:
                    continue  # the first two load the model
                own = max(call[-1] - call[0] for call in calls)
                rows.append(
                    {
                        "slower_model_s": own,
                        "added_share": max(0.0, seen[-1] - max(call[-1] for call in calls)) / own,
                        "first_shown_ms": 1000 * (first - max(call[1] for call in calls)),
                    }
                )
        server.should_exit = True
        await serving
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--battles", type=int, default=24)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as root:
        rows = asyncio.run(measure(options.battles, Path(root)))
    found: dict[str, object] = {"battles": len(rows), "load_before": round(load, 1)}
    for name in rows[0]:
        q = np.percentile([row[name] for row in rows], [50, 95, 100])
        found[name] = {label: round(float(x), 4) for label, x in zip(("p50", "p95", "max"), q, strict=True)}
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
