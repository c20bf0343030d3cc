"""The last preflight is the module itself: ask SmartSession what it would say."""

from dataclasses import dataclass

from agent.domain.errors import ChainReverted, EntryPointRejected
from agent.domain.units import Address, Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import validate_user_op_call
from agent.erc4337.inner_errors import inner_error
from agent.erc4337.packing import packed
from agent.pipeline.context import JobContext
from agent.ports import Block, ChainReader

_UINT48 = 2**48 - 1
_ADDRESS = 2**160 - 1


@dataclass(frozen=True, slots=True)
class ValidationData:
    """The packed answer of `validateUserOp` (ERC-4337)."""

    signature_failed: bool
    valid_after: Timestamp
    valid_until: Timestamp | None
    """None means no end."""


async def validate(
    job: JobContext, operation: UserOperation, user_op_hash: Hash32, block: Block
) -> ValidationData:
    """Ask the session's module about an operation of the job; raises EntryPointRejected."""
    return await ask_module(job.chain.reader, job.session.smart_session, operation, user_op_hash, block)


async def ask_module(
    reader: ChainReader, module: Address, operation: UserOperation, user_op_hash: Hash32, block: Block
) -> ValidationData:
    """Ask SmartSession from the account; raises EntryPointRejected with the true inner error.

    The account hides or wraps inner errors (Safe7579 all of them), the module does not.
    """
    data = validate_user_op_call(packed(operation), user_op_hash)
    try:
        word = await reader.call(module, data, block.number, sender=operation.sender)
    except ChainReverted as revert:
        error = inner_error(revert.data)
        raise EntryPointRejected("AA23 reverted", str(error), revert.data) from None
    return read_validation_data(word)


def read_validation_data(word: bytes) -> ValidationData:
    """Split the word: authorizer in the low 160 bits, validUntil, validAfter; raises EntryPointRejected."""
    if len(word) != 32:
        raise EntryPointRejected("AA23 reverted", "SmartSession has no code here or answered no word")
    value = int.from_bytes(word, "big")
    authorizer = value & _ADDRESS
    if authorizer > 1:
        raise EntryPointRejected("AA96 invalid aggregator", hex(authorizer))
    # 0 and the maximum both mean "no end".
    until = value >> 160 & _UINT48
    return ValidationData(
        signature_failed=authorizer == 1,
        valid_after=Timestamp(value >> 208),
        valid_until=None if until in (0, _UINT48) else Timestamp(until),
    )


def require_valid(answer: ValidationData, at: Timestamp) -> None:
    """Raise EntryPointRejected when the signed operation would be refused at that time."""
    if answer.signature_failed:
        raise EntryPointRejected("AA24 signature error")
    ended = answer.valid_until is not None and answer.valid_until < at
    if ended or answer.valid_after > at:
        raise EntryPointRejected("AA22 expired or not due")
