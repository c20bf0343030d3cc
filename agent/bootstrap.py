"""Where adapters are built and plugged in: start-up checks, and shutdown in the opposite order."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial

from agent.adapters.bundler_rpc import BundlerRpc
from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import ChainClock, WallClock
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.key_files import LocalKeyFiles, open_signer
from agent.adapters.memory import MemoryJournal
from agent.adapters.sql import is_there, open_journal
from agent.definitions.config import ClockKind
from agent.definitions.records import ChainDefinition, Definitions
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import ConfigError, SettingsError
from agent.domain.job import JobDefinition
from agent.domain.token import Token
from agent.domain.units import ChainId, Wei
from agent.erc7579.accounts import ACCOUNT_KINDS, derived_lane, nonce_key
from agent.pipeline.context import ChainContext, JobContext, Services, SessionContext
from agent.ports import CallFailed, Clock, Journal, SessionSigner
from agent.settings import Settings
from jobs import erc20

DEVNET = ChainId(31337)


class Store(Enum):
    """How the journal is opened."""

    WORKER = "worker"
    """By the one worker that may send."""
    SHARED = "shared"
    """By a command beside it."""
    NONE = "none"
    """A journal in memory, empty: nothing is read or written."""
    REHEARSAL = "rehearsal"
    """A journal in memory that starts where the store stands: nothing is written."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything the agent works with, open."""

    definitions: Definitions
    services: Services
    chains: Mapping[ChainId, ChainContext]
    jobs: Mapping[str, JobContext]
    """Empty when the world was opened without keys."""


Wrap = Callable[[World], World]
"""Puts something between the worker and the world: a recorder, a fault, a crash."""


class WrongChain(ConfigError):
    """A node serves another chain than the configuration says."""

    code = "wrong_chain"
    remedy = "correct the chain's `id` or its `rpc`"


class WrongDecimals(ConfigError):
    """A token has other decimals on chain than in the configuration: every amount would be wrong."""

    code = "wrong_decimals"
    remedy = "correct `decimals` or `address` of the token"


@asynccontextmanager
async def opened(
    settings: Settings, definitions: Definitions, *, store: Store, keys: bool
) -> AsyncIterator[World]:
    """Open chains, bundlers, the journal and (with `keys`) the session keys; close them in reverse.

    Raises StoreInUse, StoreUnavailable, SettingsError, KeyFileError, WrongKey, WrongPassword.
    """
    async with AsyncExitStack() as stack:
        chains = {number: await _chain(stack, chain) for number, chain in definitions.chains.items()}
        journal = await _journal(settings, definitions, store)
        stack.push_async_callback(journal.close)
        signers = _signers(settings, definitions) if keys else {}
        services = Services(journal, _clock(definitions, chains))
        yield World(definitions, services, chains, _jobs(definitions, chains, signers))


async def check_chains(world: World) -> None:
    """Compare each node's chain id and tokens with the configuration.

    Raises WrongChain, WrongDecimals, ChainUnavailable.
    """
    for number, chain in world.chains.items():
        remote = await chain.reader.remote_chain_id()
        if remote != number:
            raise WrongChain(f"the node of chain {number} serves chain {remote}")
        tokens = [token for token in world.definitions.chains[number].tokens.values() if token.address]
        calls = [Call(token.address, Wei(0), erc20.DECIMALS) for token in tokens if token.address]
        head = await chain.reader.block("latest")
        for token, answer in zip(tokens, await chain.reader.calls(calls, head.number), strict=True):
            _check_decimals(token, answer)


def _check_decimals(token: Token, answer: bytes | CallFailed) -> None:
    if isinstance(answer, CallFailed) or int.from_bytes(answer[:32], "big") != token.decimals:
        said = "nothing" if isinstance(answer, CallFailed) else int.from_bytes(answer[:32], "big")
        raise WrongDecimals(f"{token.symbol} {token.address} says {said}, the file says {token.decimals}")


def key_files() -> LocalKeyFiles:
    """Return the key files of this machine."""
    return LocalKeyFiles()


def key_openers(settings: Settings, definitions: Definitions) -> dict[str, Callable[[], SessionSigner]]:
    """Return how to open each session's key; opening raises KeyFileError, WrongKey, WrongPassword."""
    sessions = definitions.sessions.values()
    chains = {name: session.chain_id for session in sessions for name in session.keys}
    return {
        name: partial(_signer, settings, definitions, name, chain_id)
        for name, chain_id in sorted(chains.items())
    }


def store_opener(settings: Settings, definitions: Definitions) -> Callable[[], Journal]:
    """Return how to open the journal beside a running worker."""
    return partial(_store, settings, definitions, Store.SHARED)


async def _chain(stack: AsyncExitStack, definition: ChainDefinition) -> ChainContext:
    nodes = [JsonRpc(url.get_secret_value()) for url in definition.rpc_urls]
    bundlers = [
        BundlerRpc(JsonRpc(url.get_secret_value()), definition.entry_point_version)
        for url in definition.bundler_urls
    ]
    reader = ChainRpc(
        definition.chain_id,
        nodes,
        finality_depth=definition.finality.depth,
        multicall=definition.multicall,
    )
    stack.push_async_callback(reader.close)
    for bundler in bundlers:
        stack.push_async_callback(bundler.close)
    return ChainContext(reader, tuple(bundlers), definition.entry_point, definition.entry_point_version)


def _store(settings: Settings, definitions: Definitions, store: Store) -> Journal:
    url = (settings.store_url or definitions.store_url).get_secret_value()
    # A command run by another user must not make the file: the worker could not write it then.
    if store is Store.NONE or (store is not Store.WORKER and not is_there(url)):
        return MemoryJournal()
    return open_journal(url, exclusive=store is Store.WORKER)


async def _journal(settings: Settings, definitions: Definitions, store: Store) -> Journal:
    journal = _store(settings, definitions, store)
    if store is not Store.REHEARSAL:
        return journal
    try:
        return await MemoryJournal.rehearsing(journal)
    finally:
        await journal.close()


def _clock(definitions: Definitions, chains: Mapping[ChainId, ChainContext]) -> Clock:
    if definitions.clock is ClockKind.WALL:
        return WallClock()
    if set(chains) != {DEVNET}:
        raise SettingsError(f"clock: chain is for the devnet ({DEVNET}) alone")
    return ChainClock(chains[DEVNET].reader)


def _signers(settings: Settings, definitions: Definitions) -> dict[str, SessionSigner]:
    used = {name for job in definitions.jobs.values() for name in definitions.sessions[job.session].keys}
    openers = key_openers(settings, definitions)
    return {name: openers[name]() for name in sorted(used)}


def _signer(settings: Settings, definitions: Definitions, name: str, chain_id: ChainId) -> SessionSigner:
    return open_signer(definitions.keys[name], definitions.root, chain_id, settings.password_fds.get(name))


def _jobs(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    signers: Mapping[str, SessionSigner],
) -> dict[str, JobContext]:
    used = {job.session: definitions.sessions[job.session] for job in definitions.jobs.values()}
    granted = {
        name: _granted(session, signers)
        for name, session in used.items()
        if signers.keys() >= set(session.keys)
    }
    return {
        job.id: _job(definitions, job, chains[job.chain_id], granted[job.session])
        for job in definitions.jobs.values()
        if job.session in granted
    }


def _granted(session: SessionDefinition, signers: Mapping[str, SessionSigner]) -> SessionContext:
    owner = owner_of(session.session)
    return SessionContext(
        session.name,
        session.session,
        session.permission_id,
        session.smart_session,
        owner,
        tuple(signers[name] for name in session.keys[: owner.threshold]),
    )


def _job(
    definitions: Definitions, job: JobDefinition, chain: ChainContext, session: SessionContext
) -> JobContext:
    account = ACCOUNT_KINDS[job.account_kind]
    lane = derived_lane(account, job.chain_id, job.id) if job.lane is None else job.lane
    return JobContext(
        definition=job,
        kind=definitions.kinds[job.kind],
        chain=chain,
        session=session,
        account_kind=account,
        nonce_key=nonce_key(account, session.smart_session, lane),
        caps=job.fees,
    )
