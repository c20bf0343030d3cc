// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Ordered set of words per account. Every slot is keyed by the account last, as ERC-7562 asks of validation storage.
struct AccountList {
    mapping(address account => uint256) count;
    mapping(uint256 index => mapping(address account => bytes32)) items;
    mapping(bytes32 item => mapping(address account => uint256)) positions;
}

library AccountLists {
    function contains(AccountList storage list, address account, bytes32 item) internal view returns (bool) {
        return list.positions[item][account] != 0;
    }

    function add(AccountList storage list, address account, bytes32 item) internal {
        if (contains(list, account, item)) return;
        uint256 index = list.count[account]++;
        list.items[index][account] = item;
        list.positions[item][account] = index + 1;
    }

    /// Remove an item; the last one moves into its place.
    function remove(AccountList storage list, address account, bytes32 item) internal {
        uint256 position = list.positions[item][account];
        if (position == 0) return;
        uint256 last = --list.count[account];
        bytes32 moved = list.items[last][account];
        list.items[position - 1][account] = moved;
        list.positions[moved][account] = position;
        delete list.items[last][account];
        delete list.positions[item][account];
    }

    function clear(AccountList storage list, address account) internal {
        uint256 count = list.count[account];
        for (uint256 i; i < count; ++i) {
            delete list.positions[list.items[i][account]][account];
            delete list.items[i][account];
        }
        delete list.count[account];
    }

    function at(AccountList storage list, address account, uint256 index) internal view returns (bytes32) {
        return list.items[index][account];
    }

    function all(AccountList storage list, address account) internal view returns (bytes32[] memory items) {
        items = new bytes32[](list.count[account]);
        for (uint256 i; i < items.length; ++i) {
            items[i] = list.items[i][account];
        }
    }

    function allAddresses(AccountList storage list, address account) internal view returns (address[] memory items) {
        items = new address[](list.count[account]);
        for (uint256 i; i < items.length; ++i) {
            items[i] = toAddress(list.items[i][account]);
        }
    }

    function toItem(address value) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(value)));
    }

    function toAddress(bytes32 item) internal pure returns (address) {
        return address(uint160(uint256(item)));
    }
}
