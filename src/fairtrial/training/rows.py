"""What a judge is trained on, as rows of prompt and completion: its own judgments, bare verdicts, or a program's."""

from collections.abc import Callable, Sequence

import numpy as np

from fairtrial.evaluators.examining import items_of
from fairtrial.evaluators.readings import Case
from fairtrial.evaluators.tables import Item
from fairtrial.formats.pairs import Pair
from fairtrial.training.config import Warmup
from fairtrial.training.keeping import Kept
from fairtrial.training.learning import Row
from fairtrial.training.programs import drawn_contrast, judgment
from fairtrial.training.sampling import ORDERS, case_of

Words = Callable[[Case], str]
"""What the judge is told of one showing."""


def judgment_rows(kept: Sequence[Kept], items: Sequence[Item], words: Words) -> list[Row]:
    """The judge's own judgments that were kept."""
    by_key = {item.key: item for item in items}
    return [
        Row(prompt=words(case_of(by_key[one.pair], one.order)), completion=one.text.strip(), pair=one.pair)
        for one in kept
    ]


def verdict_rows(items: Sequence[Item], words: Words) -> list[Row]:
    """Bare verdicts by the pairs' labels, both orders of every pair."""
    rows = []
    for item in items:
        for order in ORDERS:
            verdict = "A" if (item.label == 1) == (order == "ab") else "B"
            rows.append(Row(prompt=words(case_of(item, order)), completion=f"Verdict: {verdict}", pair=item.key))
    return rows


def warm_up_rows(plan: Warmup, words: Words, *, seed: int) -> list[Row]:
    """Judgments that a program writes, of pairs that it made, both orders of each."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    rows = []
    for k in range(plan.examples // 2):
        task, better, worse = drawn_contrast(plan.families[k % len(plan.families)], rng)
        pair = Pair(key=f"warm-up {k}", prompts=(task.text,), a=(better,), b=(worse,), label="a")
        item = items_of([pair])[0]
        for order in ORDERS:
            case = case_of(item, order)
            text = judgment(task, case.first, case.second)
            rows.append(Row(prompt=words(case), completion=text, pair=pair.key))
    return rows
