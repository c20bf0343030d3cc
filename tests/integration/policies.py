"""Policies as the sessions of these tests name them: init data without the agent's encoders."""

import itertools

from eth_abi.abi import encode

from agent.devnet.addresses import SESSION_CONTRACTS
from agent.devnet.devnet import Devnet
from agent.domain.session import ActionData, PolicyData
from agent.domain.units import Address
from tests.integration.scenes import TRANSFER

SUDO = SESSION_CONTRACTS["SudoPolicy"]
SPENDING = SESSION_CONTRACTS["ERC20SpendingLimitPolicy"]
TIME_FRAME = SESSION_CONTRACTS["TimeFramePolicy"]
USAGE = SESSION_CONTRACTS["UsageLimitPolicy"]
VALUE = SESSION_CONTRACTS["ValueLimitPolicy"]
UNI_ACTION = SESSION_CONTRACTS["UniActionPolicy"]
SIMPLE_GAS = SESSION_CONTRACTS["SimpleGasPolicy"]
ARG = SESSION_CONTRACTS["ArgPolicy"]
WHITELIST = SESSION_CONTRACTS["ContractWhitelistPolicy"]

EQUAL, AT_MOST = 0, 4


def sudo() -> PolicyData:
    return PolicyData(SUDO, b"")


def spending(token: Address, limit: int) -> PolicyData:
    return PolicyData(SPENDING, encode(["address[]", "uint256[]"], [[token], [limit]]))


def time_frame(valid_until: int, valid_after: int) -> PolicyData:
    return PolicyData(TIME_FRAME, valid_until.to_bytes(6, "big") + valid_after.to_bytes(6, "big"))


def usage(limit: int) -> PolicyData:
    return PolicyData(USAGE, limit.to_bytes(16, "big"))


def value(limit_wei: int) -> PolicyData:
    return PolicyData(VALUE, limit_wei.to_bytes(32, "big"))


def simple_gas(gas_limit: int, cost_limit_wei: int = 2**127) -> PolicyData:
    return PolicyData(SIMPLE_GAS, gas_limit.to_bytes(16, "big") + cost_limit_wei.to_bytes(16, "big"))


def rule(condition: int, offset: int, reference: int, limit: int | None = None) -> list[int]:
    """Return the six words of one rule of UniAction."""
    return [condition, offset, int(limit is not None), reference, limit or 0, 0]


def uni_action(*rules: list[int], value_limit_wei: int = 0) -> PolicyData:
    words = [value_limit_wei, len(rules), *itertools.chain(*rules)]
    return PolicyData(UNI_ACTION, b"".join(word.to_bytes(32, "big") for word in words).ljust(98 * 32, b"\0"))


def arg(*rules: list[int], nodes: list[int], value_limit_wei: int = 0) -> PolicyData:
    """Ask the last of these packed nodes."""
    listed = [
        (c, offset, bool(limited), ref.to_bytes(32, "big"), use) for c, offset, limited, ref, *use in rules
    ]
    types = "(uint256,(uint8,(uint8,uint64,bool,bytes32,(uint256,uint256))[],uint256[]))"
    return PolicyData(ARG, encode([types], [(value_limit_wei, (len(nodes) - 1, listed, nodes))]))


def rule_node(rule_index: int) -> int:
    return rule_index << 2


def or_node(left: int, right: int) -> int:
    return 3 | left << 10 | right << 18


def whitelist(*targets: Address) -> PolicyData:
    return PolicyData(WHITELIST, b"".join(targets))


def transfers(devnet: Devnet, *policies: PolicyData) -> ActionData:
    """Allow USDC transfers under these policies."""
    return ActionData(TRANSFER, devnet.usdc, policies)
