// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SessionStore} from "./SessionStore.sol";
import {ActionData, Mode, PolicyData, Session} from "./Types.sol";
import {AccountList, AccountLists} from "./lib/AccountList.sol";
import {SessionDigest} from "./lib/SessionDigest.sol";
import {SessionIds} from "./lib/SessionIds.sol";

/// The read-only half of SmartSession. Argument order is not uniform; it is the deployed contract's.
abstract contract SessionViews is SessionStore {
    using AccountLists for AccountList;

    function isInitialized(address account) external view returns (bool) {
        return permissionIds.count[account] != 0;
    }

    function isPermissionEnabled(bytes32 permissionId, address account) external view returns (bool) {
        return permissionIds.contains(account, permissionId);
    }

    function isISessionValidatorSet(bytes32 permissionId, address account) external view returns (bool) {
        return validators[permissionId][account].validator != address(0);
    }

    function getNonce(bytes32 permissionId, address account) external view returns (uint256) {
        return enableNonces[permissionId][account];
    }

    function getPermissionIDs(address account) external view returns (bytes32[] memory) {
        return permissionIds.all(account);
    }

    function getPermissionId(Session memory session) external pure returns (bytes32) {
        return SessionIds.permissionId(session);
    }

    function getSessionDigest(bytes32 permissionId, address account, Session memory session, Mode mode)
        external
        view
        returns (bytes32)
    {
        return SessionDigest.sessionDigest(account, session, mode, enableNonces[permissionId][account]);
    }

    function getSessionValidatorAndConfig(address account, bytes32 permissionId)
        external
        view
        returns (address sessionValidator, bytes memory sessionValidatorData)
    {
        ValidatorConfig storage config = validators[permissionId][account];
        return (config.validator, validatorData(config));
    }

    function getUserOpPolicies(address account, bytes32 permissionId) external view returns (address[] memory) {
        return userOpPolicies[permissionId].allAddresses(account);
    }

    function getERC1271Policies(address account, bytes32 permissionId) external view returns (address[] memory) {
        return erc1271Policies[permissionId].allAddresses(account);
    }

    function getEnabledActions(address account, bytes32 permissionId) external view returns (bytes32[] memory) {
        return actionIds[permissionId].all(account);
    }

    function getActionPolicies(address account, bytes32 permissionId, bytes32 actionId)
        external
        view
        returns (address[] memory)
    {
        return actionPolicies[permissionId][actionId].allAddresses(account);
    }

    function isActionIdEnabled(address account, bytes32 permissionId, bytes32 actionId) external view returns (bool) {
        return actionIds[permissionId].contains(account, actionId);
    }

    function isUserOpPolicyEnabled(address account, bytes32 permissionId, address policy) public view returns (bool) {
        return userOpPolicies[permissionId].contains(account, AccountLists.toItem(policy));
    }

    function isActionPolicyEnabled(address account, bytes32 permissionId, bytes32 actionId, address policy)
        public
        view
        returns (bool)
    {
        return actionPolicies[permissionId][actionId].contains(account, AccountLists.toItem(policy));
    }

    function areUserOpPoliciesEnabled(address account, bytes32 permissionId, PolicyData[] calldata list)
        external
        view
        returns (bool)
    {
        for (uint256 i; i < list.length; ++i) {
            if (!isUserOpPolicyEnabled(account, permissionId, list[i].policy)) return false;
        }
        return true;
    }

    function areActionsEnabled(address account, bytes32 permissionId, ActionData[] calldata actions)
        external
        view
        returns (bool)
    {
        for (uint256 i; i < actions.length; ++i) {
            bytes32 actionId = SessionIds.actionId(actions[i].actionTarget, actions[i].actionTargetSelector);
            if (!actionIds[permissionId].contains(account, actionId)) return false;
            PolicyData[] calldata list = actions[i].actionPolicies;
            for (uint256 k; k < list.length; ++k) {
                if (!isActionPolicyEnabled(account, permissionId, actionId, list[k].policy)) return false;
            }
        }
        return true;
    }
}
