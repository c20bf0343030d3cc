"""A Smart Session as the contract takes it (ISmartSession, struct Session)."""

from dataclasses import dataclass

from agent.domain.units import Address, Hash32

Selector = bytes
"""Four bytes."""


@dataclass(frozen=True, slots=True)
class PolicyData:
    """One policy contract and the bytes it is initialised with."""

    policy: Address
    init_data: bytes


@dataclass(frozen=True, slots=True)
class ActionData:
    """What may be called on one target, and the policies that guard it."""

    action_target_selector: Selector
    action_target: Address
    action_policies: tuple[PolicyData, ...]


@dataclass(frozen=True, slots=True)
class ERC7739Context:
    """Off-chain content the session may sign for one application."""

    app_domain_separator: Hash32
    content_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ERC7739Data:
    """ERC-1271 rights of a session; empty in every session this agent makes."""

    allowed_erc7739_content: tuple[ERC7739Context, ...] = ()
    erc1271_policies: tuple[PolicyData, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """The tuple `Session` of SmartSession, field for field and in its order."""

    session_validator: Address
    session_validator_init_data: bytes
    salt: Hash32
    user_op_policies: tuple[PolicyData, ...] = ()
    erc7739_policies: ERC7739Data = ERC7739Data()
    actions: tuple[ActionData, ...] = ()
    permit_erc4337_paymaster: bool = False
