"""`kill -9` at random moments of a run, and the same command again: what is lost, what is bought twice?

    python benchmarks/crash.py [--kills 100]

The endpoint counts how often each prompt was asked. After each kill the calls that the database holds are noted; a
recorded call that is asked for again later was bought twice, one that is missing later was lost.
"""

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent
PROMPTS = 4000

CHILD = """
import sys
from pathlib import Path
from fairtrial.lab import Lab
from fairtrial.runs import parse_trial
tmp, base = Path(sys.argv[1]), sys.argv[2]
trial = parse_trial({"name": "crash", "prompts": str(tmp / "p.jsonl"),
  "contestant": [{"name": "m", "model": "openai/fake", "base_url": base, "connections": 16, "max_tokens": 8}],
  "evaluator": [{"kind": "scorer", "scorer": "number"}]})
lab = Lab.create(tmp / "lab")
print("ready", flush=True)
lab.run(Lab.plan(trial))
"""


async def main() -> None:
    """Kill, look, go on, until the run ends; write the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    asked: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        asked[body["messages"][-1]["content"]] += 1
        await asyncio.sleep(0.04)
        return web.json_response(
            {
                "model": "fake",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 1},
            }
        )

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "fake"}]})

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", answer), web.get("/v1/models", models)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    with tempfile.TemporaryDirectory() as directory:
        tmp = Path(directory)
        lines = [json.dumps({"id": str(i), "prompt": f"Question {i}?", "reference": "42"}) for i in range(PROMPTS)]
        (tmp / "p.jsonl").write_text("\n".join(lines))
        recorded: dict[str, int] = {}
        kills = twice = lost = 0
        done = False
        while not done:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CHILD, str(tmp), base, stdout=subprocess.PIPE
            )
            await child.stdout.readline()
            if kills < options.kills:
                await asyncio.sleep(chance.uniform(0.0, 0.9))
                if child.returncode is None:
                    child.send_signal(signal.SIGKILL)
                    kills += 1
            code = await child.wait()
            done = code == 0
            if not done and code != -signal.SIGKILL:
                raise SystemExit(f"the run failed by itself with exit code {code}")
            now = calls_in(tmp / "lab" / "lab.db")
            lost += len(recorded.keys() - now)
            twice += sum(asked[text] > count for text, count in recorded.items())
            recorded = {text: asked[text] for text in now}
        results = count(tmp / "lab" / "lab.db", "responses")
        whole = sqlite3.connect(tmp / "lab" / "lab.db").execute("PRAGMA integrity_check").fetchone()[0]
    await runner.cleanup()
    result = {
        "kills": kills,
        "prompts": PROMPTS,
        "results": results,
        "results_lost": PROMPTS - results + lost,
        "recorded_bought_twice": twice,
        "asked_more_than_once_unrecorded": sum(n > 1 for n in asked.values()),
        "database": whole,
    }
    print(json.dumps(result, indent=1))
    (HERE / "results" / "crash.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def calls_in(database: Path) -> set[str]:
    """The prompts whose calls are recorded."""
    if not database.exists():
        return set()
    rows = sqlite3.connect(database).execute("SELECT request FROM calls").fetchall()
    return {json.loads(row[0])["messages"][-1]["content"] for row in rows}


def count(database: Path, table: str) -> int:
    """Rows of a table."""
    return sqlite3.connect(database).execute(f"SELECT count(*) FROM {table}").fetchone()[0]


if __name__ == "__main__":
    asyncio.run(main())
