"""Runs the arms of the study, each with each seed, and has every judge of them judge the test pairs.

    python studies/self_taught_judge/run.py --work DIR [--seeds 1 2 3] [--arms rounds gold …] [--threads 1]

Everything in DIR goes on where it was: stop it whenever, run it again. Two processes with different seeds may share
DIR. When an arm has judged, its verdicts are added to `results/predictions.csv.gz`, without any text.
"""

import argparse
import asyncio
import csv
import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import naturals
import numpy as np

from fairtrial.core import Sampling
from fairtrial.evaluators.examining import items_of
from fairtrial.formats.pair_rows import write_pairs
from fairtrial.formats.pairs import Pair, read_pairs
from fairtrial.runs.progress import Silent
from fairtrial.training.config import Config
from fairtrial.training.programs import TRIES, draw_task, write
from fairtrial.training.rounds import Run
from fairtrial.training.sampling import draw, read_judgments
from fairtrial.training.synthesis import program_pairs

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SEED_MODEL = "embedded/smollm2-135m"
PAIRS, SAMPLES, MOST, TEST, UNSEEN, CONTROL = 300, 4, 400, 2000, 300, 500
"""Pairs that are taught on; samples of either order; examples of a round; test pairs; pairs of families that nobody
was taught on; test pairs that the controls judge, the first of each family."""
ARMS = {
    "rounds": {"rounds": 2},
    "more-samples": {"rounds": 1, "samples": 2 * SAMPLES},
    "gold": {"rounds": 2, "pairs": "gold"},
    "shuffled": {"rounds": 1, "pairs": "shuffled"},
    "response-only": {"rounds": 1, "pairs": "blank", "verdicts_only": True},
    "verdict-only": {"rounds": 1, "verdicts_only": True},
    "worse-answer": {"rounds": 1, "pairs": "worse"},
}
CONTROLS = ("shuffled", "response-only", "verdict-only", "worse-answer")
ONE_SEED = ("verdict-only", "worse-answer")


def config_of(arm: str, seed: int, work: Path, threads: int) -> Config:
    """The config of an arm; what all arms share stands here once."""
    told = ARMS[arm]
    kind = told.get("pairs")
    source = {"pairs": str(work / f"{kind}-{seed}.jsonl")} if kind else {"families": naturals.TAUGHT}
    plan = {
        "name": f"{arm}, seed {seed}",
        "seed": seed,
        "instructions": {**source, "limit": PAIRS},
        "synthesis": {"generator": "given" if kind else "program"},
        "judge": {"model": SEED_MODEL, "grid": "Q4_0", "max_tokens": 32, "context": 2048, "threads": threads},
        "warmup": json.loads((HERE / "warmup.json").read_text()),
        "sampling": {"samples": told.get("samples", SAMPLES)},
        "keeping": {"success": 0.6, "most": MOST},
        "learning": json.loads((HERE / "learning.json").read_text())
        | {"verdicts_only": told.get("verdicts_only", False)},
        "rounds": {"most": told["rounds"]},
        "validation": {"synthetic": 100} if not kind else {"pairs": str(work / "validation.jsonl")},
    }
    return Config.model_validate(plan)


def material(work: Path, seed: int) -> None:
    """The pair files of the arms that do not make their own, from the same pairs as arm `rounds` where they can be."""
    ours = program_pairs(naturals.TAUGHT, PAIRS, seed=seed, languages=("en",))
    rng = np.random.default_rng(np.random.SeedSequence([seed, 21]))
    flip = rng.permutation(np.arange(PAIRS) % 2 == 0)
    swapped = [replace(p, label="b" if p.label == "a" else "a") if f else p for p, f in zip(ours, flip, strict=True)]
    blank = [replace(p, prompts=(f"Task {k}.",)) for k, p in enumerate(ours)]
    for name, pairs in (("shuffled", swapped), ("blank", blank), ("worse", worse_answers(seed))):
        if not (work / f"{name}-{seed}.jsonl").exists():
            write_pairs(work / f"{name}-{seed}.jsonl", pairs)
    if not (work / "validation.jsonl").exists():
        write_pairs(work / "validation.jsonl", program_pairs(naturals.TAUGHT, 100, seed=999, languages=("en",)))


def worse_answers(seed: int) -> list[Pair]:
    """Pairs whose worse answer is the better one spoilt: words put in another order. The other way to build pairs."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 22]))
    made: list[Pair] = []
    while len(made) < PAIRS:
        task = draw_task(naturals.TAUGHT[len(made) % len(naturals.TAUGHT)], rng)
        for _ in range(TRIES):
            good = write(task, rng)
            if not naturals.holds(good, task):
                continue
            lines = [" ".join(rng.permutation(line.split())) for line in good.split("\n")]
            bad = "\n".join(rng.permutation(lines))
            if bad != good:
                first = len(made) % 2 == 0
                pair = naturals.pair_of(f"worse-{seed}-{len(made)}", task, good, bad, good_first=first)
                made.append(replace(pair, label_source="construction"))
                break
    return made


async def judged(run: Run, number: int, pairs: list[Pair], into: Path) -> dict[str, dict[str, str]]:
    """What a round's judge says of the pairs, greedily, in both orders."""
    items = items_of(pairs)
    greedy = Sampling(temperature=0.0, max_tokens=run.config.judge.max_tokens)
    if len(read_judgments(into, mend=True)) < 2 * len(items):
        async with run.opened(number) as (reader, width):
            await draw(reader, items, into, samples=1, sampling=greedy, width=width)
    found: dict[str, dict[str, str]] = {}
    for one in read_judgments(into):
        found.setdefault(one.pair, {})[one.order] = one.verdict
    return found


def blanked(pairs: list[Pair]) -> list[Pair]:
    """The pairs as a judge of responses alone sees them."""
    return [replace(pair, prompts=(f"Task {k}.",)) for k, pair in enumerate(pairs)]


def control_pairs(pairs: list[Pair]) -> list[Pair]:
    """The first pairs of every family."""
    share = CONTROL // len(naturals.FAMILIES) + 1
    seen: dict[str, int] = {}
    kept = []
    for pair in pairs:
        seen[pair.category] = seen.get(pair.category, 0) + 1
        if seen[pair.category] <= share:
            kept.append(pair)
    return kept[:CONTROL]


def seed_judge(work: Path, threads: int, tests: dict[str, list[Pair]]) -> None:
    """The judge that every arm begins from: the base, shown the form of a judgment; and its verdicts."""
    config = config_of("rounds", 1, work, threads).model_copy(update={"name": "the seed"})
    run = Run(config, home=HERE, directory=work / "seed", progress=Silent())
    run.warm_up()
    write_down(run, "seed", 0, 0, tests)


def one_arm(arm: str, seed: int, work: Path, threads: int, tests: dict[str, list[Pair]]) -> None:
    """Teach, judge, and write down the verdicts."""
    directory = work / f"{arm}-{seed}"
    config = config_of(arm, seed, work, threads)
    directory.mkdir(exist_ok=True)
    start = directory / "round-0"
    run = Run(
        config,
        home=HERE,
        directory=directory,
        progress=Silent(),
        told=lambda one: print(arm, seed, one.round, one.card.accuracy, flush=True),
    )
    if not (start / "judge.json").exists():
        shutil.copytree(work / "seed" / "round-0", start, dirs_exist_ok=True)
    asyncio.run(run.train())
    for number in range(1, config.rounds.most + 1):
        write_down(run, arm, seed, number, tests)


def write_down(run: Run, arm: str, seed: int, number: int, tests: dict[str, list[Pair]]) -> None:
    """One judge's verdicts on all tests, as rows of a file of its own."""
    target = RESULTS / "predictions" / f"{arm}-{seed}-{number}.csv.gz"
    if target.exists():
        return
    rows = []
    for name, pairs in tests.items():
        chosen = control_pairs(pairs) if arm in CONTROLS and name == "natural" else pairs
        if arm in CONTROLS and name != "natural":
            continue
        shown = blanked(chosen) if arm == "response-only" else chosen
        into = run.round_directory(number) / f"{name}-judgments.jsonl"
        said = asyncio.run(judged(run, number, shown, into))
        rows += [[name, pair.key, said[pair.key].get("ab", ""), said[pair.key].get("ba", "")] for pair in chosen]
    target.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(target, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["test", "pair", "ab", "ba"], *rows])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    told.work.mkdir(parents=True, exist_ok=True)
    tests = {
        "natural": list(read_pairs(HERE / "natural.jsonl.gz")),
        "unseen": list(read_pairs(HERE / "unseen.jsonl.gz")),
    }
    for seed in told.seeds:
        material(told.work, seed)
        for arm in told.arms:
            if arm in ONE_SEED and seed != 1:
                continue
            one_arm(arm, seed, told.work, told.threads, tests)


if __name__ == "__main__":
    main()
