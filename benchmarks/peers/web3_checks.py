"""The same decision as a user of web3.py writes it: decode the calls by their ABI, compare with the limits.

It checks this one session by hand, reads no chain and makes no record of what each limit would lose.
"""

from dataclasses import dataclass

from web3 import Web3
from web3.contract import Contract

from agent.domain.user_operation import UserOperation
from benchmarks.peers.web3_stack import ACCOUNT_ABI, ERC20_ABI, SINGLE_MODE


@dataclass(frozen=True, slots=True)
class Limits:
    """What the session allows, none of it used yet."""

    token: bytes
    payee: bytes
    most_at_a_time: int
    most_in_all: int
    uses: int
    gas: int
    gas_cost_wei: int
    valid_until: int


class Web3Checks:
    """Decides payments under one session, with contract objects made once."""

    def __init__(self, limits: Limits) -> None:
        web3 = Web3()
        self._account: type[Contract] = web3.eth.contract(abi=ACCOUNT_ABI)
        self._token: type[Contract] = web3.eth.contract(abi=ERC20_ABI)
        self._limits = limits

    def allows(self, op: UserOperation, at: int) -> bool:
        """Say whether every limit has room for the operation."""
        limits = self._limits
        _, arguments = self._account.decode_function_input(op.call_data)
        execution = arguments["executionCalldata"]
        target, value, data = execution[:20], int.from_bytes(execution[20:52], "big"), execution[52:]
        _, call = self._token.decode_function_input(data)
        gas = op.pre_verification_gas + op.verification_gas_limit + op.call_gas_limit
        return (
            arguments["mode"] == SINGLE_MODE
            and value == 0
            and target == limits.token
            and bytes.fromhex(call["to"][2:]) == limits.payee
            and call["amount"] <= min(limits.most_at_a_time, limits.most_in_all)
            and limits.uses > 0
            and gas <= limits.gas
            and gas * op.max_fee_per_gas <= limits.gas_cost_wei
            and at <= limits.valid_until
        )
