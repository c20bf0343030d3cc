// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    ERC1271_MAGIC,
    MODULE_TYPE_STATELESS_VALIDATOR,
    MODULE_TYPE_VALIDATOR,
    PackedUserOperation,
    VALIDATION_FAILED
} from "./Types.sol";
import {AccountList, AccountLists} from "./lib/AccountList.sol";
import {Signatures} from "./lib/Signatures.sol";

/// Stand-in for the threshold-of-owners validator: as an account's validator, and stateless as a session's.
contract OwnableValidator {
    using AccountLists for AccountList;

    error AlreadyInitialized(address account);
    error NotInitialized(address account);
    error ThresholdNotSet();
    error InvalidThreshold();
    error NotSortedAndUnique();
    error MaxOwnersReached();
    error InvalidOwner(address owner);
    error UnsupportedOperation();

    uint256 private constant MAX_OWNERS = 32;

    mapping(address account => uint256) public threshold;
    AccountList private owners;

    function isModuleType(uint256 moduleType) external pure returns (bool) {
        return moduleType == MODULE_TYPE_VALIDATOR || moduleType == MODULE_TYPE_STATELESS_VALIDATOR;
    }

    function isInitialized(address account) public view returns (bool) {
        return threshold[account] != 0;
    }

    function getOwners(address account) external view returns (address[] memory) {
        return owners.allAddresses(account);
    }

    function onInstall(bytes calldata data) external {
        if (isInitialized(msg.sender)) revert AlreadyInitialized(msg.sender);
        (uint256 needed, address[] memory list) = abi.decode(data, (uint256, address[]));
        if (needed == 0) revert ThresholdNotSet();
        if (!Signatures.isSortedAndUnique(list)) revert NotSortedAndUnique();
        if (list.length < needed) revert InvalidThreshold();
        if (list.length > MAX_OWNERS) revert MaxOwnersReached();
        threshold[msg.sender] = needed;
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == address(0)) revert InvalidOwner(list[i]);
            owners.add(msg.sender, AccountLists.toItem(list[i]));
        }
    }

    function onUninstall(bytes calldata) external {
        delete threshold[msg.sender];
        owners.clear(msg.sender);
    }

    function setThreshold(uint256 needed) external {
        if (!isInitialized(msg.sender)) revert NotInitialized(msg.sender);
        if (needed == 0 || needed > owners.count[msg.sender]) revert InvalidThreshold();
        threshold[msg.sender] = needed;
    }

    function validateUserOp(PackedUserOperation calldata op, bytes32 userOpHash) external view returns (uint256) {
        bytes32 hash = Signatures.personalHash(userOpHash);
        return signedByOwners(op.sender, hash, op.signature) ? 0 : VALIDATION_FAILED;
    }

    function isValidSignatureWithSender(address, bytes32 hash, bytes calldata signature)
        external
        view
        returns (bytes4)
    {
        return signedByOwners(msg.sender, hash, signature) ? ERC1271_MAGIC : bytes4(0xffffffff);
    }

    /// Judge a signature by owners given as `abi.encode(uint256 threshold, address[] owners)`.
    function validateSignatureWithData(bytes32 hash, bytes calldata signature, bytes calldata data)
        external
        view
        returns (bool)
    {
        (uint256 needed, address[] memory list) = abi.decode(data, (uint256, address[]));
        if (!Signatures.isSortedAndUnique(list) || needed == 0) return false;
        return Signatures.countSigners(hash, signature, needed, list) >= needed;
    }

    function signedByOwners(address account, bytes32 hash, bytes calldata signature) private view returns (bool) {
        uint256 needed = threshold[account];
        if (needed == 0) return false;
        return Signatures.countSigners(hash, signature, needed, owners.allAddresses(account)) >= needed;
    }

    function supportsInterface(bytes4) external pure returns (bool) {
        revert UnsupportedOperation();
    }
}
