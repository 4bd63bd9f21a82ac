"""Who ran it, and what a reviewer signed, in every ledger row.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("ran_by", sa.Text(), nullable=True))
    op.add_column("ledger", sa.Column("signature", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("ledger", "signature")
    op.drop_column("ledger", "ran_by")
