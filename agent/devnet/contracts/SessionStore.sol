// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, I1271Policy, IERC165, IPolicy, ISessionValidator, IUserOpPolicy} from "./Interfaces.sol";
import {ActionData, MODULE_TYPE_STATELESS_VALIDATOR, PolicyData, PolicyType, Session} from "./Types.sol";
import {AccountList, AccountLists} from "./lib/AccountList.sol";
import {SessionIds} from "./lib/SessionIds.sol";

/// What SmartSession remembers of each account's sessions, and how it grants and takes away.
abstract contract SessionStore {
    using AccountLists for AccountList;

    event SessionCreated(bytes32 permissionId, address account);
    event SessionRemoved(bytes32 permissionId, address account);
    event PolicyEnabled(bytes32 permissionId, PolicyType policyType, address policy, address account);
    event PolicyDisabled(bytes32 permissionId, PolicyType policyType, address policy, address account);
    event ActionIdDisabled(bytes32 permissionId, bytes32 actionId, address account);
    event SessionValidatorEnabled(bytes32 permissionId, address sessionValidator, address account);
    event SessionValidatorDisabled(bytes32 permissionId, address sessionValidator, address account);
    event NonceIterated(bytes32 permissionId, address account, uint256 newValue);
    event PermissionIdPermit4337Paymaster(bytes32 permissionId, address account, bool permit);

    error InvalidPermissionId(bytes32 permissionId);
    error InvalidSession(bytes32 permissionId);
    error InvalidISessionValidator(address sessionValidator);
    error InvalidActionId();
    error UnsupportedPolicy(address policy);

    uint256 internal constant MAX_VALIDATOR_DATA = 320;

    struct ValidatorConfig {
        address validator;
        uint256 dataLength;
        bytes32[10] dataWords;
    }

    AccountList internal permissionIds;
    mapping(bytes32 permissionId => mapping(address account => ValidatorConfig)) internal validators;
    mapping(bytes32 permissionId => mapping(address account => bool)) internal paymasterPermits;
    mapping(bytes32 permissionId => mapping(address account => uint256)) internal enableNonces;
    mapping(bytes32 permissionId => AccountList) internal userOpPolicies;
    mapping(bytes32 permissionId => AccountList) internal erc1271Policies;
    mapping(bytes32 permissionId => AccountList) internal actionIds;
    mapping(bytes32 permissionId => mapping(bytes32 actionId => AccountList)) internal actionPolicies;

    modifier onlyEnabled(bytes32 permissionId) {
        requireEnabled(permissionId, msg.sender);
        _;
    }

    function requireEnabled(bytes32 permissionId, address account) internal view {
        if (!permissionIds.contains(account, permissionId)) revert InvalidPermissionId(permissionId);
    }

    /// Add a session's parts to what the account already granted under its id; counters of listed policies start anew.
    function grant(bytes32 permissionId, Session memory session) internal {
        grantUserOpPolicies(permissionId, session.userOpPolicies);
        grantErc1271Policies(permissionId, session.erc7739Policies.erc1271Policies);
        grantActions(permissionId, session.actions);
        setValidator(permissionId, session.sessionValidator, session.sessionValidatorInitData);
        setPaymasterPermit(permissionId, session.permitERC4337Paymaster);
        permissionIds.add(msg.sender, permissionId);
    }

    function grantUserOpPolicies(bytes32 permissionId, PolicyData[] memory list) internal {
        bytes32 configId = SessionIds.userOpConfigId(msg.sender, permissionId);
        grantPolicies(userOpPolicies[permissionId], permissionId, PolicyType.USER_OP, configId, list);
    }

    function grantErc1271Policies(bytes32 permissionId, PolicyData[] memory list) internal {
        bytes32 configId = SessionIds.erc1271ConfigId(msg.sender, permissionId);
        grantPolicies(erc1271Policies[permissionId], permissionId, PolicyType.ERC1271, configId, list);
    }

    function grantActions(bytes32 permissionId, ActionData[] memory actions) internal {
        for (uint256 i; i < actions.length; ++i) {
            ActionData memory action = actions[i];
            if (action.actionTarget == address(0) || action.actionTarget == address(this)) revert InvalidActionId();
            bytes32 actionId = SessionIds.actionId(action.actionTarget, action.actionTargetSelector);
            actionIds[permissionId].add(msg.sender, actionId);
            bytes32 configId = SessionIds.actionConfigId(msg.sender, permissionId, actionId);
            AccountList storage list = actionPolicies[permissionId][actionId];
            grantPolicies(list, permissionId, PolicyType.ACTION, configId, action.actionPolicies);
        }
    }

    function grantPolicies(
        AccountList storage enabled,
        bytes32 permissionId,
        PolicyType policyType,
        bytes32 configId,
        PolicyData[] memory list
    ) private {
        for (uint256 i; i < list.length; ++i) {
            address policy = list[i].policy;
            if (!isUsableAs(policy, policyType)) revert UnsupportedPolicy(policy);
            enabled.add(msg.sender, AccountLists.toItem(policy));
            IPolicy(policy).initializeWithMultiplexer(msg.sender, configId, list[i].initData);
            emit PolicyEnabled(permissionId, policyType, policy, msg.sender);
        }
    }

    function takePolicies(
        AccountList storage enabled,
        bytes32 permissionId,
        PolicyType policyType,
        address[] calldata list
    ) internal {
        for (uint256 i; i < list.length; ++i) {
            enabled.remove(msg.sender, AccountLists.toItem(list[i]));
            emit PolicyDisabled(permissionId, policyType, list[i], msg.sender);
        }
    }

    function isUsableAs(address policy, PolicyType policyType) private view returns (bool) {
        bytes4 interfaceId = policyType == PolicyType.USER_OP
            ? IUserOpPolicy.checkUserOpPolicy.selector
            : policyType == PolicyType.ACTION
                ? IActionPolicy.checkAction.selector
                : I1271Policy.check1271SignedAction.selector;
        (bool ok, bytes memory answer) =
            policy.staticcall(abi.encodeCall(IERC165.supportsInterface, (interfaceId)));
        return ok && answer.length == 32 && uint256(bytes32(answer)) == 1;
    }

    /// Set the validator once: the permission id commits to it, so a second grant could not change it.
    function setValidator(bytes32 permissionId, address validator, bytes memory data) private {
        ValidatorConfig storage config = validators[permissionId][msg.sender];
        if (config.validator != address(0)) return;
        if (validator == address(0) || !ISessionValidator(validator).isModuleType(MODULE_TYPE_STATELESS_VALIDATOR)) {
            revert InvalidISessionValidator(validator);
        }
        if (data.length > MAX_VALIDATOR_DATA) revert();
        config.validator = validator;
        config.dataLength = data.length;
        for (uint256 i; i * 32 < data.length; ++i) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(data, 32), mul(i, 32)))
            }
            config.dataWords[i] = word;
        }
        emit SessionValidatorEnabled(permissionId, validator, msg.sender);
    }

    function validatorData(ValidatorConfig storage config) internal view returns (bytes memory data) {
        data = new bytes(config.dataLength);
        for (uint256 i; i * 32 < data.length; ++i) {
            bytes32 word = config.dataWords[i];
            assembly ("memory-safe") {
                mstore(add(add(data, 32), mul(i, 32)), word)
            }
        }
    }

    function setPaymasterPermit(bytes32 permissionId, bool permit) internal {
        paymasterPermits[permissionId][msg.sender] = permit;
        emit PermissionIdPermit4337Paymaster(permissionId, msg.sender, permit);
    }

    function clearAction(bytes32 permissionId, bytes32 actionId) internal {
        actionPolicies[permissionId][actionId].clear(msg.sender);
        actionIds[permissionId].remove(msg.sender, actionId);
    }

    /// Forget a session; what its policies stored stays in them, stale.
    function clearSession(bytes32 permissionId) internal {
        if (permissionId == bytes32(0)) revert InvalidSession(permissionId);
        userOpPolicies[permissionId].clear(msg.sender);
        erc1271Policies[permissionId].clear(msg.sender);
        AccountList storage actions = actionIds[permissionId];
        while (actions.count[msg.sender] != 0) {
            clearAction(permissionId, actions.at(msg.sender, 0));
        }
        emit SessionValidatorDisabled(permissionId, validators[permissionId][msg.sender].validator, msg.sender);
        delete validators[permissionId][msg.sender];
        delete paymasterPermits[permissionId][msg.sender];
        permissionIds.remove(msg.sender, permissionId);
        emit SessionRemoved(permissionId, msg.sender);
    }
}
