// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Decoding of ERC-7579 `execute(bytes32 mode, bytes executionCalldata)`.
library Execution {
    error UnsupportedCallType(bytes1 callType);
    error DecodingError();

    struct Call {
        address target;
        uint256 value;
        bytes callData;
    }

    bytes4 internal constant EXECUTE = 0xe9ae5c53;
    bytes1 internal constant CALL_SINGLE = 0x00;
    bytes1 internal constant CALL_BATCH = 0x01;

    function callType(bytes calldata callData) internal pure returns (bytes1) {
        return callData[4:36][0];
    }

    function execType(bytes calldata callData) internal pure returns (bytes1) {
        return callData[4:36][1];
    }

    /// The `executionCalldata` argument. Only its start and end must lie inside callData.
    function executionCalldata(bytes calldata callData) internal pure returns (bytes calldata) {
        uint256 offset = uint256(bytes32(callData[36:68]));
        if (offset >= callData.length) revert();
        uint256 length;
        assembly ("memory-safe") {
            length := calldataload(add(add(callData.offset, 4), offset))
        }
        uint256 start = 4 + offset + 32;
        if (length > callData.length) revert();
        return callData[start:start + length];
    }

    function single(bytes calldata execution)
        internal
        pure
        returns (address target, uint256 value, bytes calldata data)
    {
        target = address(bytes20(execution[0:20]));
        value = uint256(bytes32(execution[20:52]));
        data = execution[52:];
    }

    /// The calls of a batch; pointers that leave the argument are refused, overlaps are not.
    function batch(bytes calldata execution) internal pure returns (Call[] calldata calls) {
        bool malformed;
        assembly ("memory-safe") {
            let end := sub(add(execution.offset, execution.length), 32)
            let offset := calldataload(execution.offset)
            let head := add(execution.offset, offset)
            calls.offset := add(head, 32)
            calls.length := calldataload(head)
            malformed :=
                or(
                    lt(execution.length, 32),
                    or(shr(64, or(offset, calls.length)), gt(add(head, shl(5, calls.length)), end))
                )
            for { let i := 0 } and(iszero(malformed), lt(i, calls.length)) { i := add(i, 1) } {
                let callOffset := calldataload(add(calls.offset, shl(5, i)))
                let call_ := add(calls.offset, callOffset)
                let dataOffset := calldataload(add(call_, 64))
                let data := add(call_, dataOffset)
                let length := calldataload(data)
                malformed :=
                    or(
                        shr(64, or(callOffset, or(dataOffset, length))),
                        or(gt(add(call_, 64), end), gt(add(data, length), end))
                    )
            }
        }
        if (malformed) revert DecodingError();
    }
}
