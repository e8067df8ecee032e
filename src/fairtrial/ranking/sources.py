"""Votes in whatever shape they come, as `Battles`: a path, columns, a data frame, an Arrow table.

Read `as_battles` first. Data frames and Arrow tables are recognised by what they can do; neither library is imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput
from fairtrial.core.flow import EvidenceKind
from fairtrial.formats import read_battles
from fairtrial.stats import KINDS, Battles


def as_battles(source: Any) -> Battles:
    """Battles from a path (CSV, TSV, JSONL, Parquet), a dict of columns, a data frame, an Arrow table, or `Battles`.

    Raises:
        BadInput: Another kind of object, or bad content (see `Battles.from_columns` and `read_battles`).
    """
    if isinstance(source, Battles):
        return source
    if isinstance(source, str | Path):
        return read_battles(source)
    if isinstance(source, Mapping):
        columns = {str(name): list(column) for name, column in source.items()}
    elif hasattr(source, "to_pydict"):  # an Arrow table
        columns = source.to_pydict()
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):  # a data frame
        columns = {str(name): list(source[name]) for name in source.columns}
    else:
        raise BadInput(
            f"votes cannot be read from an object of type {type(source).__name__}.",
            next_step="Pass a file, a dict of columns, a data frame, an Arrow table, or Battles.",
        )
    return Battles.from_columns(columns)


def of_kind(battles: Battles, evidence: EvidenceKind) -> tuple[Battles, dict[str, int]]:
    """The votes of one kind of evidence, and how many of other kinds were left out.

    Votes without a kind are taken to be of the kind asked for.
    """
    if battles.kind is None:
        return battles, {}
    wanted = KINDS.index(evidence)
    others = {
        f"evaluator_kind {kind}": int((battles.kind == code).sum())
        for code, kind in enumerate(KINDS)
        if code != wanted and (battles.kind == code).any()
    }
    return battles.take((battles.kind == wanted) | (battles.kind == -1)), others
