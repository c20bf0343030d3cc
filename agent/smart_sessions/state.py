"""What SmartSession and its policies store for one account. Lists keep the contract's order."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.domain.units import Address, Hash32

Item = TypeVar("Item", Address, Hash32)


@dataclass(slots=True)
class SessionState:
    """One permission id as SmartSession stores it."""

    validator: Address
    validator_init_data: bytes
    permit_paymaster: bool = False
    user_op_policies: list[Address] = field(default_factory=list)
    erc1271_policies: list[Address] = field(default_factory=list)
    actions: dict[Hash32, list[Address]] = field(default_factory=dict)
    """Policies by action id, in the order of `getEnabledActions`."""

    def copy(self) -> "SessionState":
        """Copy the lists; what they hold is immutable."""
        return SessionState(
            self.validator,
            self.validator_init_data,
            self.permit_paymaster,
            list(self.user_op_policies),
            list(self.erc1271_policies),
            {action: list(policies) for action, policies in self.actions.items()},
        )


@dataclass(slots=True)
class AccountState:
    """All sessions of one account, and what the policies hold for them.

    Policy storage outlives its session: a removed session's counters stay readable.
    """

    sessions: dict[Hash32, SessionState] = field(default_factory=dict)
    policies: dict[tuple[Address, Hash32], Any] = field(default_factory=dict)
    """State by policy and config id; states are immutable values."""

    def copy(self) -> "AccountState":
        """Copy deep enough that changes of the copy do not show here."""
        sessions = {permission: session.copy() for permission, session in self.sessions.items()}
        return AccountState(sessions, dict(self.policies))


def removed(items: list[Item], item: Item) -> None:
    """Remove as an enumerable set does: the last one moves into the gap."""
    if item not in items:
        return
    index = items.index(item)
    last = items.pop()
    if index < len(items):
        items[index] = last
