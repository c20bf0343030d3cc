"""The simulated chain: blocks on blocks, reorgs no deeper than finality, and everything ever sent to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Timestamp
from tests.simulation.dice import Dice
from tests.simulation.events import ChainLog
from tests.simulation.ledger import Landed, Ledger, Refusal, Sent

BLOCK_TIME_S = 2
FINALITY_DEPTH = 4
FEE_WEI = 1_000_000_000
LATE_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class PlacedLog:
    """A log with its place."""

    log: ChainLog
    transaction_hash: Hash32
    log_index: int


@dataclass(frozen=True, slots=True)
class SimBlock:
    """A block with the state behind it."""

    number: int
    hash: Hash32
    timestamp: Timestamp
    base_fee_wei: int
    landed: tuple[Landed, ...]
    transaction_hash: Hash32
    logs: tuple[PlacedLog, ...]
    ledger: Ledger
    parent_hash: Hash32


@dataclass(slots=True)
class Waiting:
    """An operation in a mempool."""

    sent: Sent
    from_block: int
    """It is not included earlier."""
    dropped: bool = False


@dataclass(slots=True)
class SimChain:
    """The one true chain. Nodes show it, perhaps late; bundlers bring operations to it."""

    dice: Dice
    started_at: int
    genesis: Ledger
    note: Callable[..., None]
    blocks: list[SimBlock] = field(default_factory=list)
    mempool: dict[Hash32, Waiting] = field(default_factory=dict)
    seen: dict[Hash32, Sent] = field(default_factory=dict)
    """Every operation that anybody was ever given: it may come back at any time."""
    base_fee_wei: int = FEE_WEI
    spike_until: int = 0
    still_until: int = 0
    shunned_until: int = 0
    _forks: int = 0
    _interventions: list[tuple[int, Callable[[Ledger], None]]] = field(default_factory=list)
    _intervened: list[tuple[int, Callable[[Ledger], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for _ in range(FINALITY_DEPTH + 2):
            self._build(self.genesis.copy(), ())

    @property
    def head(self) -> SimBlock:
        """The newest block."""
        return self.blocks[-1]

    @property
    def final(self) -> SimBlock:
        """The newest block that cannot go away."""
        return self.blocks[-1 - FINALITY_DEPTH]

    def submit(self, sent: Sent, *, late: bool = False) -> None:
        """Take an operation into the mempool; the better paid one of two on a nonce stays."""
        self.seen[sent.user_op_hash] = sent
        delay = self.dice.whole(2, LATE_BLOCKS) if late else self.dice.whole(0, 1)
        waiting = Waiting(sent, self.head.number + 1 + delay)
        known = self.mempool.setdefault(sent.user_op_hash, waiting)
        known.from_block = min(known.from_block, waiting.from_block)

    def intervene(self, delay_blocks: int, change: Callable[[Ledger], None]) -> None:
        """Change the state in a block to come, as a transaction of somebody else does."""
        self._interventions.append((self.head.number + delay_blocks, change))

    def advance(self, elapsed_s: float) -> None:
        """Make the blocks that are due, and reorg, stand still or lose operations as the dice say."""
        due = int(self.started_at + elapsed_s)
        while self.head.timestamp + BLOCK_TIME_S <= due:
            if self.head.number < self.still_until:
                self.still_until -= 1
                return
            self._tick()

    def _tick(self) -> None:
        if self.dice.strikes("F15"):
            self.still_until = self.head.number + self.dice.whole(5, 30)
            self.note("chain stands still")
            return
        if self.dice.strikes("F13"):
            self._reorg(self.dice.whole(1, FINALITY_DEPTH))
        if self.dice.strikes("F29"):
            self.spike_until = self.head.number + self.dice.whole(3, 60)
        if self.dice.strikes("D04"):
            self.shunned_until = self.head.number + self.dice.whole(5, 90)
        self._build(self.head.ledger.copy(), self._ready())

    def _reorg(self, depth: int) -> None:
        """Take blocks away and put as many others in their place: each operation lands, waits or is lost."""
        gone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self._interventions += [item for item in self._intervened if item[0] >= len(self.blocks)]
        self._forks += 1
        self.note("reorg", depth, "from", self.head.number)
        for landed in (landed for block in gone for landed in block.landed):
            fate = self.dice.random.random()
            if fate < 0.75:
                self.mempool[landed.sent.user_op_hash] = Waiting(
                    landed.sent, self.head.number + 1 + self.dice.whole(0, depth + 2)
                )
        for block in gone:
            self._build(self.head.ledger.copy(), self._ready(), at=block.timestamp)

    def _ready(self) -> tuple[Sent, ...]:
        if self.head.number < self.shunned_until and not self.dice.quiet:
            return ()
        if self.dice.strikes("D02") and self.seen:
            # What was thought to be lost.
            back = self.dice.one_of(list(self.seen.values()))
            self.mempool.setdefault(back.user_op_hash, Waiting(back, self.head.number))
        ready = [item for item in self.mempool.values() if item.from_block <= self.head.number + 1]
        self.dice.random.shuffle(ready)
        ready.sort(key=lambda item: -item.sent.operation.max_priority_fee_per_gas)
        return tuple(item.sent for item in ready)

    def _build(self, ledger: Ledger, ready: Sequence[Sent], at: Timestamp | None = None) -> None:
        number = len(self.blocks)
        timestamp = at or Timestamp(
            self.blocks[-1].timestamp + BLOCK_TIME_S if self.blocks else self.started_at - 12 * BLOCK_TIME_S
        )
        self._intervene(number, ledger)
        base_fee = self._base_fee(number)
        landed = [item for sent in ready if (item := self._land(ledger, sent, base_fee, timestamp))]
        name = f"{self._forks} {number} {[item.sent.user_op_hash.hex() for item in landed]}"
        block_hash = Hash32(keccak256(name.encode()))
        parent = self.blocks[-1].hash if self.blocks else Hash32(bytes(32))
        transaction = Hash32(keccak256(block_hash))
        flat = [log for item in landed for log in item.logs]
        logs = tuple(PlacedLog(log, transaction, index) for index, log in enumerate(flat))
        self.blocks.append(
            SimBlock(
                number, block_hash, timestamp, base_fee, tuple(landed), transaction, logs, ledger, parent
            )
        )
        for item in landed:
            self.note("block", number, item.sent.user_op_hash.hex()[:8], "ok" if item.success else "reverted")

    def _intervene(self, number: int, ledger: Ledger) -> None:
        for _, change in [item for item in self._interventions if item[0] <= number]:
            change(ledger)
            self._intervened.append((number, change))
        self._interventions = [item for item in self._interventions if item[0] > number]

    def _base_fee(self, number: int) -> int:
        if number <= self.spike_until and not self.dice.quiet:
            return FEE_WEI * 8
        return FEE_WEI + FEE_WEI * self.dice.whole(-10, 10) // 100

    def _land(self, ledger: Ledger, sent: Sent, base_fee_wei: int, at: Timestamp) -> Landed | None:
        reverts = self.dice.strikes("F09")
        result = ledger.include(sent, base_fee_wei, at, reverts=reverts)
        if isinstance(result, Refusal):
            if result.words.startswith("AA25"):
                self.mempool.pop(sent.user_op_hash, None)
            return None
        self.mempool.pop(sent.user_op_hash, None)
        return result

    def executed(self) -> Iterator[tuple[SimBlock, Landed]]:
        """Yield every operation on the canonical chain."""
        return ((block, landed) for block in self.blocks for landed in block.landed)

    def sequence(self, lane: tuple[Address, int], block: SimBlock) -> int:
        """Return the lane's next sequence as of a block."""
        nonces: Mapping[tuple[Address, int], int] = block.ledger.nonces
        return nonces.get(lane, 0)
