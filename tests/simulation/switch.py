"""The kill switch of a run: what the file beside the store is to real processes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.domain.hold import Scope
from agent.domain.kill import KillOrder


class SimSwitch:
    """Keeps orders over the death of every process."""

    def __init__(self) -> None:
        self._orders: dict[Scope, KillOrder] = {}
        self._acknowledged: set[str] = set()

    @property
    def place(self) -> Path:
        return Path("kill")

    def orders(self) -> tuple[KillOrder, ...]:
        return tuple(self._orders.values())

    def add(self, orders: Sequence[KillOrder]) -> tuple[KillOrder, ...]:
        self._orders |= {order.scope: order for order in orders}
        return tuple(orders)

    def remove(self, scopes: Iterable[Scope]) -> tuple[KillOrder, ...]:
        found = [self._orders.pop(scope, None) for scope in scopes]
        return tuple(order for order in found if order is not None)

    def acknowledge(self, ids: Iterable[str]) -> None:
        self._acknowledged |= set(ids)

    def acknowledged(self) -> frozenset[str]:
        return frozenset(self._acknowledged)
