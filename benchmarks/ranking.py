"""What a ranking costs: Fairtrial, arena-rank, evalica and choix on the same votes, beside one compiled pass over them.

    python benchmarks/ranking.py [--peers]       # --peers installs them into .bench/ranking-peers, some minutes

Synthetic votes between 200 models, truth known (ranking_data.py). Every case is a process of its own on one core;
processes are interleaved over the rounds, calls repeated in each, and medians told, the first call apart. CPU is user +
system seconds. Ours and the limit start from encoded columns, `choix dense` too; the other peers from what they accept,
whose conversion is `prep`. The whole command starts from strings in a file, start-up included, threads left alone.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
BENCH = HERE.parent / ".bench"
COMPILER = shutil.which("gcc") or shutil.which("cc")
PEERS = ["arena-rank==0.1.1", "evalica==0.4.2", "choix==0.4.1", "pandas", "pyarrow", *([] if COMPILER else ["numba"])]
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}
SLOW_S = 20.0
"""A process that took longer runs in the first round only."""
DATA = {  # name: votes, raters, prompts, extras
    "1e5": ("100000", "2000", "2000", "covariates"),
    "1e5, 200 raters": ("100000", "200", "2000"),
    "1e6": ("1000000", "20000", "2000", "covariates", "strings"),
    "1e7": ("10000000", "200000", "20000"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the table."""

    name: str
    script: str
    case: str
    data: str
    rival: str | None = None
    """The case of ours on the same votes that this one is held against."""
    limit: str = "limit"
    """The pass that it is held against."""

    @property
    def key(self) -> str:
        """Where its result is kept."""
        return f"{self.name} | {self.data}"


def cases(*, peers: bool, bootstrap: bool) -> Iterator[Case]:
    """The table, in order."""
    for data in ("1e5", "1e6", "1e7"):
        yield Case(name="limit", script="limit", case="cells", data=data)
    for data in ("1e5", "1e6"):
        yield Case(
            name="limit, with covariates", script="limit", case="covariates", data=data, limit="limit, with covariates"
        )
    for data in ("1e5", "1e6", "1e7"):
        yield Case(name="Fairtrial fit, half wins", script="cases", case="fit_half", data=data)
        yield Case(name="Fairtrial fit, Davidson", script="cases", case="fit_davidson", data=data)
    for data in ("1e5", "1e6", "1e5, 200 raters"):
        yield Case(name="Fairtrial fit + covariance by rater", script="cases", case="clustered", data=data)
    yield Case(name="Fairtrial rank sets, 2,000 draws", script="cases", case="places", data="1e6")
    for data in ("1e5", "1e6"):
        yield Case(
            name="Fairtrial 8 covariates + sandwich",
            script="cases",
            case="covariates",
            data=data,
            limit="limit, with covariates",
        )
    yield Case(name="Fairtrial one more vote", script="cases", case="vote", data="1e6")
    yield Case(name="fairtrial rank votes.parquet --json", script="cases", case="command", data="1e6")
    yield Case(name="Fairtrial against oracles", script="cases", case="oracles", data="1e5")
    if not peers:
        return
    half, sandwich, covariates = "fit, half wins", "fit + covariance by rater", "8 covariates + sandwich"
    for data in ("1e5", "1e6"):
        for name, case, rival in (
            ("arena-rank BT + sandwich", "arena_rank", sandwich),
            ("arena-rank 8 covariates + sandwich", "arena_rank_covariates", covariates),
            ("  the same, unshrunk (reg=1e-9)", "arena_rank_covariates_unshrunk", covariates),
            ("evalica bradley_terry", "evalica_bradley_terry", half),
            ("evalica newman (Davidson's ties)", "evalica_newman", "fit, Davidson"),
            ("choix ilsr_pairwise (list)", "choix_list", half),
            ("choix ilsr_pairwise_dense", "choix_dense", half),
        ):
            limit = "limit, with covariates" if rival == covariates else "limit"
            yield Case(name=name, script="peers", case=case, data=data, rival=f"Fairtrial {rival}", limit=limit)
    yield Case(
        name="arena-rank, whole process from the file",
        script="peers",
        case="arena_rank_file",
        data="1e6",
        rival="fairtrial rank votes.parquet --json",
    )
    if bootstrap:
        yield Case(name="evalica 10 bootstraps", script="peers", case="evalica_bootstrap", data="1e5")


def child(python: str, script: str, case: str, folder: str) -> dict[str, Any]:
    """One case in a process of its own: what it told, or why it could not."""
    command = [python, str(HERE / f"ranking_{script}.py"), case, folder]
    environment = os.environ | ({} if case == "command" else ONE_THREAD)
    told = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)
    lines = [line for line in told.stdout.splitlines() if line.startswith("RESULT ")]
    if lines:
        return json.loads(lines[-1].removeprefix("RESULT "))
    last = (told.stderr.strip().splitlines() or ["no message"])[-1]
    return {"missing": f"exit code {told.returncode}: {last[:200]}"}


def made(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """The folder of one data set, generated unless this generator has made it before."""
    target = folder / name.replace(", ", "-").replace(" ", "-")
    source = (HERE / "ranking_data.py").read_bytes() + repr(DATA[name]).encode()
    mark, stamp = hashlib.sha256(source).hexdigest(), target / "made_by"
    if not stamp.exists() or stamp.read_text() != mark:
        subprocess.run(
            [sys.executable, str(HERE / "ranking_data.py"), str(target), *DATA[name]],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stamp.write_text(mark)
    return target, json.loads((target / "facts.json").read_text())


def peers_python(environment: Path) -> str:
    """The interpreter of the peers' environment, made where it is not there."""
    python, done = environment / "bin" / "python", environment / "installed.json"
    if not done.exists() or json.loads(done.read_text()) != PEERS:
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS], check=True)
        done.write_text(json.dumps(PEERS))
    return str(python)


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Rounds of one case as one: medians of times, the largest of everything else that is a number."""
    whole = [run for run in runs if "missing" not in run]
    if not whole:
        return runs[-1]
    result = dict(whole[-1])
    for name, value in result.items():
        if name in ("prep", "fit", "part"):
            result[name] = {key: median(run[name][key] for run in whole) for key in value}
        elif isinstance(value, float):
            result[name] = max(run[name] for run in whole)
    return result | {"processes": len(whole)}


def compare(rows: dict[str, dict[str, Any]], chosen: list[Case]) -> None:
    """Add ratios of CPU seconds.

    `of_limit`: calls after the first, conversion included, to the compiled pass. `of_ours`, to our case on the same votes:
    `once` conversion and first call (a board made once), `again` both when warm, `fit` the warm fit without conversion.
    """
    for case in chosen:
        row, limit = rows[case.key], rows.get(f"{case.limit} | {case.data}", {})
        if "fit" not in row:
            continue
        prep = row.get("prep", {"cpu_s": 0.0, "first_cpu_s": 0.0})
        row["once_cpu_s"] = prep["first_cpu_s"] + row["fit"]["first_cpu_s"]
        row["again_cpu_s"] = prep["cpu_s"] + row["fit"]["cpu_s"]
        if "fit" in limit:
            row["of_limit"] = row["again_cpu_s"] / limit["fit"]["cpu_s"]
        ours = rows.get(f"{case.rival} | {case.data}", {}).get("fit")
        if ours:
            row["of_ours"] = {
                "once": row["once_cpu_s"] / ours["first_cpu_s"],
                "again": row["again_cpu_s"] / ours["cpu_s"],
                "fit": row["fit"]["cpu_s"] / ours["cpu_s"],
            }


def goals(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What was asked, what was measured, and whether that is enough; None where it was not measured."""
    found: list[dict[str, Any]] = []

    def add(
        what: str, goal: str, value: float | None, limit: float, unit: str = "CPU-s", *, least: bool = False
    ) -> None:
        met = None if value is None else bool(value >= limit if least else value <= limit)
        found.append({"what": what, "goal": goal, "measured": value, "unit": unit, "met": met})

    def cpu(name: str, data: str) -> float | None:
        return rows.get(f"{name} | {data}", {}).get("fit", {}).get("cpu_s")

    def times(name: str, how: str) -> float | None:
        return rows.get(f"{name} | 1e6", {}).get("of_ours", {}).get(how)

    for ties in ("half wins", "Davidson"):
        add(f"fit, {ties}, 10⁶ votes", "≤ 20 ms CPU", cpu(f"Fairtrial fit, {ties}", "1e6"), 0.020)
        add(f"fit, {ties}, 10⁷ votes", "≤ 120 ms CPU", cpu(f"Fairtrial fit, {ties}", "1e7"), 0.120)
    clustered = "Fairtrial fit + covariance by rater"
    add("fit + covariance by 20,000 raters, 10⁶ votes", "≤ 150 ms CPU", cpu(clustered, "1e6"), 0.150)
    for how in ("once", "again", "fit"):
        value = times("arena-rank BT + sandwich", how)
        add(f"  arena-rank's unclustered sandwich, {how}", "≥ 50 × ours", value, 50, "×", least=True)
    add("fit + CR3, 200 raters, 10⁵ votes", "≤ 1 s", cpu(clustered, "1e5, 200 raters"), 1.0)
    add("rank sets, 19,900 pairs, 2,000 draws", "≤ 0.5 s", cpu("Fairtrial rank sets, 2,000 draws", "1e6"), 0.5)
    covariates = "Fairtrial 8 covariates + sandwich"
    add("8 covariates + sandwich, 10⁶ votes", "≤ 0.5 s CPU", cpu(covariates, "1e6"), 0.5)
    peak = rows.get(f"{covariates} | 1e6", {}).get("peak_mb")
    add("  peak memory", "≤ 300 MB", peak, 300, "MB")
    for name in ("arena-rank 8 covariates + sandwich", "  the same, unshrunk (reg=1e-9)"):
        for how in ("once", "again", "fit"):
            add(f"  {name.strip()}, {how}", "≥ 25 × ours", times(name, how), 25, "×", least=True)
    add("whole command, 10⁶ rows of strings", "≤ 2 s CPU", cpu("fairtrial rank votes.parquet --json", "1e6"), 2.0)
    value = times("arena-rank, whole process from the file", "once")
    add("  arena-rank's script, no clusters, no rank sets", "", value, 0, "× ours", least=True)
    add("one more vote", "≤ 1 ms", cpu("Fairtrial one more vote", "1e6"), 0.001)
    oracle = rows.get("Fairtrial against oracles | 1e5", {}).get("error_points")
    add("largest distance to independent oracles", "≤ 1e-6 points", oracle, 1e-6, "points")
    return found


def number(value: float | None, form: str = ".4g") -> str:
    return "" if value is None else format(value, form)


def show(rows: dict[str, dict[str, Any]], chosen: list[Case]) -> None:
    """Print the table."""
    head = f"{'CPU seconds':40} {'votes':16} {'prep':>8} {'fit':>8} {'wall':>8} {'1st prep':>8} {'1st fit':>8}"
    print(f"\n{head} {'MB':>6} {'÷ limit':>8} {'÷ ours: once':>12} {'again':>7} {'fit':>7} {'error pts':>9}")
    for case in chosen:
        row = rows[case.key]
        if "fit" not in row:
            told = row.get("missing") or ", ".join(f"{name}: {error:.1e}" for name, error in row["oracles"].items())
            print(f"{case.name:40} {case.data:16} {told}")
            continue
        prep, fit, ours = row.get("prep", {}), row["fit"], row.get("of_ours", {})
        print(
            f"{case.name:40} {case.data:16} {number(prep.get('cpu_s')):>8} {number(fit['cpu_s']):>8} "
            f"{number(fit['wall_s']):>8} {number(prep.get('first_cpu_s')):>8} {number(fit['first_cpu_s']):>8} "
            f"{row['peak_mb']:6.0f} {number(row.get('of_limit'), ',.0f'):>8} {number(ours.get('once'), ',.1f'):>12} "
            f"{number(ours.get('again'), ',.1f'):>7} {number(ours.get('fit'), ',.1f'):>7} "
            f"{number(row.get('error_points'), '.0e'):>9}"
        )


def show_goals(asked: list[dict[str, Any]]) -> None:
    """Print what was asked and what came out."""
    print(f"\n{'what':55} {'goal':15} measured")
    for goal in asked:
        value = "not measured" if goal["measured"] is None else f"{goal['measured']:,.3g} {goal['unit']}"
        print(f"{goal['what']:55} {goal['goal']:15} {value}{' ← missed' if goal['met'] is False else ''}")


def main() -> None:
    """Make the data, run every case, print the table, write the results of a full run."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--peers", action="store_true", help="measure arena-rank, evalica and choix, too (installs them)"
    )
    parser.add_argument("--peers-env", type=Path, default=BENCH / "ranking-peers", help="their environment")
    parser.add_argument("--data", type=Path, default=BENCH / "ranking-data", help="where the votes are kept")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", nargs="*", default=None, help="cases whose name contains one of these; limits always run"
    )
    parser.add_argument("--bootstrap", action="store_true", help="evalica's bootstrap, too")
    options = parser.parse_args()
    chosen = [
        case
        for case in cases(peers=options.peers, bootstrap=options.bootstrap)
        if options.only is None or case.script == "limit" or any(word in case.name for word in options.only)
    ]
    names = dict.fromkeys(case.data for case in chosen)
    data = {name: made(options.data, name) for name in names}
    other = peers_python(options.peers_env) if options.peers else sys.executable
    runs: dict[str, list[dict[str, Any]]] = {case.key: [] for case in chosen}
    took: dict[str, float] = {}
    load = os.getloadavg()[0]
    for round_ in range(options.rounds):
        for case in chosen:
            last = runs[case.key][-1] if runs[case.key] else {}
            if round_ and (took[case.key] > SLOW_S or "missing" in last or "oracles" in last):
                continue
            began = time.perf_counter()
            python = other if case.script == "peers" or (case.script == "limit" and not COMPILER) else sys.executable
            runs[case.key].append(child(python, case.script, case.case, str(data[case.data][0])))
            took[case.key] = time.perf_counter() - began
            print(f"round {round_ + 1}: {case.key}, {took[case.key]:.1f} s", file=sys.stderr, flush=True)
    rows = {key: middle(found) for key, found in runs.items()}
    compare(rows, chosen)
    asked = goals(rows)
    show(rows, chosen)
    show_goals(asked)
    if not options.peers or options.only is not None:
        print("\nNot written: only a run of everything, with --peers, goes into results/ranking.json.")
        return
    result = {
        "rows": rows,
        "goals": asked,
        "votes": {name: facts for name, (_, facts) in data.items()},
        "peers": child(other, "peers", "versions", ""),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": round(load, 2)},
    }
    (HERE / "results" / "ranking.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
