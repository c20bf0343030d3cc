"""Permit2, which pulls tokens for UniversalRouter; a smart account allows it by a call, not a signature."""

from agent.domain.call import Call
from agent.domain.units import Address
from jobs.erc20 import NOTHING
from jobs.uniswap.packing import selector, words

PERMIT2 = Address.parse("0x000000000022D473030F116dDEE9F6B43aC78BA3")
"""The same address on every chain that has it."""
PERMIT2_APPROVE = selector("approve(address,address,uint160,uint48)")
THIS_BLOCK = 0
"""An expiration of zero: the allowance is good for the block that gives it and no longer."""
MAX_AMOUNT = 2**160 - 1


def permit2_approve(permit2: Address, token: Address, spender: Address, amount: int) -> Call:
    """Return `approve(token, spender, amount, 0)`: what the next call of the same batch may take."""
    return Call(permit2, NOTHING, PERMIT2_APPROVE + words(token, spender, amount, THIS_BLOCK))
