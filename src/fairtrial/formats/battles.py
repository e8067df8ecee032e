"""Battle files: one row a vote, in CSV, TSV, JSONL, JSON or Parquet, each also gzipped. Read `read_battles` first.

Columns are ``model_a, model_b, winner`` and optionally ``question_id, rater, grade, weight, order, evaluator_kind``, as
in the published arena data; other published shapes are recognised (`shapes`). Labels are taken literally, case and
spaces count. Rows of weight 0 with a ``weight_reason``, and rows ``withheld``, are passed over and counted by reason.
A fast reader takes clean files; whatever it doubts goes to the strict reader, which names the row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.formats import delimited, records, tables
from fairtrial.formats.coding import Doubt, Loaded, Reading
from fairtrial.formats.lines import MAX_FILE, check_file
from fairtrial.formats.plans import Plan
from fairtrial.formats.rows import NumberedRow, read_rows, suffix_of
from fairtrial.formats.shapes import Shape, shape_of
from fairtrial.stats import REQUIRED, Battles

Planned = Callable[[Sequence[str], bool], Plan]
"""Columns, and whether more may turn up, to what is to be read."""


def read_battles(
    path: str | Path,
    *,
    control: Sequence[str] = (),
    by: Sequence[str] = (),
    only: Mapping[str, object] | None = None,
    weighted: bool = True,
) -> Battles:
    """Votes of a battle file as columns.

    Only the columns that are needed are kept: the usual ones and those named here.

    Args:
        path: The file.
        control: Features to keep (see `Battles.from_columns`), from ``feature_NAME_a`` and ``feature_NAME_b`` or from
            where a recognised shape has them.
        by: Columns to keep as labels.
        only: Column to a value, compared as text: rows where the column has another are passed over.
        weighted: Use the weights of the votes; without them every vote counts once.

    Raises:
        BadInput: A missing, empty or broken file, a wrong encoding, a missing column, an unknown label, a grade that
            contradicts the winner, no row with the value …, naming file, row and column.
    """
    file = Path(path)

    def planned(names: Sequence[str], late: bool) -> Plan:
        return Plan.of(names, control=control, by=by, only=only, where=str(file), late=late, weighted=weighted)

    check_file(file)
    suffix = suffix_of(file)
    try:
        plan, loaded = _fast(file, suffix, planned)
    except Doubt as doubt:
        plan, loaded = _strict(file, suffix, planned, doubt)
    return plan.battles(loaded, control=control)


def file_shape(path: str | Path) -> Shape:
    """The shape in which a file's votes are read, by the columns at its start.

    Raises:
        BadInput: A file without readable columns.
    """
    file = Path(path)
    check_file(file)
    suffix = suffix_of(file)
    try:
        if suffix == ".parquet":
            with tables.parquet(file) as table:
                return shape_of(table.names)
        return shape_of(delimited.names(file) if suffix in {".csv", ".tsv"} else records.names(file))
    except Doubt as doubt:
        _refuse_large(file, suffix, doubt)
        return shape_of(_keys(islice(read_rows(file), records.SNIFFED)) or _header(file, suffix))


def _fast(file: Path, suffix: str, planned: Planned) -> tuple[Plan, Loaded]:
    if suffix == ".parquet":
        with tables.parquet(file) as table:
            plan = planned(table.names, False)
            return plan, table.load(plan.wants)
    if suffix in {".csv", ".tsv"}:
        names = delimited.names(file)
        plan = planned(names, False)
        if not file.name.lower().endswith(".gz"):
            try:
                return plan, tables.delimited(file, names, plan.wants, delimited.delimiter(file))
            except Doubt:
                pass  # quotation marks and the like are no fault
        return plan, delimited.read(file, names, plan.wants)
    names = records.names(file)
    plan = planned(names, True)
    return plan, records.read(file, names, plan.wants)


def _strict(file: Path, suffix: str, planned: Planned, doubt: Doubt) -> tuple[Plan, Loaded]:
    """Read row by row, which either words what is wrong or finds that nothing is."""
    _refuse_large(file, suffix, doubt)
    rows = read_rows(file)
    first = list(islice(rows, records.SNIFFED))
    names = _keys(first) or _header(file, suffix)
    plan = planned(names, suffix not in {".csv", ".tsv"})
    reading = Reading(plan.wants, str(file))
    numbers: list[int] = []
    every = chain(first, rows)
    while batch := list(islice(every, records.SNIFFED)):
        numbers += (number for number, _ in batch)
        reading.add(len(batch), lambda name, batch=batch: [row.get(name) for _, row in batch], plain=False)  # type: ignore[misc]
    return plan, reading.loaded(rows=numbers, known=names)


def _keys(rows: Iterable[NumberedRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, row in rows for name in row))


def _header(file: Path, suffix: str) -> tuple[str, ...]:
    """Columns of a file without rows."""
    if suffix not in {".csv", ".tsv"}:
        return REQUIRED
    try:
        return delimited.names(file)
    except Doubt as doubt:
        raise BadInput(f"the file cannot be read: {doubt}.", where=str(file), next_step="Write a header.") from doubt


def _refuse_large(file: Path, suffix: str, doubt: Doubt) -> None:
    if file.stat().st_size > MAX_FILE:
        raise BadInput(
            f"the file cannot be read as {suffix.removeprefix('.').upper()}: {doubt}.",
            where=str(file),
            next_step=f"Correct it; in a file of up to {MAX_FILE // 2**20:,} MiB the row is named.",
        )
