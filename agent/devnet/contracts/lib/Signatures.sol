// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "../Interfaces.sol";
import {ERC1271_MAGIC} from "../Types.sol";

/// Concatenated 65-byte signatures (r, s, v) and whom they are by.
library Signatures {
    error InvalidSignature();

    uint256 private constant PIECE = 65;

    /// Count the different owners among the signers. Refuses a bundle with fewer than `needed` recoverable pieces.
    function countSigners(bytes32 hash, bytes calldata signatures, uint256 needed, address[] memory owners)
        internal
        view
        returns (uint256 count)
    {
        bool[] memory seen = new bool[](owners.length);
        uint256 pieces = signatures.length / PIECE;
        if (pieces < needed) revert InvalidSignature();
        uint256 recovered;
        for (uint256 i; i < pieces; ++i) {
            address signer = recover(hash, signatures, i);
            if (signer != address(0)) ++recovered;
            for (uint256 k; k < owners.length; ++k) {
                if (owners[k] == signer && !seen[k]) {
                    seen[k] = true;
                    ++count;
                }
            }
        }
        if (recovered < needed) revert InvalidSignature();
    }

    function isSortedAndUnique(address[] memory list) internal pure returns (bool) {
        for (uint256 i = 1; i < list.length; ++i) {
            if (list[i - 1] >= list[i]) return false;
        }
        return true;
    }

    /// EIP-191 hash of a 32-byte message.
    function personalHash(bytes32 hash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash));
    }

    /// The signer of one piece, or zero. High s is accepted: a session key's signatures are malleable.
    function recover(bytes32 hash, bytes calldata signatures, uint256 index)
        private
        view
        returns (address)
    {
        bytes calldata piece = signatures[index * PIECE:(index + 1) * PIECE];
        bytes32 r = bytes32(piece[:32]);
        bytes32 s = bytes32(piece[32:64]);
        uint8 v = uint8(piece[64]);
        if (v == 0) return recoverContract(hash, signatures, r, uint256(s));
        return v > 30 ? ecrecover(personalHash(hash), v - 4, r, s) : ecrecover(hash, v, r, s);
    }

    /// A contract signer: r is its address, s where its own signature lies (length, then bytes).
    function recoverContract(bytes32 hash, bytes calldata signatures, bytes32 r, uint256 offset)
        private
        view
        returns (address)
    {
        // The deployed validator has no bound here and runs out of gas: a revert without data.
        if (offset > type(uint32).max) revert();
        if (offset + 32 > signatures.length) return address(0);
        uint256 length = uint256(bytes32(signatures[offset:offset + 32]));
        if (length > signatures.length - offset - 32) return address(0);
        address signer = address(uint160(uint256(r)));
        bytes calldata inner = signatures[offset + 32:offset + 32 + length];
        return IERC1271(signer).isValidSignature(hash, inner) == ERC1271_MAGIC ? signer : address(0);
    }
}
