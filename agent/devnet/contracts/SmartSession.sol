// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC1271, ISessionValidator, IUserOpPolicy} from "./Interfaces.sol";
import {SessionAdmin} from "./SessionAdmin.sol";
import {
    ChainDigest, ERC1271_MAGIC, EnableSession, Mode, PackedUserOperation, VALIDATION_FAILED
} from "./Types.sol";
import {AccountList, AccountLists} from "./lib/AccountList.sol";
import {Execution} from "./lib/Execution.sol";
import {FastLz} from "./lib/FastLz.sol";
import {SessionDigest} from "./lib/SessionDigest.sol";
import {SessionIds} from "./lib/SessionIds.sol";
import {ValidationWindow} from "./lib/ValidationWindow.sol";

/// Stand-in for the Smart Sessions validator module on local chains, without its ERC-1271 path.
contract SmartSession is SessionAdmin {
    using AccountLists for AccountList;

    error InvalidUserOpSender(address sender);
    error PaymasterValidationNotEnabled(bytes32 permissionId);
    error NoPoliciesSet(bytes32 permissionId);
    error PolicyViolation(bytes32 permissionId, address policy);
    error PolicyCheckReverted(bytes32 revertReason);
    error UnsupportedExecutionType();
    error UnsupportedCallType(bytes1 callType);
    error NoExecutionsInBatch();
    error InvalidSelfCall();
    error InvalidTarget();
    error ForbiddenValidationData();
    error ChainIdMismatch(uint64 providedChainId);
    error HashMismatch(bytes32 providedHash, bytes32 computedHash);
    error InvalidEnableSignature(address account, bytes32 hash);

    bytes4 private constant EXECUTE_USER_OP = 0x8dd7712f;

    function validateUserOp(PackedUserOperation calldata op, bytes32 userOpHash) external returns (uint256) {
        if (op.sender != msg.sender) revert InvalidUserOpSender(op.sender);
        Mode mode = Mode(uint8(bytes1(op.signature[:1])));
        if (mode == Mode.USE) {
            return enforce(bytes32(op.signature[1:33]), op, userOpHash, op.signature[33:]);
        }
        (EnableSession memory request, bytes memory signature) =
            abi.decode(FastLz.decompress(op.signature[1:]), (EnableSession, bytes));
        return enforce(enableBySignature(request, mode), op, userOpHash, signature);
    }

    /// ERC-1271 is not offered: every signature is refused.
    function isValidSignatureWithSender(address, bytes32, bytes calldata) external pure returns (bytes4) {
        return 0xffffffff;
    }

    function enableBySignature(EnableSession memory request, Mode mode) private returns (bytes32 permissionId) {
        permissionId = SessionIds.permissionId(request.sessionToEnable);
        uint256 nonce = enableNonces[permissionId][msg.sender]++;
        bytes32 computed = SessionDigest.sessionDigest(msg.sender, request.sessionToEnable, mode, nonce);
        ChainDigest memory signed = request.hashesAndChainIds[request.chainDigestIndex];
        if (signed.chainId != block.chainid) revert ChainIdMismatch(signed.chainId);
        if (signed.sessionDigest != computed) revert HashMismatch(signed.sessionDigest, computed);
        requireOwnerSignature(SessionDigest.multiChainDigest(request.hashesAndChainIds), request.permissionEnableSig);
        grant(permissionId, request.sessionToEnable);
    }

    function requireOwnerSignature(bytes32 digest, bytes memory signature) private view {
        bytes4 answer = IERC1271(msg.sender).isValidSignature(digest, signature);
        if (answer != ERC1271_MAGIC) revert InvalidEnableSignature(msg.sender, digest);
    }

    /// Paymaster, operation policies, call shape, action policies, key: in this order.
    /// A wrong key does not revert, so counters have moved; it is the EntryPoint that undoes that.
    function enforce(bytes32 permissionId, PackedUserOperation calldata op, bytes32 userOpHash, bytes memory signature)
        private
        returns (uint256 window)
    {
        requireEnabled(permissionId, msg.sender);
        bool sponsored = op.paymasterAndData.length != 0;
        if (sponsored && !paymasterPermits[permissionId][msg.sender]) {
            revert PaymasterValidationNotEnabled(permissionId);
        }
        window = checkOperation(permissionId, op, sponsored);
        window = ValidationWindow.intersect(window, checkCalls(permissionId, op.callData));
        ValidatorConfig storage config = validators[permissionId][msg.sender];
        bool valid = ISessionValidator(config.validator).validateSignatureWithData(
            userOpHash, signature, validatorData(config)
        );
        if (!valid) return VALIDATION_FAILED;
    }

    function checkOperation(bytes32 permissionId, PackedUserOperation calldata op, bool sponsored)
        private
        returns (uint256)
    {
        AccountList storage list = userOpPolicies[permissionId];
        if (sponsored && list.count[msg.sender] == 0) revert NoPoliciesSet(permissionId);
        bytes32 configId = SessionIds.userOpConfigId(msg.sender, permissionId);
        return ask(list, permissionId, operationQuestion(configId, op));
    }

    /// `checkUserOpPolicy(configId, op)`, the operation copied as it was encoded in this call.
    function operationQuestion(bytes32 configId, PackedUserOperation calldata op)
        private
        pure
        returns (bytes memory)
    {
        uint256 start;
        assembly ("memory-safe") {
            start := op
        }
        return abi.encodePacked(IUserOpPolicy.checkUserOpPolicy.selector, configId, uint256(64), msg.data[start:]);
    }

    function checkCalls(bytes32 permissionId, bytes calldata callData) private returns (uint256) {
        bytes4 selector = bytes4(callData[:4]);
        if (selector == EXECUTE_USER_OP) revert UnsupportedExecutionType();
        if (selector != Execution.EXECUTE) {
            bytes32 actionId = SessionIds.actionId(msg.sender, selector);
            return checkAction(permissionId, actionId, msg.sender, 0, callData);
        }
        bytes calldata execution = Execution.executionCalldata(callData);
        if (Execution.execType(callData) != 0) revert UnsupportedExecutionType();
        bytes1 callType = Execution.callType(callData);
        if (callType == Execution.CALL_BATCH) return checkBatch(permissionId, execution);
        if (callType != Execution.CALL_SINGLE) revert UnsupportedCallType(callType);
        (address target, uint256 value, bytes calldata data) = Execution.single(execution);
        return checkCall(permissionId, target, value, data);
    }

    function checkBatch(bytes32 permissionId, bytes calldata execution) private returns (uint256 window) {
        Execution.Call[] calldata calls = Execution.batch(execution);
        if (calls.length == 0) revert NoExecutionsInBatch();
        window = ValidationWindow.ALWAYS;
        for (uint256 i; i < calls.length; ++i) {
            Execution.Call calldata call_ = calls[i];
            window = ValidationWindow.intersect(
                window, checkCall(permissionId, call_.target, call_.value, call_.callData)
            );
        }
    }

    function checkCall(bytes32 permissionId, address target, uint256 value, bytes calldata data)
        private
        returns (uint256)
    {
        bytes4 selector = data.length < 4 ? SessionIds.VALUE_SELECTOR : bytes4(data[:4]);
        if (target == msg.sender && selector == Execution.EXECUTE) revert InvalidSelfCall();
        if (target == SessionIds.SPECIAL_TARGET) revert InvalidTarget();
        return checkAction(permissionId, actionFor(permissionId, target, selector), target, value, data);
    }

    function actionFor(bytes32 permissionId, address target, bytes4 selector) private view returns (bytes32) {
        if (target == address(this)) return SessionIds.actionId(SessionIds.SPECIAL_TARGET, SessionIds.ADMIN_SELECTOR);
        bytes32 own = SessionIds.actionId(target, selector);
        if (actionPolicies[permissionId][own].count[msg.sender] != 0) return own;
        return SessionIds.actionId(SessionIds.SPECIAL_TARGET, SessionIds.FALLBACK_SELECTOR);
    }

    function checkAction(bytes32 permissionId, bytes32 actionId, address target, uint256 value, bytes calldata data)
        private
        returns (uint256)
    {
        AccountList storage list = actionPolicies[permissionId][actionId];
        if (list.count[msg.sender] == 0) revert NoPoliciesSet(permissionId);
        bytes32 configId = SessionIds.actionConfigId(msg.sender, permissionId, actionId);
        return ask(
            list,
            permissionId,
            abi.encodeCall(IActionPolicy.checkAction, (configId, msg.sender, target, value, data))
        );
    }

    /// Put one question to every policy of a list; all must agree.
    function ask(AccountList storage list, bytes32 permissionId, bytes memory question)
        private
        returns (uint256 window)
    {
        window = ValidationWindow.ALWAYS;
        uint256 count = list.count[msg.sender];
        for (uint256 i; i < count; ++i) {
            address policy = AccountLists.toAddress(list.at(msg.sender, i));
            (bool ok, bytes memory answer) = policy.call(question);
            if (!ok) revert PolicyCheckReverted(bytes32(answer));
            uint256 narrower = abi.decode(answer, (uint256));
            uint160 authorizer = uint160(narrower);
            if (authorizer == VALIDATION_FAILED) revert PolicyViolation(permissionId, policy);
            if (authorizer != 0) revert ForbiddenValidationData();
            window = ValidationWindow.intersect(window, narrower);
        }
    }
}
