"""What each ledger row vouches for.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("covers", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("ledger", "covers")
