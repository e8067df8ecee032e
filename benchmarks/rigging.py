"""Are riggers found, and honest raters left alone? Simulated crowds whose riggers are known.

Run `python benchmarks/rigging.py` (about 5 minutes on one core); it prints tables and writes results/rigging.json.
Every replicate draws a crowd anew: 20,000 honest votes on 24 models (blocks of four are equal), by 1,500 raters with
tastes and shares of 1/rank, 30 % ties, pairs uniform, in random order. Then 200 votes for one contestant are put among
them, by 1 to 50 ids or by 200 ids with one vote each, and `arena.integrity.examine` looks once. Goals: at most 10 ids are
found with a power of at least 0.9, and at most 5 % of the ids found are honest. Read `crowd`, then `attack`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin

import numpy as np

from fairtrial.arena.integrity import REASONS, Integrity, _share_cap, _to_cap, examine
from fairtrial.stats import A_WINS, B_WINS, TIE, Battles, Comparisons, chances, fit

OUT = Path(__file__).parent / "results" / "rigging.json"
MODELS, BLOCK, VOTES, RATERS = 24, 4, 20_000, 1_500
SPREAD = 0.35
"""Standard deviation of the blocks' strengths, natural log units."""
LOG_NU = 0.0
"""Davidson's tie weight that makes 30 % ties here."""
TASTE, STRONG = 0.6, 1.0
"""Standard deviations of a rater's taste for a contestant, natural log units; the default rules allow for the first."""
ATTACK, OMNIPRESENT = 200, 2_000
RIGGER = 20_000
"""Codes of raters from here on are riggers'."""
POINTS = 400 / np.log(10)
POWER, FALSE = 0.9, 0.05
TESTED = [REASONS.index(name) for name in REASONS if "contestant" in name or "same answer" in name]
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Who votes for the target, and how."""

    name: str
    ids: int
    camouflage: bool = False
    """The ids vote honestly, with tastes of their own, whenever the target does not appear."""
    stretch: float = 1.0
    """Share of the time that the attack takes."""
    slip: float = 0.0
    """Share of these battles in which the vote goes to the other contestant after all."""
    newcomers: bool = False
    """The honest crowd is 20,000 raters with about one vote each."""
    goal: bool = False


ATTACKS = (
    Attack(name="1 id", ids=1, goal=True),
    Attack(name="5 ids", ids=5, goal=True),
    Attack(name="10 ids", ids=10, goal=True),
    Attack(name="1 id, camouflaged", ids=1, camouflage=True, goal=True),
    Attack(name="5 ids, camouflaged", ids=5, camouflage=True, goal=True),
    Attack(name="10 ids, camouflaged", ids=10, camouflage=True, goal=True),
    Attack(name="200 single votes", ids=200),
    Attack(name="… within a tenth of the time", ids=200, stretch=0.1),
    Attack(name="… among 20,000 newcomers", ids=200, newcomers=True),
    Attack(name="20 ids with 10 votes each", ids=20),
    Attack(name="50 ids with 4 votes each", ids=50),
    Attack(name="1 id that slips in every fifth vote", ids=1, slip=0.2),
    Attack(name="5 ids that slip in every fifth vote", ids=5, slip=0.2),
)


def strengths(rng: np.random.Generator) -> np.ndarray:
    """(K,) with blocks of equal models."""
    found = np.repeat(rng.normal(0, SPREAD, MODELS // BLOCK), BLOCK)
    return found - found.mean()


def crowd(
    rng: np.random.Generator, theta: np.ndarray, rater: np.ndarray, *, taste: float, avoid: int | None = None
) -> Columns:
    """Honest votes by the raters named, on uniform pairs (of all contestants, or of all but one)."""
    choice = np.array([k for k in range(MODELS) if k != avoid])
    a = rng.integers(0, len(choice), len(rater))
    b = choice[(a + 1 + rng.integers(0, len(choice) - 1, len(rater))) % len(choice)]
    a = choice[a]
    own = rng.normal(0, taste, (int(rater.max()) + 1, MODELS))
    d = theta[a] - theta[b] + own[rater, a] - own[rater, b]
    loss, tie, _ = chances(d, LOG_NU)
    u = rng.random(len(rater))
    return {
        "a": a,
        "b": b,
        "outcome": np.where(u < loss, B_WINS, np.where(u < loss + tie, TIE, A_WINS)),
        "rater": rater,
    }


def honest(rng: np.random.Generator, theta: np.ndarray, taste: float, votes: int, raters: int) -> Columns:
    """Votes by raters whose shares fall as 1/rank."""
    share = 1 / np.arange(1, raters + 1)
    return crowd(rng, theta, rng.choice(raters, votes, p=share / share.sum()), taste=taste)


def stuffed(rng: np.random.Generator, target: int, ids: int, votes: int) -> Columns:
    """Votes for the target, whoever the other is, by ids in turn."""
    other = (target + 1 + rng.integers(0, MODELS - 1, votes)) % MODELS
    first = rng.random(votes) < 0.5
    return {
        "a": np.where(first, target, other),
        "b": np.where(first, other, target),
        "outcome": np.where(first, A_WINS, B_WINS),
        "rater": RIGGER + np.arange(votes) % ids,
    }


def joined(rng: np.random.Generator, one: Columns, other: Columns, stretch: float = 1.0) -> tuple[Columns, np.ndarray]:
    """The votes of `other` at random moments among those of `one`, within a stretch of them; and where they stand."""
    begin = rng.uniform(0, 1 - stretch)
    moment = np.concatenate([np.arange(len(one["a"])) / len(one["a"]), begin + stretch * rng.random(len(other["a"]))])
    order = np.argsort(moment, kind="stable")
    return {key: np.concatenate([one[key], other[key]])[order] for key in one}, order >= len(one["a"])


def attack(
    rng: np.random.Generator, theta: np.ndarray, clean: Columns, target: int, how: Attack
) -> tuple[Columns, Any]:
    """The crowd with the attack in it, and which votes are the target's bought ones."""
    votes = stuffed(rng, target, how.ids, ATTACK)
    if how.camouflage:  # pairs are uniform: the target is in 2 of K battles
        rater = RIGGER + np.arange(ATTACK * (MODELS - 2) // 2) % how.ids
        votes, _ = joined(rng, votes, crowd(rng, theta, rater, taste=TASTE, avoid=target))
    slipped = rng.random(len(votes["a"])) < how.slip
    votes["outcome"] = np.where(slipped, A_WINS - votes["outcome"], votes["outcome"])
    found, theirs = joined(rng, clean, votes, how.stretch)
    return found, theirs & ((found["a"] == target) | (found["b"] == target))


def battles(columns: Columns) -> Battles:
    return Battles(names=tuple(f"m{k}" for k in range(MODELS)), **columns)


def board(votes: Battles) -> np.ndarray:
    """(K,) strengths of the product's board, in rating points."""
    return POINTS * np.asarray(fit(Comparisons.of(votes)).theta)


def rank(theta: np.ndarray, target: int) -> int:
    return 1 + int((theta > theta[target]).sum())


def flagged(votes: Columns, found: Integrity) -> tuple[np.ndarray, np.ndarray]:
    """Ids found alone; and ids found alone or with a vote that counts half or less as part of a burst."""
    alone = np.array([int(one.rater) for one in found.findings if one.rater], dtype=int)
    halved = np.isin(found.reason, TESTED) & (found.weight <= 0.5)
    return alone, np.union1d(alone, votes["rater"][halved])


def measure(votes: Columns, found: Integrity, bought: np.ndarray, ids: int) -> dict[str, float]:
    """What one look found, against the truth."""
    alone, either = flagged(votes, found)
    struck = np.isin(found.reason, TESTED) & (found.weight <= 0.5)
    theirs = votes["rater"] >= RIGGER
    return {
        "power_ids": float((either >= RIGGER).sum() / ids) if ids else np.nan,
        "power_votes": float(struck[bought].mean()) if ids else np.nan,
        "weight_left": float(found.weight[bought].mean()) if ids else np.nan,
        "false_share_alone": float((alone < RIGGER).mean()) if len(alone) else 0.0,
        "false_share": float((either < RIGGER).mean()) if len(either) else 0.0,
        "any_false": float((either < RIGGER).any()),
        "honest_votes_halved": float(struck[~theirs].mean()),
        "flagged": float(len(either)),
        "taste": found.taste,
    }


def moved(theta: np.ndarray, target: int, before: np.ndarray) -> tuple[int, float]:
    """Ranks and rating points that the target gained."""
    return rank(before, target) - rank(theta, target), float(theta[target] - before[target])


def replicate(seed: int, number: int) -> dict[str, dict[str, float]]:
    """One crowd: without an attack, with strong tastes, and with each attack."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, number)))
    theta = strengths(rng)
    clean = honest(rng, theta, TASTE, VOTES, RATERS)
    target = int(rng.integers(MODELS))
    nobody = np.zeros(VOTES, dtype=bool)
    calm = examine(battles(clean))
    new = crowd(rng, theta, rng.integers(0, RIGGER, VOTES), taste=TASTE)
    fresh = examine(battles(new))
    before = [(board(battles(one)), board(seen.weighted(battles(one)))) for one, seen in ((clean, calm), (new, fresh))]
    rows = {"no attack": measure(clean, calm, nobody, 0) | {"ties": float((clean["outcome"] == TIE).mean())}}
    keen = honest(rng, theta, STRONG, VOTES, RATERS)
    rows["no attack, strong tastes"] = measure(keen, examine(battles(keen)), nobody, 0)
    rows["no attack, 20,000 newcomers"] = measure(new, fresh, nobody, 0)
    for how in ATTACKS:
        votes, bought = attack(rng, theta, new if how.newcomers else clean, target, how)
        found = examine(battles(votes))
        rows[how.name] = measure(votes, found, bought, how.ids)
        for name, after, base in (
            ("without", board(battles(votes)), before[how.newcomers][0]),
            ("with", board(found.weighted(battles(votes))), before[how.newcomers][1]),
        ):
            rows[how.name][f"ranks_{name}"], rows[how.name][f"points_{name}"] = moved(after, target, base)
    return rows


def omnipresent(seed: int, number: int) -> list[dict[str, float]]:
    """Every contestant in turn pushed by one id with 2,000 votes: no weights, the cap alone, and all tests for one."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, number, 1)))
    theta = strengths(rng)
    clean = honest(rng, theta, TASTE, VOTES, RATERS)

    def capped(columns: Columns) -> Battles:
        ones = np.ones(len(columns["a"]))
        cap = _share_cap(np.bincount(columns["rater"]).astype(float), 0.01)
        return battles({**columns, "weight": _to_cap(columns["rater"], ones, cap)})

    before = board(battles(clean)), board(capped(clean)), board(examine(battles(clean)).weighted(battles(clean)))
    rows = []
    for target in range(MODELS):
        votes, _ = joined(rng, clean, stuffed(rng, target, 1, OMNIPRESENT))
        row = {
            "without": moved(board(battles(votes)), target, before[0]),
            "cap": moved(board(capped(votes)), target, before[1]),
        }
        if target == number % MODELS:
            row["with"] = moved(board(examine(battles(votes)).weighted(battles(votes))), target, before[2])
        rows.append(row)
    return rows


def speed(votes: int) -> dict[str, float]:
    """Seconds of one look, and MB at its peak beyond what the votes and the libraries hold; in a process of its own."""
    told = subprocess.run(
        [sys.executable, __file__, "--speed", str(votes)], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(told.stdout)


def look(votes: int) -> None:
    rng = np.random.default_rng(np.random.SeedSequence((9, votes)))
    theta = strengths(rng)
    raters = RATERS if votes <= VOTES else 20_000
    rows = battles(honest(rng, theta, TASTE, votes, raters))
    small = battles(honest(rng, theta, TASTE, 500, 50))
    examine(small)  # libraries are loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    examine(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"votes": votes, "raters": raters, "seconds": wall, "cpu_seconds": cpu}
    print(json.dumps(told | {"peak_mb": peak / 1024, "added_mb": (peak - before) / 1024}))


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over replicates; standard errors of the shares; the largest changes of rank."""
    found: dict[str, float] = {"replicates": len(rows)}
    for key in rows[0]:
        values = np.array([row[key] for row in rows])
        if np.isnan(values).any():
            continue
        found[key] = float(values.mean())
        if key in ("power_ids", "power_votes", "false_share", "false_share_alone", "any_false"):
            found[f"{key}_se"] = float(values.std(ddof=1) / np.sqrt(len(values)))
        if key.startswith("ranks"):
            found[f"{key}_max"] = float(values.max())
    return found


def influence(rows: list[dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {"attacks": len(rows)}
    for name in ("without", "cap", "with"):
        some = np.array([row[name] for row in rows if name in row])
        found |= {f"{name}_n": len(some), f"{name}_ranks_max": some[:, 0].max(), f"{name}_ranks": some[:, 0].mean()}
        found |= {f"{name}_points_max": some[:, 1].max(), f"{name}_points": some[:, 1].mean()}
    return {key: float(value) for key, value in found.items()}


def show(name: str, row: dict[str, float]) -> str:
    def cell(key: str, width: int, scale: float = 100) -> str:
        return f"{scale * row[key]:{width}.1f}" if key in row else f"{'–':>{width}}"

    error = f"{cell('false_share', 6)} ± {cell('false_share_se', 3)}"
    ranks = " ".join(
        f"{cell(f'ranks_{one}', 6, 1)} ({cell(f'ranks_{one}_max', 0, 1)}) {cell(f'points_{one}', 6, 1)}"
        for one in ("without", "with")
    )
    return (
        f"{name:44} {cell('power_ids', 6)} {cell('power_votes', 6)} {error} {cell('any_false', 6)}"
        f" {cell('honest_votes_halved', 7)}  {ranks}"
    )


def verdicts(rows: dict[str, dict[str, float]]) -> list[str]:
    """Every goal and whether it is met."""
    lines = []
    for how in ATTACKS:
        row = rows[how.name]
        if how.goal:
            for key, kept in (("power_ids", row["power_ids"] >= POWER), ("false_share", row["false_share"] <= FALSE)):
                said = f"{100 * row[key]:.1f} ± {100 * row[key + '_se']:.1f} %"
                lines.append(f"{'met' if kept else 'MISSED'}: {key} {said} ({how.name})")
    return lines


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=120)
    parser.add_argument("--quick", action="store_true", help="8 replicates with other seeds; writes nothing")
    parser.add_argument("--speed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.speed:
        look(args.speed)
        return
    reps, seed = (8, 1) if args.quick else (args.reps, 2027)
    began = time.process_time()
    drawn = defaultdict(list)
    for number in range(reps):
        for name, row in replicate(seed, number).items():
            drawn[name].append(row)
    rows = {name: summary(found) for name, found in drawn.items()}
    print(
        "Per cent of the riggers' ids found, and of their votes for the target that count half or less; of the ids found,\n"
        "honest ones (mean over replicates ± standard error); of replicates with any honest id found; of honest votes that\n"
        "count half or less. Then ranks the target gains, on average (at most), and rating points: without weights, with.\n"
    )
    print(f"{'':44} {'ids':>6} {'votes':>6} {'false':>6} {'':5} {'any':>6} {'halved':>7}  {'without':>20} {'with':>17}")
    print("\n".join(show(name, row) for name, row in rows.items()))
    everywhere = influence([row for number in range(max(2, reps // 5)) for row in omnipresent(seed, number)])
    print(f"\nOne id with {OMNIPRESENT:,} votes for one contestant moves it by at most (on average)")
    for name, said in (("without", "without weights"), ("cap", "with the cap alone"), ("with", "with all weights")):
        ranks, points = everywhere[f"{name}_ranks_max"], everywhere[f"{name}_points_max"]
        mean, usual = everywhere[f"{name}_ranks"], everywhere[f"{name}_points"]
        print(
            f"  {said:20} {ranks:3.0f} ({mean:.1f}) ranks, {points:5.1f} ({usual:.1f}) points, n = {everywhere[f'{name}_n']:.0f}"
        )
    fast = [speed(votes) for votes in (VOTES, 1_000_000)]
    for one in fast:
        print(
            f"{one['votes']:,} votes: {one['cpu_seconds']:.2f} s CPU, peak {one['peak_mb']:.0f} MB (+{one['added_mb']:.0f})"
        )
    print("\n" + "\n".join(verdicts(rows)))
    seconds = time.process_time() - began
    print(f"{seconds:.0f} s of CPU time")
    if not args.quick:
        OUT.parent.mkdir(exist_ok=True)
        told = {"cpu_seconds": round(seconds), "seed": seed, "crowds": rows, "omnipresent": everywhere, "speed": fast}
        OUT.write_text(json.dumps(_rounded(told), indent=1) + "\n")


if __name__ == "__main__":
    main()
