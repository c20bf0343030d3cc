"""Functions that matter for the safety of a session: what they are called and what they can do."""

from agent.domain.keccak import keccak256
from agent.domain.session import Selector
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR


def _selectors(text: str) -> dict[Selector, str]:
    return {keccak256(line.strip().encode())[:4]: line.strip() for line in text.strip().splitlines()}


OWNERSHIP = _selectors("""
    installModule(uint256,address,bytes)
    uninstallModule(uint256,address,bytes)
    upgradeTo(address)
    upgradeToAndCall(address,bytes)
    upgrade(address,address)
    upgradeAndCall(address,address,bytes)
    changeProxyAdmin(address,address)
    changeAdmin(address)
    execute(bytes32,bytes)
    execute(address,uint256,bytes)
    executeBatch((address,uint256,bytes)[])
    executeFromExecutor(bytes32,bytes)
    executeUserOp((address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes),bytes32)
    execTransactionFromModule(address,uint256,bytes,uint8)
    setFallbackHandler(address)
    setFallback(bytes4,bytes1,address)
    setGuard(address)
    enableModule(address)
    addOwner(address)
    addOwnerWithThreshold(address,uint256)
    swapOwner(address,address,address)
    removeOwner(address,address,uint256)
    changeThreshold(uint256)
    setThreshold(uint256)
    transferOwnership(address)
""")
"""Whoever calls these on an account, or on a proxy's admin, owns it."""

ALLOWANCES = _selectors("""
    approve(address,uint256)
    increaseAllowance(address,uint256)
""")
FREE_FORM = _selectors("""
    multicall(bytes[])
    multicall(uint256,bytes[])
    multicall(bytes32,bytes[])
    execute(bytes,bytes[])
    execute(bytes,bytes[],uint256)
    aggregate((address,bytes)[])
    aggregate3((address,bool,bytes)[])
    tryAggregate(bool,(address,bytes)[])
    permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)
    transferFrom(address,address,uint160,address)
""")
"""Routers take any call in these, Permit2 any pull: few rules on arguments hold them (`pinned_swap`)."""

UNCOUNTED = _selectors("""
    permit(address,address,uint256,uint256,uint8,bytes32,bytes32)
    permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)
    transferAndCall(address,uint256)
    transferAndCall(address,uint256,bytes)
    transferFromAndCall(address,address,uint256,bytes)
    approveAndCall(address,uint256,bytes)
    send(address,uint256,bytes)
    operatorSend(address,address,uint256,bytes,bytes)
    authorizeOperator(address)
    burn(uint256)
    burn(uint256,bytes)
    burnFrom(address,uint256)
    decreaseAllowance(address,uint256)
    batchTransfer(address[],uint256[])
    batchTransfer(address[],uint256)
    transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)
""")
"""Ways out of a token that the spending limit does not count."""

OTHER_MOVES = _selectors("""
    transfer(address,uint256)
    transferFrom(address,address,uint256)
    safeTransferFrom(address,address,uint256)
    setApprovalForAll(address,bool)
    withdraw(uint256)
    withdraw(address,uint256,address)
    withdraw(uint256,address,address)
    redeem(uint256,address,address)
    borrow(address,uint256,uint256,uint16,address)
    deposit(uint256,address)
    depositTo(address)
    supply(address,uint256,address,uint16)
    swap(address,bool,int256,uint160,bytes)
    swap(uint256,uint256,address,bytes)
    swapExactTokensForTokens(uint256,uint256,address[],address,uint256)
    swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)
    swapTokensForExactTokens(uint256,uint256,address[],address,uint256)
    swapExactTokensForETH(uint256,uint256,address[],address,uint256)
    swapExactETHForTokens(uint256,address[],address,uint256)
    exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))
    exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))
    exactInput((bytes,address,uint256,uint256))
    exactInput((bytes,address,uint256,uint256,uint256))
    approve(address,address,uint160,uint48)
    exactOutputSingle((address,address,uint24,address,uint256,uint256,uint160))
""")
MOVES_VALUE = {**OTHER_MOVES, **ALLOWANCES, **UNCOUNTED, **FREE_FORM}
FUNCTIONS = {**MOVES_VALUE, **OWNERSHIP, NATIVE_TRANSFER_SELECTOR: "a plain payment"}

DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]
TRANSFER = keccak256(b"transfer(address,uint256)")[:4]
TRANSFER_FROM = keccak256(b"transferFrom(address,address,uint256)")[:4]


def function_name(selector: Selector) -> str:
    """Name a function as people write it; its selector where it is not known."""
    return FUNCTIONS.get(selector, f"0x{selector.hex()}")


def fixed_offsets(selector: Selector) -> frozenset[int] | None:
    """Return where arguments stand for sure, counted from behind the selector; None for a strange function.

    A dynamic argument has a pointer in its place, and what it points to may stand anywhere.
    """
    signature = FUNCTIONS.get(selector, "")
    if "(" not in signature:
        return None
    found, offset = set(), 0
    for text in _arguments(signature[signature.index("(") + 1 : -1]):
        if any(mark in text for mark in ("[]", "string")) or "bytes" in text.replace("bytes32", ""):
            offset += 32
            continue
        words = text.count(",") + 1
        found |= set(range(offset, offset + 32 * words, 32))
        offset += 32 * words
    return frozenset(found)


def _arguments(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]
