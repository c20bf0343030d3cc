"""How a session stands on chain, held against its file; what was used so far makes no difference."""

from dataclasses import dataclass

from agent.commands.session_compare import compared
from agent.definitions.sessions import SessionDefinition
from agent.ports import BlockTag, ChainReader
from agent.smart_sessions.compare import Difference, DifferenceCode

# What a new grant would not mend, or what changes nothing about what may be done.
_NO_MATTER = frozenset(
    (
        DifferenceCode.NOT_ENABLED,
        DifferenceCode.POLICY_ORDER_CHANGED,
        DifferenceCode.POLICY_UNKNOWN,
        DifferenceCode.POLICY_UNREADABLE,
        DifferenceCode.UNREADABLE,
    )
)


@dataclass(frozen=True, slots=True)
class GrantState:
    """Whether the account has the session, and in what it differs from the file."""

    is_enabled: bool
    differences: tuple[Difference, ...] = ()

    @property
    def is_as_in_file(self) -> bool:
        """Whether there is nothing left to grant."""
        return self.is_enabled and not self.differences


async def grant_state(reader: ChainReader, session: SessionDefinition, tag: BlockTag) -> GrantState:
    """Return how the session stands at one block; raise ChainUnavailable."""
    (seen,) = await compared(reader, [session], tag)
    told = tuple(item for item in seen.differences if item.code not in _NO_MATTER)
    return GrantState(seen.found.enabled, told)
