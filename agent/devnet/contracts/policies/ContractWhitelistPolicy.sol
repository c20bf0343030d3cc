// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy} from "../Interfaces.sol";
import {VALIDATION_FAILED} from "../Types.sol";
import {AccountList, AccountLists} from "../lib/AccountList.sol";

/// Lets calls through to listed contracts, whatever they say and bring.
contract ContractWhitelistPolicy is IActionPolicy {
    using AccountLists for AccountList;

    error InvalidInitData();

    uint256 private constant WIDTH = 20;

    mapping(bytes32 id => mapping(address multiplexer => AccountList)) private whitelists;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        if (initData.length == 0 || initData.length % WIDTH != 0) revert InvalidInitData();
        AccountList storage whitelist = whitelists[configId][msg.sender];
        whitelist.clear(account);
        for (uint256 start; start < initData.length; start += WIDTH) {
            address target = address(bytes20(initData[start:start + WIDTH]));
            if (target == address(0)) revert InvalidInitData();
            whitelist.add(account, AccountLists.toItem(target));
        }
        emit PolicySet(configId, msg.sender, account);
    }

    function checkAction(bytes32 id, address account, address target, uint256, bytes calldata)
        external
        view
        returns (uint256)
    {
        return isContractWhitelisted(id, msg.sender, account, target) ? 0 : VALIDATION_FAILED;
    }

    function isContractWhitelisted(bytes32 id, address multiplexer, address account, address target)
        public
        view
        returns (bool)
    {
        return whitelists[id][multiplexer].contains(account, AccountLists.toItem(target));
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
