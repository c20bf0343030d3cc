// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy, IUserOpPolicy} from "../Interfaces.sol";
import {PackedUserOperation, VALIDATION_FAILED} from "../Types.sol";
import {Execution} from "../lib/Execution.sol";

/// Adds up native value sent, up to a limit.
contract ValueLimitPolicy is IUserOpPolicy, IActionPolicy {
    struct ValueLimit {
        uint256 limit;
        uint256 used;
    }

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => ValueLimit))) public
        valueLimitConfigs;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        uint256 limit = uint256(bytes32(initData[0:32]));
        if (limit == 0) revert PolicyNotInitialized(configId, msg.sender, account);
        valueLimitConfigs[configId][msg.sender][account] = ValueLimit(limit, 0);
        emit PolicySet(configId, msg.sender, account);
    }

    /// callData that is not `execute` sends no value of its own and passes.
    function checkUserOpPolicy(bytes32 id, PackedUserOperation calldata op) external returns (uint256) {
        if (bytes4(op.callData[:4]) != Execution.EXECUTE) return 0;
        return spend(id, op.sender, valueOf(op.callData));
    }

    function checkAction(bytes32 id, address account, address, uint256 value, bytes calldata)
        external
        returns (uint256)
    {
        return spend(id, account, value);
    }

    function spend(bytes32 id, address account, uint256 value) private returns (uint256) {
        ValueLimit storage config = valueLimitConfigs[id][msg.sender][account];
        if (config.limit == 0) revert PolicyNotInitialized(id, msg.sender, account);
        uint256 used = config.used + value;
        if (used > config.limit) return VALIDATION_FAILED;
        config.used = used;
        return 0;
    }

    function valueOf(bytes calldata callData) private pure returns (uint256 total) {
        bytes calldata execution = Execution.executionCalldata(callData);
        bytes1 callType = Execution.callType(callData);
        if (callType == Execution.CALL_SINGLE) {
            (, total,) = Execution.single(execution);
        } else if (callType == Execution.CALL_BATCH) {
            Execution.Call[] calldata calls = Execution.batch(execution);
            for (uint256 i; i < calls.length; ++i) {
                total += calls[i].value;
            }
        } else {
            revert Execution.UnsupportedCallType(callType);
        }
    }

    function getValueLimit(bytes32 id, address multiplexer, address account) external view returns (uint256) {
        return valueLimitConfigs[id][multiplexer][account].limit;
    }

    function getUsed(bytes32 id, address multiplexer, address account) external view returns (uint256) {
        return valueLimitConfigs[id][multiplexer][account].used;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IUserOpPolicy.checkUserOpPolicy.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
