// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// ERC-4337 validation data: validAfter (48 bits), validUntil (48 bits), authorizer (160 bits).
library ValidationWindow {
    uint256 internal constant ALWAYS = uint256(type(uint48).max) << 160;

    function pack(uint48 validUntil, uint48 validAfter) internal pure returns (uint256) {
        return uint256(validAfter) << 208 | uint256(validUntil) << 160;
    }

    /// Narrow a window by another; validUntil 0 means no end. Disjoint windows are left for the EntryPoint to refuse.
    function intersect(uint256 window, uint256 other) internal pure returns (uint256) {
        (uint48 until1, uint48 after1) = unpack(window);
        (uint48 until2, uint48 after2) = unpack(other);
        return pack(until1 < until2 ? until1 : until2, after1 > after2 ? after1 : after2);
    }

    function unpack(uint256 window) private pure returns (uint48 validUntil, uint48 validAfter) {
        validUntil = uint48(window >> 160);
        validAfter = uint48(window >> 208);
        if (validUntil == 0) validUntil = type(uint48).max;
    }
}
