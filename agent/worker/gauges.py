"""Shows every session's limits, as the sweep read them, and every account's gas funds in the metrics."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.domain.budget import LimitUse
from agent.domain.evaluation import ChainView
from agent.domain.hold import Burn, burned_in
from agent.domain.units import Address, Hash32
from agent.domain.utc_day import day_of
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.observe import observe
from agent.ports import Block
from agent.smart_sessions.ids import action_config_id, action_id
from agent.smart_sessions.policies import POLICIES
from agent.telemetry.limit_gauges import LimitLabels
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from agent.worker.cap_gauges import observe_job_caps
from agent.worker.paymaster_gauges import observe_paymasters
from agent.worker.pieces import in_pieces
from agent.worker.reading import Reader, Told, WatchedSession, earliest_expiry
from jobs import erc20

FRESH_BLOCKS = 5
"""An older reading of the sweep is not shown: it does not get through."""
WHOLE_OPERATION = "operation"
SHOWN_AT_A_TIME = 50


@dataclass(frozen=True, slots=True)
class Journaled:
    """What the journal says of one session's limits."""

    reserved: Mapping[str, int]
    burned: Mapping[str, int]
    epoch: int


class Gauges:
    """Refreshes the gauges that need the chain."""

    def __init__(
        self,
        services: Services,
        chains: Sequence[tuple[ChainContext, Reader]],
        metrics: Metrics,
        board: Board,
        jobs: Collection[JobContext] = (),
    ) -> None:
        """Take every chain with the reader of its sessions, and the jobs whose own caps are shown."""
        self._services = services
        self._metrics = metrics
        self._board = board
        self._chains = chains
        self._jobs = jobs

    async def observe(self) -> None:
        """Look at everything once; raises ChainUnavailable and StoreUnavailable."""
        self._metrics.occurrences_observed(self._board.counts())
        journal = self._services.journal
        now, spent = await self._services.clock.now(), await journal.spent()
        observe_job_caps(self._metrics, self._jobs, now, spent, await journal.reserved())
        burned = await journal.burned()
        for chain, reader in self._chains:
            await self._observe_chain(chain, reader, burned)

    async def _observe_chain(self, chain: ChainContext, reader: Reader, burned: Sequence[Burn]) -> None:
        head, journal = await chain.reader.block("latest"), self._services.journal
        last = reader.last
        fresh = last is not None and abs(head.number - last.block.number) <= FRESH_BLOCKS
        reading = last if last is not None and fresh else await reader.peek(head)
        number = chain.reader.chain_id
        reserved = await journal.reserved({number: reading.block.number})
        epochs = (await journal.watched(number)).newest()
        async for session in in_pieces(reader.sessions, SHOWN_AT_A_TIME):
            epoch = epochs[session.scope].number if session.scope in epochs else 1
            journaled = Journaled(reserved, burned_in(burned, epoch), epoch)
            self._observe_session(session, reading.sessions[session.scope], journaled)
        if chain.payers:
            day = day_of(await self._services.clock.now())
            observe_paymasters(self._metrics, chain, day, await journal.spent(), reserved)
        accounts = {session.definition.account for session in reader.sessions}
        await self._observe_funds(chain, accounts, reading.block)

    def _observe_session(self, session: WatchedSession, told: Told, journaled: Journaled) -> None:
        name, places = session.definition.name, dict(_places(session))
        for use in told.uses:
            self._metrics.limit_observed(
                _labels(name, use, places),
                limit=use.limit,
                used=use.used,
                reserved=journaled.reserved.get(str(use.key), 0),
                burned=journaled.burned.get(str(use.key), 0),
                epoch=journaled.epoch,
            )
        expiry = None if told.found is None else earliest_expiry(told.found)
        if expiry is not None:
            self._metrics.session_expiry_observed(name, expiry)

    async def _observe_funds(self, chain: ChainContext, accounts: set[Address], block: Block) -> None:
        reads = [
            read
            for account in sorted(accounts)
            for read in (erc20.native_balance(account), erc20.balance_of(chain.entry_point, account))
        ]
        view = await observe(chain.reader, reads, block)
        for account in accounts:
            funds_wei = _funds_wei(view, chain.entry_point, account)
            if funds_wei is not None:
                self._metrics.gas_funds_observed(str(chain.reader.chain_id), str(account), funds_wei)


def _funds_wei(view: ChainView, entry_point: Address, account: Address) -> int | None:
    balance = view.uint(erc20.native_balance(account))
    # The EntryPoint keeps deposits under the token's own function name.
    deposit = view.uint(erc20.balance_of(entry_point, account))
    return None if balance is None else balance + (deposit or 0)


def _places(session: WatchedSession) -> Iterator[tuple[Hash32, str]]:
    definition = session.definition
    for action in definition.session.actions:
        identifier = action_id(action.action_target, action.action_target_selector)
        config = action_config_id(definition.account, definition.permission_id, identifier)
        yield config, f"{action.action_target}:0x{action.action_target_selector.hex()}"


def _labels(session: str, use: LimitUse, places: Mapping[Hash32, str]) -> LimitLabels:
    place = places.get(use.key.config_id, WHOLE_OPERATION)
    limit = f"{place}/{use.key.part}" if use.key.part else place
    return LimitLabels(session, POLICIES[use.key.policy].name, limit, use.unit)
