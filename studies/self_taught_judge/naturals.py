"""Natural pairs with checkable truth: two answers of one real model to one instruction, one right and one wrong.

    python studies/self_taught_judge/naturals.py TARGET.jsonl --pairs 2000 --seed 101

Instructions are drawn from the families of `fairtrial.training.programs`; SmolLM2-135M-Instruct answers each up to six
times; a program checks. In half of the pairs of every family the longer answer is the better one. Answers are added to TARGET.answers.jsonl as they
come, so that the same command goes on after an interruption; the pairs are written at the end.
"""

import argparse
import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
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
            yield turn, task


async def answered(target: Path, families: tuple[str, ...], wanted: int, seed: int, threads: int) -> list[Pair]:
    """The pairs: as many of each family, and in half of each the longer answer is the better one."""
    log = target.with_suffix(".answers.jsonl")
    known: dict[str, list[str]] = defaultdict(list)
    if log.exists():
        for line in log.read_text("utf-8").splitlines():
            one = json.loads(line)
            known[one["id"]].append(one["answer"])
    model = requantize(pull("smollm2-135m"), "Q4_0")
    provider = EmbeddedProvider(model, threads=threads, slots=8, context_per_slot=256)
    await provider.open()
    asked = Model(provider, Gate(Nothing()))
    share = -(-wanted // len(families))
    found: dict[str, dict[int, Answers]] = {family: {} for family in families}
    chosen: dict[str, list[Pair]] = {family: [] for family in families}
    source = tasks(families, seed)
    with log.open("a", encoding="utf-8") as file:

        async def one_answer(key: str, k: int, task: Task) -> str:
            if k < len(known[key]):
                return known[key][k]
            call = await asked.chat([Message(role="user", content=task.text)], sampling=ANSWER, seed=seed * 100 + k)
            answer = call.completion.text.strip()
            file.write(json.dumps({"id": key, "answer": answer}, ensure_ascii=False) + "\n")
            file.flush()
            return answer

        async def lane() -> None:
            while any(len(pairs) < share for pairs in chosen.values()):
                turn, task = next(source)
                if len(chosen[task.family]) >= share:
                    continue
                answers = Answers(turn=turn, task=task)
                for k in range(TRIES):
                    answers.take(await one_answer(f"{seed}-{turn}", k, task))
                    if getattr(answers, rarer(chosen[task.family])):
                        break
                found[task.family][turn] = answers
                before = sum(map(len, chosen.values()))
                chosen[task.family] = balanced(found[task.family], share, seed)
                if sum(map(len, chosen.values())) // 50 > before // 50:
                    print({family: len(pairs) for family, pairs in chosen.items()}, flush=True)

        await asyncio.gather(*(lane() for _ in range(12)))
    await provider.close()
    return [pair for pairs in chosen.values() for pair in pairs]


@dataclass
class Answers:
    """What the model said to one instruction: a right and a wrong answer, the right one longer, and shorter."""

    turn: int
    task: Task
    longer: tuple[str, str] | None = None
    shorter: tuple[str, str] | None = None
    _right: list[str] = field(default_factory=list)
    _wrong: list[str] = field(default_factory=list)

    def take(self, answer: str) -> None:
        """One more answer."""
        if not answer:
            return
        right = holds(answer, self.task)
        (self._right if right else self._wrong).append(answer)
        for other in self._wrong if right else self._right:
            good, bad = (answer, other) if right else (other, answer)
            if len(good) > len(bad):
                self.longer = self.longer or (good, bad)
            elif len(good) < len(bad):
                self.shorter = self.shorter or (good, bad)


def rarer(pairs: list[Pair]) -> str:
    """Which kind there are fewer of."""
    longer = sum(
        len(pair.a[0]) > len(pair.b[0]) if pair.label == "a" else len(pair.b[0]) > len(pair.a[0]) for pair in pairs
    )
    return "longer" if longer <= len(pairs) - longer else "shorter"


def balanced(found: dict[int, Answers], share: int, seed: int) -> list[Pair]:
    """Pairs in order of their instructions: half with the better answer longer, one pair an instruction."""
    open_for = {"longer": share - share // 2, "shorter": share // 2}
    pairs = []
    for turn, answers in sorted(found.items()):
        kind = next(
            (k for k in sorted(open_for, key=lambda k: -open_for[k]) if open_for[k] and getattr(answers, k)), None
        )
        if kind is None:
            continue
        open_for[kind] -= 1
        good, bad = getattr(answers, kind)
        pairs.append(pair_of(f"{seed}-{turn}", answers.task, good, bad, good_first=len(pairs) % 2 == 0))
    return pairs


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
