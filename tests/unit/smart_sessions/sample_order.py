"""A job kind for tests: sell a token in slices, each an approval of the router and a swap, in one batch."""

from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.possible_call import PossibleCall, PossibleOperation, WordRange
from agent.domain.units import UINT256_MAX, Address, Wei
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE
from tests.unit.smart_sessions.lint_cases import ACCOUNT, ROUTER, TOKEN

BUY = Address(b"\x73" * 20)
SWAP = keccak256(b"exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))")[:4]
FEE = 3_000


def an_order(*, slice_most: int, total: int, uses: int) -> tuple[PossibleOperation, ...]:
    """Sell at most `total`, at most `slice_most` at a time, at whatever the market gives."""
    amount = WordRange("amountIn", 32, 1, slice_most, total)
    approval = PossibleCall(Call(TOKEN, Wei(0), APPROVE + words(ROUTER, slice_most)), (amount,))
    fixed = words(TOKEN, BUY, FEE, ACCOUNT, slice_most, 0, 0)
    swap = PossibleCall(
        Call(ROUTER, Wei(0), SWAP + fixed),
        (
            WordRange("amountIn", 128, 1, slice_most, total),
            WordRange("amountOutMinimum", 160, 0, UINT256_MAX),
        ),
    )
    return (PossibleOperation((approval, swap), uses),)


def words(*values: Address | int) -> bytes:
    return b"".join(
        value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big") for value in values
    )
