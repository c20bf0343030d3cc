"""Decide whether a session has room for an operation, and say everything that stands against it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.domain.budget import Blocked, Cleared, Consumption, LimitKey, LimitUse, Verdict, Violation
from agent.domain.units import UINT128_MAX, Address, Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import packed
from agent.smart_sessions.execution_shape import Frame
from agent.smart_sessions.grant import Counters, Grant, PolicyPlace, guards
from agent.smart_sessions.guards import AMOUNT_OFFSETS, RECIPIENT_OFFSETS
from agent.smart_sessions.ids import called_selector
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import MALFORMED, ActionCall, Charge, OperationFacts, Part, Refused
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.state import AccountState
from agent.smart_sessions.walk import Complaint, Walk

# With a base fee above every fee SimpleGas charges the maximum fee: the worst any block can charge.
_WORST_BASE_FEE = UINT128_MAX


@dataclass(frozen=True, slots=True)
class _Limit:
    key: LimitKey
    part: Part


def preflight(
    grant: Grant, counters: Counters, reserved: Mapping[str, int], op: UserOperation, at: Timestamp
) -> Verdict:
    """Decide as `validateUserOp` of SmartSession would: what may be used of each limit at worst, or why not.

    `reserved` is what other operations in flight may still use, by limit key; `at` is a block's timestamp.
    The signature is not looked at.
    """
    violations = list(_state_violations(counters))
    if violations:
        return Blocked(tuple(violations))
    complaints: list[Complaint] = []
    state = _with_reserved(grant, counters.state, reserved)
    walk = Walk(state, grant.smart_session, grant.account, grant.permission_id, complaints.append)
    try:
        walk.operation(OperationFacts(packed(op), Frame.of(op.call_data), _WORST_BASE_FEE))
    except Revert:
        violations.append(Violation("malformed_call_data", MALFORMED))
    told = _Told(grant, counters.state, reserved)
    violations += (violation for complaint in complaints for violation in told.violations(complaint))
    violations += _window_violations(walk, at)
    if violations:
        return Blocked(tuple(dict.fromkeys(violations)))
    return Cleared(_consumption(grant, counters, walk))


def limits(grant: Grant, counters: Counters) -> tuple[LimitUse, ...]:
    """Return every counter that the policies' contracts keep for the session, as the chain has it."""
    return tuple(
        LimitUse(limit.key, limit.part.limit, limit.part.used, limit.part.unit)
        for limit in _limits(grant, counters.state)
    )


def earliest_expiry(grant: Grant, counters: Counters) -> Timestamp | None:
    """Return when the first TimeFramePolicy of the session ends, in seconds; None when none does."""
    states = (counters.state.policies[place] for place in _in_force(grant, counters.state))
    ends = [state.valid_until for state in states if isinstance(state, TimeFrame) and state.valid_until]
    return min(ends, default=None)


def _limits(grant: Grant, state: AccountState) -> Iterator[_Limit]:
    for address, config in _in_force(grant, state):
        for part in POLICIES[address].parts(state.policies[address, config]):
            key = LimitKey(grant.chain_id, grant.permission_id, config, address, part.name)
            yield _Limit(key, part)


def _in_force(grant: Grant, state: AccountState) -> Iterator[tuple[Address, Hash32]]:
    session = state.sessions.get(grant.permission_id)
    if session is None:
        return
    for guard in guards(grant):
        listed = session.user_op_policies if guard.action is None else session.actions.get(guard.action, [])
        yield from (
            (policy, guard.config_id) for policy in listed if (policy, guard.config_id) in state.policies
        )


def _with_reserved(grant: Grant, state: AccountState, reserved: Mapping[str, int]) -> AccountState:
    state = state.copy()
    for limit in list(_limits(grant, state)):
        amount = reserved.get(str(limit.key), 0)
        if amount:
            place = (limit.key.policy, limit.key.config_id)
            charge = Charge(limit.part.name, amount)
            state.policies[place] = POLICIES[place[0]].charged(state.policies[place], charge)
    return state


def _state_violations(counters: Counters) -> Iterator[Violation]:
    if not counters.enabled:
        yield Violation("session_not_enabled", "ask the owner to grant the session: sessions grant")
        return
    remedy = "the session on chain is not the one in the file: let the owner remove it and grant it anew"
    yield from (_at_place("session_changed", remedy, place) for place in counters.foreign)
    remedy = "its counters could not be read: check the RPC node and the policy's address"
    yield from (_at_place("policy_unreadable", remedy, place) for place in counters.unreadable)
    remedy = "the agent does not know this policy's rules: use a session with policies it knows"
    unknown = {p for p in _policies(counters.state) if p not in POLICIES} - {
        p.policy for p in counters.foreign
    }
    yield from (Violation("policy_unknown", remedy, policy) for policy in sorted(unknown))


def _policies(state: AccountState) -> Iterator[Address]:
    for session in state.sessions.values():
        for policies in (session.user_op_policies, *session.actions.values()):
            yield from policies


def _at_place(code: str, remedy: str, place: PolicyPlace) -> Violation:
    rule = POLICIES[place.policy].name if place.policy in POLICIES else ""
    return Violation(code, remedy, place.policy, place.config_id, rule=rule)


class _Told:
    """Tells complaints with what the chain and the reservations say of the counter."""

    def __init__(self, grant: Grant, state: AccountState, reserved: Mapping[str, int]) -> None:
        limits_in_force = _limits(grant, state)
        self._limits = {
            (item.key.policy, item.key.config_id, item.part.name): item for item in limits_in_force
        }
        self._reserved = reserved

    def violations(self, complaint: Complaint) -> Iterable[Violation]:
        refused = complaint.refused
        return (self._violation(item, complaint) for item in (refused, *refused.further))

    def _violation(self, refused: Refused, complaint: Complaint) -> Violation:
        policy, config, call = complaint.policy, complaint.config_id, complaint.call
        known = None
        if policy is not None and config is not None and not refused.relation:
            known = self._limits.get((policy, config, refused.part))
        return Violation(
            refused.code,
            refused.remedy,
            policy,
            config,
            refused.part,
            refused.asked,
            refused.left,
            rule=POLICIES[policy].name if policy in POLICIES else "",
            target=call.target if call else None,
            selector=called_selector(call.data) if call else b"",
            unit=_unit(refused, call, known),
            relation=refused.relation,
            limit=known.part.limit if known else None,
            used=known.part.used if known else 0,
            reserved=self._reserved.get(str(known.key), 0) if known else 0,
        )


def _unit(refused: Refused, call: ActionCall | None, known: _Limit | None) -> str:
    if call is not None and refused.offset is not None:
        if refused.offset == RECIPIENT_OFFSETS.get(called_selector(call.data)):
            return "address"
        if refused.offset == AMOUNT_OFFSETS.get(called_selector(call.data)):
            return "token"
    if known is not None:
        return known.part.unit
    return "" if refused.asked is None else _UNITS.get(refused.code, "argument")


_UNITS = {"value_per_use": "wei", "value_not_allowed": "wei", "spending_limit": "token"}


def _window_violations(walk: Walk, at: Timestamp) -> Iterator[Violation]:
    for policy, config, window in walk.windows:
        if window.valid_until < at:
            remedy = "ask the owner for a session that lasts longer: sessions new"
            yield _window_violation("session_expired", remedy, policy, config, at, window.valid_until)
        if window.valid_after > at:
            remedy = "wait until its time frame begins"
            yield _window_violation("session_not_started", remedy, policy, config, at, window.valid_after)


def _window_violation(
    code: str, remedy: str, policy: Address, config: Hash32, at: int, bound: int
) -> Violation:
    rule = POLICIES[policy].name
    return Violation(code, remedy, policy, config, "", at, bound, rule=rule, unit="time")


def _consumption(grant: Grant, counters: Counters, walk: Walk) -> tuple[Consumption, ...]:
    amounts: dict[str, int] = {}
    for item in walk.taken:
        key = str(
            LimitKey(grant.chain_id, grant.permission_id, item.config_id, item.policy, item.charge.part)
        )
        amounts[key] = amounts.get(key, 0) + item.charge.amount
    known = {str(limit.key): limit.part for limit in _limits(grant, counters.state)}
    return tuple(
        Consumption(key, amount, known[key].limit, known[key].used)
        for key, amount in amounts.items()
        if amount
    )
