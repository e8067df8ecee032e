"""The lab's tables, in SQLAlchemy Core, portable between SQLite and PostgreSQL. Read `jobs` first: it is the ledger.

Every ``body`` is `core.to_json` of the noun in the table's name; the other columns are what queries need. Rows are only
ever added (the first write of a key wins); what changes is a job's ``state``, ``attempts`` and ``note``.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

SCHEMA = "0002"
"""The newest migration that this version of Fairtrial knows."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("key", Text, primary_key=True),  # core.call_key
    Column("request", LargeBinary, nullable=False),
    Column("completion", LargeBinary, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created", Text, nullable=False),  # UTC, ISO 8601
    Column("body", LargeBinary, nullable=False),
)

# Prompts and contestants are kept as each trial names them: a content address covers neither an item's tags nor a
# contestant's name, so two trials may describe the same id differently.
prompts = Table(
    "prompts",
    metadata,
    Column("trial", Text, ForeignKey("trials.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

contestants = Table(
    "contestants",
    metadata,
    Column("trial", Text, ForeignKey("trials.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("trial", Text, ForeignKey("trials.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),  # answer | judge | human
    Column("key", Text, nullable=False),  # names the result: responses.key or votes.key; of a human job, its battle
    Column("prompt", Text, nullable=False),
    Column("contestant", Text, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("state", Text, nullable=False),  # pending | done | failed
    Column("attempts", Integer, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

responses = Table(
    "responses",
    metadata,
    Column("key", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("contestant", Text, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

scores = Table(
    "scores",
    metadata,
    Column("response_key", Text, ForeignKey("responses.key"), primary_key=True),
    Column("scorer", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

battles = Table(
    "battles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("contestant_a", Text, nullable=False),
    Column("contestant_b", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("key", Text, primary_key=True),  # the judge job's key
    Column("id", Text, nullable=False),
    Column("battle", Text, ForeignKey("battles.id"), nullable=False),
    Column("evaluator", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("votes_battle", "battle"),  # the foreign key's own look-ups, and all votes on one battle
)

WRITE_ORDER = (meta, calls, trials, prompts, contestants, jobs, responses, scores, battles, votes)
"""The order of inserts within one commit: whatever is referred to comes first."""
