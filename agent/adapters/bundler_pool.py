"""The bundlers of a chain, the one to ask first at the front."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from agent.adapters.bundler_rpc import BundlerRpc
from agent.adapters.node_choice import Shown, in_order
from agent.domain.errors import BundlerUnavailable
from agent.domain.operation import GasLimits, JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.standing import Standing
from agent.domain.units import Address, Wei
from agent.domain.user_operation import UserOperation
from agent.ports import Bundler

Answer = TypeVar("Answer")


class BundlerPool(Sequence[Bundler]):
    """The bundlers that may get bytes now, in the operator's order: the healthy ones, or all if none is.

    One that gives no answer is left out after some failures in a row, so the same bytes go on to the others.
    """

    def __init__(self, members: Sequence[BundlerRpc]) -> None:
        self._members = tuple(members)

    def __len__(self) -> int:
        return len(self._turns())

    @overload
    def __getitem__(self, place: int) -> Bundler: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Bundler]: ...

    def __getitem__(self, place: int | slice) -> Bundler | Sequence[Bundler]:
        return self._turns()[place]

    def __iter__(self) -> Iterator[Bundler]:
        # Health may change while somebody walks through: nobody is passed over or met twice.
        return iter(self._turns())

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How each has answered, in the operator's order."""
        return tuple(member.standing for member in self._members)

    async def close(self) -> None:
        """Close the connections."""
        for member in self._members:
            await member.close()

    @property
    def members(self) -> dict[str, Bundler]:
        """Every bundler by itself, by name."""
        return {member.name: member for member in self._members}

    def _turns(self) -> tuple["BundlerTurn", ...]:
        shown = [Shown(standing.healthy, -1) for standing in self.standings]
        ordered = [self._members[place] for place in in_order(shown)]
        able = sum(one.healthy for one in shown) or len(ordered)
        return tuple(
            BundlerTurn(member, tuple(other for other in ordered if other is not member))
            for member in ordered[:able]
        )


@dataclass(frozen=True, slots=True)
class BundlerTurn:
    """One bundler whose turn it is: bytes go to it alone, questions also to others where it is silent."""

    member: BundlerRpc
    others: tuple[BundlerRpc, ...]

    @property
    def name(self) -> str:
        """The one that gets the bytes."""
        return self.member.name

    async def supported_entry_points(self) -> tuple[Address, ...]:
        """Return the EntryPoints that this one serves; raises BundlerUnavailable."""
        return await self.member.supported_entry_points()

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        """Return gas limits; raises BundlerRejected by the first that answers, BundlerUnavailable."""
        return await self._first(lambda bundler: bundler.estimate(operation, entry_point))

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        """Return what the first that answers quotes."""
        return await self._first(lambda bundler: bundler.fee_floor())

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Send the journaled bytes to this one, once."""
        return await self.member.send(operation)

    async def _first(self, ask: Callable[[BundlerRpc], Awaitable[Answer]]) -> Answer:
        *earlier, last = (self.member, *self.others)
        for bundler in earlier:
            try:
                return await ask(bundler)
            except BundlerUnavailable:
                continue
        return await ask(last)
