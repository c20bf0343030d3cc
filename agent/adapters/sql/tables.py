"""The journal's tables; `migrations/` builds them, a test compares the two."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
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

from agent.domain.units import Address, FixedBytes, Hash32

Convert = Callable[[Any], Any]


# Not TypeDecorator: its chain of converters costs more per row than SQLite's insert.
class Uint256(LargeBinary):
    """A uint256 as 32 bytes, big endian: no database integer is wide enough."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Convert:
        return lambda value: None if value is None else value.to_bytes(32, "big")

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return lambda value: None if value is None else int.from_bytes(value, "big")


class FixedBytesColumn(LargeBinary):
    """An address or a hash."""

    cache_ok = True

    def __init__(self, kind: type[FixedBytes]) -> None:
        super().__init__(kind.LENGTH)
        self.kind = kind

    def bind_processor(self, dialect: Dialect) -> Convert:
        # A driver looks longer at a subclass of bytes than this copy takes.
        return lambda value: None if value is None else bytes(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        kind = self.kind
        return lambda value: None if value is None else kind(value)


# A chain id may be any uint256, but no chain has one beyond 63 bits; the database refuses what does not fit.
metadata = MetaData()

lanes = Table(
    "lanes",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", FixedBytesColumn(Address), nullable=False),
    Column("entry_point", FixedBytesColumn(Address), nullable=False),
    Column("nonce_key", Uint256, nullable=False),
    Column("next_sequence", Uint256, nullable=False),
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
    Column("account", FixedBytesColumn(Address), nullable=False),
    Column("held_from", String(16)),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("nonce_key", Uint256),
    Column("nonce_sequence", Uint256),
    Column("user_op_hash", FixedBytesColumn(Hash32)),
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
    Column("user_op_hash", FixedBytesColumn(Hash32), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("occurrence_id", BigInteger, ForeignKey("occurrences.id"), nullable=False, index=True),
    Column("account", FixedBytesColumn(Address), nullable=False),
    Column("entry_point", FixedBytesColumn(Address), nullable=False),
    Column("nonce_key", Uint256, nullable=False),
    Column("sequence", Uint256, nullable=False),
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
    Column("amount", Uint256, nullable=False),
    Column("counted_in_block", BigInteger),
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
