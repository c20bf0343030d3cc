"""What is stopped now, wherever it stands, and how each is let go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from agent.commands.unkill import BREAKER
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.hold import AccountScope, AllScope, ChainScope, Hold, JobScope, Scope, SessionScope
from agent.domain.kill import ACKNOWLEDGED, KILLS, KillOrder
from agent.domain.units import Timestamp

Names = Mapping[Scope, str]
"""What the files call a session."""
NO_NAMES: Names = MappingProxyType({})

NOT_JOURNALED = "; it stands in the kill file, not in the journal yet"


def stops(holds: Sequence[Hold], orders: Sequence[KillOrder], now: Timestamp) -> tuple[Hold, ...]:
    """Return everything that sends nothing: the journal's holds, and orders that are not journaled yet.

    An acknowledgement is said with its kill.
    """
    said = {(hold.scope, hold.subject): hold.reason for hold in holds if hold.code == ACKNOWLEDGED}
    journaled = [_with_answer(hold, said.get((hold.scope, hold.subject))) for hold in holds]
    known = {(hold.scope, hold.code) for hold in holds}
    fresh = [
        Hold(order.scope, order.code, order.reason + NOT_JOURNALED, now, order.id)
        for order in orders
        if (order.scope, order.code) not in known
    ]
    return (*fresh, *(hold for hold in journaled if hold.code != ACKNOWLEDGED))


def session_names(sessions: Iterable[SessionDefinition]) -> Names:
    """Return the name of each session by its scope."""
    return {SessionScope(item.chain_id, item.account, item.permission_id): item.name for item in sessions}


def what_is_held(hold: Hold, names: Names) -> str:
    """Return the scope, with the name of its session before it."""
    name = names.get(hold.scope)
    return str(hold.scope) if name is None else f"session {name} ({hold.scope})"


def names_nothing(scope: Scope, definitions: Definitions) -> bool:
    """Say whether nothing in the files has the name that a scope stops: a slip of the pen, or it has left."""
    match scope:
        case AllScope():
            return False
        case ChainScope(chain_id):
            return chain_id not in definitions.chains
        case JobScope(job_id):
            return job_id not in definitions.jobs
        case AccountScope(chain_id, account):
            known = {(job.chain_id, job.account) for job in definitions.jobs.values()}
            return (chain_id, account) not in known
        case SessionScope():
            return scope not in session_names(definitions.sessions.values())
        case _:
            assert_never(scope)


def way_out(hold: Hold, names: Names = NO_NAMES) -> str:
    """Say how to let a hold go, once its cause is cleared."""
    if hold.code in KILLS:
        return f"sessionkeeper unkill --scope {hold.scope} --reason TEXT"
    if isinstance(hold.scope, SessionScope) and not hold.code.startswith(BREAKER):
        return f"sessionkeeper sessions release {names.get(hold.scope, 'NAME')} --reason TEXT"
    # By its code: without one a kill of the same scope would be let go with it.
    return f"sessionkeeper unkill --scope {hold.scope} --code {hold.code} --reason TEXT"


def _with_answer(hold: Hold, answer: str | None) -> Hold:
    if hold.code not in KILLS or answer is None:
        return hold
    return replace(hold, reason=f"{hold.reason}; {answer}")
