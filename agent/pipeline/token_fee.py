"""Measure what an ERC-20 paymaster took, from the receipt of the bundle. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agent.domain.keccak import keccak256
from agent.domain.occurrence import Inclusion
from agent.domain.units import Address, Hash32
from agent.domain.user_operation import UserOperation
from agent.pipeline.context import Payer
from agent.pipeline.receipt import operation_logs
from agent.ports import Log, TransactionReceipt
from jobs import erc20

BEFORE_EXECUTION = Hash32(keccak256(b"BeforeExecution()"))
"""Ends the validation phase of a bundle; what was taken before it was taken in advance."""


def may_take(payers: Mapping[str, Payer], operation: UserOperation) -> tuple[str, ...]:
    """Return who may have paid for the operation, by name; () where none of them takes tokens."""
    if operation.paymaster is None:
        return ()
    contract = operation.paymaster.paymaster
    known = {name: payer.rules for name, payer in payers.items() if contract in payer.rules.addresses}
    takes = any(rules.token_fee is not None for rules in known.values())
    return tuple(sorted(known)) if takes else ()


def fee_token(payers: Mapping[str, Payer], named: Sequence[str], paid_by: str) -> Address | None:
    """Return the token that the service takes which paid, of those that may have; None where it takes none.

    Where the journal's name is none of them any more, the first by name that takes tokens counts.
    """
    for name in (paid_by,) if paid_by in named else named:
        fee = payers[name].rules.token_fee
        if fee is not None:
            return fee.token.address
    return None


def with_fee(
    inclusion: Inclusion,
    operation: UserOperation,
    token: Address,
    receipt: TransactionReceipt | None,
    entry_point: Address,
) -> Inclusion:
    """Return the inclusion with what went from the account to the paymaster, less what came back.

    Nothing seen is not nothing taken: it may have gone to another address, so the worst case stands.
    """
    if operation.paymaster is None or receipt is None or receipt.block_hash != inclusion.block_hash:
        return inclusion
    begins = _execution(receipt, entry_point)
    execution = replace(receipt, logs=receipt.logs[begins:])
    own = operation_logs(execution, entry_point, inclusion.user_op_hash)
    if own is None:
        return inclusion
    account, paymaster = operation.sender, operation.paymaster.paymaster
    # In advance, operations of one account in one bundle cannot be told apart: each counts all.
    taken = _moved((*receipt.logs[:begins], *own), token, account, paymaster)
    fee = taken - _moved(own, token, paymaster, account)
    return replace(inclusion, paymaster_fee=fee) if fee > 0 else inclusion


def _execution(receipt: TransactionReceipt, entry_point: Address) -> int:
    for place, log in enumerate(receipt.logs):
        if log.address == entry_point and log.topics[:1] == (BEFORE_EXECUTION,):
            return place + 1
    return 0


def _moved(logs: Iterable[Log], token: Address, source: Address, to: Address) -> int:
    ends = (Hash32(erc20.word(source)), Hash32(erc20.word(to)))
    return sum(
        int.from_bytes(log.data[:32], "big")
        for log in logs
        if log.address == token and log.topics == (erc20.TRANSFER_EVENT, *ends)
    )
