// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy} from "../Interfaces.sol";
import {VALIDATION_FAILED} from "../Types.sol";
import {ParamRule, ParamRules} from "../lib/ParamRule.sol";

/// Up to sixteen rules, all of which the arguments of a call must keep.
contract UniActionPolicy is IActionPolicy {
    using ParamRules for ParamRule;

    error ValueLimitExceeded(bytes32 id, uint256 value, uint256 limit);

    struct Rules {
        uint256 length;
        ParamRule[16] rules;
    }

    struct ActionConfig {
        uint256 valueLimitPerUse;
        Rules paramRules;
    }

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => ActionConfig))) private configs;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        ActionConfig memory given = abi.decode(initData, (ActionConfig));
        ActionConfig storage config = configs[configId][msg.sender][account];
        config.valueLimitPerUse = given.valueLimitPerUse;
        config.paramRules.length = given.paramRules.length;
        for (uint256 i; i < given.paramRules.length; ++i) {
            config.paramRules.rules[i] = given.paramRules.rules[i];
        }
        emit PolicySet(configId, msg.sender, account);
    }

    function checkAction(bytes32 id, address account, address, uint256 value, bytes calldata data)
        external
        returns (uint256)
    {
        ActionConfig storage config = configs[id][msg.sender][account];
        uint256 length = config.paramRules.length;
        if (length == 0) revert PolicyNotInitialized(id, msg.sender, account);
        if (value > config.valueLimitPerUse) revert ValueLimitExceeded(id, value, config.valueLimitPerUse);
        for (uint256 i; i < length; ++i) {
            if (!config.paramRules.rules[i].check(data)) return VALIDATION_FAILED;
        }
        return 0;
    }

    function actionConfigs(bytes32 id, address multiplexer, address account)
        external
        view
        returns (ActionConfig memory)
    {
        return configs[id][multiplexer][account];
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
