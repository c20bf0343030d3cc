// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {I1271Policy, IActionPolicy, IERC165, IPolicy, IUserOpPolicy} from "../Interfaces.sol";
import {PackedUserOperation} from "../Types.sol";

/// Allows everything.
contract SudoPolicy is IUserOpPolicy, IActionPolicy, I1271Policy {
    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata) external {
        emit PolicySet(configId, msg.sender, account);
    }

    function checkUserOpPolicy(bytes32, PackedUserOperation calldata) external pure returns (uint256) {
        return 0;
    }

    function checkAction(bytes32, address, address, uint256, bytes calldata) external pure returns (uint256) {
        return 0;
    }

    function check1271SignedAction(bytes32, address, address, bytes32, bytes calldata) external pure returns (bool) {
        return true;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IUserOpPolicy.checkUserOpPolicy.selector
            || interfaceId == IActionPolicy.checkAction.selector
            || interfaceId == I1271Policy.check1271SignedAction.selector;
    }
}
