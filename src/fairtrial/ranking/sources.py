"""Votes in whatever shape they come, as `Battles`: a path, columns, a data frame, an Arrow table.

Read `as_battles` first. Data frames and Arrow tables are recognised by what they can do; neither library is imported.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.formats import (
    Kind,
    Loaded,
    Plan,
    Shape,
    Want,
    count_at,
    file_shape,
    length,
    read_battles,
    shape_of,
    text_of,
)
from fairtrial.stats import KINDS, POSITION, RELATIVE, Battles, Coded, Column, check_flat


def as_battles(
    source: Any,
    *,
    control: Sequence[str] | None = (),
    by: Sequence[str] | None = (),
    only: Mapping[str, object] | None = None,
    weighted: bool = True,
) -> Battles:
    """Battles from a path (CSV, TSV, JSONL, JSON, Parquet), columns, a data frame, an Arrow table, or `Battles`.

    Published shapes are recognised by their columns (`formats.shapes`); only columns that are needed are converted.

    Args:
        source: The votes.
        control: Features to keep (see `Battles.from_columns`); `Battles` must hold them.
        by: Columns to keep as labels; `Battles` must hold them. One name, or None, will do for `control` too.
        only: Column to the value of the rows that are kept; compared as text.
        weighted: Use the weights of the votes; without them every vote counts once. `Battles` keep what they have.

    Raises:
        BadInput: Another kind of object, a feature or column that is not there, no row with the value, or bad content
            (see `Battles.from_columns` and `read_battles`).
    """
    control, by = _several(control), _several(by)
    if isinstance(source, Battles):
        return _checked(source, control, by, only or {})
    if isinstance(source, str | Path):
        return read_battles(source, control=control, by=by, only=only, weighted=weighted)
    names, column = _table(source)
    plan = Plan.of(names, control=control, by=by, only=only, weighted=weighted)
    columns = {want: _converted(column(want.column), want) for want in plan.wants}
    _same_length(columns)
    votes = len(next(iter(columns.values())))
    return plan.battles(Loaded(columns=columns, votes=votes), control=control)


def read_as(source: Any) -> str:
    """The shape in which votes are read, in words: ``Chatbot Arena votes``.

    Raises:
        BadInput: A file without readable columns, or another kind of object.
    """
    if isinstance(source, Battles):
        return "battles"
    shape: Shape = file_shape(source) if isinstance(source, str | Path) else shape_of(_table(source)[0])
    return shape.name


def _several(names: Sequence[str] | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(map(str, names))


def _table(source: Any) -> tuple[list[str], Callable[[str], Any]]:
    """Names of the columns, and what gives one of them."""
    if isinstance(source, Mapping):
        columns = {str(name): column for name, column in source.items()}
        if len(columns) < len(source):
            raise BadInput("two of the columns have the same name.", next_step="Rename one of them.")
    elif hasattr(source, "column_names") and hasattr(source, "column"):  # an Arrow table
        if len(set(source.column_names)) < len(source.column_names):
            raise BadInput("the table has two columns of the same name.", next_step="Rename one of them.")
        return list(source.column_names), source.column
    elif hasattr(source, "to_pydict"):
        columns = source.to_pydict()
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):  # a data frame
        columns = {str(name): name for name in source.columns}
        if len(columns) < len(list(source.columns)):
            raise BadInput("the data frame has two columns of the same name.", next_step="Rename one of them.")
        return list(columns), lambda name: source[columns[name]]
    else:
        raise BadInput(
            f"votes cannot be read from an object of type {type(source).__name__}.",
            next_step="Pass a file, a dict of columns, a data frame, an Arrow table, or Battles.",
        )
    return list(columns), columns.__getitem__


def _converted(column: Any, want: Want) -> Column:
    if not hasattr(column, "__iter__") or hasattr(column, "__len__"):
        check_flat(column, want.column, "battles")
    match want.kind:
        case Kind.LENGTH:
            return np.array([length(value) for value in _values(column)], dtype=np.float64)
        case Kind.COUNT:
            return np.array([count_at(value, want.key) for value in _values(column)], dtype=np.float64)
        case _:
            return _column(column)


def _column(column: Any) -> Column:
    """A column as codes, or as an array of numbers."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind in {"i", "u", "f"} and hasattr(column, "to_numpy") and not hasattr(column.dtype, "na_value"):
        return column.to_numpy()
    if isinstance(column, np.ndarray) and kind in {"i", "u", "f"}:
        return column
    if hasattr(column, "dictionary_encode"):  # an Arrow column
        return _from_arrow(column)
    if hasattr(column, "cat") and hasattr(column.cat, "categories"):  # a pandas categorical
        labels = column.cat.categories.tolist()
        codes = column.cat.codes.to_numpy()
        return Coded(labels=(*labels, None), codes=np.where(codes < 0, len(labels), codes))
    # Objects are told apart by type, which pandas does not do: 1 and True are one to it.
    objects = not hasattr(column, "factorize") or (kind == "O" and isinstance(column.dtype, np.dtype))
    return Coded.of(_values(column) if objects else column)


def _from_arrow(column: Any) -> Column:
    whole = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    kind = str(whole.type)
    if kind not in {"string", "large_string"} and not kind.startswith("dictionary<"):
        return Coded.of(whole.to_pylist())
    coded = whole if hasattr(whole, "dictionary") else whole.dictionary_encode()
    labels = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(labels)) if coded.null_count else coded.indices
    return Coded(labels=(*labels, None), codes=codes.to_numpy(zero_copy_only=False))


def _values(column: Any) -> Sequence[Any]:
    for way in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, way):
            values: Sequence[Any] = getattr(column, way)()
            return values
    return column if isinstance(column, Sequence) and not isinstance(column, str) else list(column)


def _same_length(columns: Mapping[Want, Column]) -> None:
    first, *others = columns.items()
    for want, column in others:
        if len(column) != len(first[1]):
            raise BadInput(
                f"column '{want.column}' has {len(column)} rows, '{first[0].column}' has {len(first[1])}.",
                where="battles",
                next_step="Give every column one value a vote.",
            )


def _checked(battles: Battles, control: Iterable[str], by: Iterable[str], only: Mapping[str, object]) -> Battles:
    """Battles that hold these features and labels, and the rows with the values."""
    for name in control:
        if name != POSITION and name not in battles.features:
            bare = {feature.removeprefix(RELATIVE) for feature in battles.features}
            raise BadInput(
                f"the battles hold no feature '{name}'.",
                where="control",
                next_step=nearest(name, sorted(bare)) if bare else "Read them again with this control.",
            )
    for name in (*by, *only):
        if name not in battles.labels:
            raise BadInput(
                f"the battles hold no labels '{name}'.",
                where="by" if name in by else "only",
                next_step=nearest(name, list(battles.labels)) if battles.labels else "Read them again with this one.",
            )
    for name, value in only.items():
        labels = battles.labels[name]
        texts = {str(value), text_of(value)} if text_of(value) else {"(none)"}
        texts |= {text.capitalize() for text in texts & {"true", "false"}}  # as labels write them
        keep = np.array([text in texts for text in labels.names], dtype=bool)[labels.codes]
        if not keep.any():
            raise BadInput(f"no vote has {name} '{value}'.", where="only", next_step=nearest(str(value), labels.names))
        battles = battles if keep.all() else battles.take(keep)  # `take` forgets what was passed over
    return battles


def of_kind(battles: Battles, evidence: EvidenceKind) -> tuple[Battles, dict[str, int]]:
    """The votes of one kind of evidence, and how many of other kinds were left out.

    Votes without a kind are taken to be of the kind asked for.
    """
    if battles.kind is None:
        return battles, {}
    wanted = KINDS.index(evidence)
    others = {
        f"evaluator_kind {kind}": battles.ballots(battles.kind == code)
        for code, kind in enumerate(KINDS)
        if code != wanted and (battles.kind == code).any()
    }
    return battles.take((battles.kind == wanted) | (battles.kind == -1)), others
