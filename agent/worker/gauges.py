"""Reads every session's limits and every account's gas funds for the metrics, all at one block."""

from collections.abc import Iterator, Mapping

from agent.domain.budget import LimitUse
from agent.domain.evaluation import ChainView
from agent.domain.units import Address, Hash32
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.observe import observe
from agent.pipeline.preflight import grant_of, read_counters
from agent.ports import Block
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.ids import action_config_id, action_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.preflight import earliest_expiry, limits
from agent.telemetry.limit_gauges import LimitLabels
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from jobs import erc20

WHOLE_OPERATION = "operation"


class Gauges:
    """Refreshes the gauges that need the chain."""

    def __init__(
        self, services: Services, jobs: Mapping[str, JobContext], metrics: Metrics, board: Board
    ) -> None:
        self._services = services
        self._metrics = metrics
        self._board = board
        self._chains = list({id(job.chain): job.chain for job in jobs.values()}.values())
        self._sessions = {job.session.name: job for job in jobs.values()}

    async def observe(self) -> None:
        """Read everything once; raises ChainUnavailable and StoreUnavailable."""
        self._metrics.occurrences_observed(self._board.counts())
        for chain in self._chains:
            await self._observe_chain(chain)

    async def _observe_chain(self, chain: ChainContext) -> None:
        block = await chain.reader.block("latest")
        reserved = await self._services.journal.reserved({chain.reader.chain_id: block.number})
        mine = [job for job in self._sessions.values() if job.chain is chain]
        for job in mine:
            await self._observe_session(job, block, reserved)
        await self._observe_funds(chain, {job.definition.account for job in mine}, block)

    async def _observe_session(self, job: JobContext, block: Block, reserved: Mapping[str, int]) -> None:
        grant = grant_of(job)
        seen = await read_counters(job.chain.reader, grant, block)
        places = dict(_places(grant))
        for use in limits(grant, seen):
            self._metrics.limit_observed(
                _labels(job.session.name, use, places),
                limit=use.limit,
                used=use.used,
                reserved=reserved.get(str(use.key), 0),
            )
        expiry = earliest_expiry(grant, seen)
        if expiry is not None:
            self._metrics.session_expiry_observed(job.session.name, expiry)

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


def _places(grant: Grant) -> Iterator[tuple[Hash32, str]]:
    for action in grant.session.actions:
        identifier = action_id(action.action_target, action.action_target_selector)
        config = action_config_id(grant.account, grant.permission_id, identifier)
        yield config, f"{action.action_target}:0x{action.action_target_selector.hex()}"


def _labels(session: str, use: LimitUse, places: Mapping[Hash32, str]) -> LimitLabels:
    place = places.get(use.key.config_id, WHOLE_OPERATION)
    limit = f"{place}/{use.key.part}" if use.key.part else place
    return LimitLabels(session, POLICIES[use.key.policy].name, limit, use.unit)
