// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy} from "../Interfaces.sol";
import {VALIDATION_FAILED} from "../Types.sol";
import {AccountList, AccountLists} from "../lib/AccountList.sol";

/// Limits what leaves an account of each listed token; approvals count like transfers and never come back.
contract ERC20SpendingLimitPolicy is IActionPolicy {
    using AccountLists for AccountList;

    event TokenSpent(
        bytes32 id, address multiplexer, address token, address account, uint256 amount, uint256 remaining
    );

    error InvalidTokenAddress(address token);
    error InvalidLimit(uint256 limit);
    error InvalidInitDataLength();

    struct Allowance {
        uint256 limit;
        uint256 spent;
        uint256 approved;
    }

    bytes4 private constant TRANSFER = 0xa9059cbb;
    bytes4 private constant TRANSFER_FROM = 0x23b872dd;
    bytes4 private constant APPROVE = 0x095ea7b3;
    bytes4 private constant INCREASE_ALLOWANCE = 0x39509351;

    mapping(
        bytes32 id
            => mapping(address multiplexer => mapping(address token => mapping(address account => Allowance)))
    ) private allowances;
    mapping(bytes32 id => mapping(address multiplexer => AccountList)) private tokens;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        (address[] memory list, uint256[] memory limits) = abi.decode(initData, (address[], uint256[]));
        if (list.length != limits.length) revert InvalidInitDataLength();
        forget(configId, account);
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == address(0)) revert InvalidTokenAddress(list[i]);
            if (limits[i] == 0) revert InvalidLimit(limits[i]);
            tokens[configId][msg.sender].add(account, AccountLists.toItem(list[i]));
            allowances[configId][msg.sender][list[i]][account] = Allowance(limits[i], 0, 0);
        }
        emit PolicySet(configId, msg.sender, account);
    }

    function checkAction(bytes32 id, address account, address target, uint256 value, bytes calldata data)
        external
        returns (uint256)
    {
        if (value != 0) return VALIDATION_FAILED;
        (bool known, bool approval, uint256 amount) = outflow(account, data);
        if (!known) return VALIDATION_FAILED;
        Allowance storage allowance = allowances[id][msg.sender][target][account];
        uint256 used = allowance.spent + allowance.approved + amount;
        if (used > allowance.limit) return VALIDATION_FAILED;
        if (approval) allowance.approved += amount;
        else allowance.spent += amount;
        emit TokenSpent(id, msg.sender, target, account, amount, allowance.limit - used);
        return 0;
    }

    /// What a call lets go of. A transferFrom to the account itself brings tokens in and counts nothing.
    function outflow(address account, bytes calldata data)
        private
        pure
        returns (bool known, bool approval, uint256 amount)
    {
        bytes4 selector = bytes4(data[:4]);
        if (selector == TRANSFER_FROM) {
            address to;
            (, to, amount) = abi.decode(data[4:], (address, address, uint256));
            return (true, false, to == account ? 0 : amount);
        }
        approval = selector == APPROVE || selector == INCREASE_ALLOWANCE;
        if (!approval && selector != TRANSFER) return (false, false, 0);
        (, amount) = abi.decode(data[4:], (address, uint256));
        return (true, approval, amount);
    }

    function forget(bytes32 id, address account) private {
        AccountList storage listed = tokens[id][msg.sender];
        uint256 count = listed.count[account];
        for (uint256 i; i < count; ++i) {
            delete allowances[id][msg.sender][AccountLists.toAddress(listed.at(account, i))][account];
        }
        listed.clear(account);
    }

    function getPolicyData(bytes32 id, address multiplexer, address token, address account)
        external
        view
        returns (uint256 limit, uint256 spent, uint256 approved)
    {
        Allowance memory allowance = allowances[id][multiplexer][token][account];
        if (allowance.limit == 0) revert InvalidTokenAddress(token);
        return (allowance.limit, allowance.spent, allowance.approved);
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
