// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ActionData, ChainDigest, ERC7739Context, ERC7739Data, Mode, PolicyData, Session} from "../Types.sol";
import {SessionIds} from "./SessionIds.sol";

/// EIP-712 hashes of what a session owner signs.
library SessionDigest {
    string private constant POLICY = "PolicyData(address policy,bytes initData)";
    string private constant ACTION =
        "ActionData(bytes4 actionTargetSelector,address actionTarget,PolicyData[] actionPolicies)";
    string private constant CONTEXT = "ERC7739Context(bytes32 appDomainSeparator,string[] contentName)";
    string private constant CONTENT =
        "ERC7739Data(ERC7739Context[] allowedERC7739Content,PolicyData[] erc1271Policies)";
    string private constant PERMISSIONS =
        "SignedPermissions(bool permitGenericPolicy,bool permitAdminAccess,bool ignoreSecurityAttestations,"
        "bool permitERC4337Paymaster,PolicyData[] userOpPolicies,ERC7739Data erc7739Policies,ActionData[] actions)";
    string private constant SESSION =
        "SignedSession(address account,SignedPermissions permissions,address sessionValidator,"
        "bytes sessionValidatorInitData,bytes32 salt,address smartSession,uint256 nonce)";
    string private constant CHAIN = "ChainSession(uint64 chainId,SignedSession session)";
    string private constant MULTI_CHAIN = "MultiChainSession(ChainSession[] sessionsAndChainIds)";

    // A type is hashed with the types it refers to, in alphabetical order.
    bytes private constant CONTENT_TYPES = abi.encodePacked(CONTEXT, CONTENT, POLICY);
    bytes32 private constant POLICY_TYPEHASH = keccak256(bytes(POLICY));
    bytes32 private constant ACTION_TYPEHASH = keccak256(abi.encodePacked(ACTION, POLICY));
    bytes32 private constant CONTEXT_TYPEHASH = keccak256(bytes(CONTEXT));
    bytes32 private constant CONTENT_TYPEHASH = keccak256(abi.encodePacked(CONTENT, CONTEXT, POLICY));
    bytes32 private constant PERMISSIONS_TYPEHASH = keccak256(abi.encodePacked(PERMISSIONS, ACTION, CONTENT_TYPES));
    bytes32 private constant SESSION_TYPEHASH =
        keccak256(abi.encodePacked(SESSION, ACTION, CONTENT_TYPES, PERMISSIONS));
    bytes32 private constant CHAIN_TYPEHASH =
        keccak256(abi.encodePacked(CHAIN, ACTION, CONTENT_TYPES, PERMISSIONS, SESSION));
    bytes32 private constant MULTI_CHAIN_TYPEHASH =
        keccak256(abi.encodePacked(MULTI_CHAIN, ACTION, CHAIN, CONTENT_TYPES, PERMISSIONS, SESSION));
    bytes32 private constant DOMAIN_SEPARATOR = keccak256(
        abi.encode(keccak256("EIP712Domain(string name,string version)"), keccak256("SmartSession"), keccak256("1"))
    );

    function sessionDigest(address account, Session memory session, Mode mode, uint256 nonce)
        internal
        view
        returns (bytes32)
    {
        bytes memory who = abi.encode(SESSION_TYPEHASH, account, permissions(session, mode));
        bytes32 validatorData = keccak256(session.sessionValidatorInitData);
        bytes memory what = abi.encode(session.sessionValidator, validatorData, session.salt, address(this), nonce);
        return keccak256(bytes.concat(who, what));
    }

    function multiChainDigest(ChainDigest[] memory digests) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](digests.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(CHAIN_TYPEHASH, digests[i].chainId, digests[i].sessionDigest));
        }
        bytes32 structHash = keccak256(abi.encode(MULTI_CHAIN_TYPEHASH, keccak256(abi.encodePacked(hashes))));
        return keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR, structHash));
    }

    function permissions(Session memory session, Mode mode) private pure returns (bytes32) {
        bytes memory flags = abi.encode(
            hasAction(session.actions, SessionIds.FALLBACK_SELECTOR),
            hasAction(session.actions, SessionIds.ADMIN_SELECTOR),
            mode == Mode.UNSAFE_ENABLE,
            session.permitERC4337Paymaster
        );
        bytes memory hashes = abi.encode(
            policies(session.userOpPolicies), content(session.erc7739Policies), actions(session.actions)
        );
        return keccak256(bytes.concat(PERMISSIONS_TYPEHASH, flags, hashes));
    }

    function hasAction(ActionData[] memory list, bytes4 selector) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            bool special = list[i].actionTarget == SessionIds.SPECIAL_TARGET;
            if (special && list[i].actionTargetSelector == selector) return true;
        }
        return false;
    }

    function policies(PolicyData[] memory list) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](list.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(POLICY_TYPEHASH, list[i].policy, keccak256(list[i].initData)));
        }
        return keccak256(abi.encodePacked(hashes));
    }

    function actions(ActionData[] memory list) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](list.length);
        for (uint256 i; i < hashes.length; ++i) {
            ActionData memory action = list[i];
            hashes[i] = keccak256(
                abi.encode(
                    ACTION_TYPEHASH, action.actionTargetSelector, action.actionTarget, policies(action.actionPolicies)
                )
            );
        }
        return keccak256(abi.encodePacked(hashes));
    }

    function content(ERC7739Data memory data) private pure returns (bytes32) {
        ERC7739Context[] memory list = data.allowedERC7739Content;
        bytes32[] memory hashes = new bytes32[](list.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] =
                keccak256(abi.encode(CONTEXT_TYPEHASH, list[i].appDomainSeparator, strings(list[i].contentNames)));
        }
        return keccak256(
            abi.encode(CONTENT_TYPEHASH, keccak256(abi.encodePacked(hashes)), policies(data.erc1271Policies))
        );
    }

    function strings(string[] memory list) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](list.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(bytes(list[i]));
        }
        return keccak256(abi.encodePacked(hashes));
    }
}
