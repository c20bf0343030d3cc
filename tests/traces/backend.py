"""The seam between a recorded sequence and what it is replayed against.

A backend is made for one sequence, applies its steps in order and tells its views after each. Every value is
in the form the trace file has: results `{"validation_data": word}`, `{"ok": True}` or `{"revert": data}`,
view values as the file's `value`.
"""

from typing import Any, Protocol

from agent.domain.units import Address, Hash32, bytes_from_hex
from agent.erc4337.packing import PackedUserOperation

Step = dict[str, Any]
Sequence = dict[str, Any]
Result = dict[str, Any]

OP_DEFAULTS = {
    "nonce": 0,
    "initCode": "0x",
    "paymasterAndData": "0x",
    "verificationGasLimit": 500_000,
    "callGasLimit": 500_000,
    "preVerificationGas": 50_000,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 10**9,
}


class Backend(Protocol):
    """Something that behaves like the contracts, for one sequence."""

    def apply(self, step: Step) -> Result:
        """Carry out one step at its timestamp and base fee; a revert changes nothing."""
        ...

    def view(self, view: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file has it
        """Answer one view (policy, config_id or permission_id, view, args) in the file's form."""
        ...


class BackendFactory(Protocol):
    """Starts a backend in the state before the first step."""

    def __call__(self, sequence: Sequence) -> Backend: ...


def packed_operation(step: Step, account: str) -> PackedUserOperation:
    """Complete a recorded operation with the defaults and pack it."""
    op = {"sender": account, **OP_DEFAULTS, **step["op"]}
    number = {name: _number(op[name]) for name in OP_DEFAULTS if name not in ("initCode", "paymasterAndData")}
    return PackedUserOperation(
        sender=Address.from_hex(op["sender"]),
        nonce=number["nonce"],
        init_code=bytes_from_hex(op["initCode"]),
        call_data=bytes_from_hex(op["callData"]),
        account_gas_limits=_halves(number["verificationGasLimit"], number["callGasLimit"]),
        pre_verification_gas=number["preVerificationGas"],
        gas_fees=_halves(number["maxPriorityFeePerGas"], number["maxFeePerGas"]),
        paymaster_and_data=bytes_from_hex(op["paymasterAndData"]),
        signature=bytes_from_hex(step["signature"]),
    )


def user_op_hash(step: Step) -> Hash32:
    """Return the second argument of validateUserOp."""
    return Hash32.from_hex(step["user_op_hash"])


def _halves(high: int, low: int) -> bytes:
    return high.to_bytes(16, "big") + low.to_bytes(16, "big")


def _number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value, 0)
