"""Calls written as their signatures, and the account that trades on the local market."""

from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.grammar import parse

from agent.devnet import rpc
from agent.devnet.deploy import Deployment
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import UINT256_MAX, Address, Wei

TRADER = Address(keccak256(b"sessionkeeper market trader")[12:])
"""Nobody has its key: the node sends for it. It makes the pools, lends, and moves prices."""

TRADER_WEI = 10**27


def abi_call(target: Address, signature: str, *values: object, value_wei: int = 0) -> Call:
    """Return a call of `name(types)` with these values; raise an eth_abi error when they do not fit."""
    types = argument_types(signature)
    return Call(target, Wei(value_wei), keccak256(signature.encode())[:4] + encode(types, values))


async def ask(rpc_url: str, call: Call, *types: str) -> tuple[Any, ...]:
    """Return what a read answers, decoded as `types`; addresses come as lower-case text."""
    return tuple(decode(types, await read(rpc_url, call.target, call.data)))


async def ask_address(rpc_url: str, call: Call) -> Address:
    """Return the address a read answers."""
    return Address((await read(rpc_url, call.target, call.data))[12:32])


async def ask_int(rpc_url: str, call: Call) -> int:
    """Return the first word a read answers as an unsigned number."""
    return int.from_bytes((await read(rpc_url, call.target, call.data))[:32], "big")


def argument_types(signature: str) -> list[str]:
    """Return the types in the brackets of a signature, a tuple as one."""
    types = signature[signature.index("(") :]
    return [] if types == "()" else [part.to_type_str() for part in parse(types).components]


def made_with(name: str, code: bytes, types: str = "()", *values: object) -> Deployment:
    """Return a contract made by this creation code and constructor arguments, as "(address,uint8)"."""
    return Deployment(name, code + encode(argument_types(types), values))


def approve_call(token: Address, spender: Address, amount: int = UINT256_MAX) -> Call:
    """Return the owner's call that lets `spender` take `amount` base units."""
    return abi_call(token, "approve(address,uint256)", spender, amount)


async def act_for(rpc_url: str, account: Address) -> None:
    """Let the node send for an account without its key, and give it ether for that."""
    await rpc.batch(
        rpc_url,
        [
            rpc.Request("anvil_impersonateAccount", (str(account),)),
            rpc.Request("anvil_setBalance", (str(account), hex(TRADER_WEI))),
        ],
    )
