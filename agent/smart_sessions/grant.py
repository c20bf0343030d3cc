"""A session as it was granted on one account of one chain: what to read of it, and what the answers say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from agent.domain.call import Call
from agent.domain.session import PolicyData, Session
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.smart_sessions.ids import action_config_id, action_id, user_op_config_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Slot
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.state import AccountState, SessionState
from agent.smart_sessions.views import (
    action_policies_call,
    addresses,
    is_permission_enabled_call,
    user_op_policies_call,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Where a session lives."""

    chain_id: ChainId
    smart_session: Address
    account: Address
    permission_id: Hash32
    session: Session


@dataclass(frozen=True, slots=True)
class Guard:
    """One list of policies of the session; `action` is None for the list on whole operations."""

    config_id: Hash32
    action: Hash32 | None
    init_data: Mapping[Address, bytes]
    """By policy; of a policy listed twice the last counts."""


@dataclass(frozen=True, slots=True)
class PolicyPlace:
    """One policy in one list."""

    policy: Address
    config_id: Hash32


@dataclass(frozen=True, slots=True)
class Counters:
    """What the chain says of a grant at one block."""

    enabled: bool
    state: AccountState = field(default_factory=AccountState)
    foreign: tuple[PolicyPlace, ...] = ()
    """Policies in force that the granted session does not list."""
    unreadable: tuple[PolicyPlace, ...] = ()
    """Policies in force whose counters gave no usable answer."""


@dataclass(frozen=True, slots=True)
class _KnownPolicy:
    """A policy in one list whose counters the agent can read."""

    place: PolicyPlace
    slot: Slot
    init_data: bytes
    views: int
    """How many answers it is read from."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked of a grant, and what the answers are of, in that order."""

    reads: tuple[Call, ...]
    guards: tuple[tuple[Guard, tuple[_KnownPolicy, ...]], ...]


Answer = bytes | None
"""What a read returned; None when it failed."""


def reads(grant: Grant) -> tuple[Call, ...]:
    """Return the reads of SmartSession and its policies that `counters` needs, to be made at one block."""
    return _plan(grant).reads


def counters(grant: Grant, answers: Sequence[Answer]) -> Counters:
    """Read what SmartSession and its policies answered to `reads(grant)`, in their order."""
    stream = iter(answers)
    if int.from_bytes(next(stream) or b"", "big") != 1:
        return Counters(enabled=False)
    session = SessionState(
        grant.session.session_validator,
        grant.session.session_validator_init_data,
        grant.session.permit_erc4337_paymaster,
    )
    state = AccountState({grant.permission_id: session})
    foreign: list[PolicyPlace] = []
    unreadable: list[PolicyPlace] = []
    for guard, known in _plan(grant).guards:
        listed = _listed(next(stream))
        if guard.action is None:
            session.user_op_policies = listed
        else:
            session.actions[guard.action] = listed
        foreign += (PolicyPlace(p, guard.config_id) for p in listed if p not in guard.init_data)
        unread = _read_states(known, stream, state)
        unreadable += (place for place in unread if place.policy in listed)
    return Counters(enabled=True, state=state, foreign=tuple(foreign), unreadable=tuple(unreadable))


def as_granted(grant: Grant) -> Counters:
    """Return what the chain would say right after the grant: nothing used; raise Revert where it cannot be.

    Policies that the agent does not know have no state.
    """
    granted = grant.session
    session = SessionState(
        granted.session_validator, granted.session_validator_init_data, granted.permit_erc4337_paymaster
    )
    state = AccountState({grant.permission_id: session})
    for guard in guards(grant):
        if guard.action is None:
            session.user_op_policies = list(guard.init_data)
        else:
            session.actions[guard.action] = list(guard.init_data)
        slot = slot_of(grant, guard.config_id)
        for policy, init_data in _known(guard):
            state.policies[policy, guard.config_id] = POLICIES[policy].initialized(slot, init_data, None)
    return Counters(enabled=True, state=state)


@lru_cache(maxsize=4096)
def guards(grant: Grant) -> tuple[Guard, ...]:
    """Return the session's lists of policies: the one on operations, then one per action."""
    actions: dict[Hash32, list[PolicyData]] = {}
    for item in grant.session.actions:
        identifier = action_id(item.action_target, item.action_target_selector)
        actions.setdefault(identifier, []).extend(item.action_policies)
    permission = grant.permission_id
    whole = Guard(
        user_op_config_id(grant.account, permission), None, _init_data(grant.session.user_op_policies)
    )
    return (
        whole,
        *(
            Guard(action_config_id(grant.account, permission, action), action, _init_data(policies))
            for action, policies in actions.items()
        ),
    )


def slot_of(grant: Grant, config_id: Hash32) -> Slot:
    """Return the place of one list's configuration in the policies' storage."""
    return Slot(config_id, grant.smart_session, grant.account)


def _init_data(policies: Sequence[PolicyData]) -> dict[Address, bytes]:
    return {item.policy: item.init_data for item in policies}


@lru_cache(maxsize=4096)
def _plan(grant: Grant) -> _Plan:
    """Return what to ask of a grant: the same at every block, so it is put together once."""
    account, permission = grant.account, grant.permission_id
    calls = [_read(grant.smart_session, is_permission_enabled_call(permission, account))]
    planned: list[tuple[Guard, tuple[_KnownPolicy, ...]]] = []
    for guard in guards(grant):
        if guard.action is None:
            calls.append(_read(grant.smart_session, user_op_policies_call(account, permission)))
        else:
            calls.append(_read(grant.smart_session, action_policies_call(account, permission, guard.action)))
        slot, known = slot_of(grant, guard.config_id), list[_KnownPolicy]()
        for policy, init_data in _known(guard):
            views = POLICIES[policy].views(slot, init_data)
            calls += (_read(view.target, view.data) for view in views)
            known.append(_KnownPolicy(PolicyPlace(policy, guard.config_id), slot, init_data, len(views)))
        planned.append((guard, tuple(known)))
    return _Plan(tuple(calls), tuple(planned))


def _read_states(
    known: Sequence[_KnownPolicy], stream: Iterator[Answer], state: AccountState
) -> Iterator[PolicyPlace]:
    for one in known:
        policy, config_id = one.place.policy, one.place.config_id
        answers = [next(stream) for _ in range(one.views)]
        try:
            state.policies[policy, config_id] = POLICIES[policy].state_from(one.slot, one.init_data, answers)
        except (ValueError, Revert):
            yield one.place


def _known(guard: Guard) -> Iterator[tuple[Address, bytes]]:
    return ((policy, data) for policy, data in guard.init_data.items() if policy in POLICIES)


def _listed(answer: Answer) -> list[Address]:
    try:
        return list(addresses(answer or b""))
    except ValueError:
        return []


def _read(target: Address, data: bytes) -> Call:
    return Call(target, Wei(0), data)
