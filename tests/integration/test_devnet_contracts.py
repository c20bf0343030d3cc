"""What the local chain has deployed, and where."""

import pytest

from agent.devnet import rpc
from agent.devnet.addresses import MULTICALL3, SAFE_SINGLETON_FACTORY, SESSION_CONTRACTS
from agent.devnet.compiled import MULTICALL3_CODE_HASH
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import read
from agent.domain.keccak import keccak256
from agent.domain.units import Address, bytes_from_hex
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion

STAND_INS = sorted(SESSION_CONTRACTS)


async def code_at(devnet: Devnet, address: Address) -> bytes:
    return bytes_from_hex(await rpc.call(devnet.rpc_url, "eth_getCode", str(address), "latest"))


@pytest.mark.parametrize("version", list(EntryPointVersion))
async def test_each_entry_point_is_at_its_canonical_address(
    devnet: Devnet, version: EntryPointVersion
) -> None:
    assert len(await code_at(devnet, CANONICAL_ENTRY_POINTS[version])) > 10_000


@pytest.mark.parametrize("name", STAND_INS)
async def test_each_session_contract_is_at_its_canonical_address(devnet: Devnet, name: str) -> None:
    assert devnet.contracts[name] == SESSION_CONTRACTS[name]
    assert await code_at(devnet, SESSION_CONTRACTS[name])


async def test_multicall3_has_the_code_it_has_on_every_chain(devnet: Devnet) -> None:
    assert keccak256(await code_at(devnet, MULTICALL3)) == MULTICALL3_CODE_HASH


async def test_the_safe_singleton_factory_is_there(devnet: Devnet) -> None:
    assert await code_at(devnet, SAFE_SINGLETON_FACTORY)


async def test_usdc_is_circles_token_with_six_decimals(devnet: Devnet) -> None:
    decimals = await read(devnet.rpc_url, devnet.usdc, keccak256(b"decimals()")[:4])
    version = await read(devnet.rpc_url, devnet.usdc, keccak256(b"version()")[:4])
    assert int.from_bytes(decimals, "big") == 6
    assert version[64:65] == b"2"


async def test_the_bundler_serves_every_entry_point(devnet: Devnet) -> None:
    served = await rpc.call(devnet.bundler_url, "eth_supportedEntryPoints")
    assert set(served) == {str(address) for address in CANONICAL_ENTRY_POINTS.values()}
