"""A ballot counts once: votes that stand twice are refused. Read `check_ballots`."""

from collections.abc import Sequence

import numpy as np

from fairtrial.core import BadInput
from fairtrial.stats._arrays import IntArray
from fairtrial.stats._columns import Column, Place, group_codes


def check_ballots(battles: Column, rater: IntArray, names: Sequence[str], order: IntArray | None, place: Place) -> None:
    """Refuse two votes of one rater on one battle, shown in the same order; empty ids and raters are passed over.

    Args:
        battles: The battles' ids.
        rater: (N,) code of each rater.
        names: The raters' names, empty for those that have none.
        order: (N,) order shown, where known.
        place: Where the columns come from.

    Raises:
        BadInput: Naming both rows.
    """
    codes, ids = group_codes(battles, own=False)
    named = np.array([bool(name) for name in names], dtype=bool)[rater]
    filled = np.array([bool(name) for name in ids], dtype=bool)[codes]
    rows = np.flatnonzero(named & filled)
    keys = [codes[rows], rater[rows], np.zeros(len(rows), dtype=np.int8) if order is None else order[rows]]
    turn = np.lexsort(keys)  # stable, so equal ones stay in the order of rows
    again = np.logical_and.reduce([key[turn[1:]] == key[turn[:-1]] for key in keys])
    if not again.any():
        return
    k = np.flatnonzero(again)[np.argmin(turn[1:][again])]
    first, second = int(rows[turn[k]]), int(rows[turn[k + 1]])
    raise BadInput(
        f"rater '{_shown(names[rater[second]])}' votes on battle '{_shown(ids[codes[second]])}' again, "
        f"after row {place.row(first)}; a ballot counts once.",
        where=place.at(second, "battle_id"),
        next_step="Remove the repeated row.",
    )


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
