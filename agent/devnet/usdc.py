"""Circle's USDC: its first calls and its minting."""

from eth_abi.abi import encode

from agent.devnet.keys import DEPLOYER
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import UINT256_MAX, Address, Wei

DECIMALS = 6


def initial_calls(usdc: Address) -> list[Call]:
    """Return what makes a fresh proxy a working token with DEPLOYER in every role and as minter."""
    admin = DEPLOYER.address
    texts = ["string", "string", "string", "uint8", *["address"] * 4]
    values = ["USD Coin", "USDC", "USD", DECIMALS, *[admin] * 4]
    return [
        _call(usdc, f"initialize({','.join(texts)})", texts, values),
        _call(usdc, "initializeV2(string)", ["string"], ["USD Coin"]),
        _call(usdc, "initializeV2_1(address)", ["address"], [admin]),
        _call(usdc, "initializeV2_2(address[],string)", ["address[]", "string"], [[], "USDC"]),
        _call(usdc, "configureMinter(address,uint256)", ["address", "uint256"], [admin, UINT256_MAX]),
    ]


def mint_call(usdc: Address, to: Address, amount: int) -> Call:
    """Return the minter's call that creates `amount` base units."""
    return _call(usdc, "mint(address,uint256)", ["address", "uint256"], [to, amount])


def _call(target: Address, signature: str, types: list[str], values: list[object]) -> Call:
    return Call(target, Wei(0), keccak256(signature.encode())[:4] + encode(types, values))
