"""From verdicts to claims: every number of the study, from `results/predictions` and the test pairs alone.

    python studies/self_taught_judge/analyse.py

Writes `results/results.json`, `results/tables.md` and the pictures. Arms that were not run yet are left out, and a
claim that needs one is undecided.
"""

import csv
import gzip
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from fairtrial.core.canonical import to_plain
from fairtrial.evaluators.examining import items_of
from fairtrial.evaluators.heuristics import HEURISTICS, Heuristic
from fairtrial.evaluators.judge import Judge
from fairtrial.evaluators.tables import Table
from fairtrial.formats.pairs import read_pairs
from fairtrial.stats import compare_judges, proportion

HERE = Path(__file__).parent
RESULTS = HERE / "results"
MARGIN = 0.03
TESTS = ("natural", "unseen")
Verdicts = dict[str, tuple[str, str]]
"""Pair to what was said of it in either order."""


def predictions() -> dict[tuple[str, int], dict[int, dict[str, Verdicts]]]:
    """Arm and round, seed, test: the verdicts."""
    found: dict[tuple[str, int], dict[int, dict[str, Verdicts]]] = defaultdict(dict)
    for path in sorted((RESULTS / "predictions").glob("*.csv.gz")):
        told = re.fullmatch(r"(.+)-(\d+)-(\d+)\.csv\.gz", path.name)
        assert told is not None, path
        with gzip.open(path, "rt", encoding="utf-8") as file:
            tests: dict[str, Verdicts] = defaultdict(dict)
            for row in csv.DictReader(file):
                tests[row["test"]][row["pair"]] = (row["ab"], row["ba"])
        found[told[1], int(told[3])][int(told[2])] = dict(tests)
    return found


class Test:
    """The pairs of a test, and judges' scores on them as columns."""

    def __init__(self, name: str) -> None:
        self.pairs = [pair for pair in read_pairs(HERE / f"{name}.jsonl.gz") if pair.label in ("a", "b")]
        self.prompt = np.array([hash_of(pair.prompts[-1]) for pair in self.pairs])
        self.first_is_better = np.array([pair.label == "a" for pair in self.pairs])

    def orders(self, said: Verdicts) -> np.ndarray:
        """(n, 2): 1 where the verdict of an order names the better answer, 0 where not, NaN where not asked."""
        rows = []
        for pair in self.pairs:
            ab, ba = said.get(pair.key, (None, None))
            wanted = ("first", "second") if pair.label == "a" else ("second", "first")
            rows.append([np.nan if v is None else float(v == w) for v, w in zip((ab, ba), wanted, strict=True)])
        return np.array(rows)

    def scores(self, seeds: dict[int, Verdicts]) -> np.ndarray:
        """(n, S): the mean of both orders, a column for each seed."""
        return np.column_stack([self.orders(said).mean(axis=1) for _, said in sorted(seeds.items())])

    def gap(self, seeds: dict[int, Verdicts]) -> np.ndarray:
        """(n, S): better first minus better second."""
        columns = []
        for _, said in sorted(seeds.items()):
            right = self.orders(said)
            first = np.where(self.first_is_better, right[:, 0], right[:, 1])
            second = np.where(self.first_is_better, right[:, 1], right[:, 0])
            columns.append(np.stack([first, second], axis=1))
        return np.stack(columns)


def hash_of(text: str) -> str:
    """Instructions that are the same words are one cluster."""
    return " ".join(text.casefold().split())


def of_test(judges: dict, name: str, key: tuple[str, int]) -> dict[int, Verdicts]:
    """The verdicts of an arm's round on a test, by seed."""
    return {seed: tests[name] for seed, tests in judges.get(key, {}).items() if name in tests}


def row_of(test: Test, seeds: dict[int, Verdicts]) -> dict:
    """An arm's figures: accuracy and consistent accuracy with intervals, by seed and together, and its habits."""
    scores = test.scores(seeds)
    asked = ~np.isnan(scores).all(axis=1)
    both = np.column_stack([test.orders(said).min(axis=1) for _, said in sorted(seeds.items())])
    by_seed = {}
    for column, seed in enumerate(sorted(seeds)):
        found = proportion(scores[asked, column], test.prompt[asked])
        by_seed[seed] = {"accuracy": found.estimate, "ci": [found.lower, found.upper]}
    gaps = test.gap(seeds)
    firsts = np.concatenate([gaps[k][asked, 0] for k in range(len(gaps))])
    seconds = np.concatenate([gaps[k][asked, 1] for k in range(len(gaps))])
    said = [verdict for verdicts in seeds.values() for pair in verdicts.values() for verdict in pair]
    chosen = [verdict for verdict in said if verdict in ("first", "second")]
    overall = compare_judges(scores[asked], np.full(asked.sum(), 0.5), margin=MARGIN, cluster=test.prompt[asked])
    order = compare_judges(
        np.column_stack([gaps[k][asked, 0] for k in range(len(gaps))]),
        np.column_stack([gaps[k][asked, 1] for k in range(len(gaps))]),
        margin=MARGIN,
        cluster=test.prompt[asked],
    )
    return {
        "pairs": int(asked.sum()),
        "seeds": sorted(seeds),
        "accuracy": 0.5 + overall.estimate,
        "ci": [0.5 + overall.lower, 0.5 + overall.upper],
        "consistent_accuracy": float(np.nanmean(both)),
        "by_seed": by_seed,
        "better_first": float(firsts.mean()),
        "better_second": float(seconds.mean()),
        "order": to_plain(order),
        "first_rate": float(np.mean([verdict == "first" for verdict in chosen])) if chosen else None,
        "invalid": float(np.mean([verdict not in ("first", "second") for verdict in said])),
        "by_family": by_family(test, scores),
    }


def by_family(test: Test, scores: np.ndarray) -> dict[str, float]:
    """Mean score of each family."""
    families = np.array([pair.category for pair in test.pairs])
    return {name: float(np.nanmean(scores[families == name])) for name in sorted(set(families))}


async def rules(test: Test) -> dict[str, np.ndarray]:
    """Scores of the rules that read the surface."""
    items = items_of(test.pairs)
    found = {}
    for name in HEURISTICS:
        judge = Judge(Heuristic(name))
        votes = [await judge.judge(item.battle, item.prompt, item.a, item.b) for item in items]
        found[name] = Table(items, votes).right()
    return found


def main() -> None:
    """The command."""
    import asyncio

    judges = predictions()
    tests = {name: Test(name) for name in TESTS if (HERE / f"{name}.jsonl.gz").exists()}
    told: dict = {"tests": {}, "claims": {}}
    for name, test in tests.items():
        rows = {}
        for key in judges:
            seeds = of_test(judges, name, key)
            if seeds:
                rows[f"{key[0]}, round {key[1]}"] = row_of(test, seeds)
        surface = {rule: float(score.mean()) for rule, score in asyncio.run(rules(test)).items()}
        told["tests"][name] = {"pairs": len(test.pairs), "judges": rows, "rules": surface}
    if "natural" in tests:
        told["claims"] = claims(tests["natural"], judges)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "tables.md").write_text(tables(told), encoding="utf-8")
    print(tables(told))


def claims(test: Test, judges: dict) -> dict:
    """The comparisons of hypotheses.md, those whose arms were run."""
    wanted = {
        "1a round 2 - seed": (("rounds", 2), ("seed", 0)),
        "round 1 - seed": (("rounds", 1), ("seed", 0)),
        "1b round 2 - round 1": (("rounds", 2), ("rounds", 1)),
        "1c round 2 - more samples": (("rounds", 2), ("more-samples", 1)),
        "2 round 2 - gold": (("rounds", 2), ("gold", 2)),
        "5 shuffled - seed": (("shuffled", 1), ("seed", 0)),
    }
    found = {}
    for name, (one, other) in wanted.items():
        first, second = of_test(judges, "natural", one), of_test(judges, "natural", other)
        if first and second:
            compared = compare_judges(test.scores(first), test.scores(second), margin=MARGIN, cluster=test.prompt)
            found[name] = to_plain(compared)
    last = of_test(judges, "natural", ("rounds", 2))
    if last:
        import asyncio

        for rule, score in asyncio.run(rules(test)).items():
            compared = compare_judges(test.scores(last), score, margin=MARGIN, cluster=test.prompt)
            found[f"4 round 2 - {rule}"] = to_plain(compared)
    return found


def tables(told: dict) -> str:
    """The results as Markdown."""
    lines = []
    for name, test in told["tests"].items():
        lines += [f"## {name}: {test['pairs']} pairs", ""]
        lines += [
            "| judge | pairs | accuracy | 95 % | both orders | better first / second | first | invalid | by seed |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for judge, row in test["judges"].items():
            seeds = ", ".join(f"{100 * one['accuracy']:.1f}" for one in row["by_seed"].values())
            lines.append(
                f"| {judge} | {row['pairs']} | {100 * row['accuracy']:.1f} | {100 * row['ci'][0]:.1f} to "
                f"{100 * row['ci'][1]:.1f} | {100 * row['consistent_accuracy']:.1f} | {100 * row['better_first']:.1f} / "
                f"{100 * row['better_second']:.1f} | {100 * (row['first_rate'] or 0):.1f} | {100 * row['invalid']:.1f} | "
                f"{seeds} |"
            )
        lines += [
            f"| {rule} | {test['pairs']} | {100 * score:.1f} | | | | | | |" for rule, score in test["rules"].items()
        ]
        lines.append("")
    lines += [
        "## Claims",
        "",
        "| comparison | points | 95 % | verdict | within ± 3 points, p |",
        "|---|---|---|---|---|",
    ]
    for name, one in told["claims"].items():
        lines.append(
            f"| {name} | {100 * one['estimate']:+.1f} | {100 * one['lower']:+.1f} to {100 * one['upper']:+.1f} | "
            f"{one['verdict']['word'] if isinstance(one['verdict'], dict) and 'word' in one['verdict'] else one['verdict']} "
            f"| {one['p_equivalent']:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
