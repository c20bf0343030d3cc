"""Holds, epochs and what failed operations used: their rows read and written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from agent.adapters.journal.holding import with_epochs
from agent.adapters.journal.image import Image
from agent.adapters.sql import tables
from agent.adapters.sql.bulk import Values, fetch_all, run_many
from agent.adapters.sql.rows import Record, address, number, word
from agent.domain.hold import Burn, Epoch, FailedUse, Hold, SessionScope, Watched, burns, scope_from_text
from agent.domain.units import ChainId, Hash32

_ALL_HOLDS = select(tables.holds).order_by(tables.holds.c.scope, tables.holds.c.code)
_DROP_USES = delete(tables.failed_uses).where(tables.failed_uses.c.user_op_hash == bindparam("operation"))
_INSERT_USE = insert(tables.failed_uses)
_DROP_EPOCHS = delete(tables.epochs).where(
    tables.epochs.c.chain_id == bindparam("chain"),
    tables.epochs.c.account == bindparam("holder"),
    tables.epochs.c.permission_id == bindparam("permission"),
    tables.epochs.c.number >= bindparam("least"),
)
_INSERT_EPOCH = insert(tables.epochs)


def holds(connection: Connection, active_only: bool) -> tuple[Hold, ...]:  # noqa: FBT001 - passed on as it came
    """Return the holds by scope and code."""
    found = (_hold(row) for row in fetch_all(connection, _ALL_HOLDS, {}))
    return tuple(hold for hold in found if hold.active or not active_only)


def load_holds(connection: Connection, image: Image) -> None:
    """Put every hold into the image."""
    for hold in holds(connection, active_only=False):
        image.load_hold(hold)


def hold_values(hold: Hold) -> Values:
    """Write a row of `holds`."""
    return {
        "scope": str(hold.scope),
        "code": hold.code,
        "reason": hold.reason,
        "at": hold.at,
        "subject": hold.subject,
        "released_at": hold.released_at,
        "release_reason": hold.release_reason,
        "accepted": hold.accepted,
    }


def save_failed_uses(connection: Connection, changed: Mapping[Hash32, Sequence[FailedUse]]) -> None:
    """Replace what is kept of these operations."""
    run_many(connection, _DROP_USES, [{"operation": bytes(one)} for one in changed])
    rows = [_use_values(use) for uses in changed.values() for use in uses]
    if rows:
        run_many(connection, _INSERT_USE, rows)


def watched(connection: Connection, chain_id: ChainId) -> Watched:
    """Return what the sweeps of a chain left."""
    table = tables.sweeps
    swept_to = connection.execute(select(table.c.swept_to).where(table.c.chain_id == chain_id)).scalar()
    return Watched(swept_to, _epochs(connection, chain_id))


def burned(connection: Connection) -> tuple[Burn, ...]:
    """Sum what failed operations used, per limit and epoch."""
    uses = failed_uses(connection)
    return burns(uses, every_epoch(connection)) if uses else ()


def failed_uses(connection: Connection) -> tuple[FailedUse, ...]:
    """Return what each failed operation used."""
    return tuple(_use(row) for row in connection.execute(select(tables.failed_uses)))


def every_epoch(connection: Connection) -> tuple[Epoch, ...]:
    """Return the epochs of all chains, those of a session oldest first."""
    return _epochs(connection, None)


def save_epochs(connection: Connection, found: Sequence[Epoch]) -> None:
    """Make each epoch the newest of its session."""
    newest = with_epochs((), tuple(found))
    first: dict[SessionScope, int] = {}
    for epoch in found:
        first[epoch.session] = min(epoch.number, first.get(epoch.session, epoch.number))
    gone = [
        {
            "chain": session.chain_id,
            "holder": bytes(session.account),
            "permission": bytes(session.permission_id),
            "least": least,
        }
        for session, least in first.items()
    ]
    run_many(connection, _DROP_EPOCHS, gone)
    run_many(connection, _INSERT_EPOCH, [_epoch_values(epoch) for epoch in newest])


def _epochs(connection: Connection, chain_id: ChainId | None) -> tuple[Epoch, ...]:
    table = tables.epochs
    query = select(table) if chain_id is None else select(table).where(table.c.chain_id == chain_id)
    return with_epochs((), _sorted(_epoch(row) for row in connection.execute(query)))


def _sorted(epochs: Iterable[Epoch]) -> tuple[Epoch, ...]:
    return tuple(sorted(epochs, key=lambda epoch: epoch.number))


def _epoch(row: Record) -> Epoch:
    return Epoch(_session(row), row.number, row.from_block, number(row.enable_nonce))


def _epoch_values(epoch: Epoch) -> Values:
    return {
        "chain_id": epoch.session.chain_id,
        "account": bytes(epoch.session.account),
        "permission_id": bytes(epoch.session.permission_id),
        "number": epoch.number,
        "from_block": epoch.from_block,
        "enable_nonce": word(epoch.enable_nonce),
    }


def _use(row: Record) -> FailedUse:
    return FailedUse(Hash32(row.user_op_hash), row.limit_key, _session(row), number(row.amount), row.block)


def _use_values(use: FailedUse) -> Values:
    return {
        "user_op_hash": bytes(use.user_op_hash),
        "limit_key": use.limit_key,
        "chain_id": use.session.chain_id,
        "account": bytes(use.session.account),
        "permission_id": bytes(use.session.permission_id),
        "amount": word(use.amount),
        "block": use.block,
    }


def _session(row: Record) -> SessionScope:
    return SessionScope(ChainId(row.chain_id), address(row.account), Hash32(row.permission_id))


def _hold(row: tuple[Any, ...]) -> Hold:
    scope, code, reason, at, subject, released_at, release_reason, accepted = row
    return Hold(
        scope_from_text(scope), code, reason, at, subject, released_at, release_reason, bool(accepted)
    )
