// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IActionPolicy, IERC165, IPolicy} from "../Interfaces.sol";
import {VALIDATION_FAILED} from "../Types.sol";
import {ArgNodes} from "../lib/ArgNodes.sol";
import {ParamRule, ParamRules} from "../lib/ParamRule.sol";

/// A boolean tree of rules that must be true for the arguments of a call.
contract ArgPolicy is IActionPolicy {
    using ArgNodes for uint256;
    using ParamRules for ParamRule;

    error ValueLimitExceeded(bytes32 id, uint256 value, uint256 limit);

    struct Tree {
        uint8 rootNodeIndex;
        ParamRule[] rules;
        uint256[] packedNodes;
    }

    struct ActionConfig {
        uint256 valueLimitPerUse;
        Tree paramRules;
    }

    struct Head {
        uint256 valueLimitPerUse;
        uint256 root;
        uint256 ruleCount;
        uint256 nodeCount;
    }

    /// The deployed policy recurses until its stack overflows; this one stops at a depth of its own.
    uint256 private constant MAX_DEPTH = 32;

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => Head))) private heads;
    // Arrays would not be keyed by the account, as ERC-7562 asks of validation storage.
    mapping(
        bytes32 id
            => mapping(address multiplexer => mapping(uint256 index => mapping(address account => ParamRule)))
    ) private rules;
    mapping(
        bytes32 id => mapping(address multiplexer => mapping(uint256 index => mapping(address account => uint256)))
    ) private nodes;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        ActionConfig memory given = abi.decode(initData, (ActionConfig));
        Tree memory tree = given.paramRules;
        ArgNodes.validate(tree.packedNodes, tree.rootNodeIndex, tree.rules.length);
        heads[configId][msg.sender][account] =
            Head(given.valueLimitPerUse, tree.rootNodeIndex, tree.rules.length, tree.packedNodes.length);
        for (uint256 i; i < tree.rules.length; ++i) {
            rules[configId][msg.sender][i][account] = tree.rules[i];
        }
        for (uint256 i; i < tree.packedNodes.length; ++i) {
            nodes[configId][msg.sender][i][account] = tree.packedNodes[i];
        }
        emit PolicySet(configId, msg.sender, account);
    }

    function checkAction(bytes32 id, address account, address, uint256 value, bytes calldata data)
        external
        returns (uint256)
    {
        Head memory head = heads[id][msg.sender][account];
        if (head.ruleCount == 0) revert PolicyNotInitialized(id, msg.sender, account);
        if (value > head.valueLimitPerUse) revert ValueLimitExceeded(id, value, head.valueLimitPerUse);
        return holds(id, account, head.root, 1, data) ? 0 : VALIDATION_FAILED;
    }

    /// Judge a node. Rules are charged where they hold, whatever becomes of that above them.
    function holds(bytes32 id, address account, uint256 index, uint256 depth, bytes calldata data)
        private
        returns (bool)
    {
        if (depth > MAX_DEPTH) {
            // As a stack overflow does, it burns all gas.
            assembly ("memory-safe") {
                invalid()
            }
        }
        uint256 node = nodes[id][msg.sender][index][account];
        uint256 kind = node.kind();
        if (kind == ArgNodes.RULE) return rules[id][msg.sender][node.rule()][account].check(data);
        bool left = holds(id, account, node.left(), depth + 1, data);
        if (kind == ArgNodes.NOT) return !left;
        if (left == (kind == ArgNodes.OR)) return left;
        return holds(id, account, node.right(), depth + 1, data);
    }

    function actionConfigs(bytes32 id, address multiplexer, address account)
        external
        view
        returns (uint256 valueLimitPerUse, Tree memory paramRules)
    {
        Head memory head = heads[id][multiplexer][account];
        valueLimitPerUse = head.valueLimitPerUse;
        paramRules.rootNodeIndex = uint8(head.root);
        paramRules.rules = new ParamRule[](head.ruleCount);
        paramRules.packedNodes = new uint256[](head.nodeCount);
        for (uint256 i; i < head.ruleCount; ++i) {
            paramRules.rules[i] = rules[id][multiplexer][i][account];
        }
        for (uint256 i; i < head.nodeCount; ++i) {
            paramRules.packedNodes[i] = nodes[id][multiplexer][i][account];
        }
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IActionPolicy.checkAction.selector;
    }
}
