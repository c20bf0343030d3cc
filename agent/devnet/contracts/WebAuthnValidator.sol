// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MODULE_TYPE_STATELESS_VALIDATOR} from "./Types.sol";
import {P256} from "./lib/P256.sol";

/// Stand-in for the passkey validator, in its stateless form alone: as a session's validator.
contract WebAuthnValidator {
    error NotSorted();

    struct Credential {
        uint256 x;
        uint256 y;
        bool requireUV;
    }

    struct Passkeys {
        bool usePrecompile;
        uint256 threshold;
        bytes32[] credentialIds;
        Credential[] credentials;
    }

    struct Assertion {
        bytes authenticatorData;
        string clientDataJSON;
        uint256 challengeIndex;
        uint256 typeIndex;
        uint256 r;
        uint256 s;
    }

    uint256 private constant FLAGS = 32;
    uint256 private constant SHORTEST = 37;
    bytes1 private constant USER_PRESENT = 0x01;
    bytes1 private constant USER_VERIFIED = 0x04;
    bytes private constant ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    function isModuleType(uint256 moduleType) external pure returns (bool) {
        return moduleType == MODULE_TYPE_STATELESS_VALIDATOR;
    }

    /// Judge assertions by passkeys given as `abi.encode(Passkeys, address account)`; the decoder follows offsets
    /// wherever they point, words that serve twice included.
    function validateSignatureWithData(bytes32 hash, bytes calldata signature, bytes calldata data)
        external
        view
        returns (bool)
    {
        (Passkeys memory passkeys, address account) = abi.decode(data, (Passkeys, address));
        Assertion[] memory assertions = abi.decode(signature, (Assertion[]));
        requireSorted(passkeys.credentialIds);
        bytes memory challenge = abi.encodePacked('"challenge":"', base64Url(hash), '"');
        uint256 valid;
        for (uint256 i; i < assertions.length && passkeys.threshold != 0; ++i) {
            Credential memory credential = passkeys.credentials[i];
            bytes32 id = keccak256(abi.encode(credential.x, credential.y, account));
            if (passkeys.credentialIds[i] != id) continue;
            if (isBy(credential, assertions[i], challenge, passkeys.usePrecompile)) ++valid;
            if (valid == passkeys.threshold) return true;
        }
        return false;
    }

    function requireSorted(bytes32[] memory ids) private pure {
        for (uint256 i = 1; i < ids.length; ++i) {
            if (ids[i - 1] >= ids[i]) revert NotSorted();
        }
    }

    function isBy(Credential memory credential, Assertion memory made, bytes memory challenge, bool byPrecompile)
        private
        view
        returns (bool)
    {
        bytes memory client = bytes(made.clientDataJSON);
        if (!stands('"type":"webauthn.get"', client, made.typeIndex)) return false;
        if (!stands(challenge, client, made.challengeIndex)) return false;
        if (made.authenticatorData.length < SHORTEST) return false;
        bytes1 flags = made.authenticatorData[FLAGS];
        if (flags & USER_PRESENT == 0 || (credential.requireUV && flags & USER_VERIFIED == 0)) return false;
        if (made.s > P256.N / 2) return false;
        bytes32 digest = sha256(abi.encodePacked(made.authenticatorData, sha256(client)));
        return byPrecompile
            ? P256.verifyByPrecompile(digest, made.r, made.s, credential.x, credential.y)
            : P256.verify(digest, made.r, made.s, credential.x, credential.y);
    }

    function stands(bytes memory part, bytes memory text, uint256 start) private pure returns (bool) {
        if (start > text.length || text.length - start < part.length) return false;
        for (uint256 i; i < part.length; ++i) {
            if (text[start + i] != part[i]) return false;
        }
        return true;
    }

    /// 32 bytes in 43 digits of six bits, without padding.
    function base64Url(bytes32 data) private pure returns (bytes memory digits) {
        bytes memory alphabet = ALPHABET;
        digits = new bytes(43);
        uint256 value = uint256(data);
        digits[42] = alphabet[(value & 15) << 2];
        value >>= 4;
        for (uint256 i = 42; i > 0; --i) {
            digits[i - 1] = alphabet[value & 63];
            value >>= 6;
        }
    }
}
