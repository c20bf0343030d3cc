"""The preflight at speed: yes from a session compiled once, no and its reasons from the exact walk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agent.domain.budget import Cleared, Consumption, Verdict
from agent.domain.units import UINT128_MAX, Address, Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import EXECUTE
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET
from agent.smart_sessions.execution_shape import Frame, executions
from agent.smart_sessions.grant import Counters, Grant, Guard, guards
from agent.smart_sessions.ids import action_id, called_selector
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.preflight import preflight
from agent.smart_sessions.quick_checks import Check, Question, check_on_action, check_on_operations
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.state import AccountState, SessionState

_OFFSET = (64).to_bytes(32, "big")
_SINGLE_HEAD = EXECUTE + bytes(32) + _OFFSET
_BATCH_HEAD = EXECUTE + b"\x01" + bytes(31) + _OFFSET
_FALLBACK = PSEUDO_TARGET + FALLBACK_SELECTOR
_KNOWN = frozenset(POLICIES)
COMPILED_AT_ONCE = 4096
"""Sessions whose compiled form is kept: each takes some kilobytes."""

Call = tuple[bytes, int, bytes]
"""Target, value in wei, data."""
Asked = tuple[tuple[Address, Hash32], Check]
"""Where a policy's state is, and what to ask of it."""


class Checker:
    """Decides operations of one grant exactly as `preflight` does.

    It never says yes on its own where the walk would say no: whatever it does not expect, it asks the walk.
    """

    __slots__ = ("grant",)

    def __init__(self, grant: Grant) -> None:
        self.grant = grant

    def decide(
        self, counters: Counters, reserved: Mapping[str, int], op: UserOperation, at: Timestamp
    ) -> Verdict:
        """Return what the operation may use of each limit at worst, or every reason against it.

        `reserved` is what other operations in flight may still use, by limit key; `at` a block's timestamp.
        """
        consumption = self.consumption(counters, reserved, op, at)
        if consumption is not None:
            return Cleared(consumption)
        return preflight(self.grant, counters, reserved, op, at)

    def consumption(
        self, counters: Counters, reserved: Mapping[str, int], op: UserOperation, at: Timestamp
    ) -> tuple[Consumption, ...] | None:
        """Return what the operation may use; None where only the walk can tell."""
        question = Question(op, at, reserved)
        if not _compiled(self).allows(counters, question):
            return None
        taken = question.taken.items()
        return tuple(
            [Consumption(key, amount, limit, used) for key, (amount, limit, used) in taken if amount]
        )


@dataclass(frozen=True, slots=True)
class _Action:
    identifier: Hash32
    checks: Mapping[Address, Asked]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A grant with its policies decoded; the lists in force come from the chain each time."""

    permission_id: Hash32
    special: frozenset[bytes]
    """Targets that have rules of their own."""
    on_operations: Mapping[Address, Asked]
    actions: Mapping[bytes, _Action]
    """By target and selector."""

    def allows(self, counters: Counters, question: Question) -> bool:
        """Return whether the operation is allowed; False also means: ask the walk."""
        session = counters.state.sessions.get(self.permission_id)
        if session is None or not _as_granted(counters) or not _ordinary(question.op, session):
            return False
        calls = _calls(question.op.call_data)
        if not calls:
            return False
        question.values = sum([value for _, value, _ in calls])
        if not _agree(session.user_op_policies, self.on_operations, counters.state, question):
            return False
        for question.target, question.value, question.data in calls:
            if not self._call(session, counters.state, question):
                return False
        return True

    def _call(self, session: SessionState, state: AccountState, question: Question) -> bool:
        target = question.target
        if target in self.special:
            return False
        exact = self.actions.get(target + called_selector(question.data))
        for action in (exact, self.actions.get(_FALLBACK)):
            listed = session.actions.get(action.identifier) if action is not None else None
            if action is not None and listed:
                return _agree(listed, action.checks, state, question)
        return False


def _as_granted(counters: Counters) -> bool:
    if not counters.enabled or counters.foreign or counters.unreadable:
        return False
    for session in counters.state.sessions.values():
        if not _KNOWN.issuperset(session.user_op_policies):
            return False
        for listed in session.actions.values():
            if not _KNOWN.issuperset(listed):
                return False
    return True


def _ordinary(op: UserOperation, session: SessionState) -> bool:
    payer = op.paymaster
    packed_together = (
        op.call_gas_limit | op.verification_gas_limit | op.max_fee_per_gas | op.max_priority_fee_per_gas
    )
    if payer is not None:
        if not (session.permit_paymaster and session.user_op_policies):
            return False
        packed_together |= payer.paymaster_verification_gas_limit | payer.paymaster_post_op_gas_limit
    return 0 <= packed_together <= UINT128_MAX


def _calls(call_data: bytes) -> list[Call]:
    """Read `execute` as an encoder writes it; nothing for any other call data."""
    head = call_data[:68]
    if head == _SINGLE_HEAD:
        end = 100 + int.from_bytes(call_data[68:100], "big")
        if 152 <= end <= len(call_data):
            return [(call_data[100:120], int.from_bytes(call_data[120:152], "big"), call_data[152:end])]
    elif head == _BATCH_HEAD:
        try:
            return [(item.target, item.value, item.data) for item in executions(Frame.of(call_data))]
        except Revert:
            return []
    return []


def _agree(
    listed: list[Address], checks: Mapping[Address, Asked], state: AccountState, question: Question
) -> bool:
    for policy in listed:
        asked = checks.get(policy)
        if asked is None:
            return False
        place, check = asked
        held = state.policies.get(place)
        if held is None or not check(held, question):
            return False
    return True


@lru_cache(maxsize=COMPILED_AT_ONCE)
def _compiled(checker: Checker) -> _Compiled:
    grant = checker.grant
    whole, *rest = guards(grant)
    by_action = {guard.action: guard for guard in rest}
    actions = {}
    for item in grant.session.actions:
        identifier = action_id(item.action_target, item.action_target_selector)
        called = item.action_target + item.action_target_selector
        actions[called] = _Action(identifier, dict(_asked(grant, by_action[identifier])))
    return _Compiled(
        grant.permission_id,
        frozenset((grant.account, PSEUDO_TARGET, grant.smart_session)),
        dict(_asked(grant, whole)),
        actions,
    )


def _asked(grant: Grant, guard: Guard) -> Iterator[tuple[Address, Asked]]:
    make = check_on_operations if guard.action is None else check_on_action
    for policy, init_data in guard.init_data.items():
        check = make(grant, guard.config_id, policy, init_data)
        if check is not None:
            yield policy, ((policy, guard.config_id), check)
