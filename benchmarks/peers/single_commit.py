"""A journal as one writes it first: the same rows in the same tables, a transaction per record."""

from sqlalchemy import create_engine, event, insert, select, update

from agent.adapters.journal.hash_chain import Note, Tail, chained
from agent.adapters.journal.operation_text import operation_text, text_digest
from agent.adapters.sql.rows import entry_values, word
from agent.adapters.sql.tables import entries, occurrences, operations
from agent.domain.occurrence import Occurrence
from agent.domain.operation import SignedOperation
from agent.domain.states import State
from agent.domain.units import Timestamp


class SingleCommitJournal:
    """Appends one operation at a time, with synchronous=FULL."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)

        @event.listens_for(self._engine, "connect")
        def _connect(connection, _record):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - the driver's
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = full")

    def append(self, signed: SignedOperation, row: Occurrence, at: Timestamp) -> None:
        """Store the operation, its occurrence's new state and its entry; commit."""
        text = operation_text(signed, at, {})
        digest = text_digest(text)
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(occurrences)
                .where(occurrences.c.id == row.id, occurrences.c.version == row.version)
                .values(
                    state=State.SIGNED,
                    version=row.version + 1,
                    user_op_hash=signed.user_op_hash,
                    updated_at=at,
                )
            )
            assert changed.rowcount == 1
            newest = select(entries.c.sequence, entries.c.digest).order_by(entries.c.sequence.desc()).limit(1)
            tail = Tail(*connection.execute(newest).one())
            data = {"user_op_hash": str(signed.user_op_hash), "operation": digest}
            entry = chained(tail, Note(at, "sign", data, row.id, row.state, State.SIGNED))
            connection.execute(insert(entries).values(entry_values(entry)))
            connection.execute(
                insert(operations).values(
                    user_op_hash=signed.user_op_hash,
                    position=entry.sequence,
                    occurrence_id=row.id,
                    account=signed.operation.sender,
                    entry_point=signed.priced.draft.entry_point,
                    nonce_key=word(signed.priced.draft.nonce.key),
                    sequence=word(signed.priced.draft.nonce.sequence),
                    record=text,
                    digest=digest,
                )
            )

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()
