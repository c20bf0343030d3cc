"""A paymaster that works for the thief: it pays for gas, and takes what the account allows it in tokens."""

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Wei
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from tests.attack.sessions import PAYEE, PAYMASTER

DEPOSIT_WEI = Wei(100 * 10**18)
_ALLOWANCE = keccak256(b"allowance(address,address)")[:4]
_DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]
# The account's address in the call data of validatePaymasterUserOp.
_SENDER = "606435"


async def set_up_paymaster(devnet: Devnet) -> None:
    """Put the paymaster's code in its place and fund it."""
    await rpc.call(devnet.rpc_url, "anvil_setCode", str(PAYMASTER), "0x" + _code(devnet.usdc).hex())
    data = _DEPOSIT_TO + bytes(12) + PAYMASTER
    await transact(devnet.rpc_url, Call(devnet.entry_point, DEPOSIT_WEI, data))


def _code(token: Address) -> bytes:
    """Return code that asks for its allowance, takes it, and answers as `validatePaymasterUserOp` does."""
    parts = (
        *(_selector(_ALLOWANCE), _stored(_SENDER, 0x04), _stored("30", 0x24)),
        # A static call with the 0x44 bytes at 0, answered at 0x80.
        "6020608060446000" + f"73{token.hex()}" + "5afa50",
        *(_selector(TRANSFER_FROM), _stored(_SENDER, 0x04), _stored(f"73{PAYEE.hex()}", 0x24)),
        _stored("608051", 0x44),
        # A call with the 0x64 bytes at 0, answered at 0xc0.
        "602060c0606460006000" + f"73{token.hex()}" + "5af150",
        # An empty context, and nothing against the operation.
        *(_stored("6040", 0), _stored("6000", 0x20), _stored("6000", 0x40), "60606000f3"),
    )
    return bytes.fromhex("".join(parts))


def _selector(selector: bytes) -> str:
    return _stored(f"63{selector.hex()}60e01b", 0)


def _stored(value: str, place: int) -> str:
    return f"{value}60{place:02x}52"
