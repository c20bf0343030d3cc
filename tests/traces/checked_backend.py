"""The model as a backend that decides every operation twice beforehand: by the exact walk and at speed."""

from collections import Counter

from agent.domain.budget import Cleared, Consumption
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import PackedUserOperation, split_init_code, split_paymaster_and_data
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Counters, Grant, guards
from agent.smart_sessions.model import Model
from agent.smart_sessions.preflight import preflight
from agent.smart_sessions.session_json import session_from_json
from agent.smart_sessions.state import AccountState, SessionState
from tests.traces.backend import Result, Sequence, Step, packed_operation
from tests.traces.model_backend import ModelBackend

PAYER_WITH_GAS = 52


class CheckedBackend(ModelBackend):
    """Counts in `seen` what both said of each operation the agent could have built."""

    def __init__(self, sequence: Sequence, seen: Counter[str]) -> None:
        super().__init__(sequence)
        self._seen = seen
        self._checker = Checker(grant_of(sequence))

    def apply(self, step: Step) -> Result:
        if step["kind"] == "op":
            self._compare(step)
        return super().apply(step)

    def _compare(self, step: Step) -> None:
        packed = packed_operation(step, self._sequence["account"])
        now = as_read(self._checker.grant, self.model)
        if now is None or 0 < len(packed.paymaster_and_data) < PAYER_WITH_GAS:
            return
        operation, at = unpacked(packed), Timestamp(step["timestamp"])
        said = self._both(now, {}, operation, at)
        if self._seen["same"] % 3:
            return
        for item in said:
            # The last of the limit, and one less.
            last = item.limit - item.used - item.amount
            self._both(now, {item.limit_key: last}, operation, at)
            self._both(now, {item.limit_key: last + 1}, operation, at)

    def _both(
        self, now: Counters, reserved: dict[str, int], operation: UserOperation, at: Timestamp
    ) -> tuple[Consumption, ...]:
        slow = preflight(self._checker.grant, now, reserved, operation, at)
        fast = self._checker.decide(now, reserved, operation, at)
        self._seen["same" if fast == slow else "different"] += 1
        if not isinstance(slow, Cleared):
            return ()
        self._seen["cleared"] += 1
        self._seen["cleared at speed"] += self._checker.consumption(now, reserved, operation, at) is not None
        return slow.consumption


def grant_of(sequence: Sequence) -> Grant:
    """Return the session that a sequence grants first."""
    return Grant(
        ChainId(sequence["chain_id"]),
        SMART_SESSION,
        Address.from_hex(sequence["account"]),
        Hash32.from_hex(sequence["permission_id"]),
        session_from_json(sequence["session"]),
    )


def as_read(grant: Grant, model: Model) -> Counters | None:
    """Return what reading the chain would tell; None once its lists hold what the grant does not."""
    session = model.state.sessions.get(grant.permission_id)
    if session is None:
        return None
    whole, *rest = guards(grant)
    listed = {guard.action: session.actions.get(guard.action or Hash32(bytes(32)), []) for guard in rest}
    if any(set(listed[guard.action]) - guard.init_data.keys() for guard in rest):
        return None
    if set(session.user_op_policies) - whole.init_data.keys():
        return None
    known: dict[Hash32, list[Address]] = {
        action: policies for action, policies in listed.items() if action is not None
    }
    read = SessionState(
        session.validator,
        session.validator_init_data,
        grant.session.permit_erc4337_paymaster,
        session.user_op_policies,
        [],
        known,
    )
    return Counters(True, AccountState({grant.permission_id: read}, model.state.policies))  # noqa: FBT003


def unpacked(op: PackedUserOperation) -> UserOperation:
    """Return the operation in the form the agent builds."""
    factory, factory_data = split_init_code(op.init_code)
    return UserOperation(
        sender=op.sender,
        nonce=op.nonce,
        call_data=op.call_data,
        call_gas_limit=Gas(int.from_bytes(op.account_gas_limits[16:], "big")),
        verification_gas_limit=Gas(int.from_bytes(op.account_gas_limits[:16], "big")),
        pre_verification_gas=Gas(op.pre_verification_gas),
        max_fee_per_gas=Wei(int.from_bytes(op.gas_fees[16:], "big")),
        max_priority_fee_per_gas=Wei(int.from_bytes(op.gas_fees[:16], "big")),
        factory=factory,
        factory_data=factory_data,
        paymaster=split_paymaster_and_data(op.paymaster_and_data),
    )
