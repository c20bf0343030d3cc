"""Before the first use of a session: whether a paymaster may pay, which no view and no old log tells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import ChainReverted, ChainUnavailable, Unavailable
from agent.domain.hold import Hold, SessionScope
from agent.domain.units import ChainId
from agent.pipeline.context import ChainContext, JobContext, Services, SessionContext
from agent.pipeline.session_reading import paymaster_flags
from agent.ports import ChainReader
from agent.smart_sessions.drift import Drift, DriftCode, is_new
from agent.smart_sessions.on_chain import Location
from agent.smart_sessions.views import is_permission_enabled_call

log = structlog.get_logger()
ASKED_AT_ONCE = 1_000
"""One simulation each; at the start payments wait for so many, the others are asked beside them."""


class FlagUnknown(Unavailable):
    """The module's answer does not tell whether a paymaster may pay under an enabled session."""

    code = "paymaster_flag_unknown"
    remedy = "use a node that gives the data of reverted calls, then see: sessionkeeper sessions status"


class PaymasterFlags:
    """Asks for the flag of every session once; later changes show in the module's logs, for the sweep."""

    def __init__(
        self,
        services: Services,
        chains: Mapping[ChainId, ChainContext],
        sessions: Iterable[SessionDefinition],
        asked_at_once: int = ASKED_AT_ONCE,
    ) -> None:
        self._asked_at_once = asked_at_once
        self._services = services
        self._chains = chains
        self._sessions = {_scope(item): item for item in sessions if item.revoked_at is None}
        self._settled: set[SessionScope] = set()
        """Of which the flag is as granted, or the session is held."""

    async def ask_first(self) -> None:
        """Ask of the first sessions, before anything is paid; raise StoreUnavailable."""
        await self._ask_some(list(self._sessions)[: self._asked_at_once])

    async def ask_others(self) -> None:
        """Ask of all other sessions, in batches; raise StoreUnavailable."""
        scopes = list(self._sessions)
        for start in range(self._asked_at_once, len(scopes), self._asked_at_once):
            await self._ask_some(scopes[start : start + self._asked_at_once])

    async def known(self, job: JobContext) -> JobContext:
        """Return the job with those sessions alone whose flag is known, asking for what is not.

        A session that is not enabled stays: nothing is signed under it but what enables it, flag included.
        Raise FlagUnknown when none is left; ChainUnavailable, StoreUnavailable.
        """
        scopes = {item.name: _scope_in(job, item) for item in job.sessions}
        waiting = [scope for scope in scopes.values() if self._waits(scope)]
        if not waiting:
            return job
        await self._ask(job.chain, waiting)
        left_out = {name for name, scope in scopes.items() if await self._is_unknown(job.chain.reader, scope)}
        return _without(job, left_out) if left_out else job

    def _waits(self, scope: SessionScope) -> bool:
        return scope in self._sessions and scope not in self._settled

    async def _is_unknown(self, reader: ChainReader, scope: SessionScope) -> bool:
        if not self._waits(scope):
            return False
        question = is_permission_enabled_call(scope.permission_id, scope.account)
        try:
            return any(await reader.call(self._sessions[scope].smart_session, question, "latest"))
        except ChainReverted:
            return False

    async def _ask_some(self, scopes: Sequence[SessionScope]) -> None:
        for chain_id, chain in self._chains.items():
            here = [scope for scope in scopes if scope.chain_id == chain_id and scope not in self._settled]
            try:
                await self._ask(chain, here)
            except ChainUnavailable as error:
                # Unknown is no change: they are asked again before their first use.
                log.warning("paymaster_flags_unknown", code=error.code, reason=str(error), sessions=len(here))

    async def _ask(self, chain: ChainContext, scopes: Sequence[SessionScope]) -> None:
        sessions = [self._sessions[scope] for scope in scopes]
        places = [Location(item.smart_session, item.account, item.permission_id) for item in sessions]
        flags = await paymaster_flags(chain.reader, places, "latest")
        holds = {
            (hold.scope, hold.code): hold for hold in await self._services.journal.holds(active_only=False)
        }
        for scope, session, permits in zip(scopes, sessions, flags, strict=True):
            if permits is None:
                continue
            drift = _changed(session, permits=permits)
            granted = permits == session.session.permit_erc4337_paymaster
            if not granted and is_new(drift, holds.get((scope, drift.code))):
                await self._hold(scope, session, drift)
            self._settled.add(scope)

    async def _hold(self, scope: SessionScope, session: SessionDefinition, drift: Drift) -> None:
        now = await self._services.clock.now()
        await self._services.journal.hold(Hold(scope, drift.code.value, drift.sentence, now, drift.subject))
        log.error("session_drifted", session=session.name, code=drift.code.value, reason=drift.sentence)


def _without(job: JobContext, left_out: set[str]) -> JobContext:
    lines = tuple(tuple(item for item in line if item.name not in left_out) for line in job.lines)
    left = tuple(line for line in lines if line)
    if not left:
        raise FlagUnknown(f"nobody can say whether a paymaster may pay under {', '.join(sorted(left_out))}")
    return replace(job, lines=left)


def _scope(session: SessionDefinition) -> SessionScope:
    return SessionScope(session.chain_id, session.account, session.permission_id)


def _scope_in(job: JobContext, session: SessionContext) -> SessionScope:
    return SessionScope(job.definition.chain_id, job.definition.account, session.permission_id)


def _changed(session: SessionDefinition, *, permits: bool) -> Drift:
    now = "permits" if permits else "forbids"
    sentence = f"the session {session.name} {now} that a paymaster pays, against what was granted"
    # The sweep names a flag that it saw change in the same way.
    return Drift(DriftCode.PAYMASTER_CHANGED, sentence, str(int(permits)))
