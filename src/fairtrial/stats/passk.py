"""What k samples an item would give, from n >= k stored ones, at no further cost. Read `pass_at_k` and `majority_at_k`.

Expectations are over subsets of the stored samples, so every k up to n uses all of them.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from fairtrial.core import BadInput

EXACT_UP_TO = 20_000
"""Most different vote counts that are enumerated; beyond, subsets are drawn."""
DRAWS = 10_000


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k samples is right: 1 - C(n - right, k) / C(n, k), unbiased (Chen et al. 2021).

    Args:
        n: Samples stored for the item.
        right: How many of them are right.
        k: Samples to imagine, 1 … n.

    Raises:
        BadInput: k or `right` outside what n allows.
    """
    _check(n, k)
    if not 0 <= right <= n:
        raise BadInput(f"{right} right answers among {n} samples cannot be.")
    if n - right < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - right + 1, n + 1))


def majority_at_k(answers: Sequence[str], right: Sequence[bool], k: int, *, seed: int = 0) -> float:
    """Chance that the most frequent answer among k of the stored samples is right (majority@k, Wang et al. 2023).

    Exact over all subsets while at most 20,000 different vote counts exist, else the mean over 10,000 drawn subsets.
    Empty answers (unparsable) have no vote; if all k are empty the item is wrong. Answers tied for most votes share the
    item equally.

    Args:
        answers: n short answers, in any order; equal texts are the same answer.
        right: For each of them whether it is right.
        k: Samples to imagine, 1 … n.
        seed: Seed of the drawn subsets.

    Raises:
        BadInput: k outside 1 … n, lengths that differ, or one answer marked both right and wrong.
    """
    n = len(answers)
    _check(n, k)
    if len(right) != n:
        raise BadInput(f"{n} answers but {len(right)} marks.")
    marks = dict(zip(answers, map(bool, right), strict=True))
    if any(marks[answer] != mark for answer, mark in zip(answers, right, strict=True)):
        raise BadInput("the same answer is marked both right and wrong.")
    counts = Counter(answers)
    names = sorted(counts)
    sizes = [counts[name] for name in names]
    good = [marks[name] and name != "" for name in names]
    votes = [name != "" for name in names]
    if _ways_bound(sizes, k) <= EXACT_UP_TO:
        all_ways = math.comb(n, k)
        return sum(
            math.prod(map(math.comb, sizes, take)) / all_ways * _share(take, good, votes) for take in _takes(sizes, k)
        )
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    drawn = rng.multivariate_hypergeometric(sizes, k, size=DRAWS)
    return float(np.mean([_share(tuple(take), good, votes) for take in drawn.tolist()]))


def _check(n: int, k: int) -> None:
    if not 1 <= k <= n:
        raise BadInput(f"k = {k} needs between 1 and the {n} stored samples.", where="k")


def _ways_bound(sizes: list[int], k: int) -> int:
    """An upper bound on the number of different vote counts of k samples."""
    return math.prod(min(size, k) + 1 for size in sizes)


def _takes(sizes: list[int], k: int) -> Iterator[tuple[int, ...]]:
    """Every way to take k samples, as counts by answer."""
    if not sizes:
        if k == 0:
            yield ()
        return
    for first in range(min(sizes[0], k) + 1):
        for rest in _takes(sizes[1:], k - first):
            yield (first, *rest)


def _share(take: tuple[int, ...], good: list[bool], votes: list[bool]) -> float:
    """The share of the item that the leading answers of these counts earn."""
    top = max((count for count, has_vote in zip(take, votes, strict=True) if has_vote), default=0)
    if top == 0:
        return 0.0
    leaders = [mark for count, mark, has_vote in zip(take, good, votes, strict=True) if has_vote and count == top]
    return sum(leaders) / len(leaders)
