"""The kill switch: orders that stop scopes at once, and the text of the file they stand in."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.domain.hold import AllScope, Scope, scope_from_text
from agent.domain.keccak import keccak256

KILLED = "killed"
"""Code of a person's hold that nothing passes, not even what was about to be sent."""
CANCELLING = "killed_cancelling"
"""The same, but for cancels of what is in flight: operations that use up a nonce and move nothing."""
KILLS = frozenset({KILLED, CANCELLING})
ACKNOWLEDGED = "kill_acknowledged"
"""Code of the hold by which a worker says that nothing of the scope is on its way out any more."""
HAND_WRITTEN = "the kill file says so"
_CANCEL = "+cancel"
_HEADER = "# What stands here is neither signed nor sent. Let it go with: sessionkeeper unkill\n"


@dataclass(frozen=True, slots=True)
class KillOrder:
    """Nothing of the scope is signed or sent until it is let go."""

    scope: Scope
    id: str
    """Names this order; what acknowledged it did not acknowledge a later one."""
    reason: str = HAND_WRITTEN
    cancels: bool = False
    """Whether cancels of what is in flight may pass."""

    @property
    def code(self) -> str:
        """Of the hold that says the same in the journal."""
        return CANCELLING if self.cancels else KILLED


def lets_cancels_pass(code: str) -> bool:
    """Say whether a hold of this code stops payments and not their cancels."""
    return code in (CANCELLING, ACKNOWLEDGED)


def kill_text(orders: Iterable[KillOrder]) -> str:
    """Return the file: a line `SCOPE #ID REASON` for each order, `+cancel` behind the id of some."""
    lines = (
        f"{order.scope} #{order.id}{_CANCEL * order.cancels} {' '.join(order.reason.split())}\n"
        for order in orders
    )
    return _HEADER + "".join(lines)


def kill_orders(text: str, version: str = "") -> tuple[KillOrder, ...]:
    """Read the file, whoever wrote it; what is empty or no scope stops everything.

    `version` is of the file: a line without an id, in another version, is another order.
    """
    lines = [line.strip() for line in text.splitlines()]
    orders = [_order(line, version) for line in lines if line and not line.startswith("#")]
    # The last line of a scope is the one that counts, as after a kill that was ordered again.
    return tuple({order.scope: order for order in orders or [_order("all", version)]}.values())


def _order(line: str, version: str) -> KillOrder:
    name, *others = line.split(maxsplit=1)
    rest = others[0] if others else ""
    by_hand = f"hand-{keccak256(f'{version} {line}'.encode())[:8].hex()}"
    try:
        scope = scope_from_text(name)
    except ValueError:
        return KillOrder(AllScope(), by_hand, f"the kill file has a line that names no scope: {line[:80]}")
    mark, _, reason = rest.partition(" ")
    if mark.startswith("#") and mark != "#":
        name, cancels = mark[1:].removesuffix(_CANCEL), mark.endswith(_CANCEL)
        return KillOrder(scope, name, reason.strip() or HAND_WRITTEN, cancels)
    return KillOrder(scope, by_hand, rest or HAND_WRITTEN)
