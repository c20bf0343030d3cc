"""A session as its account has it on chain, decoded from what SmartSession and the policies answer.

What no view tells: the salt, the action behind an action id, the content names of ERC-1271 rights, and
whether a paymaster may pay (`paymaster_probe` asks that by simulation). Of spending limits and whitelists
only those tokens and contracts show that somebody asked about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.domain.call import Call
from agent.domain.units import Address, Hash32, Wei
from agent.smart_sessions.grant import Answer
from agent.smart_sessions.ids import action_config_id, erc1271_config_id, user_op_config_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Slot, Use, View
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.views import (
    action_policies_call,
    addresses,
    enable_nonce_call,
    enabled_actions_call,
    erc1271_policies_call,
    is_permission_enabled_call,
    session_validator_call,
    user_op_policies_call,
    validator_and_config,
    words,
)

HEAD_READS = 6
"""How many reads tell a session without its actions and policies."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a permission id lives."""

    smart_session: Address
    account: Address
    permission_id: Hash32


@dataclass(frozen=True, slots=True)
class PolicyList:
    """One list of policies: where it stands, and the init data that says what to ask its policies."""

    use: Use
    action: Hash32 | None
    """The action of a list on an action, otherwise None."""
    config_id: Hash32
    init_data: Mapping[Address, bytes]
    """By policy, in the order in which its views are asked."""


@dataclass(frozen=True, slots=True)
class PolicyFound:
    """One policy in force."""

    policy: Address
    config_id: Hash32
    state: Any = None
    """Configuration and counters as the policy's model has them; None when not asked for or not told."""

    @property
    def init_data(self) -> bytes | None:
        """The init data that makes this configuration with nothing used; None when that is not known."""
        return None if self.state is None else POLICIES[self.policy].init_data(self.state)


@dataclass(frozen=True, slots=True)
class ActionFound:
    """One action that is enabled."""

    action: Hash32
    policies: tuple[PolicyFound, ...] | None
    """In the contract's order; None when nobody asked."""


@dataclass(frozen=True, slots=True)
class OnChainSession:
    """What the chain says of one permission id; all but `enabled` and the nonce is empty when not enabled."""

    location: Location
    enabled: bool
    session_validator: Address | None = None
    session_validator_init_data: bytes = b""
    user_op_policies: tuple[PolicyFound, ...] = ()
    actions: tuple[ActionFound, ...] = ()
    erc1271_policies: tuple[PolicyFound, ...] = ()
    permit_paymaster: bool | None = None
    """Whether a paymaster may pay; None when nobody asked."""
    enable_nonce: int | None = None
    unreadable: tuple[str, ...] = ()
    """Views that gave no usable answer, by name."""


def list_of(
    place: Location, use: Use, action: Hash32 | None, init_data: Mapping[Address, bytes]
) -> PolicyList:
    """Return a list of policies under its config id."""
    if use is Use.ACTION and action is not None:
        config_id = action_config_id(place.account, place.permission_id, action)
    elif use is Use.USER_OP:
        config_id = user_op_config_id(place.account, place.permission_id)
    else:
        config_id = erc1271_config_id(place.account, place.permission_id)
    return PolicyList(use, action, config_id, init_data)


def head_reads(place: Location) -> tuple[Call, ...]:
    """Return the reads of everything but actions' policies and configurations."""
    account, permission = place.account, place.permission_id
    calls = (
        is_permission_enabled_call(permission, account),
        session_validator_call(account, permission),
        user_op_policies_call(account, permission),
        enabled_actions_call(account, permission),
        erc1271_policies_call(account, permission),
        enable_nonce_call(permission, account),
    )
    return tuple(Call(place.smart_session, Wei(0), data) for data in calls)


def action_reads(place: Location, actions: Sequence[Hash32]) -> tuple[Call, ...]:
    """Return the reads of the actions' lists of policies."""
    account, permission = place.account, place.permission_id
    calls = (action_policies_call(account, permission, action) for action in actions)
    return tuple(Call(place.smart_session, Wei(0), data) for data in calls)


def policy_reads(place: Location, lists: Sequence[PolicyList]) -> tuple[Call, ...]:
    """Return the reads of the configurations of every policy the agent knows."""
    return tuple(
        Call(view.target, Wei(0), view.data)
        for item in lists
        for policy in item.init_data
        if policy in POLICIES
        for view in views_of(place, item, policy)
    )


def views_of(place: Location, item: PolicyList, policy: Address) -> tuple[View, ...]:
    """Return the views of one known policy of a list."""
    return POLICIES[policy].views(_slot(place, item), item.init_data[policy])


def head_from(place: Location, answers: Sequence[Answer]) -> OnChainSession:
    """Decode the answers to `head_reads`; the actions' policies and all states are left out."""
    enabled, validator, user_op, actions, erc1271, nonce = answers
    count = None if nonce is None else int.from_bytes(nonce[:32], "big")
    if int.from_bytes(enabled or b"", "big") != 1:
        return OnChainSession(place, enabled=False, enable_nonce=count)
    unreadable: list[str] = []
    if (pair := _validator(validator)) is None:
        unreadable.append("getSessionValidatorAndConfig")
    found: dict[str, tuple[Address, ...]] = {}
    for name, answer in (("getUserOpPolicies", user_op), ("getERC1271Policies", erc1271)):
        listed = listed_in(answer)
        found[name] = listed or ()
        unreadable += [name] if listed is None else []
    identifiers = _identifiers(actions)
    unreadable += ["getEnabledActions"] if identifiers is None else []
    return OnChainSession(
        place,
        enabled=True,
        session_validator=pair[0] if pair else None,
        session_validator_init_data=pair[1] if pair else b"",
        user_op_policies=_bare(place, Use.USER_OP, None, found["getUserOpPolicies"]),
        actions=tuple(ActionFound(item, None) for item in identifiers or ()),
        erc1271_policies=_bare(place, Use.ERC1271, None, found["getERC1271Policies"]),
        enable_nonce=count,
        unreadable=tuple(unreadable),
    )


def listed_in(answer: Answer) -> tuple[Address, ...] | None:
    """Decode a list of policies; None when it is none."""
    try:
        return None if answer is None else addresses(answer)
    except ValueError:
        return None


States = Mapping[tuple[Address, Hash32], Any]
"""By policy and config id."""


def policy_states(place: Location, lists: Sequence[PolicyList], answers: Iterator[Answer]) -> States:
    """Decode the answers to `policy_reads`; a policy whose answers do not decode is left out."""
    states: dict[tuple[Address, Hash32], Any] = {}
    for item in lists:
        slot = _slot(place, item)
        for address, init_data in item.init_data.items():
            if (policy := POLICIES.get(address)) is None:
                continue
            told = [next(answers) for _ in policy.views(slot, init_data)]
            try:
                state = policy.state_from(slot, init_data, told)
                policy.init_data(state)
            except (ValueError, OverflowError, Revert):
                continue
            states[address, item.config_id] = state
    return states


def assembled(
    head: OnChainSession, listed: Mapping[Hash32, tuple[Address, ...] | None], states: States
) -> OnChainSession:
    """Put the actions' lists and the states into what `head_from` made."""
    if not head.enabled:
        return head
    place = head.location
    unreadable = head.unreadable
    actions: list[ActionFound] = []
    for found in head.actions:
        policies = listed.get(found.action)
        if found.action in listed and policies is None:
            unreadable = (*unreadable, "getActionPolicies")
        bare = None if policies is None else _bare(place, Use.ACTION, found.action, policies)
        actions.append(ActionFound(found.action, None if bare is None else _with_states(bare, states)))
    return OnChainSession(
        place,
        enabled=True,
        session_validator=head.session_validator,
        session_validator_init_data=head.session_validator_init_data,
        user_op_policies=_with_states(head.user_op_policies, states),
        actions=tuple(actions),
        erc1271_policies=_with_states(head.erc1271_policies, states),
        permit_paymaster=head.permit_paymaster,
        enable_nonce=head.enable_nonce,
        unreadable=unreadable,
    )


def _slot(place: Location, item: PolicyList) -> Slot:
    return Slot(item.config_id, place.smart_session, place.account)


def _bare(
    place: Location, use: Use, action: Hash32 | None, policies: Sequence[Address]
) -> tuple[PolicyFound, ...]:
    config_id = list_of(place, use, action, {}).config_id
    return tuple(PolicyFound(policy, config_id) for policy in policies)


def _with_states(policies: Sequence[PolicyFound], states: States) -> tuple[PolicyFound, ...]:
    return tuple(
        PolicyFound(item.policy, item.config_id, states.get((item.policy, item.config_id)))
        for item in policies
    )


def _validator(answer: Answer) -> tuple[Address, bytes] | None:
    try:
        return None if answer is None else validator_and_config(answer)
    except ValueError:
        return None


def _identifiers(answer: Answer) -> tuple[Hash32, ...] | None:
    try:
        return None if answer is None else words(answer)
    except ValueError:
        return None
