"""Prompts that are the same, or nearly: their votes are no independent evidence. Read `clusters` first.

Two prompts are near-duplicates if at least four fifths of their pieces of five characters agree (Jaccard) and their
numbers are the same. Pairs worth comparing are found by MinHash (Broder 1997, Compression and Complexity of Sequences)
in bands (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, ch. 3); each is then compared exactly.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from fairtrial.stats._arrays import BoolArray, IntArray

_PIECE = 5
ALIKE = 0.8
"""Least share of pieces that near-duplicates have in common."""
_BANDS, _ROWS = 12, 4
"""At a share of 0.8 a pair agrees in no band once in 560: (1 - 0.8^4)^12; at 0.85 once in 6000."""
_NEIGHBOURS = 8
"""Each prompt is compared with the first of its bucket and with so many before it: all pairs of a bucket of ten."""
_PASSED_OVER = re.compile("[\\s.,;:!?'\"…。、·“”‘’「」\u200b-\u200f\u2060\ufeff]+")
_NUMBER = re.compile(r"\d+")
_BLOCK = 1 << 20
"""Characters handled at once."""
_MULTIPLIERS = np.random.SeedSequence(5).generate_state(_BANDS * _ROWS + 2, np.uint64) | np.uint64(1)
_SHIFT = np.uint64(32)


def clusters(prompts: Sequence[str]) -> IntArray:
    """(N,) cluster of each prompt, numbered in order of first appearance; the same on every machine.

    Case, white space, common punctuation and invisible characters don't count. A chain of near-duplicates is one
    cluster.
    """
    table: dict[str, int] = {}
    code = np.fromiter((table.setdefault(plain(p), len(table)) for p in prompts), dtype=np.int64, count=len(prompts))
    texts = list(table)
    if not texts:
        return code
    pieces = [_pieces(part) for part in _blocks(texts)]
    values = np.concatenate([one[0] for one in pieces])
    edges = np.concatenate([[0], np.cumsum(np.concatenate([one[1] for one in pieces]))])
    signature = np.concatenate([_signature(*one) for one in pieces])
    listed: dict[str, int] = {}
    numbers = np.array([listed.setdefault(" ".join(_NUMBER.findall(text)), len(listed)) for text in texts])
    first, second = _candidates(signature, numbers)
    sets = {k: values[edges[k] : edges[k + 1]] for k in np.unique([first, second]).tolist()}
    alike = [_share(sets[i], sets[j]) >= ALIKE for i, j in zip(first.tolist(), second.tolist(), strict=True)]
    return _joined(len(texts), first, second, np.array(alike, dtype=bool))[code]


def plain(prompt: str) -> str:
    """The prompt as it is compared."""
    text = unicodedata.normalize("NFKC", prompt).casefold()
    return _PASSED_OVER.sub(" ", text).strip() or " ".join(text.split())


def _blocks(texts: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    room = _BLOCK
    for text in texts:
        if room < 0:
            found.append([])
            room = _BLOCK
        found[-1].append(text)
        room -= len(text)
    return found


def _pieces(texts: list[str]) -> tuple[IntArray, IntArray]:
    """The distinct hashed pieces of each text, text by text, and their number (one at least)."""
    padded = [f" {text} ".ljust(_PIECE) for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    number = np.array([len(text) - _PIECE + 1 for text in padded])
    text = np.repeat(np.arange(len(texts)), number)
    start = np.arange(len(text)) + text * (_PIECE - 1)
    hashed = np.zeros(len(start), dtype=np.uint64)
    for k in range(_PIECE):
        hashed = (hashed ^ letters[start + k]) * _MULTIPLIERS[0]
        hashed ^= hashed >> _SHIFT
    hashed *= _MULTIPLIERS[1]
    order = np.lexsort((hashed, text))
    hashed, text = hashed[order], text[order]
    new = np.concatenate([[True], (np.diff(hashed) != 0) | (np.diff(text) != 0)])
    return hashed[new], np.bincount(text[new], minlength=len(texts))


def _signature(pieces: IntArray, number: IntArray) -> IntArray:
    """(n, H) the smallest value of each of H hashes over a text's pieces."""
    start = np.cumsum(number) - number
    found = [np.minimum.reduceat((pieces * m) >> _SHIFT, start) for m in _MULTIPLIERS[2:]]
    return np.stack(found, axis=1).astype(np.uint32)


def _candidates(signature: IntArray, numbers: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs with the same numbers that agree in all hashes of some band and, over all of them, are nearly alike."""
    keys = [np.zeros(0, dtype=np.int64)]
    size = len(signature)
    for band in range(_BANDS):
        turned = np.roll(signature, -band * _ROWS, axis=1)
        rows = np.column_stack([numbers, turned[:, :_ROWS]])
        order = np.lexsort(np.column_stack([turned[:, _ROWS : 2 * _ROWS], rows]).T)  # those nearest stand together
        new = np.concatenate([[True], (np.diff(rows[order], axis=0) != 0).any(axis=1)])
        leader = np.maximum.accumulate(np.where(new, np.arange(size), 0))  # place of the first of each one's bucket
        crowded = np.flatnonzero(~new)
        for back in range(1, _NEIGHBOURS + 2):
            crowded = crowded[crowded - leader[crowded] >= back]
            before = leader[crowded] if back > _NEIGHBOURS else crowded - back
            one, other = order[crowded], order[before]
            keys.append(np.unique(np.minimum(one, other) * size + np.maximum(one, other)))
    pairs = np.unique(np.concatenate(keys))
    first, second = pairs // size, pairs % size
    near = (signature[first] == signature[second]).mean(axis=1) >= ALIKE - 0.25
    return first[near], second[near]


def _share(one: IntArray, other: IntArray) -> float:
    """Jaccard's share of two sets of distinct values."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _joined(size: int, first: IntArray, second: IntArray, alike: BoolArray) -> IntArray:
    """(size,) connected components, numbered in order of first appearance."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(int(alike.sum()), dtype=np.int8)
    links = coo_array((ones, (first[alike], second[alike])), shape=(size, size))
    label = connected_components(links, directed=False)[1]
    _, where, code = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(where))[code])
