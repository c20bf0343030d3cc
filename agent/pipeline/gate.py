"""The gate: the last thing before every signature and every send, and what a kill shuts at once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.domain.errors import Held
from agent.domain.hold import Hold, Scope
from agent.domain.kill import KILLED, KillOrder, lets_cancels_pass
from agent.ports import KillSwitch

CUT_AFTER_S = 0.3
"""How long what is inside may take to end by itself once its scope is stopped."""
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Passage:
    """Work inside the gate."""

    scopes: frozenset[Scope]
    task: asyncio.Task[Any]
    cancels: bool
    cut: Held | None = None


class Gate:
    """Knows what is stopped and what is on its way; shut for a scope, nothing of it begins.

    Orders are looked up at each passage (the switch is a file: one `stat`). The journal refuses what is held
    in the transaction before; this holds also when the store is locked, slow or gone.
    """

    def __init__(self, switch: KillSwitch | None = None) -> None:
        self._switch = switch
        self._holds: dict[Scope, list[Hold]] = {}
        self._told: dict[Scope, KillOrder] = {}
        self._inside: dict[_Passage, None] = {}
        """In the order in which they came."""

    def stop(self, order: KillOrder) -> None:
        """Shut the gate for a scope by word of mouth, such as a signal, until `forget`."""
        self._told[order.scope] = order

    def forget(self, orders: Iterable[KillOrder]) -> None:
        """Forget what was said by word of mouth: it stands where it lasts now."""
        for order in orders:
            if self._told.get(order.scope) == order:
                del self._told[order.scope]

    def told(self) -> tuple[KillOrder, ...]:
        """Return the orders that stand nowhere yet."""
        return tuple(self._told.values())

    def learn(self, holds: Sequence[Hold]) -> None:
        """Take the journal's active holds as they are now."""
        self._holds = {}
        for hold in holds:
            self._holds.setdefault(hold.scope, []).append(hold)

    def orders(self) -> tuple[KillOrder, ...]:
        """Return every order in force but those only the journal knows."""
        written = () if self._switch is None else self._switch.orders()
        return tuple({order.scope: order for order in (*self._told.values(), *written)}.values())

    def refuse(self, scopes: Iterable[Scope], *, cancels: bool = False) -> None:
        """Raise Held when one of the scopes is stopped; `cancels` for what only ends a payment."""
        orders = {order.scope: order for order in self.orders()}
        if not orders and not self._holds:
            return
        for scope in scopes:
            order = orders.get(scope)
            if order is not None and not (cancels and order.cancels):
                raise Held(str(scope), order.code, order.reason)
            for hold in self._holds.get(scope, ()):
                if not (cancels and lets_cancels_pass(hold.code)):
                    raise Held(str(scope), hold.code, hold.reason)

    async def through(
        self, scopes: Iterable[Scope], work: Callable[[], Coroutine[Any, Any, T]], *, cancels: bool = False
    ) -> T:
        """Do the work if none of its scopes is stopped; raise Held if one is, or is while it is done.

        Cut off in the middle, a request may have been acted on: only the chain knows.
        """
        names = frozenset(scopes)
        self.refuse(names, cancels=cancels)
        task = asyncio.create_task(work())
        passage = _Passage(names, task, cancels)
        self._inside[passage] = None
        try:
            return await _result(passage, task)
        finally:
            self._inside.pop(passage, None)

    async def drained(self, scope: Scope, grace_s: float = CUT_AFTER_S) -> int:
        """Return when nothing of a stopped scope is inside; what takes longer is cut off and counted."""
        inside = [passage for passage in self._inside if scope in passage.scopes and self._stops(passage)]
        if not inside:
            return 0
        await asyncio.wait([passage.task for passage in inside], timeout=grace_s)
        late = [passage for passage in inside if not passage.task.done()]
        for passage in late:
            passage.cut = Held(str(scope), KILLED, "stopped while it was on its way")
            passage.task.cancel()
        if late:
            await asyncio.wait([passage.task for passage in late])
        return len(late)

    def _stops(self, passage: _Passage) -> bool:
        try:
            self.refuse(passage.scopes, cancels=passage.cancels)
        except Held:
            return True
        return False


async def _result(passage: _Passage, task: asyncio.Task[T]) -> T:
    try:
        return await task
    except asyncio.CancelledError:
        mine = asyncio.current_task()
        if passage.cut is None or (mine is not None and mine.cancelling()):
            raise
        raise passage.cut from None
