// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy, IUserOpPolicy} from "../Interfaces.sol";
import {PackedUserOperation, VALIDATION_FAILED} from "../Types.sol";

/// Counts operations, or calls of an action, up to a limit.
contract UsageLimitPolicy is IUserOpPolicy, IActionPolicy {
    struct UsageLimit {
        uint128 limit;
        uint128 used;
    }

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => UsageLimit))) public
        usageLimitConfigs;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        uint128 limit = uint128(bytes16(initData[0:16]));
        if (limit == 0) revert PolicyNotInitialized(configId, msg.sender, account);
        usageLimitConfigs[configId][msg.sender][account] = UsageLimit(limit, 0);
        emit PolicySet(configId, msg.sender, account);
    }

    function checkUserOpPolicy(bytes32 id, PackedUserOperation calldata op) external returns (uint256) {
        return count(id, op.sender);
    }

    function checkAction(bytes32 id, address account, address, uint256, bytes calldata) external returns (uint256) {
        return count(id, account);
    }

    function count(bytes32 id, address account) private returns (uint256) {
        UsageLimit storage config = usageLimitConfigs[id][msg.sender][account];
        if (config.limit == 0) revert PolicyNotInitialized(id, msg.sender, account);
        if (config.used >= config.limit) return VALIDATION_FAILED;
        ++config.used;
        return 0;
    }

    function getUsageLimit(bytes32 id, address multiplexer, address account) external view returns (uint128) {
        return usageLimitConfigs[id][multiplexer][account].limit;
    }

    function getUsed(bytes32 id, address multiplexer, address account) external view returns (uint128) {
        return usageLimitConfigs[id][multiplexer][account].used;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IUserOpPolicy.checkUserOpPolicy.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
