// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PackedUserOperation} from "./Types.sol";

interface IToken {
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// ERC-20 paymaster for local chains: pays for what its signer agreed to, and takes a token afterwards.
/// paymasterData = abi.encode(uint48 validUntil, uint48 validAfter, uint256 rate) ++ signature (65 bytes);
/// the rate is in base units of the token for 10**18 wei.
contract TokenPaymaster {
    error OnlyEntryPoint();
    error TokenNotPaid();

    /// Gas of `postOp` itself, which nobody has measured yet when the fee is computed.
    uint256 private constant POST_OP_GAS = 40_000;
    uint256 private constant OFFSET = 52;
    uint256 private constant SIGNATURE = 96;

    address public immutable entryPoint;
    address public immutable signer;
    IToken public immutable token;

    constructor(address entryPoint_, address signer_, IToken token_) {
        entryPoint = entryPoint_;
        signer = signer_;
        token = token_;
    }

    modifier onlyEntryPoint() {
        if (msg.sender != entryPoint) revert OnlyEntryPoint();
        _;
    }

    function validatePaymasterUserOp(PackedUserOperation calldata op, bytes32, uint256)
        external
        view
        onlyEntryPoint
        returns (bytes memory context, uint256 validationData)
    {
        bytes calldata data = op.paymasterAndData[OFFSET:];
        (uint48 validUntil, uint48 validAfter, uint256 rate) =
            abi.decode(data[:SIGNATURE], (uint48, uint48, uint256));
        bytes32 digest = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", termsHash(op)));
        bytes calldata signature = data[SIGNATURE:];
        address found = ecrecover(
            digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])
        );
        context = abi.encode(op.sender, rate);
        validationData =
            (found == signer ? 0 : 1) | (uint256(validUntil) << 160) | (uint256(validAfter) << 208);
    }

    function postOp(uint8, bytes calldata context, uint256 actualGasCost, uint256 feePerGas)
        external
        onlyEntryPoint
    {
        (address payer, uint256 rate) = abi.decode(context, (address, uint256));
        uint256 fee = (actualGasCost + POST_OP_GAS * feePerGas) * rate / 1 ether;
        if (!token.transferFrom(payer, address(this), fee)) revert TokenNotPaid();
    }

    /// What the signer agrees to: the whole operation but for the account's signature and its own.
    function termsHash(PackedUserOperation calldata op) public view returns (bytes32) {
        bytes32 operation = keccak256(
            abi.encode(
                op.sender,
                op.nonce,
                keccak256(op.initCode),
                keccak256(op.callData),
                op.accountGasLimits,
                op.preVerificationGas,
                op.gasFees
            )
        );
        bytes32 terms = keccak256(op.paymasterAndData[:OFFSET + SIGNATURE]);
        return keccak256(abi.encode(operation, terms, block.chainid, address(this)));
    }
}
