"""Give ether and USDC to an address, and read what it has."""

from eth_abi.abi import encode

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import read, transact
from agent.devnet.usdc import mint_call
from agent.domain.units import Address, Wei

BALANCE_OF = bytes.fromhex("70a08231")


async def set_balance(devnet: Devnet, address: Address, balance_wei: Wei) -> None:
    """Set the ether of an address."""
    await rpc.call(devnet.rpc_url, "anvil_setBalance", str(address), hex(balance_wei))


async def balance_wei(devnet: Devnet, address: Address) -> Wei:
    """Return the ether of an address."""
    return Wei(int(await rpc.call(devnet.rpc_url, "eth_getBalance", str(address), "latest"), 16))


async def mint_usdc(devnet: Devnet, to: Address, amount: int) -> None:
    """Create `amount` base units of USDC (six decimals)."""
    await transact(devnet.rpc_url, mint_call(devnet.usdc, to, amount))


async def token_balance(devnet: Devnet, token: Address, owner: Address) -> int:
    """Return `balanceOf` in base units."""
    return int.from_bytes(await read(devnet.rpc_url, token, BALANCE_OF + encode(["address"], [owner])), "big")
