"""A judge beside the people who labelled the same pairs. Read `against_people` first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairtrial.evaluators.tables import Floats, Item, Rate, Table, weighted_rate
from fairtrial.stats import AlternativeAnnotators, alternative_annotators, krippendorff_alpha
from fairtrial.stats.agreement import Alpha

_NEVER = 3
"""Code of an invalid vote: it agrees with nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstPeople:
    """A judge beside the people who labelled the same pairs, each pair with two people or more."""

    pairs: int
    people: Alpha
    """Krippendorff's alpha among the people."""
    with_judge: Alpha
    """The same with the judge as one more of them."""
    judge_accuracy: Rate | None
    """How often the judge agrees with the majority of all but one person, averaged over who is left out."""
    ceiling: Rate | None
    """How often the one left out agrees with that majority: the human-human ceiling on the same pairs."""
    alternative: AlternativeAnnotators
    """The alternative annotator test, the prompts as units."""


def against_people(items: Sequence[Item], table: Table, alpha: float) -> AgainstPeople | None:
    """The judge and the people on pairs that two people or more labelled."""
    rows = [k for k, item in enumerate(items) if len(item.annotators) >= 2]
    if not rows:
        return None
    unit, rater, value = [], [], []
    names: dict[str, int] = {}
    for k in rows:
        item = items[k]
        who = item.raters or tuple(f"annotator {n + 1}" for n in range(len(item.annotators)))
        for name, said in zip(who, item.annotators, strict=True):
            unit.append(k)
            rater.append(names.setdefault(name, len(names)))
            value.append(said)
    judged = [k for k in rows if table.valid[k]]
    people = krippendorff_alpha(unit, rater, value, alpha=alpha)
    more = (
        unit + judged,
        rater + [len(names)] * len(judged),
        value + [int(table.vote[k]) for k in judged],
    )
    judge_points, ceiling_points, clusters = _left_out(items, table, rows)
    return AgainstPeople(
        pairs=len(rows),
        people=people,
        with_judge=krippendorff_alpha(*more, alpha=alpha),
        judge_accuracy=weighted_rate(judge_points, clusters, None, alpha),
        ceiling=weighted_rate(ceiling_points, clusters, None, alpha),
        alternative=_alternative(table, rows, unit, rater, value, len(names)),
    )


def _alternative(
    table: Table, rows: Sequence[int], unit: Sequence[int], rater: Sequence[int], value: Sequence[int], people: int
) -> AlternativeAnnotators:
    place = {k: n for n, k in enumerate(rows)}
    codes = np.full((len(rows), people), -1, dtype=np.int64)
    for k, who, said in zip(unit, rater, value, strict=True):
        codes[place[k], who] = said + 1
    judge = np.where(table.valid, table.vote + 1, _NEVER)[rows]
    return alternative_annotators(codes, judge, cluster=table.prompt[rows])


def _left_out(items: Sequence[Item], table: Table, rows: Sequence[int]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Points of the judge, and of each person left out, against the majority of the others, where there is one.

    With two people the other one is the majority. Exact agreement on A, B or tie; a judge's invalid vote is wrong.
    """
    judge, person, clusters = [], [], []
    for k in rows:
        said = items[k].annotators
        own = int(table.vote[k]) if table.valid[k] else None
        for n, left in enumerate(said):
            rest = [*said[:n], *said[n + 1 :]]
            counts = sorted(((rest.count(v), v) for v in set(rest)), reverse=True)
            if len(counts) > 1 and counts[0][0] == counts[1][0]:
                continue
            judge.append(float(own == counts[0][1]))
            person.append(float(left == counts[0][1]))
            clusters.append(int(table.prompt[k]))
    return np.array(judge), np.array(person), np.array(clusters, dtype=np.int64)
