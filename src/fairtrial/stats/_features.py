"""Features of both answers, as differences that can be controlled for. Read `difference` first."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.stats._arrays import FloatArray
from fairtrial.stats._columns import Column, Place, numbers

RELATIVE = "relative:"


def difference(name: str, columns: Mapping[str, Column], place: Place) -> FloatArray:
    """(N,) feature of A minus feature of B, from ``feature_NAME_a`` and ``feature_NAME_b``.

    With ``relative:NAME`` the difference is divided by the sum, as arenas do for lengths; 0 where both are 0.

    Raises:
        BadInput: Columns that are not there; a value that is empty, NaN, infinite, or negative where relative; two
            values too far apart for a finite difference, or too large for a finite sum.
    """
    bare = name.removeprefix(RELATIVE)
    sides = []
    for side in "ab":
        field = f"feature_{bare}_{side}"
        if field not in columns:
            known = features_of(columns)
            raise BadInput(
                f"there is no column '{field}' to control for '{bare}'.",
                where=place.name,
                next_step=nearest(bare, known) if known else "Controls need columns feature_NAME_a and feature_NAME_b.",
            )
        values = numbers(columns[field], field, place)
        wrong = ~(values >= 0) if bare != name else np.isnan(values)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise BadInput(
                "a relative difference needs numbers from 0 up."
                if not math.isnan(values[row])
                else "the feature is empty or not a number.",
                where=place.at(row, field),
                next_step="Fill it in, leave the row out, or rank without this control.",
            )
        sides.append(values)
    with np.errstate(over="ignore"):
        gap, total = sides[0] - sides[1], sides[0] + sides[1]
    if (endless := ~np.isfinite(gap if bare == name else total)).any():
        row = int(np.argmax(endless))
        raise BadInput(
            f"the difference of the two features, {sides[0][row]:g} and {sides[1][row]:g}, is not finite.",
            where=place.at(row, f"feature_{bare}_a"),
            next_step="Correct the values, leave the row out, or rank without this control.",
        )
    if bare == name:
        return gap
    return np.divide(gap, total, out=np.zeros(len(gap)), where=total > 0)


def features_of(columns: Iterable[str]) -> list[str]:
    """Names of the features that have a column for A and one for B."""
    names = set(columns)
    return sorted(c[8:-2] for c in names if c.startswith("feature_") and c.endswith("_a") and f"{c[:-2]}_b" in names)
