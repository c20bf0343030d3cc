"""What the files say once they are right: chains, keys, sessions and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from agent.definitions.config import ClockKind, Mode, WebFields
from agent.definitions.fields import Finality, PasswordSource
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import FeeCaps, JobDefinition
from agent.domain.p256 import P256Point
from agent.domain.token import Token
from agent.domain.units import Address, ChainId
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
    block_time_s: int
    entry_point: Address
    entry_point_version: EntryPointVersion
    multicall: Address
    tokens: Mapping[str, Token]
    """By symbol; their decimals are compared with the chain at start."""
    fees: FeeCaps


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
