// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {I1271Policy, IActionPolicy, IERC165, IPolicy, IUserOpPolicy} from "../Interfaces.sol";
import {PackedUserOperation} from "../Types.sol";
import {ValidationWindow} from "../lib/ValidationWindow.sol";

/// Answers with a validity window, which the EntryPoint enforces.
contract TimeFramePolicy is IUserOpPolicy, IActionPolicy, I1271Policy {
    struct TimeFrame {
        uint48 validUntil;
        uint48 validAfter;
    }

    mapping(bytes32 id => mapping(address multiplexer => mapping(address account => TimeFrame))) private frames;

    function initializeWithMultiplexer(address account, bytes32 configId, bytes calldata initData) external {
        uint48 validUntil = uint48(bytes6(initData[0:6]));
        uint48 validAfter = uint48(bytes6(initData[6:12]));
        if (validUntil != 0 && validAfter > validUntil) revert PolicyNotInitialized(configId, msg.sender, account);
        frames[configId][msg.sender][account] = TimeFrame(validUntil, validAfter);
        emit PolicySet(configId, msg.sender, account);
    }

    function checkUserOpPolicy(bytes32 id, PackedUserOperation calldata op) external view returns (uint256) {
        return window(id, op.sender);
    }

    function checkAction(bytes32 id, address account, address, uint256, bytes calldata)
        external
        view
        returns (uint256)
    {
        return window(id, account);
    }

    function check1271SignedAction(bytes32 id, address, address account, bytes32, bytes calldata)
        external
        view
        returns (bool)
    {
        TimeFrame memory frame = frames[id][msg.sender][account];
        bool open = frame.validUntil == 0 || block.timestamp <= frame.validUntil;
        return open && block.timestamp >= frame.validAfter;
    }

    function window(bytes32 id, address account) private view returns (uint256) {
        TimeFrame memory frame = frames[id][msg.sender][account];
        if (frame.validUntil == 0 && frame.validAfter == 0) revert PolicyNotInitialized(id, msg.sender, account);
        return ValidationWindow.pack(frame.validUntil, frame.validAfter);
    }

    function getTimeFrameConfig(bytes32 id, address multiplexer, address account) public view returns (uint256) {
        TimeFrame memory frame = frames[id][multiplexer][account];
        return uint256(frame.validUntil) << 48 | frame.validAfter;
    }

    function timeFrameConfigs(bytes32 id, address multiplexer, address account) external view returns (uint256) {
        return getTimeFrameConfig(id, multiplexer, account);
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId
            || interfaceId == IPolicy.initializeWithMultiplexer.selector
            || interfaceId == IUserOpPolicy.checkUserOpPolicy.selector
            || interfaceId == IActionPolicy.checkAction.selector
            || interfaceId == I1271Policy.check1271SignedAction.selector;
    }
}
