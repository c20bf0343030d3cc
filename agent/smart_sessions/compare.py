"""What differs between a session as it was granted and as the chain has it, field by field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.session import PolicyData, Session
from agent.domain.units import Address, Hash32, hex_from_bytes
from agent.smart_sessions.ids import ADMIN_ACTION, FALLBACK_ACTION, action_id
from agent.smart_sessions.on_chain import ActionFound, OnChainSession, PolicyFound
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Policy, Slot, Use
from agent.smart_sessions.reverts import Revert

NONE = "none"


class DifferenceCode(StrEnum):
    """What differs; these never change."""

    NOT_ENABLED = "not_enabled"
    VALIDATOR_CHANGED = "validator_changed"
    VALIDATOR_CONFIG_CHANGED = "validator_config_changed"
    POLICY_MISSING = "policy_missing"
    POLICY_ADDED = "policy_added"
    POLICY_CONFIG_CHANGED = "policy_config_changed"
    POLICY_ORDER_CHANGED = "policy_order_changed"
    POLICY_UNKNOWN = "policy_unknown"
    """Granted, in force, and at an address whose rules the agent does not know."""
    POLICY_UNREADABLE = "policy_unreadable"
    ACTION_MISSING = "action_missing"
    ACTION_ADDED = "action_added"
    ERC1271_MISSING = "erc1271_missing"
    ERC1271_ADDED = "erc1271_added"
    PAYMASTER_FLAG_CHANGED = "paymaster_flag_changed"
    UNREADABLE = "unreadable"
    """SmartSession gave no usable answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs."""

    code: DifferenceCode
    where: str
    """The field, such as `userOpPolicies` or `actions[0x…]`."""
    granted: str
    """The granted value as text, `none` where there is none."""
    found: str
    widens: bool
    """Whether the key may do more than was granted; yes where nobody can say."""
    sentence: str

    @property
    def matters(self) -> bool:
        """Whether it changes what the key may do; the order of policies only says which one refuses."""
        return self.code is not DifferenceCode.POLICY_ORDER_CHANGED


def differences(granted: Session, found: OnChainSession) -> tuple[Difference, ...]:
    """Compare every field that views tell; empty when the chain has what was granted.

    Counters are no difference, unless they stand lower than the grant set them. The salt and the content
    names of ERC-1271 rights are on chain only as hashes. The paymaster flag is compared when it is known.
    """
    return tuple(_differences(granted, found))


def _differences(granted: Session, found: OnChainSession) -> Iterator[Difference]:
    if not found.enabled:
        sentence = "the account does not have the session enabled"
        yield Difference(
            DifferenceCode.NOT_ENABLED, "enabled", "true", "false", widens=False, sentence=sentence
        )
        return
    for view in found.unreadable:
        sentence = f"{view} gave no usable answer, so nobody can say what is in force"
        yield Difference(DifferenceCode.UNREADABLE, view, "an answer", NONE, widens=True, sentence=sentence)
    yield from _validator(granted, found)
    yield from _list(granted.user_op_policies, found.user_op_policies, _Where(found, Use.USER_OP))
    yield from _actions(granted, found)
    erc1271 = granted.erc7739_policies.erc1271_policies
    yield from _list(erc1271, found.erc1271_policies, _Where(found, Use.ERC1271))
    yield from _paymaster(granted, found)


@dataclass(frozen=True, slots=True)
class _Where:
    """The list of policies that is compared."""

    found: OnChainSession
    use: Use
    action: Hash32 | None = None

    @property
    def field(self) -> str:
        """The field's name in a session document."""
        if self.use is Use.ACTION:
            return f"actions[{self.action}].actionPolicies"
        return "userOpPolicies" if self.use is Use.USER_OP else "erc7739Policies.erc1271Policies"

    @property
    def words(self) -> str:
        """What the policies guard, for people."""
        if self.use is Use.ACTION:
            return f"the action {self.action}"
        return "every operation" if self.use is Use.USER_OP else "off-chain signatures"


def _validator(granted: Session, found: OnChainSession) -> Iterator[Difference]:
    if "getSessionValidatorAndConfig" in found.unreadable:
        return
    if found.session_validator != granted.session_validator:
        yield Difference(
            DifferenceCode.VALIDATOR_CHANGED,
            "sessionValidator",
            str(granted.session_validator),
            str(found.session_validator),
            widens=True,
            sentence="another contract checks the key's signature than was granted",
        )
    if found.session_validator_init_data != granted.session_validator_init_data:
        yield Difference(
            DifferenceCode.VALIDATOR_CONFIG_CHANGED,
            "sessionValidatorInitData",
            hex_from_bytes(granted.session_validator_init_data),
            hex_from_bytes(found.session_validator_init_data),
            widens=True,
            sentence="another key may sign than was granted",
        )


def _paymaster(granted: Session, found: OnChainSession) -> Iterator[Difference]:
    wanted, permits = granted.permit_erc4337_paymaster, found.permit_paymaster
    if permits is None or permits == wanted:
        return
    now = "permits" if permits else "forbids"
    yield Difference(
        DifferenceCode.PAYMASTER_FLAG_CHANGED,
        "permitERC4337Paymaster",
        str(wanted).lower(),
        str(permits).lower(),
        widens=permits,
        sentence=f"the session now {now} that a paymaster pays, against what was granted",
    )


def _actions(granted: Session, found: OnChainSession) -> Iterator[Difference]:
    wanted: dict[Hash32, list[PolicyData]] = {}
    for item in granted.actions:
        identifier = action_id(item.action_target, item.action_target_selector)
        wanted.setdefault(identifier, []).extend(item.action_policies)
    live = {item.action: item for item in found.actions}
    if "getEnabledActions" in found.unreadable:
        return
    for action, policies in wanted.items():
        if action not in live:
            yield _action_missing(action, found)
        elif (listed := live[action].policies) is not None:
            yield from _list(policies, listed, _Where(found, Use.ACTION, action))
    yield from (_action_added(item) for item in found.actions if item.action not in wanted)


def _action_missing(action: Hash32, found: OnChainSession) -> Difference:
    # A call without an action of its own is judged by the fallback action, if there is one.
    widens = action != FALLBACK_ACTION and _has_fallback(found)
    sentence = f"the action {action} is no longer enabled"
    return Difference(
        DifferenceCode.ACTION_MISSING, f"actions[{action}]", "enabled", NONE, widens=widens, sentence=sentence
    )


def _action_added(found: ActionFound) -> Difference:
    names = {
        FALLBACK_ACTION: "calls of any function of any contract are enabled, which nobody granted",
        ADMIN_ACTION: "the key may manage the account's sessions, its own too, which nobody granted",
    }
    sentence = names.get(found.action, f"the action {found.action} is enabled, which nobody granted")
    # An action without a policy counts as absent.
    widens = found.policies != ()
    return Difference(
        DifferenceCode.ACTION_ADDED,
        f"actions[{found.action}]",
        NONE,
        "enabled" if found.policies is None else _names(item.policy for item in found.policies),
        widens=widens,
        sentence=sentence,
    )


def _list(granted: Sequence[PolicyData], found: Sequence[PolicyFound], where: _Where) -> Iterator[Difference]:
    wanted = {item.policy: item.init_data for item in granted}
    live = {item.policy: item for item in found}
    yield from (_missing(policy, where, found) for policy in wanted if policy not in live)
    yield from (_added(policy, where, wanted) for policy in live if policy not in wanted)
    common = [policy for policy in wanted if policy in live]
    for policy in common:
        yield from _configuration(live[policy], wanted[policy], where)
    order = [policy for policy in live if policy in wanted]
    if order != common:
        yield Difference(
            DifferenceCode.POLICY_ORDER_CHANGED,
            where.field,
            _names(common),
            _names(order),
            widens=False,
            sentence=f"the policies on {where.words} are asked in another order than granted",
        )


def _missing(policy: Address, where: _Where, found: Sequence[PolicyFound]) -> Difference:
    is_erc1271 = where.use is Use.ERC1271
    # An empty list lets nothing through, but for operations; an action's calls then go to the fallback.
    widens = bool(found) or where.use is Use.USER_OP
    if where.use is Use.ACTION and where.action != FALLBACK_ACTION:
        widens = widens or _has_fallback(where.found)
    return Difference(
        DifferenceCode.ERC1271_MISSING if is_erc1271 else DifferenceCode.POLICY_MISSING,
        where.field,
        str(policy),
        NONE,
        widens=widens,
        sentence=f"{_name(policy)} no longer guards {where.words}",
    )


def _added(policy: Address, where: _Where, wanted: Mapping[Address, bytes]) -> Difference:
    is_erc1271 = where.use is Use.ERC1271
    return Difference(
        DifferenceCode.ERC1271_ADDED if is_erc1271 else DifferenceCode.POLICY_ADDED,
        where.field,
        NONE,
        str(policy),
        # One more policy can only refuse more, but the first one opens an action or lets a paymaster pay.
        widens=not wanted,
        sentence=f"{_name(policy)} guards {where.words}, which nobody granted",
    )


def _configuration(found: PolicyFound, init_data: bytes, where: _Where) -> Iterator[Difference]:
    policy = POLICIES.get(found.policy)
    field, told = f"{where.field}[{found.policy}]", hex_from_bytes(init_data)
    if policy is None:
        sentence = f"the policy {found.policy} on {where.words} is unknown: its rules cannot be checked"
        yield Difference(DifferenceCode.POLICY_UNKNOWN, field, told, NONE, widens=True, sentence=sentence)
        return
    if found.state is None:
        sentence = f"{policy.name} on {where.words} does not tell what it is set to"
        yield Difference(DifferenceCode.POLICY_UNREADABLE, field, told, NONE, widens=True, sentence=sentence)
        return
    place = where.found.location
    slot = Slot(found.config_id, place.smart_session, place.account)
    try:
        wanted = policy.initialized(slot, init_data, None)
    except Revert:
        wanted = None
    if wanted is not None and _is_as_granted(policy, wanted, found.state):
        return
    widens = (
        wanted is None or policy.widens(wanted, found.state) or _is_turned_back(policy, wanted, found.state)
    )
    sentence = f"{policy.name} on {where.words} is set otherwise than granted"
    yield Difference(
        DifferenceCode.POLICY_CONFIG_CHANGED,
        field,
        told if wanted is None else hex_from_bytes(policy.init_data(wanted)),
        hex_from_bytes(policy.init_data(found.state)),
        widens=widens,
        sentence=sentence + (": the key may do more" if widens else ": the key may do less"),
    )


def _is_as_granted(policy: Policy, wanted: object, found: object) -> bool:
    return policy.init_data(wanted) == policy.init_data(found) and not _is_turned_back(policy, wanted, found)


def _is_turned_back(policy: Policy, wanted: object, found: object) -> bool:
    # Some init data starts a counter above zero; use never brings it below.
    used = {part.name: part.used for part in policy.parts(found)}
    return any(used.get(part.name, part.used) < part.used for part in policy.parts(wanted))


def _has_fallback(found: OnChainSession) -> bool:
    return any(item.action == FALLBACK_ACTION and item.policies != () for item in found.actions)


def _name(policy: Address) -> str:
    return f"{POLICIES[policy].name} {policy}" if policy in POLICIES else f"the unknown policy {policy}"


def _names(policies: Iterable[Address]) -> str:
    return ", ".join(map(str, policies)) or NONE
