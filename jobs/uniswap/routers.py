"""Call data of Uniswap's routers, for swaps of an exact amount of one token for another.

The deadline of SwapRouter stands in the call's own struct; SwapRouter02 has none there and takes it by
`multicall(uint256,bytes[])`; Router02 and UniversalRouter have it as an argument.
"""

from collections.abc import Sequence

from agent.domain.call import Call
from agent.domain.units import Address
from jobs.erc20 import NOTHING, word
from jobs.uniswap.packing import WORD, address_array, blob, selector, v3_path, words
from jobs.uniswap.swap_call import SwapCall, Trade

V2_SWAP = selector("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")
V2_SWAP_ANY_TOKEN = selector(
    "swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)"
)
EXACT_INPUT_SINGLE = selector(
    "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
)
EXACT_INPUT = selector("exactInput((bytes,address,uint256,uint256,uint256))")
EXACT_INPUT_SINGLE_02 = selector("exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))")
EXACT_INPUT_02 = selector("exactInput((bytes,address,uint256,uint256))")
MULTICALL = selector("multicall(uint256,bytes[])")
EXECUTE = selector("execute(bytes,bytes[],uint256)")
V3_SWAP_EXACT_IN = 0x00
V2_SWAP_EXACT_IN = 0x08
_PAYER_IS_USER = 1
# Arguments of `multicall` before its only element's data: deadline, pointer, count, pointer, length.
_MULTICALL_HEAD = 5 * WORD
# Arguments of `execute` before its only input's data: three heads, commands (2), count, pointer, length.
_EXECUTE_HEAD = 8 * WORD


def v2_swap(router: Address, path: Sequence[Address], trade: Trade, *, any_token: bool = False) -> SwapCall:
    """Return Router02's `swapExactTokensForTokens`.

    With `any_token` its variant that measures balances, for tokens that take a fee of each transfer.
    """
    head = words(trade.amount, trade.minimum, 5 * WORD, trade.recipient, trade.deadline)
    data = (V2_SWAP_ANY_TOKEN if any_token else V2_SWAP) + head + address_array(path)
    return SwapCall(Call(router, NOTHING, data), 0, WORD, 4 * WORD, len(data) - 4)


def exact_input_single(router: Address, sell: Address, buy: Address, fee: int, trade: Trade) -> SwapCall:
    """Return SwapRouter's `exactInputSingle`: through the pool of this fee tier."""
    head = words(sell, buy, fee, trade.recipient, trade.deadline)
    data = EXACT_INPUT_SINGLE + head + words(trade.amount, trade.minimum, trade.price_limit)
    return SwapCall(Call(router, NOTHING, data), 5 * WORD, 6 * WORD, 4 * WORD, 8 * WORD)


def exact_input(router: Address, tokens: Sequence[Address], fees: Sequence[int], trade: Trade) -> SwapCall:
    """Return SwapRouter's `exactInput`: through several pools."""
    path = v3_path(tokens, fees)
    head = words(WORD, 5 * WORD, trade.recipient, trade.deadline, trade.amount, trade.minimum)
    end = len(head) + WORD + len(path)
    call = Call(router, NOTHING, EXACT_INPUT + head + blob(path))
    return SwapCall(call, 4 * WORD, 5 * WORD, 3 * WORD, end)


def exact_input_single_02(router: Address, sell: Address, buy: Address, fee: int, trade: Trade) -> SwapCall:
    """Return SwapRouter02's `exactInputSingle` within `multicall`, which holds the deadline."""
    fields = words(sell, buy, fee, trade.recipient, trade.amount, trade.minimum, trade.price_limit)
    inner = EXACT_INPUT_SINGLE_02 + fields
    # Behind the inner selector nothing stands at a multiple of 32.
    base = _MULTICALL_HEAD + 4
    return SwapCall(
        Call(router, NOTHING, _multicall(trade.deadline, inner)),
        base + 4 * WORD,
        base + 5 * WORD,
        0,
        _MULTICALL_HEAD + len(inner),
    )


def exact_input_02(router: Address, tokens: Sequence[Address], fees: Sequence[int], trade: Trade) -> SwapCall:
    """Return SwapRouter02's `exactInput` within `multicall`, which holds the deadline."""
    path = v3_path(tokens, fees)
    head = words(WORD, 4 * WORD, trade.recipient, trade.amount, trade.minimum)
    inner = EXACT_INPUT_02 + head + blob(path)
    base = _MULTICALL_HEAD + 4
    call = Call(router, NOTHING, _multicall(trade.deadline, inner))
    return SwapCall(call, base + 3 * WORD, base + 4 * WORD, 0, base + len(head) + WORD + len(path))


def universal_v3(router: Address, tokens: Sequence[Address], fees: Sequence[int], trade: Trade) -> SwapCall:
    """Return UniversalRouter's `execute` of one V3_SWAP_EXACT_IN, paid by the caller through Permit2."""
    path = v3_path(tokens, fees)
    return _universal(router, V3_SWAP_EXACT_IN, blob(path), len(path), trade)


def universal_v2(router: Address, path: Sequence[Address], trade: Trade) -> SwapCall:
    """Return UniversalRouter's `execute` of one V2_SWAP_EXACT_IN, paid by the caller through Permit2."""
    return _universal(router, V2_SWAP_EXACT_IN, address_array(path), len(path) * WORD, trade)


def _universal(router: Address, command: int, path: bytes, path_size: int, trade: Trade) -> SwapCall:
    fields = words(trade.recipient, trade.amount, trade.minimum, 5 * WORD, _PAYER_IS_USER)
    commands = blob(bytes((command,)))
    inputs = words(1, WORD) + blob(fields + path)
    heads = words(3 * WORD, 3 * WORD + len(commands), trade.deadline)
    return SwapCall(
        Call(router, NOTHING, EXECUTE + heads + commands + inputs),
        _EXECUTE_HEAD + WORD,
        _EXECUTE_HEAD + 2 * WORD,
        2 * WORD,
        _EXECUTE_HEAD + len(fields) + WORD + path_size,
    )


def _multicall(deadline: int, inner: bytes) -> bytes:
    return MULTICALL + word(deadline) + words(2 * WORD, 1, WORD) + blob(inner)
