"""What the harness costs a judge call, beyond the model: CPU of this process, with a model that answers at once.

    python benchmarks/judging.py [--pairs 3000]

Each pair is shown in both orders. Every call is built, fenced, recorded in a real SQLite lab and read; then again from
what was recorded. The limit beside it is the SHA-256 and JSON of the same requests, which any cache must compute. CPU is
user + system of the process, threads included; medians of five runs.
"""

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
from pathlib import Path

from fairtrial.core import Capabilities, Completion, ModelIdentity, TokenChance, Usage, call_key
from fairtrial.evaluators import Judge, reader_of
from fairtrial.evaluators.examining import examine, items_of
from fairtrial.formats.pairs import Pair
from fairtrial.lab import Lab
from fairtrial.models import Gate, Model
from fairtrial.store import Store

RESULTS = Path(__file__).parent / "results" / "judging.json"
GOAL_MS = 0.5


class Instant:
    """A model that answers at once: A or B by the length of the question."""

    identity = ModelIdentity(provider="bench", model="instant", digest="0")
    capabilities = Capabilities(chat=True, logprobs=True, connections=64)

    def __init__(self) -> None:
        self.seen = []

    async def send(self, request, *, on_text=None) -> Completion:  # noqa: ARG002
        """Remember the request and answer it."""
        self.seen.append(request)
        lean = len(request.messages[-1].content) % 2
        usage = Usage(prompt_tokens=300, completion_tokens=20)
        if request.kind == "logprobs":
            chances = (TokenChance(token="A", logprob=-0.2 - lean), TokenChance(token="B", logprob=-1.2 + lean))
            return Completion(text="A", usage=usage, chances=chances)
        return Completion(text=f"It is more to the point.\nVerdict: {'AB'[lean]}", usage=usage)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pairs(count) -> tuple[Pair, ...]:
    text = "Water evaporates from the sea, rises, cools and falls as rain; rivers carry it back. "
    return tuple(
        Pair(
            key=str(n),
            prompts=(f"Explain the water cycle, version {n}.",),
            a=(text * 6 + str(n),),
            b=(text * 7,),
            label="ab"[n % 2],
        )
        for n in range(count)
    )


def run(read, items, root) -> dict[str, float]:
    """CPU milliseconds a call: bought, recorded, and the limit."""
    lab, model = Lab.create(root), Instant()
    found = {}
    for what in ("bought and recorded", "from the record"):
        with lab.directory.lock(), Store.open(lab.directory.database) as store:
            judge = Judge(reader_of(Model(model, Gate(store)), name="instant", read=read))
            began = cpu()
            examined = asyncio.run(examine(judge, items, injections=0))
            store.flush()
            found[what] = 1000 * (cpu() - began) / (2 * len(items))
        assert examined.card.invalid == 0
    assert len(model.seen) == 2 * len(items), "what was recorded is not asked again"
    began = cpu()
    for request in model.seen:
        call_key(request)
    found["limit: the digest of each request"] = 1000 * (cpu() - began) / (2 * len(items))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=3000)
    args = parser.parse_args()
    items = items_of(pairs(args.pairs))
    results = {"pairs": args.pairs, "goal_ms": GOAL_MS}
    for read in ("probabilities", "verdict"):
        runs = []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as root:
                runs.append(run(read, items, Path(root) / "lab"))
        results[read] = {what: round(statistics.median(one[what] for one in runs), 3) for what in runs[0]}
        results[read]["met"] = results[read]["bought and recorded"] <= GOAL_MS
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
