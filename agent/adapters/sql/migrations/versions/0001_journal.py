"""The journal's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger
KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WORD = sa.LargeBinary(32)
ADDRESS = sa.LargeBinary(20)


def upgrade() -> None:
    _lanes_and_jobs()
    _occurrences()
    _operations()
    _reservations()
    _entries()


def downgrade() -> None:
    for table in ("entries", "reservations", "operations", "occurrences", "jobs", "lanes"):
        op.drop_table(table)


def _lanes_and_jobs() -> None:
    op.create_table(
        "lanes",
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("chain_id", BIG, nullable=False),
        sa.Column("account", ADDRESS, nullable=False),
        sa.Column("entry_point", ADDRESS, nullable=False),
        sa.Column("nonce_key", WORD, nullable=False),
        sa.Column("next_sequence", WORD, nullable=False),
        sa.UniqueConstraint("chain_id", "account", "entry_point", "nonce_key", name="lanes_nonce_key"),
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("lanes.job_id"), primary_key=True),
        sa.Column("identity_digest", sa.String(80), nullable=False),
        sa.Column("definition_digest", sa.String(80), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("pause_reason", sa.Text, nullable=False),
        sa.Column("next_slot", sa.String(128)),
        sa.Column("next_ordinal", BIG),
        sa.Column("next_due", BIG),
    )
    op.create_index("jobs_due", "jobs", ["active", "paused", "next_due", "job_id"])


def _occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.job_id"), nullable=False),
        sa.Column("slot", sa.String(128), nullable=False),
        sa.Column("ordinal", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("chain_id", BIG, nullable=False),
        sa.Column("account", ADDRESS, nullable=False),
        sa.Column("held_from", sa.String(16)),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("not_before", BIG, nullable=False),
        sa.Column("nonce_key", WORD),
        sa.Column("nonce_sequence", WORD),
        sa.Column("user_op_hash", WORD),
        sa.Column("inclusion", sa.Text),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.UniqueConstraint("job_id", "slot", name="occurrences_slot"),
    )
    op.create_index("occurrences_state", "occurrences", ["state", "job_id"])


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("user_op_hash", WORD, primary_key=True),
        sa.Column("position", BIG, nullable=False),
        sa.Column("occurrence_id", BIG, sa.ForeignKey("occurrences.id"), nullable=False),
        sa.Column("account", ADDRESS, nullable=False),
        sa.Column("entry_point", ADDRESS, nullable=False),
        sa.Column("nonce_key", WORD, nullable=False),
        sa.Column("sequence", WORD, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint(
            "account", "entry_point", "nonce_key", "sequence", "user_op_hash", name="operations_nonce"
        ),
    )
    op.create_index("ix_operations_occurrence_id", "operations", ["occurrence_id"])


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("occurrence_id", BIG, sa.ForeignKey("occurrences.id"), primary_key=True),
        sa.Column("limit_key", sa.String(400), primary_key=True),
        sa.Column("chain_id", BIG, nullable=False),
        sa.Column("amount", WORD, nullable=False),
        sa.Column("counted_in_block", BIG),
    )
    op.create_index("ix_reservations_limit_key", "reservations", ["limit_key"])


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("sequence", KEY, primary_key=True, autoincrement=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("occurrence_id", BIG),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("from_state", sa.String(16), nullable=False),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous_digest", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_entries_occurrence_id", "entries", ["occurrence_id"])
