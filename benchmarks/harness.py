"""What a harness costs a sample, beyond the model: Fairtrial, bare aiohttp, and peers, side by side in one run with the physical limit.

    python benchmarks/harness.py [--peers]      # --peers installs inspect-ai and lm-eval into .bench/, some minutes

One server with a fixed 50 ms latency, 64 connections. Every client is a child process; CPU is user + system of the
child. The slope between 500 and 2,000 samples leaves start-up out. Fairtrial's samples are scored and durably stored.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (500, 2000)
CONNECTIONS, LATENCY_MS = 64, 50
BENCH = HERE.parent / ".bench"

FAIRTRIAL = """
import asyncio, json, sys
from pathlib import Path
n, connections, base, tmp = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
rows = [json.dumps({"id": str(i), "prompt": f"Question {i}: what is {i} + {42 - i}? Reply with a number.",
                    "reference": "42"}) for i in range(n)]
(tmp / "p.jsonl").write_text("\\n".join(rows))
from fairtrial.lab import Lab
from fairtrial.runs import Silent, parse_trial, run_trial
from fairtrial.store import Store
lab = Lab.create(tmp / "lab")
trial = parse_trial({"name": "bench", "prompts": str(tmp / "p.jsonl"),
  "contestant": [{"name": "m", "model": "openai/fake", "base_url": base, "connections": connections, "max_tokens": 32}],
  "evaluator": [{"kind": "scorer", "scorer": "number"}]})
plan = Lab.plan(trial)
with lab.directory.lock():
    store = Store.open(lab.directory.database)
    outcome = asyncio.run(run_trial(plan, store, Silent(), created="2026-01-01T00:00:00Z"))
    right = sum(s.value for _, s in store.scores(outcome.trial_id))
    store.close()
assert right == n, right
"""

AIOHTTP = """
import asyncio, sys
import aiohttp
n, connections, base = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
async def main():
    questions = iter(range(n)); right = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        async def worker():
            nonlocal right
            for i in questions:
                body = {"model": "fake", "temperature": 0, "max_tokens": 32,
                        "messages": [{"role": "user", "content": f"Question {i}: what is {i} + {42 - i}?"}]}
                async with session.post(base + "/chat/completions", json=body) as answer:
                    right += "42" in (await answer.json())["choices"][0]["message"]["content"]
        await asyncio.gather(*(worker() for _ in range(connections)))
    assert right == n
asyncio.run(main())
"""

SOCKETS = """
import asyncio, json, sys
n, connections, base = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
host, port = base.split("//")[1].split("/")[0].split(":")
END = bytes([13, 10, 13, 10])
async def main():
    questions = iter(range(n)); right = 0
    async def worker():
        nonlocal right
        reader, writer = await asyncio.open_connection(host, int(port))
        for i in questions:
            body = json.dumps({"model": "fake", "temperature": 0, "max_tokens": 32,
                               "messages": [{"role": "user", "content": f"Question {i}: what is {i} + {42 - i}?"}]}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1{chr(13)}{chr(10)}Host: x{chr(13)}{chr(10)}Content-Length: {len(body)}"
            writer.write(head.encode() + END + body)
            answer = await reader.readuntil(END)
            size = int(answer.lower().split(b"content-length:")[1].split()[0])
            right += "42" in json.loads(await reader.readexactly(size))["choices"][0]["message"]["content"]
        writer.close()
    await asyncio.gather(*(worker() for _ in range(connections)))
    assert right == n
asyncio.run(main())
"""

INSPECT = """
import sys
from inspect_ai import Task, eval as run
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
n, connections, base, tmp = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
samples = [Sample(input=f"Question {i}: what is {i} + {42 - i}?", target="42") for i in range(n)]
model = get_model("openai-api/bench/fake", base_url=base, api_key="x",
                  config=GenerateConfig(max_connections=connections, temperature=0, max_tokens=32))
log = run(Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes()), model=model, display="none",
          log_dir=tmp, max_samples=connections)[0]
assert log.status == "success" and log.results.completed_samples == n
"""

LM_EVAL = '''
import json, os, sys
n, connections, base, tmp = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", HF_HOME=tmp, OPENAI_API_KEY="x")
with open(tmp + "/d.jsonl", "w") as out:
    for i in range(n):
        out.write(json.dumps({"question": f"Question {i}: what is {i} + {42 - i}?", "answer": "42"}) + "\\n")
open(tmp + "/bench.yaml", "w").write(f"""task: bench
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tmp}/d.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "The answer is {{{{answer}}}}."
generation_kwargs: {{until: ["ZZZ"], max_gen_toks: 32, temperature: 0}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
""")
import lm_eval
from lm_eval.tasks import TaskManager
result = lm_eval.simple_evaluate(model="local-chat-completions", apply_chat_template=True, log_samples=True,
    bootstrap_iters=0, tasks=["bench"], task_manager=TaskManager(include_path=tmp, include_defaults=False),
    model_args=f"model=fake,base_url={base}/chat/completions,num_concurrent={connections},tokenizer_backend=None,tokenized_requests=False")
assert len(result["samples"]["bench"]) == n
'''


def get(base: str, path: str) -> dict:
    with urllib.request.urlopen(base.removesuffix("/v1") + path, timeout=10) as answer:
        return json.load(answer)


def measure(python: str, code: str, n: int, base: str) -> dict:
    """One child process: its CPU seconds, peak memory, and what the server saw."""
    get(base, "/reset")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as tmp:
        child = subprocess.Popen(
            [python, "-c", code, str(n), str(CONNECTIONS), base, tmp],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"BENCH_API_KEY": "x"},
        )  # fmt: skip
        told, _ = child.communicate(timeout=900)
    if child.returncode != 0:
        raise SystemExit(told[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu, "server": get(base, "/stats")}


def clients(peers: bool) -> dict[str, tuple[str, str]]:
    """Name to (interpreter, program)."""
    found = {
        "raw sockets": (sys.executable, SOCKETS),
        "bare aiohttp": (sys.executable, AIOHTTP),
        "Fairtrial": (sys.executable, FAIRTRIAL),
    }
    if peers:
        for name, package, code in (("lm-eval", "lm_eval[api]", LM_EVAL), ("Inspect", "inspect-ai openai", INSPECT)):
            python = BENCH / name / "bin" / "python"
            if not python.exists():
                subprocess.run([sys.executable, "-m", "venv", str(BENCH / name)], check=True)
                subprocess.run([str(python), "-m", "pip", "install", "-q", *package.split()], check=True)
            found[name] = (str(python), code)
    return found


def main() -> None:
    """Measure every client twice at both sizes, interleaved; print and write the medians' slopes and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, str(HERE / "harness_server.py"), "--port", "0", "--latency-ms", str(LATENCY_MS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        base = server.stdout.readline().strip()
        rows = {name: [] for name in clients(options.peers)}
        for _ in range(options.rounds):
            for name, (python, code) in clients(options.peers).items():
                small, large = (measure(python, code, n, base) for n in SIZES)
                slope = (large["cpu_s"] - small["cpu_s"]) / (SIZES[1] - SIZES[0]) * 1000
                seen = large["server"]
                rows[name].append({"ms_per_sample": slope, "cpu_s": large["cpu_s"], **seen})
    finally:
        server.terminate()
    result = {}
    for name, runs in rows.items():
        runs.sort(key=lambda r: r["ms_per_sample"])
        result[name] = runs[len(runs) // 2]
    floor = result["bare aiohttp"]["ms_per_sample"]
    ideal = SIZES[1] / CONNECTIONS * LATENCY_MS / 1000
    print(f"{'client':14} {'ms CPU/sample':>14} {'ratio':>7} {'window s':>9} {'of ideal':>9} {'mean in flight':>15}")
    for name, row in result.items():
        row["ratio_to_aiohttp"] = row["ms_per_sample"] / floor
        row["of_ideal_concurrency"] = ideal / row["window_s"]
        print(
            f"{name:14} {row['ms_per_sample']:14.3f} {row['ratio_to_aiohttp']:7.1f} {row['window_s']:9.2f} "
            f"{row['of_ideal_concurrency']:9.0%} {row['mean_in_flight']:15.1f}"
        )
    (HERE / "results" / "harness.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
