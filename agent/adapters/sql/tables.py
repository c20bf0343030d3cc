"""The journal's tables; `migrations/` builds them, a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# `rows.py` converts: SQLAlchemy's own converters cost more per row than SQLite's insert.
WORD = LargeBinary(32)
"""A uint256, big endian (no database integer is wide enough), or a hash."""
ADDRESS = LargeBinary(20)
# A chain id may be any uint256, but no chain has one beyond 63 bits; the database refuses what does not fit.
metadata = MetaData()

lanes = Table(
    "lanes",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", ADDRESS, nullable=False),
    Column("entry_point", ADDRESS, nullable=False),
    Column("nonce_key", WORD, nullable=False),
    Column("next_sequence", WORD, nullable=False),
    Column("doubtful_until", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("chain_id", "account", "entry_point", "nonce_key", name="lanes_nonce_key"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(64), ForeignKey("lanes.job_id"), primary_key=True),
    Column("identity_digest", String(80), nullable=False),
    Column("definition_digest", String(80), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("pause_reason", Text, nullable=False),
    Column("next_slot", String(128)),
    Column("next_ordinal", BigInteger),
    Column("next_due", BigInteger),
    Column("sessions", Text, nullable=False, server_default=""),
    Index("jobs_due", "active", "paused", "next_due", "job_id"),
)

occurrences = Table(
    "occurrences",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("job_id", String(64), ForeignKey("jobs.job_id"), nullable=False),
    Column("slot", String(128), nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", ADDRESS, nullable=False),
    Column("held_from", String(16)),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("nonce_key", WORD),
    Column("nonce_sequence", WORD),
    Column("user_op_hash", WORD),
    Column("inclusion", Text),
    Column("settled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("job_id", "slot", name="occurrences_slot"),
    Index("occurrences_state", "state", "job_id"),
)

operations = Table(
    "operations",
    metadata,
    Column("user_op_hash", WORD, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("occurrence_id", BigInteger, ForeignKey("occurrences.id"), nullable=False, index=True),
    Column("account", ADDRESS, nullable=False),
    Column("entry_point", ADDRESS, nullable=False),
    Column("nonce_key", WORD, nullable=False),
    Column("sequence", WORD, nullable=False),
    Column("record", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint(
        "account", "entry_point", "nonce_key", "sequence", "user_op_hash", name="operations_nonce"
    ),
)

reservations = Table(
    "reservations",
    metadata,
    Column("occurrence_id", BigInteger, ForeignKey("occurrences.id"), primary_key=True),
    Column("limit_key", String(400), primary_key=True, index=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("amount", WORD, nullable=False),
    Column("counted_in_block", BigInteger),
)

spent = Table(
    "spent",
    metadata,
    Column("limit_key", String(400), primary_key=True),
    Column("amount", WORD, nullable=False),
)

failed_uses = Table(
    "failed_uses",
    metadata,
    Column("user_op_hash", WORD, ForeignKey("operations.user_op_hash"), primary_key=True),
    Column("limit_key", String(400), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", ADDRESS, nullable=False),
    Column("permission_id", WORD, nullable=False),
    Column("amount", WORD, nullable=False),
    Column("block", BigInteger, nullable=False),
)

triggers = Table(
    "triggers",
    metadata,
    Column("job_id", String(64), ForeignKey("jobs.job_id"), primary_key=True),
    Column("memory", Text, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", WORD),
    Column("kept", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("alarm", Boolean, nullable=False),
    Column("again", Text, nullable=False),
    Column("first_block", BigInteger),
    Column("log_block", BigInteger),
)

holds = Table(
    "holds",
    metadata,
    Column("scope", String(200), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("released_at", BigInteger),
    Column("release_reason", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
)

epochs = Table(
    "epochs",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("account", ADDRESS, primary_key=True),
    Column("permission_id", WORD, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("from_block", BigInteger, nullable=False),
    Column("enable_nonce", WORD, nullable=False),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("swept_to", BigInteger, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("occurrence_id", BigInteger, index=True),
    Column("event", String(32), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous_digest", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)
