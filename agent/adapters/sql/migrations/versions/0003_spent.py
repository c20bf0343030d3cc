"""What was used of the limits that the agent counts itself."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "spent",
        sa.Column("limit_key", sa.String(400), primary_key=True),
        sa.Column("amount", sa.LargeBinary(32), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("spent")
