"""Somebody with the session key, who takes what the exact model of the contracts lets through."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.domain.call import Call
from agent.domain.session import Session
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import packed
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.execution_shape import Frame
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from agent.smart_sessions.policies.policy import OperationFacts
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.walk import Complaint, Walk

ACCOUNT = Address(b"\x0a" * 20)


@dataclass(slots=True)
class Attacker:
    """Counts what got out of the account."""

    session: Session
    tokens: Counter[Address] = field(default_factory=Counter)
    native_wei: int = 0
    gas_wei: int = 0
    operations: int = 0
    receivers: set[tuple[Address | None, Address]] = field(default_factory=set)

    def attack(self, attempts: Sequence[tuple[Sequence[Call], int]]) -> None:
        """Try operations one after another; each is its calls and a fee per gas."""
        model = Model(SMART_SESSION, ACCOUNT)
        with model.manage() as management:
            management.enable_sessions([self.session])
        for calls, fee_wei in attempts:
            operation = _operation(calls, fee_wei)
            state = model.state.copy()
            walk = Walk(state, SMART_SESSION, ACCOUNT, permission_id(self.session), _refuse)
            facts = OperationFacts(packed(operation), Frame.of(operation.call_data), fee_wei)
            try:
                walk.operation(facts)
            except Revert:
                continue
            model.state = state
            self._took(calls, operation)

    def _took(self, calls: Sequence[Call], operation: UserOperation) -> None:
        self.operations += 1
        self.gas_wei += 300_000 * operation.max_fee_per_gas
        for call in calls:
            if call.value_wei:
                self.native_wei += call.value_wei
                self.receivers.add((None, call.target))
            if len(call.data) >= 68:
                self._took_token(call)

    def _took_token(self, call: Call) -> None:
        start = 36 if call.data[:4] == TRANSFER_FROM else 4
        receiver = Address(call.data[start + 12 : start + 32])
        amount = int.from_bytes(call.data[start + 32 : start + 64], "big")
        if amount and receiver != ACCOUNT:
            self.tokens[call.target] += amount
            self.receivers.add((call.target, receiver))


def _operation(calls: Sequence[Call], fee_wei: int) -> UserOperation:
    return UserOperation(
        sender=ACCOUNT,
        nonce=0,
        call_data=encode_execute(calls),
        call_gas_limit=Gas(100_000),
        verification_gas_limit=Gas(100_000),
        pre_verification_gas=Gas(100_000),
        max_fee_per_gas=Wei(fee_wei),
        max_priority_fee_per_gas=Wei(fee_wei),
    )


def _refuse(complaint: Complaint) -> None:
    raise complaint.revert
