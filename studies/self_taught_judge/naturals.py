"""Natural pairs with checkable truth: two answers of one real model to one instruction, one right and one wrong.

    python studies/self_taught_judge/naturals.py TARGET.jsonl --pairs 2000 --seed 101

Instructions are drawn from the families of `fairtrial.training.programs`; SmolLM2-135M-Instruct answers each until it
has answered rightly and wrongly once, or six times; a program checks. Answers are added to TARGET.answers.jsonl as they
come, so that the same command goes on after an interruption; the pairs are written at the end.
"""

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from fairtrial.core import Message, Sampling
from fairtrial.formats.pair_rows import write_pairs
from fairtrial.formats.pairs import Pair
from fairtrial.models import Gate, Model
from fairtrial.models.catalog import pull
from fairtrial.models.embedded import EmbeddedProvider
from fairtrial.models.requantize import requantize
from fairtrial.training.programs import Task, draw_task, holds

FAMILIES = ("items", "sentences", "words", "contains", "lacks", "starts_with", "first_letter")
"""Judges are taught on these and on `capitals`, which the model answers rightly once in a hundred times: too seldom to
make pairs of."""
TAUGHT = (*FAMILIES, "capitals")
UNSEEN = ("ends_with", "json")
TRIES = 6
ANSWER = Sampling(temperature=0.8, top_p=0.95, max_tokens=28)


class Nothing:
    """What is kept is the file of answers."""

    def recall(self, _key: str) -> None:
        return None

    def record(self, *_told: object) -> None:
        return None


def tasks(families: tuple[str, ...], seed: int):
    """Different instructions, families in turn, without end."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    seen = set()
    turn = 0
    while True:
        task = draw_task(families[turn % len(families)], rng)
        turn += 1
        if task.text not in seen or len(seen) > 50_000:
            seen.add(task.text)
            yield f"{seed}-{turn}", task


async def answered(target: Path, families: tuple[str, ...], wanted: int, seed: int, threads: int) -> list[Pair]:
    """The pairs, families as equal in number as the model's answers allow."""
    log = target.with_suffix(".answers.jsonl")
    known = defaultdict(list)
    if log.exists():
        for line in log.read_text("utf-8").splitlines():
            one = json.loads(line)
            known[one["id"]].append(one["answer"])
    model = requantize(pull("smollm2-135m"), "Q4_0")
    provider = EmbeddedProvider(model, threads=threads, slots=8, context_per_slot=256)
    await provider.open()
    asked = Model(provider, Gate(Nothing()))
    share = -(-wanted // len(families))
    found: dict[str, list[tuple[int, Task, str, str]]] = {family: [] for family in families}
    drawn: Counter[str] = Counter()
    right: Counter[str] = Counter()
    source = tasks(families, seed)
    with log.open("a", encoding="utf-8") as file:

        async def lane() -> None:
            while any(len(one) < share for one in found.values()):
                key, task = next(source)
                if len(found[task.family]) >= share:
                    continue
                await one_task(key, task)

        async def one_task(key: str, task: Task) -> None:
            good, bad = None, None
            for k in range(TRIES):
                if k < len(known[key]):
                    answer = known[key][k]
                else:
                    call = await asked.chat(
                        [Message(role="user", content=task.text)], sampling=ANSWER, seed=seed * 100 + k
                    )
                    answer = call.completion.text.strip()
                    file.write(json.dumps({"id": key, "answer": answer}, ensure_ascii=False) + "\n")
                    file.flush()
                drawn[task.family] += 1
                if not answer:
                    continue
                if holds(answer, task):
                    right[task.family] += 1
                    good = good or answer
                else:
                    bad = bad or answer
                if good and bad:
                    break
            if good and bad:
                found[task.family].append((int(key.partition("-")[2]), task, good, bad))
                total = sum(map(len, found.values()))
                if total % 100 == 0:
                    print(
                        total, {f: f"{len(p)}, right {right[f] / drawn[f]:.0%}" for f, p in found.items()}, flush=True
                    )

        await asyncio.gather(*(lane() for _ in range(12)))
    await provider.close()
    return [
        pair_of(f"{seed}-{turn}", task, good, bad, good_first=place % 2 == 0)
        for answers in found.values()
        for place, (turn, task, good, bad) in enumerate(sorted(answers, key=lambda one: one[0])[:share])
    ]


def pair_of(key: str, task: Task, good: str, bad: str, *, good_first: bool) -> Pair:
    """Two answers as a pair; the checker says which is better."""
    a, b = (good, bad) if good_first else (bad, good)
    return Pair(
        key=key,
        prompts=(task.text,),
        a=(a,),
        b=(b,),
        label="a" if good_first else "b",
        label_source="checker",
        category=task.family,
        language="en",
        meta={"spec": dict(task.spec)},
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--unseen", action="store_true", help="families that no judge was trained on")
    told = parser.parse_args()
    families = UNSEEN if told.unseen else FAMILIES
    pairs = asyncio.run(answered(told.target, families, told.pairs, told.seed, told.threads))
    write_pairs(told.target, pairs)
    print(f"{len(pairs)} pairs in {told.target}")


if __name__ == "__main__":
    main()
