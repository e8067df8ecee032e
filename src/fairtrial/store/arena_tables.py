"""The tables of the arena and of the log, beside those of trials. Read `log` first.

What people wrote or chose lies in ``log_bodies``, ``ballots`` and ``raters`` and can be erased; the digests in ``log``
stay, so that a history with something withheld can still be verified. Times are UTC, ISO 8601.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from fairtrial.store.tables import metadata

log = Table(
    "log",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … without a gap
    Column("kind", Text, nullable=False),
    Column("leaf", LargeBinary, nullable=False),  # core.log_leaf
    Column("link", LargeBinary, nullable=False),  # core.log_link of the link before and this leaf
    Index("log_kind", "kind", "seq"),
)

log_bodies = Table(
    "log_bodies",
    metadata,
    Column("seq", Integer, ForeignKey("log.seq"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
)

entrants = Table(  # the arena's registry of contestants; their history is the log's
    "entrants",
    metadata,
    Column("id", Text, primary_key=True),  # Contestant.id
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # active | stopped | retired
    Column("since", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the contestant
    Column("entry", LargeBinary, nullable=False),  # how its model is reached; no keys, only names of variables
)

raters = Table(
    "raters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False, unique=True),  # SHA-256 of what the cookie or the invitation holds
    Column("kind", Text, nullable=False),  # cookie | invite | token
    Column("since", Text, nullable=False),
    Column("consent", Text, nullable=False),  # version of the notice that was agreed to
    Column("profile", LargeBinary, nullable=False),  # bands that the rater chose to tell
    Column("task", Text, ForeignKey("tasks.id")),
    Column("state", Text, nullable=False),  # active | withdrawn
)

ballots = Table(  # the right to one vote on one battle, by one rater
    "ballots",
    metadata,
    Column("id", Text, primary_key=True),  # random; nothing can be told from it
    Column("rater", Text, ForeignKey("raters.id"), nullable=False),
    Column("state", Text, nullable=False),  # open | voted | skipped | withdrawn | taken down
    Column("opened", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("task", Text, ForeignKey("tasks.id")),
    Column("item", Integer),
    Column("seq", Integer),  # its vote's place in the log
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("task", "item", "rater"),
    Index("ballots_rater", "rater", "opened"),
    Index("ballots_seq", "seq"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),  # open | closed
    Column("since", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

task_items = Table(
    "task_items",
    metadata,
    Column("task", Text, ForeignKey("tasks.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

pools = Table(
    "pools",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("prompt", Text, primary_key=True),  # Prompt.id
    Column("state", Text, nullable=False),  # active | retired
    Column("body", LargeBinary, nullable=False),
)

tokens = Table(  # of people and programs that may do more than vote, and of invitations
    "tokens",
    metadata,
    Column("secret", Text, primary_key=True),  # SHA-256 of the token; the token itself is shown once
    Column("id", Text, nullable=False, unique=True),  # short, public
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("task", Text, ForeignKey("tasks.id")),
    Column("since", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | revoked
)

notices = Table(  # what people point out: an answer that does harm, an objection to a verdict
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # report | objection
    Column("about", Text, nullable=False),  # ballot id and side; report or release
    Column("state", Text, nullable=False),  # open | upheld | dismissed
    Column("since", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("notices_state", "kind", "state"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("since", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

ARENA_TABLES = (log, log_bodies, entrants, tasks, raters, task_items, ballots, pools, tokens, notices, releases)
