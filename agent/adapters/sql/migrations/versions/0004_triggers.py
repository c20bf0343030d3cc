"""What watched jobs saw last."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "triggers",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.job_id"), primary_key=True),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32)),
        sa.Column("kept", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("alarm", sa.Boolean, nullable=False),
        sa.Column("again", sa.Text, nullable=False),
        sa.Column("first_block", sa.BigInteger),
        sa.Column("log_block", sa.BigInteger),
    )


def downgrade() -> None:
    op.drop_table("triggers")
