"""What the network does while a worker dies: nothing, or it loses, keeps or repeats what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.acceptance.behind_proxies import Proxied
from tests.acceptance.crash_points import AFTER, ALL, BEFORE, DURING, CrashPoint
from tests.acceptance.proxy import ESTIMATE, HEAD, SEND, Mode, Strike

CALM = "calm"


@dataclass(frozen=True)
class Phase:
    """What strikes the next worker."""

    node: Mapping[Mode, tuple[str, int]]
    bundler: Mapping[Mode, tuple[str, int]]

    def arm(self, proxies: Proxied) -> None:
        """Let it happen from now on; what was left of the phase before is over."""
        proxies.node.arm(_strikes(self.node))
        proxies.bundler.arm(_strikes(self.bundler))


def _strikes(faults: Mapping[Mode, tuple[str, int]]) -> list[Strike]:
    return [Strike(mode, frozenset({method}), times) for mode, (method, times) in faults.items()]


PHASES: Mapping[str, Phase] = {
    CALM: Phase({}, {}),
    "request lost": Phase({Mode.CUT: ("eth_call", 1)}, {Mode.CUT: (SEND, 1)}),
    "answer lost": Phase({Mode.SWALLOW: ("eth_getLogs", 1)}, {Mode.SWALLOW: (SEND, 1)}),
    "node behind": Phase({Mode.STALE: (HEAD, 10)}, {Mode.DELAY: (ESTIMATE, 1)}),
}

WANT_A_SEND = (
    CrashPoint("send", DURING),
    CrashPoint("send", AFTER),
    CrashPoint("record-answer", DURING),
    CrashPoint("record-answer", AFTER),
)
"""Once the bundler has the operation nothing is sent any more: each of these takes a payment of its own."""

_ORDER = (
    "enroll",
    "claim_due",
    "record-claim",
    "estimate",
    "record-plan",
    "validate",
    "append",
    "record-send",
    "send",
    "record-answer",
    "logs",
    "receipt",
    "record-see_ok",
    "finalized",
    "record-finalize",
    "record-settle",
)
_MOMENTS = (BEFORE, DURING, AFTER)


def in_order() -> tuple[Sequence[Sequence[CrashPoint]], ...]:
    """Return every point once, for accounts side by side: each account's payments, one after the other.

    The points of each payment are in the order of its steps.
    """
    ordered = sorted(ALL, key=lambda point: (_ORDER.index(point.step), _MOMENTS.index(point.when)))
    of_one_send = [point for point in ordered if point not in WANT_A_SEND[1:]]
    # Every so many of them each, so that every payment is struck from its beginning to its end.
    return tuple(
        (of_one_send[place :: len(WANT_A_SEND[1:])], (last,)) for place, last in enumerate(WANT_A_SEND[1:])
    )
