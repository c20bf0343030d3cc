// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Nodes of a boolean tree, one per word: kind (2 bits), index of its rule, of its left and its right child (8 each).
library ArgNodes {
    error TooManyRules();
    error EmptyExpressionTree();
    error RuleIndexOutOfBounds();
    error NodeChildIndexOutOfBounds();

    uint256 internal constant RULE = 0;
    uint256 internal constant NOT = 1;
    uint256 internal constant OR = 3;
    uint256 private constant MAX_RULES = 128;
    uint256 private constant MAX_NODES = 256;

    /// Check the indices of every node, used or not. A node may refer to itself.
    function validate(uint256[] memory nodes, uint256 root, uint256 ruleCount) internal pure {
        if (ruleCount > MAX_RULES || nodes.length > MAX_NODES) revert TooManyRules();
        if (nodes.length == 0) revert EmptyExpressionTree();
        for (uint256 i; i < nodes.length; ++i) {
            validateNode(nodes[i], nodes.length, ruleCount);
        }
        if (root >= nodes.length) revert NodeChildIndexOutOfBounds();
    }

    function validateNode(uint256 node, uint256 nodeCount, uint256 ruleCount) private pure {
        if (kind(node) == RULE) {
            if (rule(node) >= ruleCount) revert RuleIndexOutOfBounds();
            return;
        }
        if (left(node) >= nodeCount) revert NodeChildIndexOutOfBounds();
        if (kind(node) != NOT && right(node) >= nodeCount) revert NodeChildIndexOutOfBounds();
    }

    function kind(uint256 node) internal pure returns (uint256) {
        return node & 3;
    }

    function rule(uint256 node) internal pure returns (uint256) {
        return node >> 2 & 0xff;
    }

    function left(uint256 node) internal pure returns (uint256) {
        return node >> 10 & 0xff;
    }

    function right(uint256 node) internal pure returns (uint256) {
        return node >> 18 & 0xff;
    }
}
