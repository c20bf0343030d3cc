// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165, IPolicy, IUserOpPolicy} from "../Interfaces.sol";
import {PackedUserOperation, VALIDATION_FAILED} from "../Types.sol";

/// Budgets the gas operations declare, and that gas times the price they would pay in this block.
contract SimpleGasPolicy is IUserOpPolicy {
    struct GasBudget {
        uint128 gasLimit;
        uint128 gasUsed;
        uint128 costLimit;
        uint128 costUsed;
    }

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => GasBudget))) private budgets;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        if (initData.length < 32) revert PolicyNotInitialized(configId, msg.sender, account);
        uint128 gasLimit = uint128(bytes16(initData[0:16]));
        uint128 costLimit = uint128(bytes16(initData[16:32]));
        if (gasLimit == 0 || costLimit == 0) revert PolicyNotInitialized(configId, msg.sender, account);
        budgets[configId][msg.sender][account] = GasBudget(gasLimit, 0, costLimit, 0);
        emit PolicySet(configId, msg.sender, account);
    }

    function checkUserOpPolicy(bytes32 id, PackedUserOperation calldata op) external returns (uint256) {
        GasBudget storage budget = budgets[id][msg.sender][op.sender];
        if (budget.gasLimit == 0) revert PolicyNotInitialized(id, msg.sender, op.sender);
        uint256 gas = declaredGas(op);
        uint256 gasUsed = budget.gasUsed + gas;
        uint256 costUsed = budget.costUsed + gas * price(op.gasFees);
        if (gasUsed > budget.gasLimit || costUsed > budget.costLimit) return VALIDATION_FAILED;
        (budget.gasUsed, budget.costUsed) = (uint128(gasUsed), uint128(costUsed));
        return 0;
    }

    function declaredGas(PackedUserOperation calldata op) private pure returns (uint256 gas) {
        (uint256 verification, uint256 call_) = halves(op.accountGasLimits);
        gas = verification + call_ + op.preVerificationGas;
        if (op.paymasterAndData.length >= 52) {
            (uint256 paymasterVerification, uint256 postOp) = halves(bytes32(op.paymasterAndData[20:52]));
            gas += paymasterVerification + postOp;
        }
    }

    function price(bytes32 gasFees) private view returns (uint256) {
        (uint256 priority, uint256 max) = halves(gasFees);
        if (max == priority) return max;
        uint256 due = priority + block.basefee;
        return due < max ? due : max;
    }

    function halves(bytes32 word) private pure returns (uint256 high, uint256 low) {
        return (uint256(word) >> 128, uint128(uint256(word)));
    }

    function getGasConfig(bytes32 id, address multiplexer, address account)
        external
        view
        returns (uint128 gasLimit, uint128 gasUsed, uint128 costLimit, uint128 costUsed)
    {
        GasBudget memory budget = budgets[id][multiplexer][account];
        return (budget.gasLimit, budget.gasUsed, budget.costLimit, budget.costUsed);
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IUserOpPolicy.checkUserOpPolicy.selector;
    }
}
