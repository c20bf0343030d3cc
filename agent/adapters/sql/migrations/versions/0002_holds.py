"""Holds, the sessions of each job, the epochs of sessions, and what failed operations used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger
WORD = sa.LargeBinary(32)
ADDRESS = sa.LargeBinary(20)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("sessions", sa.Text, nullable=False, server_default=""))
    _failed_uses()
    _holds()
    _epochs()


def downgrade() -> None:
    for table in ("sweeps", "epochs", "holds", "failed_uses"):
        op.drop_table(table)
    op.drop_column("jobs", "sessions")


def _failed_uses() -> None:
    op.create_table(
        "failed_uses",
        sa.Column("user_op_hash", WORD, sa.ForeignKey("operations.user_op_hash"), primary_key=True),
        sa.Column("limit_key", sa.String(400), primary_key=True),
        sa.Column("chain_id", BIG, nullable=False),
        sa.Column("account", ADDRESS, nullable=False),
        sa.Column("permission_id", WORD, nullable=False),
        sa.Column("amount", WORD, nullable=False),
        sa.Column("block", BIG, nullable=False),
    )


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("scope", sa.String(200), primary_key=True),
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("released_at", BIG),
        sa.Column("release_reason", sa.Text, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
    )


def _epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("chain_id", BIG, primary_key=True),
        sa.Column("account", ADDRESS, primary_key=True),
        sa.Column("permission_id", WORD, primary_key=True),
        sa.Column("number", BIG, primary_key=True),
        sa.Column("from_block", BIG, nullable=False),
        sa.Column("enable_nonce", WORD, nullable=False),
    )
    op.create_table(
        "sweeps",
        sa.Column("chain_id", BIG, primary_key=True, autoincrement=False),
        sa.Column("swept_to", BIG, nullable=False),
    )
