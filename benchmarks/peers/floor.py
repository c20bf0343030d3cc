"""The least work that makes a signed operation: native hashes and one signature over prepared bytes."""

from collections.abc import Sequence

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]  # a compiled module
from coincurve.context import GLOBAL_CONTEXT
from tiny_keccak import keccak256

from agent.domain.keccak import EMPTY_KECCAK
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import account_gas_limits, gas_fees, paymaster_and_data
from benchmarks.orders import ENTRY_POINT, Order
from benchmarks.pipeline_build import Ours


class Floor:
    """Everything that can be laid out before is: what is left are four hashes and the curve."""

    def __init__(self, key: bytes, orders: Sequence[Order]) -> None:
        self._key = key
        self._signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        self._output = ffi.new("unsigned char[64]")
        self._recovery_id = ffi.new("int *")
        operations = Ours(key).unsigned(orders)
        self._prepared = [_parts(*pair) for pair in zip(operations, orders, strict=True)]

    def build_all(self) -> list[bytes]:
        """Return the inner signatures of all operations."""
        return [self._build(*parts) for parts in self._prepared]

    def _build(self, call_data: bytes, paymaster: bytes, head: bytes, middle: bytes, tail: bytes) -> bytes:
        struct = keccak256(head + keccak256(call_data) + middle + keccak256(paymaster))
        digest = keccak256(struct + tail)
        context = GLOBAL_CONTEXT.ctx
        lib.secp256k1_ecdsa_sign_recoverable(context, self._signature, digest, self._key, ffi.NULL, ffi.NULL)
        lib.secp256k1_ecdsa_recoverable_signature_serialize_compact(
            context, self._output, self._recovery_id, self._signature
        )
        return bytes(ffi.buffer(self._output, 64)) + bytes((self._recovery_id[0] + 27,))


def _parts(operation: UserOperation, order: Order) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    return (
        operation.call_data,
        paymaster_and_data(operation),
        bytes(12) + operation.sender + operation.nonce.to_bytes(32, "big") + EMPTY_KECCAK,
        account_gas_limits(operation)
        + operation.pre_verification_gas.to_bytes(32, "big")
        + gas_fees(operation),
        bytes(12) + ENTRY_POINT + order.chain_id.to_bytes(32, "big"),
    )
