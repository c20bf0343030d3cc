// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Session} from "../Types.sol";

/// The hashes by which sessions, actions and policy configurations are known.
library SessionIds {
    /// Stands for "any target" (fallback) and for SmartSession itself (admin); never callable.
    address internal constant SPECIAL_TARGET = address(1);
    bytes4 internal constant FALLBACK_SELECTOR = 0x00000001;
    bytes4 internal constant ADMIN_SELECTOR = 0x00000002;
    /// The selector under which calls with less than four bytes of data are listed.
    bytes4 internal constant VALUE_SELECTOR = 0xffffffff;

    function permissionId(Session memory session) internal pure returns (bytes32) {
        return keccak256(abi.encode(session.sessionValidator, session.sessionValidatorInitData, session.salt));
    }

    function actionId(address target, bytes4 selector) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(target, selector));
    }

    function userOpConfigId(address account, bytes32 permission) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(account, permission));
    }

    function actionConfigId(address account, bytes32 permission, bytes32 action) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(account, keccak256(abi.encodePacked(permission, action))));
    }

    function erc1271ConfigId(address account, bytes32 permission) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(account, keccak256(abi.encodePacked("ERC1271: ", permission))));
    }
}
