"""Every number of docs/numbers.md in one go: `make bench`. Each script also runs alone and writes benchmarks/results/.

python benchmarks/run.py [--peers] [--only NAME …]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def result(name: str) -> dict:
    """A committed result, or an empty one."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def rows() -> list[tuple[str, str, str, bool]]:
    """What, goal, measured, met."""
    start, harness, memory = result("startup"), result("harness"), result("memory")
    crash, embedded, same = result("crash"), result("embedded_throughput"), result("workers")
    found = []

    def add(what: str, goal: str, value: float | None, unit: str, ok: bool) -> None:
        found.append((what, goal, "not measured" if value is None else f"{value:,.3g} {unit}", ok))

    fresh = result("fresh_clone")
    if fresh:
        add("make demo in a fresh clone", "≤ 4 min", fresh["demo_s"], "s", fresh["demo_s"] <= 240)
        add("make test in a fresh clone", "≤ 6 min", fresh["test_s"], "s", fresh["test_s"] <= 360)
    if start:
        add("import fairtrial", "≤ 0.15 CPU-s", start["import_cpu_s"], "CPU-s", start["import_cpu_s"] <= 0.15)
        add("fairtrial --help", "≤ 0.4 s", start["help_wall_s"], "s", start["help_wall_s"] <= 0.4)
        add(
            "core install", "≤ 520 MB, no torch", start["core_mb"], "MB", start["core_mb"] <= 520 and not start["torch"]
        )
    if harness:
        own = harness["Fairtrial"]
        add("harness cost a sample", "≤ 0.5 ms CPU", own["ms_per_sample"], "ms", own["ms_per_sample"] <= 0.5)
        share = own["of_ideal_concurrency"]
        add("ideal concurrency at 64 connections", "≥ 90 %", share * 100, "%", share >= 0.9)
        for peer in ("bare aiohttp", "lm-eval", "Inspect"):
            if peer in harness:
                add(f"  {peer}", "", harness[peer]["ms_per_sample"], "ms CPU", True)
    if embedded:
        ratio = embedded["ratio"]
        add("embedded throughput / the runtime's own", "≥ 0.95", ratio, "×", ratio >= 0.95)
    if memory:
        add("memory, 100,000 samples", "≤ 500 MB", memory["peak_mb"], "MB", memory["peak_mb"] <= 500)
    if same:
        add("evidence with 1, 2, 8 workers", "identical", float(same["identical"]), "(1 = yes)", same["identical"])
    if crash:
        add(
            "kill -9: results lost",
            "0",
            crash["results_lost"],
            f"in {crash['kills']} kills",
            crash["results_lost"] == 0,
        )
        twice = crash["recorded_bought_twice"]
        add("kill -9: recorded responses bought twice", "0", twice, f"in {crash['kills']} kills", twice == 0)
    for name, run in result("arena").items():
        if "kills" in run:
            add(f"{name}: acknowledged votes lost", "0", run["lost"], f"of {run['acknowledged']}", run["lost"] == 0)
            continue
        rate, late = run["votes_per_second"], run["vote_acknowledged_ms"]["p99"]
        add(f"{name}: votes", "200 a second", rate, "a second", rate >= 199)
        add("  vote to acknowledged, p99", "≤ 50 ms", late, "ms", late <= 50)
        add("  the disk's own fsync, p99", "", run["disk_fsync_ms"]["p99"], "ms", True)
        add("  vote to board, max", "≤ 1 s", run["board_updated_s"]["max"], "s", run["board_updated_s"]["max"] <= 1)
        add(
            "  lost or counted twice",
            "0",
            run["lost"] + run["counted_twice"],
            "",
            not run["lost"] + run["counted_twice"],
        )
    for goal in result("ranking").get("goals", []):
        add(goal["what"], goal["goal"], goal["measured"], goal["unit"], goal["met"])
    return found


def main() -> None:
    """Run the scripts one after another, then print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", action="store_true", help="measure lm-eval and Inspect, too (installs them)")
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--show", action="store_true", help="print the committed results only")
    options = parser.parse_args()
    scripts = [
        "fresh_clone",
        "startup",
        "harness",
        "embedded_throughput",
        "workers",
        "memory",
        "crash",
        "ranking",
        "coverage",
    ]
    for name in [] if options.show else (options.only or scripts):
        print(f"== {name}", flush=True)
        extra = ["--peers"] if name in ("harness", "ranking") and options.peers else []
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), *extra], check=True)
    print(f"\n{'what':45} {'goal':20} measured")
    for what, goal, measured, ok in rows():
        print(f"{what:45} {goal:20} {measured} {'' if ok else '← missed'}")


if __name__ == "__main__":
    main()
