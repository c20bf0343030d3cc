// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SessionViews} from "./SessionViews.sol";
import {
    ActionData, ERC7739Context, ERC7739Data, MODULE_TYPE_VALIDATOR, PolicyData, PolicyType, Session
} from "./Types.sol";
import {AccountList, AccountLists} from "./lib/AccountList.sol";
import {SessionIds} from "./lib/SessionIds.sol";

/// What an account calls to manage its sessions, and the ERC-7579 module life cycle.
abstract contract SessionAdmin is SessionViews {
    using AccountLists for AccountList;

    enum InstallMode {
        NONE,
        ENABLE_SESSIONS,
        ENABLE_SESSIONS_UNSAFE
    }

    error InvalidData();
    error InvalidMode();
    error SmartSessionModuleAlreadyInstalled(address account);

    function isModuleType(uint256 moduleType) external pure returns (bool) {
        return moduleType == MODULE_TYPE_VALIDATOR;
    }

    function onInstall(bytes calldata data) external {
        if (permissionIds.count[msg.sender] != 0) revert SmartSessionModuleAlreadyInstalled(msg.sender);
        if (data.length == 0) return;
        if (InstallMode(uint8(data[0])) == InstallMode.NONE) revert InvalidMode();
        enable(abi.decode(data[1:], (Session[])));
    }

    function onUninstall(bytes calldata) external {
        while (permissionIds.count[msg.sender] != 0) {
            clearSession(permissionIds.at(msg.sender, 0));
        }
    }

    function enableSessions(Session[] memory sessions) external returns (bytes32[] memory) {
        return enable(sessions);
    }

    function removeSession(bytes32 permissionId) external {
        clearSession(permissionId);
    }

    function enableUserOpPolicies(bytes32 permissionId, PolicyData[] memory list) external onlyEnabled(permissionId) {
        grantUserOpPolicies(permissionId, list);
    }

    function disableUserOpPolicies(bytes32 permissionId, address[] calldata list) external onlyEnabled(permissionId) {
        takePolicies(userOpPolicies[permissionId], permissionId, PolicyType.USER_OP, list);
    }

    function enableERC1271Policies(bytes32 permissionId, ERC7739Data memory data) external onlyEnabled(permissionId) {
        grantErc1271Policies(permissionId, data.erc1271Policies);
    }

    function disableERC1271Policies(bytes32 permissionId, address[] calldata list, ERC7739Context[] calldata)
        external
        onlyEnabled(permissionId)
    {
        takePolicies(erc1271Policies[permissionId], permissionId, PolicyType.ERC1271, list);
    }

    function enableActionPolicies(bytes32 permissionId, ActionData[] memory actions)
        external
        onlyEnabled(permissionId)
    {
        grantActions(permissionId, actions);
    }

    function disableActionPolicies(bytes32 permissionId, bytes32 actionId, address[] calldata list)
        external
        onlyEnabled(permissionId)
    {
        AccountList storage enabled = actionPolicies[permissionId][actionId];
        takePolicies(enabled, permissionId, PolicyType.ACTION, list);
        if (enabled.count[msg.sender] == 0) actionIds[permissionId].remove(msg.sender, actionId);
    }

    function disableActionId(bytes32 permissionId, bytes32 actionId) external onlyEnabled(permissionId) {
        clearAction(permissionId, actionId);
        emit ActionIdDisabled(permissionId, actionId, msg.sender);
    }

    function setPermit4337Paymaster(bytes32 permissionId, bool permit) external onlyEnabled(permissionId) {
        setPaymasterPermit(permissionId, permit);
    }

    /// Make every enable signature given so far for this permission worthless.
    function revokeEnableSignature(bytes32 permissionId) external {
        emit NonceIterated(permissionId, msg.sender, ++enableNonces[permissionId][msg.sender]);
    }

    function enable(Session[] memory sessions) private returns (bytes32[] memory ids) {
        if (sessions.length == 0) revert InvalidData();
        ids = new bytes32[](sessions.length);
        for (uint256 i; i < sessions.length; ++i) {
            ids[i] = SessionIds.permissionId(sessions[i]);
            grant(ids[i], sessions[i]);
            emit SessionCreated(ids[i], msg.sender);
        }
    }
}
