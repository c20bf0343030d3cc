// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PackedUserOperation} from "./Types.sol";

interface IERC165 {
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}

interface IPolicy is IERC165 {
    event PolicySet(bytes32 id, address multiplexer, address account);

    error PolicyNotInitialized(bytes32 id, address multiplexer, address account);

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external;
}

interface IUserOpPolicy is IPolicy {
    function checkUserOpPolicy(bytes32 id, PackedUserOperation calldata op) external returns (uint256);
}

interface IActionPolicy is IPolicy {
    function checkAction(bytes32 id, address account, address target, uint256 value, bytes calldata data)
        external
        returns (uint256);
}

interface I1271Policy is IPolicy {
    function check1271SignedAction(
        bytes32 id,
        address requestSender,
        address account,
        bytes32 hash,
        bytes calldata signature
    ) external view returns (bool);
}

interface IModule {
    function isModuleType(uint256 moduleType) external view returns (bool);
}

interface ISessionValidator is IModule {
    function validateSignatureWithData(bytes32 hash, bytes calldata signature, bytes calldata data)
        external
        view
        returns (bool);
}

interface IERC1271 {
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4);
}
