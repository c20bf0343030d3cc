"""What the files say once they are right: chains, keys, sessions and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from agent.definitions.config import ClockKind, Mode, WebFields
from agent.definitions.fields import Finality, PasswordSource
from agent.definitions.paymaster_files import PaymasterDefinition
from agent.definitions.sessions import SessionDefinition
from agent.domain.breakers import BreakerLimits
from agent.domain.job import FeeCaps, JobDefinition
from agent.domain.p256 import P256Point
from agent.domain.token import Token
from agent.domain.units import Address, ChainId, Hash32
from agent.erc4337.version import EntryPointVersion
from jobs.kind import AnyKind


@dataclass(frozen=True, slots=True)
class ChainDefinition:
    """A chain of the configuration, filled up from the registry."""

    chain_id: ChainId
    name: str
    rpc_urls: tuple[SecretStr, ...]
    bundler_urls: tuple[SecretStr, ...]
    finality: Finality
    quorum: int
    """So many nodes must agree on what decides about money."""
    block_time_s: int
    max_head_age_s: int
    """Nothing is sent on an older head."""
    entry_point: Address
    entry_point_version: EntryPointVersion
    multicall: Address
    sender_cap: int
    """Operations of one account that may be on their way at once."""
    call_gas: int
    """What its nodes give one `eth_call`."""
    tokens: Mapping[str, Token]
    """By symbol; their decimals are compared with the chain at start."""
    fees: FeeCaps
    paymasters: Mapping[str, PaymasterDefinition]
    """By the names that jobs give in `pay_gas_by`."""
    pay_gas_by: tuple[str, ...]
    """Who pays for the gas of a job that does not say; empty where every job must."""
    code_hashes: Mapping[Address, Hash32] = field(default_factory=dict)
    """Of contracts that the operator has looked at, beside those of the registry."""
    breakers: BreakerLimits = field(default_factory=BreakerLimits)
    stream_url: SecretStr | None = None
    """Of a websocket that tells of new heads."""
    private_bundler_urls: tuple[SecretStr, ...] = ()
    """Of bundlers that keep operations to themselves; empty where there is none."""


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """A session key by reference; exactly one of keystore, raw file and passkey."""

    name: str
    address: Address
    keystore: Path | None
    password: PasswordSource | None
    raw: Path | None
    passkey: Path | None = None
    public_key: P256Point | None = None
    """Of a passkey."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All of an operator's files, checked."""

    root: Path
    mode: Mode
    clock: ClockKind
    store_url: SecretStr
    web: WebFields
    chains: Mapping[ChainId, ChainDefinition]
    keys: Mapping[str, KeyDefinition]
    sessions: Mapping[str, SessionDefinition]
    jobs: Mapping[str, JobDefinition]
    kinds: Mapping[str, AnyKind]
    kill_file: Path | None = None
    """None: beside the journal."""
