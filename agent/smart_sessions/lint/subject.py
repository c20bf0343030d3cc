"""What the rules look at: the session, its purpose, its neighbours, and what the chain says of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from agent.domain.requirement import ActionRequirement
from agent.domain.session import Selector, Session
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.guards import GuardedAction, Guards, guarded_actions, operation_guards
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.lint.finding import Finding
from agent.smart_sessions.lint.owners import Owners, owners_of
from agent.smart_sessions.lint.selectors import function_name
from agent.smart_sessions.worst_case import Allowance


@dataclass(frozen=True, slots=True)
class NextUse:
    """The next time a job wants to use the session."""

    due_at: Timestamp
    actions: tuple[ActionRequirement, ...]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the session's jobs need of it, from its making to its end, the declared headroom included."""

    actions: tuple[ActionRequirement, ...]
    operations: int
    cost_wei: Wei | None
    """For gas; None where no job has a cap on it."""
    jobs: int = 1
    is_since_made: bool = True
    """False when it is not known when the session was made: the need is then counted from now."""
    needs_paymaster: bool = False
    signs_off_chain: bool = False
    next_use: NextUse | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another session of the same operator."""

    name: str
    chain_id: ChainId
    account: Address
    session: Session


@dataclass(frozen=True, slots=True)
class EnableSignature:
    """An owner's signature that enables the session, used or not."""

    mode: Mode
    nonce: int
    chain_ids: tuple[ChainId, ...]
    explained: frozenset[ChainId] = frozenset()
    """Chains on which it is for a session of these files."""


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the chain says at one block; None where it was not asked."""

    counters: Counters | None = None
    actions: frozenset[Hash32] | None = None
    """`getEnabledActions`."""
    has_same_validator: bool | None = None
    codes: Mapping[Address, bytes] = field(default_factory=dict)
    """Of the contracts involved; empty bytes where there is none."""
    modules: frozenset[Address] = frozenset()
    """Action targets that the account has installed as a module."""
    owner_keys: frozenset[Address] = frozenset()
    """Addresses that own the account."""
    funds_wei: Wei | None = None
    """What the account can pay for gas: its balance and its deposit."""
    balances: Mapping[Address, int] = field(default_factory=dict)
    """By token."""
    traits: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    """What is unusual about a token: `can bar holders`, `can change its code` …"""
    allowances: tuple[Allowance, ...] | None = None
    enable_nonce: int | None = None
    has_registry: bool | None = None
    """Whether the module registry answers, which the previous build of the module asks."""


@dataclass(frozen=True)
class Subject:
    """One session under examination."""

    session: Session
    account: Address
    chain_id: ChainId
    smart_session: Address = SMART_SESSION
    now: Timestamp | None = None
    """None where the clock says nothing, as on the local chain: lengths of time are not judged then."""
    purpose: Purpose | None = None
    neighbours: tuple[Neighbour, ...] = ()
    own_keys: frozenset[Address] = frozenset()
    """The operator's session keys; empty where they are not known."""
    infrastructure: frozenset[Address] = frozenset()
    """Contracts that hold the account's power, beyond those every session knows."""
    code_hashes: Mapping[Address, Hash32] = field(default_factory=dict)
    """Of audited builds."""
    paymaster_policies: frozenset[Address] = frozenset()
    """Policies on operations that pin the paymaster."""
    signatures: tuple[EnableSignature, ...] = ()
    is_revoked: bool = False
    """Whether the owner has taken the session back."""
    chain_ids: frozenset[ChainId] = frozenset()
    """Chains of the configuration; empty where they are not known."""
    on_chain: OnChain | None = None
    name_of: Callable[[Address | None], str] = field(default=lambda token: str(token or "the chain's coin"))
    amount: Callable[[int, Address | None], str] = field(
        default=lambda units, token: f"{units} {'wei' if token is None else f'base units of {token}'}"
    )
    """Writes an amount of a token, or of the chain's coin for None."""

    @cached_property
    def every(self) -> Guards:
        """What guards every operation."""
        return operation_guards(self.session)

    @cached_property
    def actions(self) -> tuple[GuardedAction, ...]:
        """The actions, each once."""
        return tuple(guarded_actions(self.session))

    @cached_property
    def owners(self) -> Owners | None:
        """Who signs, where the session validator is one of keys and a threshold."""
        return owners_of(self.session)

    @cached_property
    def grant(self) -> Grant:
        """Where the session lives."""
        return Grant(
            self.chain_id, self.smart_session, self.account, permission_id(self.session), self.session
        )

    @property
    def is_paymaster_pinned(self) -> bool:
        """Whether a policy on operations says which paymaster may pay."""
        listed = {item.policy for item in self.session.user_op_policies}
        return bool(listed & self.paymaster_policies)

    @property
    def restarts(self) -> int:
        """How often somebody with the files can enable the live session anew, and so reset its counters."""
        chain = self.on_chain
        if chain is None or chain.counters is None or not chain.counters.enabled:
            return 0
        # Each use moves the nonce on: of all signatures for this nonce one can be used.
        return int(any(item.nonce == chain.enable_nonce for item in self.signatures))

    def needed(self, target: Address, selector: Selector) -> bool | None:
        """Whether a job calls this; None where no job is known."""
        if self.purpose is None:
            return None
        return any((item.target, item.selector) == (target, selector) for item in self.purpose.actions)

    def called(self, action: GuardedAction) -> str:
        """Name an action."""
        return f"{function_name(action.selector)} of {self.name_of(action.target)}"


Check = Callable[[Subject], Iterator[Finding]]
