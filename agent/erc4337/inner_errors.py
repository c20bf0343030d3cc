"""Errors inside an operation's revert data: of the EntryPoint, the account, the validator, a policy."""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.keccak import keccak256
from agent.erc4337.aa_codes import Action

_SIGNATURES = (
    "FailedOp(uint256,string)",
    "FailedOpWithRevert(uint256,string,bytes)",
    "Error(string)",
    "Panic(uint256)",
    "InvalidPermissionId(bytes32)",
    "PolicyViolation(bytes32,address)",
    "NoPoliciesSet(bytes32)",
    "SignerNotFound(bytes32,address)",
    "PolicyCheckReverted(bytes32)",
    "UnsupportedExecutionType()",
    "UnsupportedCallType(bytes1)",
    "UnsupportedSmartSessionMode(uint8)",
    "InvalidSelfCall()",
    "InvalidTarget()",
    "InvalidEnableSignature(address,bytes32)",
    "HashMismatch(bytes32,bytes32)",
    "ChainIdMismatch(uint64)",
    "PaymasterValidationNotEnabled(bytes32)",
    "InvalidISessionValidator(address)",
    "UnsupportedPolicy(address)",
    "InvalidActionId()",
    "InvalidUserOpSender(address)",
    "NoExecutionsInBatch()",
    "ForbiddenValidationData()",
    "InvalidSession(bytes32)",
    "InvalidMode()",
    "SmartSessionModuleAlreadyInstalled(address)",
    "PolicyNotInitialized(bytes32,address,address)",
    "ValueLimitExceeded(bytes32,uint256,uint256)",
    "ValidatorNotInstalled(address)",
    "InvalidValidator()",
    "InvalidModule(address)",
    "InvalidCaller()",
    "OnlyExecuteUserOp()",
    "InvalidSignature()",
    "InvalidUserOperationData()",
    "NotInitialized(address)",
    "InvalidNonce()",
    "InvalidData()",
    "AssociatedArray_OutOfBounds(uint256)",
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "ECDSAInvalidSignatureLength(uint256)",
    "SignatureValidationFailed(uint256)",
    "InvalidTokenAddress(address)",
    "InvalidLimit(uint256)",
    "InvalidInitDataLength()",
    "InvalidInitData()",
    "DecodingError()",
    "ERC7579DecodingError()",
    "ExecutionFailed()",
    "PostOpReverted(bytes)",
    "EmptyExpressionTree()",
    "NotSorted()",
    "Reentrancy()",
)

ERROR_SIGNATURES = {keccak256(signature.encode())[:4]: signature for signature in _SIGNATURES}
"""Selector to signature of every error the agent can name."""

_ACTIONS = {
    "InvalidPermissionId": Action.STOP,
    "PolicyViolation": Action.HOLD,
    "PolicyCheckReverted": Action.HOLD,
    "PolicyNotInitialized": Action.STOP,
    "NoPoliciesSet": Action.STOP,
    "PaymasterValidationNotEnabled": Action.REBUILD,
    "SignerNotFound": Action.STOP,
    "InvalidSelfCall": Action.FAIL,
    "InvalidTarget": Action.FAIL,
    "UnsupportedExecutionType": Action.FAIL,
    "UnsupportedCallType": Action.FAIL,
    "UnsupportedSmartSessionMode": Action.STOP,
    "InvalidEnableSignature": Action.STOP,
    "HashMismatch": Action.STOP,
    "ChainIdMismatch": Action.STOP,
    "NoExecutionsInBatch": Action.FAIL,
    "ERC7579DecodingError": Action.FAIL,
    "DecodingError": Action.FAIL,
    "ValidatorNotInstalled": Action.STOP,
}


@dataclass(frozen=True, slots=True)
class InnerError:
    """Decoded revert data; `name` is None for an unknown selector, `args` empty when they do not decode."""

    data: bytes
    name: str | None = None
    args: tuple[Any, ...] = ()

    @property
    def selector(self) -> bytes:
        """First four bytes; empty for a revert without data."""
        return self.data[:4]

    @property
    def action(self) -> Action:
        """What to do about it; an unknown error pauses the job."""
        return _ACTIONS.get(self.name or "", Action.HOLD)

    def __str__(self) -> str:
        if not self.data:
            return "no revert data"
        if self.name is None:
            return "0x" + self.data.hex()
        return f"{self.name}({', '.join(map(_readable, self.args))})"


def inner_error(data: bytes) -> InnerError:
    """Decode revert data as far as it is known. Never raises."""
    signature = ERROR_SIGNATURES.get(data[:4])
    if signature is None:
        return InnerError(data)
    name, _, types = signature.rstrip(")").partition("(")
    try:
        return InnerError(data, name, decode(types.split(",") if types else [], data[4:]))
    except (DecodingError, UnicodeDecodeError):
        return InnerError(data, name)


def _readable(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
