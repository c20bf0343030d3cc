"""The built-in registry of chains and contracts (`agent/chains/*.yaml`), data with its sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from agent.definitions.fields import Finality, parse_finality
from agent.domain.units import Address, ChainId, Hash32

CALL_GAS = 50_000_000
"""Where a chain's file says nothing: geth's `--rpc.gascap`, which most nodes keep."""


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """A contract at the same address on every chain that has it."""

    name: str
    address: Address
    code_hash: Hash32 | None
    """Keccak-256 of its runtime code, where known."""
    source: str


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What the agent knows of a chain before it asks a node."""

    chain_id: ChainId
    name: str
    coin: str
    block_time_s: int
    finality: Finality
    source: str
    call_gas: int
    """What nodes of the chain give one `eth_call`."""


@cache
def contracts() -> Mapping[str, ContractFacts]:
    """Return the contracts by name."""
    return {name: _contract(name, facts) for name, facts in _read("contracts.yaml").items()}


@cache
def chains() -> Mapping[ChainId, ChainFacts]:
    """Return the chains by id."""
    folder = files("agent.chains")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".yaml"))
    found = [_chain(_read(name)) for name in names if name != "contracts.yaml"]
    return {facts.chain_id: facts for facts in found}


def _read(name: str) -> Mapping[str, Mapping[str, str]]:
    # BaseLoader leaves every scalar text, as the strict loader does.
    text = files("agent.chains").joinpath(name).read_text("utf-8")
    return yaml.load(text, Loader=yaml.CBaseLoader)  # type: ignore[no-any-return]  # noqa: S506 - makes texts only


def _contract(name: str, facts: Mapping[str, str]) -> ContractFacts:
    code_hash = facts.get("code_hash")
    return ContractFacts(
        name=name,
        address=Address.parse(facts["address"]),
        code_hash=None if code_hash is None else Hash32.from_hex(code_hash),
        source=facts["source"],
    )


def _chain(facts: Mapping[str, object]) -> ChainFacts:
    return ChainFacts(
        chain_id=ChainId(int(str(facts["id"]))),
        name=str(facts["name"]),
        coin=str(facts["coin"]),
        block_time_s=int(str(facts["block_time_s"])),
        finality=parse_finality(facts["finality"]),
        source=str(facts["source"]),
        call_gas=int(str(facts.get("call_gas", CALL_GAS))),
    )
