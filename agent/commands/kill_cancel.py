"""Ask the worker to cancel what a kill caught in flight."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from agent.commands.runs_cancel import cancel_run
from agent.domain.errors import Refused, StaleRecord
from agent.domain.hold import Hold, Scope, scopes_over
from agent.domain.kill import lets_cancels_pass
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.ports import Journal
from agent.smart_sessions.signature_decoding import permission_in


@dataclass(frozen=True, slots=True)
class Asked:
    """A run whose operation may land, and why no cancel was asked for, if so."""

    run_id: int
    job_id: str
    why_not: str = ""
    waits_for: tuple[Hold, ...] = ()
    """Other holds of the run that no cancel passes: it leaves once they are let go."""


async def cancel_in_flight(
    open_journal: Callable[[], Journal],
    scopes: Collection[Scope],
    now: Callable[[], Awaitable[Timestamp]],
    reason: str,
) -> tuple[Asked, ...]:
    """Ask for a cancel of every run under the scopes that was sent and may land.

    Raises StoreUnavailable: ask again, what is asked already stays so.
    """
    journal, at = open_journal(), await now()
    try:
        stops = [hold for hold in await journal.holds() if not lets_cancels_pass(hold.code)]
        asked: list[Asked] = []
        for run in await journal.occurrences(states=(State.SENT, State.HELD)):
            over = await _scopes_over(journal, run)
            if State.SENT in (run.state, run.held_from) and not over.isdisjoint(scopes):
                waits_for = tuple(hold for hold in stops if hold.scope in over)
                asked.append(await _asked(journal, run, at, reason, waits_for))
        return tuple(asked)
    finally:
        await journal.close()


async def _asked(
    journal: Journal, run: Occurrence, at: Timestamp, reason: str, waits_for: tuple[Hold, ...]
) -> Asked:
    try:
        await cancel_run(journal, run.id, at, reason=reason)
    except (Refused, StaleRecord) as error:
        return Asked(run.id, run.job_id, str(error))
    return Asked(run.id, run.job_id, waits_for=waits_for)


async def _scopes_over(journal: Journal, run: Occurrence) -> frozenset[Scope]:
    signed = await journal.operations(run.id)
    sessions = {permission_in(item.operation.signature) for item in signed if item.nonce == run.nonce}
    return frozenset(scopes_over(run.chain_id, run.account, run.job_id, sessions))
