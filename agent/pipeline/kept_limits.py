"""Gas limits that a bundler estimated a while ago, kept for operations of the same shape. In memory alone.

They save a bundler's simulation, not the checks: the calls are run with them on the node before they are used
(`price.py`), and caps, gas policies and the session's module see them as they see an estimate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.domain.occurrence import Occurrence
from agent.domain.operation import DraftOperation, GasLimits
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Gas, Hash32
from agent.pipeline.ladder import KNOWN_THERE
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.signature import mode_of

KEPT_ON = frozenset({1, 100, 137, 31_337, 11_155_111})
"""Chains on which gas is all that a transaction costs. On a rollup pre-verification gas also pays for data on
another chain, moves with that chain's fees, and has to be estimated each time."""
KEPT_S = 3_600
MOST_USES = 100
MOST_KEPT = 16_384
"""Shapes; the oldest makes room. Some hundred bytes each."""
MORE_PERCENT = 10
"""On kept verification and call gas, before the margin of every estimate: slots that were in use may be empty
by now."""
MORE_PRE_VERIFICATION_PERCENT = 5
"""Other amounts and fees have other zero bytes; all of this gas is paid."""
GOES_WELL = frozenset({State.INCLUDED_OK, State.FINAL_OK})


@dataclass(frozen=True, slots=True)
class Shape:
    """What operations have in common that need about the same gas."""

    kind: str
    account: Address
    permission_id: Hash32
    entry_point: Address
    bundler: str
    """Bundlers differ in what they add."""
    signature_size: int
    calls: tuple[tuple[Address, bytes, int, bool], ...]
    """Of each call its target, its selector, the length of its data and whether it sends coin."""


def shape_of(kind: str, draft: DraftOperation, bundler: str) -> Shape | None:
    """Return the shape of a draft; None where its gas is estimated each time.

    That is so where it enables its session, deploys its account or has a paymaster.
    """
    operation = draft.operation
    is_plain = operation.factory is None and operation.paymaster is None
    if not is_plain or mode_of(operation.signature) is not Mode.USE:
        return None
    return Shape(
        kind,
        operation.sender,
        draft.permission_id,
        draft.entry_point,
        bundler,
        len(operation.signature),
        tuple(
            [(call.target, call.data[:4], len(call.data), call.value_wei > 0) for call in draft.plan.calls]
        ),
    )


@dataclass(slots=True)
class _Kept:
    estimate: GasLimits
    until: float
    uses: int = 0


@dataclass(slots=True)
class KeptLimits:
    """The estimates of one chain, each for an hour and a hundred operations at most."""

    clock: Callable[[], float] = time.monotonic
    _by_shape: dict[Shape, _Kept] = field(default_factory=dict)
    _by_account: dict[Address, set[Shape]] = field(default_factory=dict)

    def find(self, shape: Shape) -> GasLimits | None:
        """Return what was estimated for such an operation, with a margin; None where nothing is kept."""
        kept = self._by_shape.get(shape)
        if kept is None:
            return None
        if kept.uses >= MOST_USES or self.clock() >= kept.until:
            self.drop(shape)
            return None
        kept.uses += 1
        return grown(kept.estimate)

    def keep(self, shape: Shape, estimate: GasLimits) -> None:
        """Remember what a bundler answered just now."""
        self.drop(shape)
        if len(self._by_shape) >= MOST_KEPT:
            self.drop(next(iter(self._by_shape)))
        self._by_shape[shape] = _Kept(estimate, self.clock() + KEPT_S)
        self._by_account.setdefault(shape.account, set()).add(shape)

    def drop(self, shape: Shape) -> None:
        """Forget one estimate."""
        if self._by_shape.pop(shape, None) is None:
            return
        shapes = self._by_account[shape.account]
        shapes.discard(shape)
        if not shapes:
            del self._by_account[shape.account]

    def forget(self, account: Address) -> None:
        """Forget all of an account: the next operation of each of its jobs is estimated anew."""
        for shape in tuple(self._by_account.get(account, ())):
            self.drop(shape)

    def heed(self, after: Occurrence) -> None:
        """Forget the account of a run whose operation a bundler did not take, or that failed."""
        is_taken = after.state is State.SENT and after.code in KNOWN_THERE
        if not is_taken and after.state not in GOES_WELL:
            self.forget(after.account)


def kept_on(chain_id: ChainId) -> KeptLimits | None:
    """Return an empty store for a chain; None where estimates are not kept."""
    return KeptLimits() if chain_id in KEPT_ON else None


def grown(estimate: GasLimits) -> GasLimits:
    """Return an older estimate as it is used."""
    return GasLimits(
        call_gas_limit=_more(estimate.call_gas_limit, MORE_PERCENT),
        verification_gas_limit=_more(estimate.verification_gas_limit, MORE_PERCENT),
        pre_verification_gas=_more(estimate.pre_verification_gas, MORE_PRE_VERIFICATION_PERCENT),
    )


def _more(gas: Gas, percent: int) -> Gas:
    return Gas(gas + -(-gas * percent // 100))
