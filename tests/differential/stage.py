"""The chain that random sessions live on: an account of each kind, and contracts to call."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.devnet import rpc
from agent.devnet.accounts import SmartAccount, create_account, install_call, send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc
from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Timestamp
from agent.erc7579.accounts import KERNEL, NEXUS, REFERENCE, SAFE7579

KINDS = (NEXUS, KERNEL, SAFE7579, REFERENCE)
USDC_HELD = 10**6
"""Base units each account starts with: more than most limits, less than amounts without measure."""
QUIET = Address(bytes(19) + b"\x71")
"""Calls to it succeed, whatever they say: it has no code."""
SINK = Address(bytes(19) + b"\x72")
"""The same, for coin."""
REVERTER = Address(bytes(19) + b"\x73")
REVERTS_WITH = bytes.fromhex("deadbeef")
PAYMASTER = Address(bytes(19) + b"\x74")
CODES: Mapping[Address, bytes] = {
    # It stores the four bytes at the left end of a word and reverts with them.
    REVERTER: bytes.fromhex("63" + REVERTS_WITH.hex() + "60e01b60005260046000fd"),
    # It answers with an empty context and zero: it pays for everybody and wants no postOp.
    PAYMASTER: bytes.fromhex("604060005260606000f3"),
}
ROOM_S = 24 * 3600
"""Between the node's head and the scripts' first block: the node makes blocks meanwhile."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A node and what is on it; scripts are simulated from there and leave nothing behind."""

    rpc_url: str
    chain_id: ChainId
    entry_point: Address
    usdc: Address
    accounts: Mapping[str, SmartAccount]
    """By the kind's name, each with the SmartSession module and without a session."""
    start: Timestamp
    codes: Mapping[Address, bytes] = field(default_factory=lambda: CODES)
    """Code put in place for the simulation."""


async def a_stage(devnet: Devnet) -> Stage:
    """Make one account of each kind."""
    accounts = {}
    for kind in KINDS:
        account = await create_account(devnet, kind, keccak256(f"differential {kind.name}".encode()))
        await send_as_owner(devnet, account, [install_call(account)])
        await mint_usdc(devnet, account.address, USDC_HELD)
        accounts[kind.name] = account
    placed = (devnet.rpc_url, devnet.chain_id, devnet.entry_point, devnet.usdc)
    return Stage(*placed, accounts, await start_of(devnet.rpc_url))


async def start_of(rpc_url: str) -> Timestamp:
    """Return when scripts begin that are played now."""
    return Timestamp(int((await rpc.block(rpc_url))["timestamp"], 16) + ROOM_S)
