"""Tokens a second of an embedded model: through Fairtrial, and straight from the runtime's own batched server.

Both arms answer the same prompts with equal slots and threads, in alternating rounds of one run. The straight arm holds
the runtime in this process and posts from as many threads as there are slots; the other is `EmbeddedProvider` in
``fast`` mode, with its child process, HTTP, and everything a run would pass through. Goal: ratio >= 0.95.

    python benchmarks/embedded_throughput.py [--rounds 8] [--prompts 24] [--tokens 24] [--threads N]
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from fairtrial.core import Message, Request, Sampling
from fairtrial.models import catalog
from fairtrial.models._threads import default_threads
from fairtrial.models.embedded import DEFAULT_CONTEXT, DEFAULT_SLOTS, EmbeddedProvider

MODEL = "smollm2-135m"
GOAL = 0.95
RESULT = Path(__file__).parent / "results" / "embedded_throughput.json"
TOPICS = ("rain", "bread", "tides", "bees", "clocks", "rivers", "glass", "salt", "wind", "maps", "owls", "paper")


def prompts_of(round_number: int, count: int) -> list[str]:
    return [
        f"Explain in a few sentences how {TOPICS[i % len(TOPICS)]} matters in daily life. Variant {round_number}-{i}."
        for i in range(count)
    ]


def load_runtime(path: Path, threads: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel, params.n_ctx, params.kv_unified = DEFAULT_SLOTS, DEFAULT_SLOTS * DEFAULT_CONTEXT, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = -1
    return xllamacpp.Server(params)


def straight(server: Any, prompts: Sequence[str], tokens: int) -> tuple[int, float]:
    """Tokens and seconds of one round, posted from one thread a slot."""

    def post(text: str) -> int:
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "temperature": 0.0, "seed": 1}
        return int(server.handle_chat_completions(body)["usage"]["completion_tokens"])

    started = time.perf_counter()
    with ThreadPoolExecutor(DEFAULT_SLOTS) as pool:
        made = sum(pool.map(post, prompts))
    return made, time.perf_counter() - started


async def through_fairtrial(provider: EmbeddedProvider, prompts: Sequence[str], tokens: int) -> tuple[int, float]:
    """Tokens and seconds of one round, all calls given at once."""
    requests = [
        Request(
            model=provider.identity,
            kind="chat",
            messages=(Message(role="user", content=text),),
            sampling=Sampling(temperature=0.0, max_tokens=tokens),
            seed=1,
        )
        for text in prompts
    ]
    started = time.perf_counter()
    done = await asyncio.gather(*(provider.send(request) for request in requests))
    return sum(c.usage.completion_tokens for c in done), time.perf_counter() - started


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """What both arms have used so far; only one of them works at a time."""
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


async def compare(rounds: int, count: int, tokens: int, threads: int) -> dict[str, Any]:
    model = catalog.pull(MODEL)
    server = load_runtime(model.path, threads)
    provider = EmbeddedProvider(model, threads=threads)
    await provider.open()
    processes = [psutil.Process(), psutil.Process(provider._running.process.pid)]
    speeds: dict[str, list[float]] = {"runtime": [], "fairtrial": []}
    by_cpu: dict[str, list[float]] = {"runtime": [], "fairtrial": []}
    try:
        for number in range(-1, rounds):  # the first round warms both up and is not counted
            prompts = prompts_of(number, count if number >= 0 else DEFAULT_SLOTS)
            for arm in ("runtime", "fairtrial") if number % 2 == 0 else ("fairtrial", "runtime"):
                cpu = cpu_seconds(processes)
                if arm == "runtime":
                    made, seconds = await asyncio.to_thread(straight, server, prompts, tokens)
                else:
                    made, seconds = await through_fairtrial(provider, prompts, tokens)
                if number >= 0:
                    speeds[arm].append(made / seconds)
                    by_cpu[arm].append(made / (cpu_seconds(processes) - cpu))
                    print(f"round {number + 1} {arm:10s} {made:5d} tokens {made / seconds:7.1f} tokens/s")
    finally:
        await provider.close()
    ratios, cpu_ratios = ([f / r for f, r in zip(s["fairtrial"], s["runtime"], strict=True)] for s in (speeds, by_cpu))
    return {
        "what": "embedded model, tokens a second: EmbeddedProvider (fast) against the runtime's own batched server",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "system": platform.system(), "python": platform.python_version()},
        "runtime": f"xllamacpp {version('xllamacpp')}",
        "settings": {
            "model": MODEL, "slots": DEFAULT_SLOTS, "threads": threads,
            "rounds": rounds, "prompts": count, "max_tokens": tokens,
        },
        "tokens_per_second": {arm: [round(s, 1) for s in each] for arm, each in speeds.items()},
        "median": {arm: round(statistics.median(each), 1) for arm, each in speeds.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_by_round": [round(r, 3) for r in ratios],
        "tokens_per_cpu_second": {arm: round(statistics.median(each), 1) for arm, each in by_cpu.items()},
        "ratio_by_cpu": round(statistics.median(cpu_ratios), 3),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "goal": GOAL,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--threads", type=int, default=default_threads())
    given = parser.parse_args()
    result = asyncio.run(compare(given.rounds, given.prompts, given.tokens, given.threads))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    verdict = "met" if result["ratio"] >= GOAL else "not met"
    print(f"ratio {result['ratio']} (median of {given.rounds} rounds); goal {GOAL} {verdict}")
    print(f"ratio {result['ratio_by_cpu']} by tokens a CPU second, which a busy machine disturbs less")


if __name__ == "__main__":
    main()
