"""Let go what a kill or a breaker stopped: a person's decision, with a reason."""

from collections.abc import Collection
from dataclasses import dataclass

from agent.commands.session_release import NoReason
from agent.domain.errors import NotFound
from agent.domain.hold import Hold, Scope
from agent.domain.kill import ACKNOWLEDGED, KILLS, KillOrder
from agent.domain.units import Timestamp
from agent.ports import Journal, KillSwitch

BREAKER = "breaker_"
"""How the codes of the breakers begin."""


@dataclass(frozen=True, slots=True)
class Unkilled:
    """What may go on."""

    orders: tuple[KillOrder, ...]
    """That stood in the file."""
    released: tuple[Hold, ...]


async def unkill(
    switch: KillSwitch,
    journal: Journal,
    scopes: Collection[Scope],
    codes: Collection[str],
    reason: str,
    at: Timestamp,
) -> Unkilled:
    """Let these scopes go: kills and breakers, or the holds of exactly these codes.

    Raises NoReason, NotFound when none of them is stopped, StoreUnavailable or StoreMissing: then they stay
    stopped.
    """
    if not reason.strip():
        raise NoReason("letting go needs a reason")
    orders = switch.orders()
    kept = [hold for hold in await journal.holds() if hold.scope in scopes and _is_meant(hold.code, codes)]
    stopped = [order for order in orders if order.scope in scopes and _is_meant(order.code, codes)]
    if not kept and not stopped:
        raise NotFound(f"none of {_texts(scopes)} is stopped; in force: {await _in_force(journal, orders)}")
    # The journal first: where it takes nothing, the order stays.
    for order in stopped:
        if (order.scope, order.code) not in {(hold.scope, hold.code) for hold in kept}:
            kept.append(await journal.hold(Hold(order.scope, order.code, order.reason, at, order.id)))
    # Then the file: a worker that still finds the order there would hold again what is released.
    removed = switch.remove([order.scope for order in stopped])
    released = [await journal.release_hold(hold.scope, hold.code, reason, at) for hold in kept]
    return Unkilled(removed, tuple(released))


def _is_meant(code: str, codes: Collection[str]) -> bool:
    return code in codes if codes else code in (*KILLS, ACKNOWLEDGED) or code.startswith(BREAKER)


async def _in_force(journal: Journal, orders: Collection[KillOrder]) -> str:
    stops = {f"{order.scope} {order.code}" for order in orders}
    stops |= {f"{hold.scope} {hold.code}" for hold in await journal.holds() if hold.code != ACKNOWLEDGED}
    return ", ".join(sorted(stops)) or "nothing"


def _texts(scopes: Collection[Scope]) -> str:
    return ", ".join(map(str, scopes))
