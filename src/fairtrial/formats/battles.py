"""Battle files: one row a vote, in CSV, TSV, JSONL, JSON or Parquet, each also gzipped. Read `read_battles` first.

Columns are ``model_a, model_b, winner`` and optionally ``question_id, rater, grade, weight, order, evaluator_kind``, as
in the published arena data; labels are taken literally, case and spaces count.
"""

from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.formats.rows import read_rows
from fairtrial.stats import REQUIRED, Battles

FIELDS = (*REQUIRED, "question_id", "rater", "grade", "weight", "order", "evaluator_kind")
"""Columns that are read; others are passed over."""
OTHER_NAMES = {"question_id": ("prompt_id", "prompt", "question", "item"), "rater": ("user", "user_id", "annotator")}
"""Names under which files often have a column, in the order in which they are tried where ours is not there."""


def read_battles(path: str | Path) -> Battles:
    """Votes of a battle file as columns.

    Rows stream, and only the columns that are needed stay in memory.

    Raises:
        BadInput: A missing, empty or broken file, a wrong encoding, a missing column, an unknown label, a grade that
            contradicts the winner …, naming file, row and column.
    """
    file = Path(path)
    columns: dict[str, list[object]] = {}
    rows: list[int] = []
    renamed: dict[str, str] = {}
    for number, given in read_rows(file):
        if not columns:
            renamed = _renamed(given)
        row = {renamed.get(name, name): value for name, value in given.items()}
        if not columns:
            columns = {name: [] for name in row if name in FIELDS}
            _require(row, file)
        for name, column in columns.items():
            column.append(row.get(name))
        for name in row.keys() & (set(FIELDS) - columns.keys()):  # a key that earlier JSON rows lacked
            columns[name] = [*[None] * len(rows), row[name]]
        rows.append(number)
    if not rows:
        columns = {name: [] for name in REQUIRED}
    return Battles.from_columns(columns, where=str(file), rows=rows)


def _require(row: dict[str, object], file: Path) -> None:
    """Name the missing columns by the first row, before a label error can hide them."""
    lacking = [name for name in REQUIRED if name not in row]
    if lacking:
        raise BadInput(
            f"column '{lacking[0]}' is missing; columns found: {', '.join(map(str, row)) or 'none'}.",
            where=str(file),
            next_step="Battle files need the columns model_a, model_b and winner.",
        )


def _renamed(row: dict[str, object]) -> dict[str, str]:
    """Their name to ours, for columns that are there under another name only."""
    found = {}
    for ours, theirs in OTHER_NAMES.items():
        name = next((name for name in theirs if name in row), None)
        if ours not in row and name is not None:
            found[name] = ours
    return found
