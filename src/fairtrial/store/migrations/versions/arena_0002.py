"""The arena and the log: ballots, raters, tasks, tokens, an append-only history. Frozen; later changes are new ones."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "log",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
    )
    op.create_index("log_kind", "log", ["kind", "seq"])
    op.create_table(
        "log_bodies",
        sa.Column("seq", sa.Integer, sa.ForeignKey("log.seq"), primary_key=True, autoincrement=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "entrants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "raters",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("profile", sa.LargeBinary, nullable=False),
        sa.Column("task", sa.Text, sa.ForeignKey("tasks.id")),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "task_items",
        sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ballots",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("rater", sa.Text, sa.ForeignKey("raters.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("task", sa.Text, sa.ForeignKey("tasks.id")),
        sa.Column("item", sa.Integer),
        sa.Column("seq", sa.Integer),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("task", "item", "rater"),
    )
    op.create_index("ballots_rater", "ballots", ["rater", "opened"])
    op.create_index("ballots_seq", "ballots", ["seq"])
    op.create_table(
        "pools",
        sa.Column("pool", sa.Text, primary_key=True),
        sa.Column("prompt", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("secret", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("task", sa.Text, sa.ForeignKey("tasks.id")),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("notices_state", "notices", ["kind", "state"])
    op.create_table(
        "releases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
