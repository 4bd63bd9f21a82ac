"""Canaries, and outbox rows that are theirs.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "canary",
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["surface", "version"],
            ["version.surface", "version.number"],
            name="canary_surface_version_of_version",
        ),
        sa.PrimaryKeyConstraint("surface", name="canary_key"),
    )
    op.add_column("outbox", sa.Column("share", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "share")
    op.drop_table("canary")
