"""Whether a release is what was signed: the files by their digests, the votes row by row. Read `verify_release` first.

Works offline, and on a release from which rows were withheld: it says how many, and vouches for all the others.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairtrial.arena.releases.files import Damaged, jsonl_rows, parquet_rows
from fairtrial.arena.releases.release import MANIFEST, RELEASE, ROWS
from fairtrial.arena.releases.rows import LEAVES, VOTES_JSONL, leaf_of
from fairtrial.core import BadInput
from fairtrial.provenance import PublicKey, Verdict, verify

MOST_PROBLEMS = 20
"""Most problems that are named for one file of votes."""
_REASONS = ("withdrawn", "taken down")


def verify_release(path: Path, trusted: Collection[PublicKey | str]) -> Verdict:
    """Whether the release at `path` is what someone signed, and whether that someone is trusted.

    As `provenance.verify`; each file of votes is held against ``leaves.txt``, and the rows that differ are named: which
    were changed, added, removed or moved. Rows withheld since are told in `Verdict.notes`.

    Raises:
        BadInput: There is nothing at `path`, or it may not be read.
    """
    verdict = verify(path, trusted, predicate_type=RELEASE, apart=ROWS)
    if not verdict.signers or any(problem.startswith((LEAVES, MANIFEST)) for problem in verdict.problems):
        return verdict
    directory = path if path.is_dir() else path.parent
    try:
        leaves = (directory / LEAVES).read_text("ascii").splitlines()
        signed_rows = json.loads((directory / MANIFEST).read_bytes())["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"the release cannot be read: {error}.", where=str(directory)) from error
    problems: list[str] = []
    if signed_rows != len(leaves):
        problems.append(f"{MANIFEST}: says {signed_rows} rows, {LEAVES} has {len(leaves)}.")
    withheld: dict[str, Counter[str]] = {}
    for name in ROWS:
        file = directory / name
        if file.is_symlink() or not file.is_file():
            problems.append(f"{name}: missing.")
            continue
        rows = jsonl_rows(file) if name == VOTES_JSONL else parquet_rows(file)
        withheld[name] = Counter()
        problems += (f"{name}: {problem}" for problem in _differences(rows, leaves, withheld[name]))
    notes: tuple[str, ...]
    if len(withheld) == len(ROWS) and len({frozenset(one.items()) for one in withheld.values()}) > 1:
        notes = (f"not the same rows are withheld in {' and '.join(ROWS)}; the lab will make them alike",)
    else:
        counts = next(iter(withheld.values()), Counter())
        notes = tuple(f"{count:,} of {len(leaves):,} rows withheld: {why}" for why, count in sorted(counts.items()))
    return replace(
        verdict,
        word="TAMPERED" if problems else verdict.word,
        problems=(*verdict.problems, *problems),
        notes=notes,
    )


def _differences(rows: Iterable[Mapping[str, Any]], leaves: list[str], withheld: "Counter[str]") -> Iterator[str]:
    """A sentence for each row that is not where it was signed, the first of them only."""
    for told, problem in enumerate(_every_difference(rows, leaves, withheld)):
        if told == MOST_PROBLEMS:
            yield "and more."
            return
        yield problem


def _every_difference(rows: Iterable[Mapping[str, Any]], leaves: list[str], withheld: "Counter[str]") -> Iterator[str]:
    place_of = {leaf: place for place, leaf in enumerate(leaves)}
    strangers: list[int] = []
    expected = 0

    def settle(place: int) -> Iterator[str]:
        """Tell of strangers, and of what is missing before `place`."""
        nonlocal expected
        gap = range(expected, place)
        yield from (f"row {row}: changed after signing." for row in strangers[: len(gap)])
        yield from (f"row {row}: added after signing." for row in strangers[len(gap) :])
        for missing in gap[len(strangers) :]:
            yield f"row {missing + 1} of those signed is missing."
        strangers.clear()

    try:
        for number, row in enumerate(rows, 1):
            leaf = _claimed(row, withheld)
            place = place_of.get(leaf, -1)
            if place < 0:
                strangers.append(number)
                if len(strangers) > MOST_PROBLEMS:
                    break
            elif place < expected:
                yield f"row {number}: is row {place + 1} of those signed, moved or repeated."
            else:
                yield from settle(place)
                expected = place + 1
    except Damaged as damaged:
        yield f"{damaged}."
        return
    yield from settle(len(leaves) if len(strangers) <= MOST_PROBLEMS else expected + len(strangers))


def _claimed(row: Mapping[str, Any], withheld: "Counter[str]") -> str:
    """The leaf that a row has, or says to have had; nothing where it says more than a withheld row may."""
    if row["withheld"] is None:
        try:
            return "" if row["leaf"] is not None or not isinstance(row["salt"], str) else leaf_of(row)
        except (ValueError, TypeError):
            return ""
    said = {name for name, value in row.items() if value is not None}
    if said != {"leaf", "withheld"} or row["withheld"] not in _REASONS or not isinstance(row["leaf"], str):
        return ""
    withheld[row["withheld"]] += 1
    return row["leaf"]
