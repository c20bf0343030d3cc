"""Put the contracts on the chain, each at the address it always has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_abi.abi import encode

from agent.devnet import rpc
from agent.devnet.addresses import (
    CREATE2_FACTORY,
    ENTRY_POINT_SALTS,
    MULTICALL3,
    SAFE_SINGLETON_FACTORY,
    SESSION_CONTRACTS,
)
from agent.devnet.compiled import entry_point_creation_code, usdc_creation_code
from agent.devnet.errors import DevnetError
from agent.devnet.transactions import transact_all
from agent.devnet.usdc import initial_calls
from agent.domain.call import Call
from agent.domain.create2 import create2_address
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Wei
from agent.erc4337.version import CANONICAL_ENTRY_POINTS

ZERO_SALT = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Deployment:
    """A contract made through the CREATE2 factory."""

    name: str
    creation_code: bytes
    salt: Hash32 = ZERO_SALT

    @property
    def address(self) -> Address:
        """Where the factory puts it."""
        return create2_address(CREATE2_FACTORY, self.salt, Hash32(keccak256(self.creation_code)))

    def call(self) -> Call:
        """Return the call that makes it."""
        return Call(CREATE2_FACTORY, Wei(0), self.salt + self.creation_code)


def entry_point_deployments(artifacts: Path) -> tuple[Deployment, ...]:
    """Return the three EntryPoints; raise DevnetError when an artifact gives another address."""
    made = tuple(
        Deployment(f"EntryPoint{version}", entry_point_creation_code(artifacts, version), salt)
        for version, salt in ENTRY_POINT_SALTS.items()
    )
    for deployment, expected in zip(made, CANONICAL_ENTRY_POINTS.values(), strict=True):
        if deployment.address != expected:
            raise DevnetError(f"{deployment.name} would be at {deployment.address}, expected {expected}")
    return made


def usdc_deployments(artifacts: Path) -> tuple[Deployment, ...]:
    """Return Circle's token: library, implementation and proxy."""
    library = Deployment("SignatureChecker", usdc_creation_code(artifacts, "util/SignatureChecker"))
    implementation = Deployment(
        "FiatTokenV2_2", usdc_creation_code(artifacts, "v2/FiatTokenV2_2", library.address)
    )
    proxy_code = usdc_creation_code(artifacts, "v1/FiatTokenProxy")
    proxy = Deployment("USDC", proxy_code + encode(["address"], [implementation.address]))
    return library, implementation, proxy


async def deploy(url: str, deployments: Sequence[Deployment]) -> None:
    """Make those contracts that are not there yet; raise DevnetError when one is still missing after that."""
    missing = await _without_code(url, {item.name: item.address for item in deployments})
    calls = [item.call() for item in deployments if item.name in missing]
    if "USDC" in missing:
        usdc = next(item.address for item in deployments if item.name == "USDC")
        calls += initial_calls(usdc)
    await transact_all(url, calls)
    failed = await _without_code(url, {item.name: item.address for item in deployments})
    if failed:
        raise DevnetError(f"not deployed: {', '.join(failed)}")


async def place(url: str, codes: Mapping[Address, bytes]) -> None:
    """Set the runtime code of these addresses, and that of the Safe singleton factory."""
    factory_code = await rpc.call(url, "eth_getCode", str(CREATE2_FACTORY), "latest")
    texts = {address: "0x" + code.hex() for address, code in codes.items()}
    texts[SAFE_SINGLETON_FACTORY] = factory_code
    await rpc.batch(
        url, [rpc.Request("anvil_setCode", (str(address), text)) for address, text in texts.items()]
    )


async def found_contracts(url: str) -> dict[str, Address]:
    """Return those at fixed addresses that are there; raise DevnetError when one is missing."""
    known = {**SESSION_CONTRACTS, "Multicall3": MULTICALL3}
    missing = await _without_code(url, known)
    if missing:
        names = ", ".join(f"{address} ({name})" for name, address in missing.items())
        raise DevnetError(f"no code at {names}")
    return known


async def _without_code(url: str, contracts: Mapping[str, Address]) -> dict[str, Address]:
    requests = [rpc.Request("eth_getCode", (str(address), "latest")) for address in contracts.values()]
    codes = await rpc.batch(url, requests)
    return {name: contracts[name] for name, code in zip(contracts, codes, strict=True) if code == "0x"}
