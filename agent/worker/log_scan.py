"""Scan a chain's logs for what was done to the watched sessions, and for who used them."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.domain.errors import ChainUnavailable
from agent.domain.hold import SessionScope
from agent.domain.units import Address, Hash32
from agent.erc4337.events import USER_OPERATION_EVENT, UserOperationEvent, decode_user_operation_event
from agent.erc7579.accounts import ACCOUNT_KINDS, VALIDATOR_BITS
from agent.pipeline.context import ChainContext, Services
from agent.pipeline.receipt import BLOCKS_PER_QUERY
from agent.ports import Log
from agent.smart_sessions.drift import ForeignUse
from agent.smart_sessions.events import ModuleEvent, decode_module_event, words_of
from agent.worker.pieces import in_pieces
from agent.worker.reading import WatchedSession

SENDERS_PER_QUERY = 1_000
"""As many values as nodes take for one topic."""
LOGS_AT_A_TIME = 200
Trace = tuple[int, Hash32, int]
"""Where a log stands: block number, block hash, index."""


@dataclass(slots=True)
class Scan:
    """What the logs behind block `start` say, by session."""

    start: int
    events: dict[SessionScope, list[ModuleEvent]] = field(default_factory=dict)
    own: dict[SessionScope, list[int]] = field(default_factory=dict)
    """The blocks of operations that our journal signed."""
    foreign: dict[SessionScope, list[ForeignUse]] = field(default_factory=dict)
    """Not signed by us, in a transaction that names the session."""
    nameless: dict[SessionScope, list[ForeignUse]] = field(default_factory=dict)
    """Not signed by us, in a transaction that names no watched session of the account."""
    traces: dict[SessionScope, set[Trace]] = field(default_factory=dict)
    """The logs that any of this comes from, and those of the module that tell something else."""

    def note(self, session: WatchedSession, log: Log) -> None:
        """Keep that a log is about a session."""
        trace = log.block_number, log.block_hash, log.log_index
        self.traces.setdefault(session.scope, set()).add(trace)

    def moved(self, before: "Scan | None") -> frozenset[SessionScope]:
        """Return the sessions of which there are other logs than before, new ones or such as a reorg took."""
        known: Mapping[SessionScope, set[Trace]] = {} if before is None else before.traces
        return frozenset(
            scope
            for scope in self.traces.keys() | known.keys()
            if any(
                block > self.start for block, *_ in self.traces.get(scope, set()) ^ known.get(scope, set())
            )
        )


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation that SmartSession validated, and the sessions that it may have been under."""

    log: Log
    event: UserOperationEvent
    sessions: Sequence[WatchedSession]


class LogScanner:
    """Asks few questions whatever the number of sessions: one per module, and one per 1,000 accounts."""

    def __init__(self, services: Services, chain: ChainContext, sessions: Sequence[WatchedSession]) -> None:
        self._services = services
        self._chain = chain
        self._by_word: dict[Address, dict[bytes, list[WatchedSession]]] = {}
        self._by_sender: dict[Address, dict[Address, list[WatchedSession]]] = {}
        for session in sessions:
            account, module = session.module
            named = self._by_word.setdefault(module, {})
            named.setdefault(bytes(session.scope.permission_id), []).append(session)
            self._by_sender.setdefault(account, {}).setdefault(module, []).append(session)
        self._named: dict[tuple[Hash32, Hash32], tuple[WatchedSession, ...]] = {}
        """What the transactions of foreign operations name, by transaction and operation."""

    async def scan(self, start: int, end: int) -> Scan:
        """Read the logs behind block `start` up to `end`; raise ChainUnavailable, StoreUnavailable."""
        scan = Scan(start)
        for module in sorted(self._by_word):
            # All of its logs: also one that no decoder knows says that something happened to its session.
            async for log in self._logs(module, (), start, end):
                self._take_event(scan, module, log)
        suspects = [item async for item in self._operations(start, end)]
        signed = (
            await self._services.journal.signed([item.event.user_op_hash for item in suspects])
            if suspects
            else {}
        )
        foreign = [item for item in suspects if not self._take_own(scan, item, signed)]
        await self._take_foreign(scan, foreign)
        return scan

    def _take_event(self, scan: Scan, module: Address, log: Log) -> None:
        for session in self._about(module, log.data):
            scan.note(session, log)
            event = decode_module_event(log.topics, log.data, log.block_number)
            if event is not None:
                scan.events.setdefault(session.scope, []).append(event)

    def _about(self, module: Address, data: bytes) -> Iterator[WatchedSession]:
        words, named = words_of(data), self._by_word[module]
        for word in words & named.keys():
            yield from (item for item in named[word] if bytes(12) + item.scope.account in words)

    def _take_own(self, scan: Scan, item: _Operation, signed: Mapping[Hash32, Hash32]) -> bool:
        permission = signed.get(item.event.user_op_hash)
        for session in item.sessions:
            if session.scope.permission_id == permission:
                scan.note(session, item.log)
                scan.own.setdefault(session.scope, []).append(item.log.block_number)
        return permission is not None

    async def _take_foreign(self, scan: Scan, foreign: Sequence[_Operation]) -> None:
        inputs: dict[Hash32, bytes] = {}
        named = {
            (item.log.transaction_hash, item.event.user_op_hash): await self._names(item, inputs)
            for item in foreign
        }
        self._named = named
        for item in foreign:
            mine = named[item.log.transaction_hash, item.event.user_op_hash]
            use = ForeignUse(item.event.user_op_hash, item.log.block_number)
            # Who wants to hide the permission id can: then the counters of every session it may be tell.
            for session in mine or item.sessions:
                scan.note(session, item.log)
                uses = scan.foreign if mine else scan.nameless
                uses.setdefault(session.scope, []).append(use)

    async def _names(self, item: _Operation, inputs: dict[Hash32, bytes]) -> tuple[WatchedSession, ...]:
        transaction = item.log.transaction_hash
        known = self._named.get((transaction, item.event.user_op_hash))
        if known is not None:
            return known
        if transaction not in inputs:
            found = await self._chain.reader.transaction_input(transaction)
            if found is None:
                raise ChainUnavailable(f"the node has logs of transaction {transaction}, and not itself")
            inputs[transaction] = found
        data = inputs[transaction]
        return tuple(one for one in item.sessions if bytes(one.scope.permission_id) in data)

    async def _operations(self, start: int, end: int) -> AsyncIterator[_Operation]:
        senders = sorted(self._by_sender)
        for place in range(0, len(senders), SENDERS_PER_QUERY):
            words = [Hash32(bytes(12) + sender) for sender in senders[place : place + SENDERS_PER_QUERY]]
            topics = ([USER_OPERATION_EVENT], None, words)
            async for log in self._logs(self._chain.entry_point, topics, start, end):
                event = decode_user_operation_event(log.topics, log.data)
                for module, sessions in self._by_sender[event.sender].items():
                    if _is_validated_by(module, sessions[0], event.nonce):
                        yield _Operation(log, event, sessions)

    async def _logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], start: int, end: int
    ) -> AsyncIterator[Log]:
        for first, last in _ranges(start + 1, end):
            found = await self._chain.reader.logs(address, topics, first, last)
            async for log in in_pieces(found, LOGS_AT_A_TIME):
                yield log


def _ranges(first: int, last: int) -> Iterable[tuple[int, int]]:
    for start in range(first, last + 1, BLOCKS_PER_QUERY):
        yield start, min(start + BLOCKS_PER_QUERY - 1, last)


def _is_validated_by(module: Address, session: WatchedSession, nonce: int) -> bool:
    kind = ACCOUNT_KINDS[session.definition.account_kind]
    validator = nonce >> 64 >> kind.validator_shift & ((1 << VALIDATOR_BITS) - 1)
    return validator == int.from_bytes(module, "big")
