"""The first schema.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "document",
    "metric_point",
    "snapshot",
    "step",
    "validation",
    "version",
    "champion",
    "ledger",
    "position",
    "release",
    "verdict",
    "outbox",
)
"""In order of creation: what is referred to comes first."""


def upgrade() -> None:
    op.create_table(
        "document",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="document_key"),
    )
    op.create_table(
        "metric_point",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "surface", "release", "monitor", "name", "start", "end", name="metric_point_key"
        ),
    )
    op.create_table(
        "snapshot",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exposures", sa.BigInteger(), nullable=False),
        sa.Column("feedback", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("surface", "digest", name="snapshot_key"),
    )
    op.create_table(
        "step",
        sa.Column("key_digest", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_digest", name="step_key"),
    )
    op.create_table(
        "validation",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("checks", sa.BigInteger(), nullable=False),
        sa.Column("failing", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "surface", "snapshot", "spec", "suite", name="validation_key"
        ),
    )
    op.create_table(
        "version",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("surface", "number", name="version_key"),
        sa.UniqueConstraint("surface", "run", name="version_run_once"),
    )
    op.create_table(
        "champion",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("last_good_version", sa.BigInteger(), nullable=True),
        sa.Column("last_good_release", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["surface", "last_good_version"],
            ["version.surface", "version.number"],
            name="champion_surface_last_good_version_of_version",
        ),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="champion_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("surface", name="champion_key"),
    )
    op.create_table(
        "ledger",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="ledger_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("sequence", name="ledger_key"),
        sa.UniqueConstraint("idempotency_key", name="ledger_key_once"),
    )
    op.create_index("ledger_by_version", "ledger", ["surface", "version"])
    op.create_table(
        "position",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="position_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("surface", "version", name="position_key"),
    )
    op.create_table(
        "release",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="release_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("surface", "digest", name="release_key"),
    )
    op.create_table(
        "verdict",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="verdict_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("surface", "version", "gate", name="verdict_key"),
    )
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sequence"], ["ledger.sequence"], name="outbox_sequence_of_ledger"
        ),
        sa.PrimaryKeyConstraint("sequence", name="outbox_key"),
    )


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
