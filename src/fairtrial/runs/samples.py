"""What fewer samples would have given: majority@k and pass@k from the samples already stored. Read `SampleTally.lines`.

Every sample of a self-consistency contestant is in its trace, so smaller k cost no call.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fairtrial.contestants.reading import normalise
from fairtrial.core import Contestant, Prompt, Response
from fairtrial.evaluators import Scorer
from fairtrial.stats import majority_at_k, pass_at_k


class SampleTally:
    """Sums of majority@k and pass@k over the answers of contestants that draw several samples.

    Args:
        contestants: In the trial's order.
        scorer: The trial's first scorer; a sample is right when it scores 1.
    """

    def __init__(self, contestants: Sequence[Contestant], scorer: Scorer) -> None:
        self._drawing = {i: int(c.params["k"]) for i, c in enumerate(contestants) if c.strategy == "self-consistency"}
        self._names = [c.name for c in contestants]
        self._scorer = scorer
        self._sums: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    def add(self, who: int, prompt: Prompt, response: Response) -> None:
        """Count one answer to a prompt with a reference; one that failed or was refused is wrong at every k."""
        if who not in self._drawing or prompt.reference is None:
            return
        if response.finish in ("error", "refused"):
            for k in range(1, self._drawing[who] + 1):
                self._sums[who, k][2] += 1
            return
        answers = [normalise(step.answer) for step in response.steps]
        marks = {"": False}  # one mark for one answer; nothing read is nothing right
        for answer, step in zip(answers, response.steps, strict=True):
            marks.setdefault(answer, self._right(prompt, response, step.text))
        right = [marks[answer] for answer in answers]
        for k in range(1, len(answers) + 1):
            sums = self._sums[who, k]
            sums[0] += majority_at_k(answers, right, k)
            sums[1] += pass_at_k(len(right), sum(right), k)
            sums[2] += 1

    def lines(self) -> Iterable[str]:
        """A sentence for each contestant: both rates for every k, with the number of answers.

        Ties share the item here, where the contestant itself goes with the answer it reached first.
        """
        for who in sorted({who for who, _ in self._sums}):
            rows = [(k, sums) for (i, k), sums in sorted(self._sums.items()) if i == who]
            majority = ", ".join(f"{sums[0] / sums[2]:.1%} at {k}" for k, sums in rows)
            passed = ", ".join(f"{sums[1] / sums[2]:.1%} at {k}" for k, sums in rows)
            n = int(rows[0][1][2])
            yield f"{self._names[who]}, by number of samples (n = {n}): majority right {majority}; any right {passed}."

    def _right(self, prompt: Prompt, response: Response, text: str) -> bool:
        sample = replace(response, turns=(text,), finish="stop", error="")
        return self._scorer.score(prompt, sample).value == 1
