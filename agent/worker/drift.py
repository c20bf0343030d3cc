"""Sweep the sessions of a chain for what their owners, or thieves, did to them; hold those that drifted.

At each head little is asked of every session, and all of those of which something tells: a log of the module,
an operation of the account, another answer than before, and in `ROTATION_S` everyone once in its turn.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import AgentError
from agent.domain.hold import Epoch, Hold, SessionScope, Watched
from agent.domain.units import ChainId
from agent.pipeline.context import ChainContext, Services
from agent.ports import Block
from agent.smart_sessions.drift import Drift, Fall, Judgement, Sight, is_new, look, undated
from agent.telemetry.metrics import Metrics
from agent.worker.log_scan import LogScanner, Scan
from agent.worker.pieces import in_pieces
from agent.worker.reading import Glance, Reader, Reading, Told, WatchedSession
from agent.worker.rotation import Rotation
from agent.worker.suspicion import counter_fell, unexplained_uses

log = structlog.get_logger()
NOTE_EVERY = 50
"""Final blocks between two notes of how far the sweep got: those are read again after a restart."""
LOOKED_AT_A_TIME = 25
SORTED_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """What one sweep leaves for the next, beside its reading."""

    scan: Scan | None = None
    rotation: Rotation = field(default_factory=Rotation)
    falls: Mapping[SessionScope, tuple[Fall, ...]] = field(default_factory=dict)
    """Those that are not final."""
    drifted: frozenset[SessionScope] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """Everything that one sweep knows before it decides."""

    watched: Watched
    final: int
    reading: Reading
    read: Mapping[SessionScope, Told]
    """What was read in full now."""
    scan: Scan
    kept: Kept
    """For the next sweep; who drifted is that of the last one."""


Judgements = Sequence[tuple[WatchedSession, Judgement]]


class Sweep:
    """Looks at every session of one chain, whatever their number, whenever the head moved."""

    def __init__(
        self,
        services: Services,
        chain: ChainContext,
        sessions: Iterable[SessionDefinition],
        metrics: Metrics,
    ) -> None:
        self._services = services
        self.chain = chain
        self._metrics = metrics
        mine = (item for item in sessions if item.chain_id == chain.reader.chain_id)
        # What its owner took back is not used and may look as it likes.
        watched = [WatchedSession.of(item) for item in mine if item.revoked_at is None]
        self._sessions = list({session.scope: session for session in watched}.values())
        self._numbered = tuple(enumerate(self._sessions))
        self.reader = Reader(chain.reader, self._sessions)
        self._scanner = LogScanner(services, chain, self._sessions)
        self._kept = Kept()
        self._unknown: dict[SessionScope, str] = {}
        self._shown: dict[SessionScope, int] = {}
        self._swept: Block | None = None
        self._final: int | None = None
        """The block that was final at the last sweep: logs up to it are read for good."""

    @property
    def chain_id(self) -> ChainId:
        """The chain it looks at."""
        return self.chain.reader.chain_id

    async def poll(self) -> None:
        """Sweep when the head moved; what cannot be read is unknown and changes nothing."""
        try:
            head = await self.chain.reader.block("latest")
            if self._swept is None or head.hash != self._swept.hash:
                await self.sweep(head)
        except AgentError as error:
            log.warning("sweep_failed", chain=self.chain_id, code=error.code, reason=str(error))

    async def sweep(self, head: Block) -> None:
        """Look at every session at one block; raises ChainUnavailable and StoreUnavailable."""
        if not self._sessions:
            return
        view = await self._view(head)
        judgements = await self._judged(view)
        # Held first: a sweep that ends here finds the same again, because its epochs are not kept yet.
        await self._hold(judgements)
        await self._note(view, judgements)
        # Last: one that fails leaves everything that moved to the next.
        drifted = frozenset(session.scope for session, judgement in judgements if judgement.drifts)
        kept = view.kept
        self._kept = Kept(kept.scan, kept.rotation, kept.falls, drifted)
        self.reader.last = view.reading
        self._swept, self._final = head, view.final
        self._metrics.sweep_observed(str(self.chain_id), head.number)

    async def _view(self, head: Block) -> View:
        watched = await self._services.journal.watched(self.chain_id)
        final = await self.chain.reader.finalized()
        start = self._start(watched, head, final.number)
        glance = await self.reader.glance(head)
        scan = await self._scanner.scan(start, head.number)
        due, rotation = await self._due(glance, scan)
        read = await self.reader.read(glance, due)
        earlier = {} if self.reader.last is None else self.reader.last.sessions
        reading = Reading(head, {**earlier, **read})
        falls = await self._falls(read, final.number)
        kept = Kept(scan, rotation, falls, self._kept.drifted)
        return View(watched, final.number, reading, read, scan, kept)

    def _start(self, watched: Watched, head: Block, final: int) -> int:
        """Return the block behind which logs may be others than those that were read."""
        read = watched.swept_to if self._final is None else self._final
        return head.number if read is None else min(final, read)

    async def _due(self, glance: Glance, scan: Scan) -> tuple[list[WatchedSession], Rotation]:
        """Return the sessions to read in full, and the rotation after them."""
        last = self.reader.last
        if last is None:
            return self._sessions, Rotation()
        elapsed_s = glance.block.timestamp - last.block.timestamp
        rotation, turn = self._kept.rotation.turn(len(self._sessions), elapsed_s)
        in_turn = frozenset(turn)
        moved = scan.moved(self._kept.scan)
        due = [
            session
            async for index, session in in_pieces(self._numbered, SORTED_AT_A_TIME)
            if index in in_turn
            or session.scope in moved
            or not (told := last.sessions[session.scope]).settled
            or glance.of(session) != told.glance
        ]
        return due, rotation

    async def _falls(
        self, read: Mapping[SessionScope, Told], final: int
    ) -> dict[SessionScope, tuple[Fall, ...]]:
        kept = {
            scope: tuple(fall for fall in falls if fall.by > final)
            for scope, falls in self._kept.falls.items()
        }
        earlier = {} if self.reader.last is None else self.reader.last.sessions
        for scope, told in read.items():
            before = earlier.get(scope)
            # A counter that a reorg took back has not fallen.
            if before and counter_fell(told, before) and await self._is_canonical(before.block):
                kept[scope] = (*kept.get(scope, ()), Fall(before.block.number, told.block.number))
        return {scope: falls for scope, falls in kept.items() if falls}

    async def _is_canonical(self, block: Block) -> bool:
        return (await self.chain.reader.block(block.number)).hash == block.hash

    async def _judged(self, view: View) -> Judgements:
        epochs: dict[SessionScope, list[Epoch]] = {}
        for epoch in view.watched.epochs:
            epochs.setdefault(epoch.session, []).append(epoch)
        suspects = [
            session
            async for session in in_pieces(self._sessions, SORTED_AT_A_TIME)
            if self._may_have_drifted(session, view, epochs.get(session.scope, []))
        ]
        return [
            (session, await self._look(session, view, epochs.get(session.scope, [])))
            async for session in in_pieces(suspects, LOOKED_AT_A_TIME)
        ]

    async def _look(self, session: WatchedSession, view: View, epochs: Sequence[Epoch]) -> Judgement:
        sight = self._sight(session, view)
        reader = self.chain.reader
        times = {number: (await reader.block(number)).timestamp for number in undated(sight, epochs)}
        return look(replace(sight, block_times=times) if times else sight, epochs)

    def _may_have_drifted(self, session: WatchedSession, view: View, epochs: Sequence[Epoch]) -> bool:
        scope, ends = session.scope, session.expires_at
        return (
            scope in view.read
            or scope in view.scan.events
            or scope in view.scan.foreign
            or scope in view.kept.falls
            or scope in view.kept.drifted
            or (ends is not None and view.reading.block.timestamp >= ends)
            # A reorg may have undone a re-enable; the first epoch stands.
            or (len(epochs) > 1 and epochs[-1].from_block > view.scan.start)
        )

    def _sight(self, session: WatchedSession, view: View) -> Sight:
        definition, scope, scan = session.definition, session.scope, view.scan
        told = view.reading.sessions[scope]
        before = None if self.reader.last is None else self.reader.last.sessions.get(scope)
        unexplained = () if before is None else unexplained_uses(scope, told, before, scan)
        return Sight(
            scope,
            definition.session,
            definition.expires_at,
            view.reading.block.number,
            view.reading.block.timestamp,
            scan.start,
            told.found,
            told.installed,
            tuple(scan.events.get(scope, ())),
            (*scan.foreign.get(scope, ()), *unexplained),
            view.kept.falls.get(scope, ()),
            definition.made_at,
        )

    async def _hold(self, judgements: Judgements) -> None:
        journal = self._services.journal
        holds = {(hold.scope, hold.code): hold for hold in await journal.holds(active_only=False)}
        for session, judgement in judgements:
            self._tell_unknown(session, judgement)
            for drift in judgement.drifts:
                known = holds.get((session.scope, drift.code))
                if is_new(drift, known):
                    holds[session.scope, drift.code] = await self._hold_one(session, drift)
        self._show(Counter(hold.scope for hold in holds.values() if hold.active))

    async def _hold_one(self, session: WatchedSession, drift: Drift) -> Hold:
        now = await self._services.clock.now()
        hold = Hold(session.scope, drift.code.value, drift.sentence, now, drift.subject)
        held = await self._services.journal.hold(hold)
        name = session.definition.name
        self._metrics.drift_seen(name, drift.code.value)
        log.error("session_drifted", session=name, code=drift.code.value, reason=drift.sentence)
        return held

    def _show(self, active: Mapping[object, int]) -> None:
        for session in self._sessions:
            count = active.get(session.scope, 0)
            if self._shown.get(session.scope) != count:
                self._metrics.session_holds_observed(session.definition.name, count)
                self._shown[session.scope] = count

    def _tell_unknown(self, session: WatchedSession, judgement: Judgement) -> None:
        if judgement.unknown and self._unknown.get(session.scope) != judgement.unknown:
            log.warning("session_unknown", session=session.definition.name, reason=judgement.unknown)
        self._unknown[session.scope] = judgement.unknown

    async def _note(self, view: View, judgements: Judgements) -> None:
        epochs = [epoch for _, judgement in judgements for epoch in judgement.epochs]
        # Not the head: of a block that a reorg replaces while nobody looks, the logs are others.
        swept_to, final = view.watched.swept_to, view.final
        if epochs or swept_to is None or not swept_to <= final < swept_to + NOTE_EVERY:
            now = await self._services.clock.now()
            await self._services.journal.watch(self.chain_id, final, epochs, now)
