// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// FastLZ level 1 decompression (Ariya Hidayat's published block format).
library FastLz {
    function decompress(bytes calldata data) internal pure returns (bytes memory out) {
        out = new bytes(decompressedLength(data));
        uint256 written;
        uint256 i;
        while (i < data.length) {
            uint256 control = byteAt(data, i);
            if (control < 32) {
                uint256 run = control + 1;
                copyLiteral(out, written, data, i + 1, run);
                (i, written) = (i + 1 + run, written + run);
            } else {
                (uint256 length, uint256 distance, uint256 next) = matchAt(data, i, control);
                copyMatch(out, written, distance, length);
                (i, written) = (next, written + length);
            }
        }
    }

    function decompressedLength(bytes calldata data) private pure returns (uint256 length) {
        uint256 i;
        while (i < data.length) {
            uint256 control = byteAt(data, i);
            if (control < 32) {
                length += control + 1;
                i += control + 2;
            } else {
                uint256 matched;
                (matched,, i) = matchAt(data, i, control);
                length += matched;
            }
        }
    }

    function matchAt(bytes calldata data, uint256 i, uint256 control)
        private
        pure
        returns (uint256 length, uint256 distance, uint256 next)
    {
        bool long = control >= 224;
        length = long ? byteAt(data, i + 1) + 9 : (control >> 5) + 2;
        next = long ? i + 3 : i + 2;
        distance = ((control & 31) << 8 | byteAt(data, next - 1)) + 1;
    }

    /// A truncated stream reads zeros, as calldata does.
    function byteAt(bytes calldata data, uint256 i) private pure returns (uint256) {
        return i < data.length ? uint8(data[i]) : 0;
    }

    function copyLiteral(bytes memory out, uint256 at, bytes calldata data, uint256 from, uint256 run) private pure {
        assembly ("memory-safe") {
            calldatacopy(add(add(out, 32), at), add(data.offset, from), run)
        }
    }

    /// Copy byte by byte, for a match may overlap what it writes.
    function copyMatch(bytes memory out, uint256 at, uint256 distance, uint256 length) private pure {
        if (distance > at) revert();
        for (uint256 k; k < length; ++k) {
            out[at + k] = out[at + k - distance];
        }
    }
}
