// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

enum Condition {
    EQUAL,
    GREATER_THAN,
    LESS_THAN,
    GREATER_THAN_OR_EQUAL,
    LESS_THAN_OR_EQUAL,
    NOT_EQUAL,
    IN_RANGE
}

struct LimitUsage {
    uint256 limit;
    uint256 used;
}

/// One argument word of a call, compared with `ref` and optionally summed up to a limit.
struct ParamRule {
    Condition condition;
    uint64 offset;
    bool isLimited;
    bytes32 ref;
    LimitUsage usage;
}

library ParamRules {
    /// Judge a call and charge a limited rule that holds.
    function check(ParamRule storage rule, bytes calldata data) internal returns (bool) {
        // Sums of 64 bits: an offset near 2^64 must fail, not wrap.
        uint64 start = 4 + rule.offset;
        uint256 word = uint256(bytes32(data[start:start + 32]));
        if (!holds(rule.condition, word, uint256(rule.ref))) return false;
        if (!rule.isLimited) return true;
        uint256 used = rule.usage.used + word;
        if (used > rule.usage.limit) return false;
        rule.usage.used = used;
        return true;
    }

    function holds(Condition condition, uint256 word, uint256 ref) private pure returns (bool) {
        if (condition == Condition.EQUAL) return word == ref;
        if (condition == Condition.GREATER_THAN) return word > ref;
        if (condition == Condition.LESS_THAN) return word < ref;
        if (condition == Condition.GREATER_THAN_OR_EQUAL) return word >= ref;
        if (condition == Condition.LESS_THAN_OR_EQUAL) return word <= ref;
        if (condition == Condition.NOT_EQUAL) return word != ref;
        return word >= ref >> 128 && word <= uint128(ref);
    }
}
