"""Where adapters are built and plugged in: start-up checks, and shutdown in the opposite order."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from agent.adapters.agreed_reader import AgreedReader
from agent.adapters.bundler_pool import BundlerPool
from agent.adapters.bundler_rpc import MAX_ANSWER_BYTES, BundlerRpc
from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import ChainClock, WallClock
from agent.adapters.endpoints import endpoints
from agent.adapters.head_stream import WebSocketHeads
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.key_files import LocalKeyFiles, open_signer
from agent.adapters.kill_file import KillFile
from agent.adapters.memory import MemoryJournal, MissingJournal
from agent.adapters.paymaster_rpc import MOST_PAYMASTER_BYTES, PaymasterRpc
from agent.adapters.shared_reader import SharedReader
from agent.adapters.sql import beside, is_there, open_journal, worker_of
from agent.commands.kill import StoreDoor
from agent.definitions.config import ClockKind
from agent.definitions.paymaster_files import context_of
from agent.definitions.records import ChainDefinition, Definitions
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.definitions.store_place import StorePlace
from agent.definitions.succession import in_use
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable, ConfigError, SettingsError
from agent.domain.job import JobDefinition
from agent.domain.token import Token
from agent.domain.units import ChainId, Wei
from agent.erc7579.accounts import ACCOUNT_KINDS, derived_lane, nonce_key
from agent.pipeline.context import (
    ChainContext,
    Endpoints,
    JobContext,
    Payer,
    Services,
    SessionContext,
    SessionLine,
)
from agent.pipeline.gate import Gate
from agent.pipeline.kept_limits import kept_on
from agent.ports import CallFailed, ChainReader, Clock, Journal, SessionSigner
from agent.settings import Settings
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Grant
from jobs import erc20

DEVNET = ChainId(31337)
KILL_FILE = Path("state/sessionkeeper.kill")
"""Below the folder of the files, where the journal is on a server."""

SILENT_BLOCKS = 4
"""Expected and not shown by a stream: then the heads are polled, and it is connected to anew."""
SHORTEST_SILENCE_S = 5


class Store(Enum):
    """How the journal is opened."""

    WORKER = "worker"
    """By the one worker that may send."""
    SHARED = "shared"
    """By a command beside it; before the worker made it, it is empty and takes nothing."""
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
    switch: KillFile


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
        switch = kill_switch(settings, definitions)
        services = Services(journal, _clock(definitions, chains), Gate(switch))
        yield World(definitions, services, chains, _jobs(definitions, chains, signers), switch)


async def check_chains(world: World) -> None:
    """Compare each node's chain id and tokens with the configuration.

    Raises WrongChain, WrongDecimals, ChainUnavailable.
    """
    for number, chain in world.chains.items():
        for name, node in chain.endpoints.nodes.items():
            await _check_chain_id(name, node, number)
        tokens = [token for token in world.definitions.chains[number].tokens.values() if token.address]
        calls = [Call(token.address, Wei(0), erc20.DECIMALS) for token in tokens if token.address]
        head = await chain.reader.block("latest")
        for token, answer in zip(tokens, await chain.reader.calls(calls, head.number), strict=True):
            _check_decimals(token, answer)


async def _check_chain_id(name: str, node: ChainReader, expected: ChainId) -> None:
    try:
        remote = await node.remote_chain_id()
    except ChainUnavailable:
        # Others may answer, and it is asked again before it is believed.
        return
    if remote != expected:
        raise WrongChain(f"the node {name} of chain {expected} serves chain {remote}")


def _check_decimals(token: Token, answer: bytes | CallFailed) -> None:
    if isinstance(answer, CallFailed) or int.from_bytes(answer[:32], "big") != token.decimals:
        said = "nothing" if isinstance(answer, CallFailed) else int.from_bytes(answer[:32], "big")
        raise WrongDecimals(f"{token.symbol} {token.address} says {said}, the file says {token.decimals}")


def kill_switch(settings: Settings, files: Definitions | StorePlace) -> KillFile:
    """Return the kill switch of a store, there or not yet."""
    chosen = settings.kill_file or files.kill_file or beside(_store_url(settings, files), ".kill")
    return KillFile(files.root / (chosen or KILL_FILE))


def store_door(settings: Settings, files: Definitions | StorePlace) -> StoreDoor:
    """Return what one may know of a store without opening it."""
    url = _store_url(settings, files)
    opening = partial(open_journal, url, exclusive=False)
    return StoreDoor(is_there(url), beside(url, "") is None, partial(worker_of, url), opening)


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
    finality_depth, version = definition.finality.depth, definition.entry_point_version
    pool = ChainRpc(
        definition.chain_id,
        endpoints(definition.rpc_urls),
        finality_depth=finality_depth,
        multicall=definition.multicall,
        call_gas=definition.call_gas,
    )
    bundlers, private = _bundlers(definition)
    stack.push_async_callback(pool.close)
    stack.push_async_callback(bundlers.close)
    stack.push_async_callback(private.close)
    payers = _payers(stack, definition)
    return ChainContext(
        SharedReader(pool),
        bundlers,
        definition.entry_point,
        version,
        tokens={token.address: token for token in definition.tokens.values() if token.address is not None},
        agreement=(
            SharedReader(AgreedReader(pool, definition.quorum, finality_depth=finality_depth))
            if definition.quorum > 1
            else None
        ),
        endpoints=Endpoints(
            {node.name: node for node in pool.nodes},
            {**bundlers.members, **private.members},
            lambda: [
                *(node.standing for node in pool.nodes),
                *bundlers.standings,
                *private.standings,
                *(payer.paymaster.standing for payer in payers.values()),
            ],
        ),
        max_head_age_s=definition.max_head_age_s,
        sender_cap=definition.sender_cap,
        payers=payers,
        stream=_stream(definition),
        private_bundlers=private,
        kept_limits=kept_on(definition.chain_id),
    )


def _bundlers(definition: ChainDefinition) -> tuple[BundlerPool, BundlerPool]:
    """Return the public ones and the private ones, each under a name of its own."""
    urls = (*definition.bundler_urls, *definition.private_bundler_urls)
    senders = endpoints(urls, max_answer_bytes=MAX_ANSWER_BYTES)
    members = [BundlerRpc(sender, definition.entry_point_version) for sender in senders]
    public = len(definition.bundler_urls)
    return BundlerPool(members[:public]), BundlerPool(members[public:])


def _stream(definition: ChainDefinition) -> WebSocketHeads | None:
    if definition.stream_url is None:
        return None
    silence_s = max(SILENT_BLOCKS * definition.block_time_s, SHORTEST_SILENCE_S)
    return WebSocketHeads(definition.stream_url.get_secret_value(), silence_s=silence_s)


def _payers(stack: AsyncExitStack, definition: ChainDefinition) -> dict[str, Payer]:
    found = {}
    for name, paymaster in definition.paymasters.items():
        url = paymaster.url.get_secret_value()
        rpc = JsonRpc(url, name=name, timeout_s=paymaster.timeout_s, max_answer_bytes=MOST_PAYMASTER_BYTES)
        version, context = definition.entry_point_version, context_of(paymaster)
        service = PaymasterRpc(name, rpc, definition.chain_id, version, context)
        stack.push_async_callback(service.close)
        found[name] = Payer(paymaster.rules, service)
    return found


def _store(settings: Settings, definitions: Definitions, store: Store) -> Journal:
    url = _store_url(settings, definitions)
    if store is Store.NONE:
        return MemoryJournal()
    # A command run by another user must not make the file: the worker could not write it then.
    if store is not Store.WORKER and not is_there(url):
        return MissingJournal(url)
    return open_journal(url, exclusive=store is Store.WORKER)


def _store_url(settings: Settings, files: Definitions | StorePlace) -> str:
    return (settings.store_url or files.store_url).get_secret_value()


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
    lines = _lines(definitions).values()
    used = {name for line in lines for session in line for name in session.keys}
    openers = key_openers(settings, definitions)
    return {name: openers[name]() for name in sorted(used)}


def _lines(definitions: Definitions) -> dict[str, tuple[SessionDefinition, ...]]:
    names = dict.fromkeys(name for job in definitions.jobs.values() for name in job.sessions)
    return in_use(definitions.sessions, names)


def _signer(settings: Settings, definitions: Definitions, name: str, chain_id: ChainId) -> SessionSigner:
    return open_signer(definitions.keys[name], definitions.root, chain_id, settings.password_fds.get(name))


def _jobs(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    signers: Mapping[str, SessionSigner],
) -> dict[str, JobContext]:
    lines = _lines(definitions)
    granted = {
        session.name: _granted(session, signers)
        for line in lines.values()
        for session in line
        if signers.keys() >= set(session.keys)
    }
    contexts = {
        name: tuple(granted[session.name] for session in line if session.name in granted)
        for name, line in lines.items()
    }
    return {
        job.id: _job(definitions, job, chains[job.chain_id], [contexts[name] for name in job.sessions])
        for job in definitions.jobs.values()
        if any(contexts[name] for name in job.sessions)
    }


def _granted(session: SessionDefinition, signers: Mapping[str, SessionSigner]) -> SessionContext:
    owner = owner_of(session.session)
    grant = Grant(
        session.chain_id, session.smart_session, session.account, session.permission_id, session.session
    )
    return SessionContext(
        session.name,
        session.session,
        session.permission_id,
        session.smart_session,
        owner,
        tuple(signers[name] for name in session.keys[: owner.threshold]),
        Checker(grant),
        session.enable,
    )


def _job(
    definitions: Definitions, job: JobDefinition, chain: ChainContext, lines: Sequence[SessionLine]
) -> JobContext:
    account = ACCOUNT_KINDS[job.account_kind]
    first = next(session for line in lines for session in line)
    lane = derived_lane(account, job.chain_id, job.id) if job.lane is None else job.lane
    return JobContext(
        definition=job,
        kind=definitions.kinds[job.kind],
        chain=chain.sending_by(job.send_by),
        session=first,
        account_kind=account,
        nonce_key=nonce_key(account, first.smart_session, lane),
        caps=job.fees,
        lines=tuple(line for line in lines if line),
    )
