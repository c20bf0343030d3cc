"""The hand-packed hash and call data equal what a general ABI encoder makes."""

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import UINT256_MAX, Address, ChainId, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import PACKED_TUPLE, VALIDATE_USER_OP, packed_tuple, validate_user_op_call
from agent.erc4337.packing import account_gas_limits, gas_fees, init_code, packed, paymaster_and_data
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.execution import EXECUTE, encode_batch, encode_single
from tests.unit.erc4337.test_json_form import addresses, operations

TYPES = ["address", "uint256", "bytes32", "bytes32", "bytes32", "uint256", "bytes32", "bytes32"]
calls = st.builds(Call, addresses, st.integers(0, UINT256_MAX).map(Wei), st.binary(max_size=100))


@given(operations(), addresses, st.integers(1, 2**64 - 1).map(ChainId))
def test_hash_of_entry_point_0_7(op: UserOperation, entry_point: Address, chain_id: ChainId) -> None:
    struct = encode(
        TYPES,
        [
            op.sender,
            op.nonce,
            keccak256(init_code(op)),
            keccak256(op.call_data),
            account_gas_limits(op),
            op.pre_verification_gas,
            gas_fees(op),
            keccak256(paymaster_and_data(op)),
        ],
    )
    expected = keccak256(
        encode(["bytes32", "address", "uint256"], [keccak256(struct), entry_point, chain_id])
    )

    assert user_op_hash(op, entry_point, chain_id, EntryPointVersion.V07) == expected


@given(operations())
def test_question_of_a_validator(op: UserOperation) -> None:
    op_hash = Hash32(keccak256(op.signature))
    expected = VALIDATE_USER_OP + encode([PACKED_TUPLE, "bytes32"], [packed_tuple(packed(op)), op_hash])

    assert validate_user_op_call(packed(op), op_hash) == expected


@given(calls)
def test_single_execution(call: Call) -> None:
    packed = call.target + call.value_wei.to_bytes(32, "big") + call.data
    expected = EXECUTE + encode(["bytes32", "bytes"], [bytes(32), packed])

    assert encode_single(call) == expected


@given(st.lists(calls, max_size=4))
def test_batch_execution(batch: list[Call]) -> None:
    rows = [(call.target, call.value_wei, call.data) for call in batch]
    body = encode(["(address,uint256,bytes)[]"], [rows])
    expected = EXECUTE + encode(["bytes32", "bytes"], [b"\x01" + bytes(31), body])

    assert encode_batch(batch) == expected
