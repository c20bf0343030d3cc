"""Breakers of a chain's heads: a base fee far above its own of late, and clocks that disagree. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from agent.domain.breakers import CLOCK, FEES, BreakerLimits, Resets, Trip
from agent.domain.hold import ChainScope
from agent.domain.units import ChainId, Timestamp, Wei

HEADS_IN_A_ROW = 3
"""One odd block is no spike, and one late answer of a node no skew."""
NO_RESETS: Resets = MappingProxyType({})
FEES_KEPT = 240
FEES_NEEDED = 60
"""Heads without which nothing is usual yet."""
CATCHES_UP_S = 5
"""A head so much less far behind than the one before is of a node that catches up: no clock is wrong."""


@dataclass(frozen=True, slots=True)
class HeadSeen:
    """What a new head showed."""

    base_fee_wei: Wei
    timestamp: Timestamp
    seen_at: Timestamp


@dataclass(frozen=True, slots=True)
class HeadHistory:
    """What the heads of one chain showed of late."""

    fees: tuple[Wei, ...] = ()
    spikes: tuple[Timestamp, ...] = ()
    skews: tuple[Timestamp, ...] = ()
    """When the newest heads in a row were seen that are out of the ordinary."""
    behind_s: int = 0
    """How far the newest head was behind this machine."""

    def after(self, head: HeadSeen, allowed: BreakerLimits) -> "HeadHistory":
        """Return the history with a new head."""
        behind_s = head.seen_at - head.timestamp
        spikes = _in_a_row(self.spikes, head, goes_on=_is_spike(self.fees, head.base_fee_wei, allowed))
        skews = _in_a_row(self.skews, head, goes_on=self._is_skewed(behind_s, allowed))
        return HeadHistory((*self.fees, head.base_fee_wei)[-FEES_KEPT:], spikes, skews, behind_s)

    def _is_skewed(self, behind_s: int, allowed: BreakerLimits) -> bool:
        catches_up = 0 < behind_s < self.behind_s - CATCHES_UP_S
        return 0 < allowed.clock_skew_s < abs(behind_s) and not catches_up


def head_trips(
    history: HeadHistory,
    head: HeadSeen,
    chain_id: ChainId,
    allowed: BreakerLimits,
    resets: Resets = NO_RESETS,
) -> Iterator[Trip]:
    """Yield what the newest head of a chain trips; `history` ends with it.

    What was seen before somebody reset the breaker is history: as many new heads trip it again.
    """
    if _since(history.spikes, resets.get((ChainScope(chain_id), FEES))) >= HEADS_IN_A_ROW:
        usual = _usual(history.fees)
        words = (
            f"a base fee of {head.base_fee_wei} wei, over {allowed.fee_factor} times the usual {usual} wei"
        )
        yield Trip(ChainScope(chain_id), FEES, words)
    if _since(history.skews, resets.get((ChainScope(chain_id), CLOCK))) >= HEADS_IN_A_ROW:
        skew_s = head.seen_at - head.timestamp
        side = "behind" if skew_s > 0 else "ahead of"
        words = f"new blocks are {abs(skew_s)} s {side} this machine, {allowed.clock_skew_s} s are tolerated"
        yield Trip(ChainScope(chain_id), CLOCK, words)


def _in_a_row(before: tuple[Timestamp, ...], head: HeadSeen, *, goes_on: bool) -> tuple[Timestamp, ...]:
    return (*before, head.seen_at)[-HEADS_IN_A_ROW:] if goes_on else ()


def _since(seen: Sequence[Timestamp], reset: Timestamp | None) -> int:
    return len(seen) if reset is None else sum(at > reset for at in seen)


def _is_spike(fees: Sequence[Wei], base_fee_wei: Wei, allowed: BreakerLimits) -> bool:
    if not allowed.fee_factor or len(fees) < FEES_NEEDED or base_fee_wei < allowed.fee_floor_wei:
        return False
    return base_fee_wei > allowed.fee_factor * _usual(fees)


def _usual(fees: Iterable[Wei]) -> int:
    return int(median(fees))
