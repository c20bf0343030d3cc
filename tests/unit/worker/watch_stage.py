"""A chain that the test writes block by block, a kind that watches one number, and a watcher over both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from agent.adapters.memory import MemoryJournal
from agent.adapters.read_batch import RememberingBatch, Values, distinct
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable
from agent.domain.evaluation import ChainView, Read
from agent.domain.job import FeeCaps, JobDefinition, Place
from agent.domain.journal import Enrolment
from agent.domain.occurrence import Occurrence
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.domain.watching import ON_CHANGE, Again, Firings, Glance, JobCap, LogFilter, Memory
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS
from agent.pipeline.context import ChainContext, JobContext, Services, SessionContext
from agent.pipeline.gate import Gate
from agent.ports import Block, BlockTag, CallFailed, ChainReader, Log, ReadBatch, TransactionReceipt
from agent.telemetry.metrics import Metrics
from agent.worker.watcher import Watcher
from jobs.kind import AnyKind, EventLog, Kind, Spec, Timing
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, a_hash

TARGET = Address(b"\x77" * 20)
BLOCK_S = 12


class FakeClock:
    """Stands at the newest block's time unless the test says otherwise."""

    def __init__(self) -> None:
        self.time = NOW

    async def now(self) -> Timestamp:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


class FakeChain:
    """Blocks by number, values by read, logs by block; counts what it is asked."""

    def __init__(self) -> None:
        self.chain_id = CHAIN_ID
        self.blocks = [_block(0, 0, a_hash(0))]
        self.values: list[dict[Read, bytes | None]] = [{}]
        self.mined: dict[int, list[Log]] = {}
        self.fork = 0
        self.final = 0
        self.requests: list[str] = []
        self.asked: list[tuple[Read, ...]] = []
        """The reads of each packed request."""
        self.lost: set[Hash32] = set()
        """Transactions whose receipt the node does not have."""
        self.out = False
        """Whether the node answers nothing."""

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    def mine(self, **numbers: int | None) -> Block:
        """Add a block in which these numbers changed; None for a read that fails."""
        block = _block(len(self.blocks), self.fork, self.head.hash)
        changed = {
            number(name): None if value is None else value.to_bytes(32, "big")
            for name, value in numbers.items()
        }
        self.blocks.append(block)
        self.values.append(self.values[-1] | changed)
        return block

    def reorg(self, depth: int) -> None:
        """Take so many blocks off the chain; those mined next have other hashes."""
        del self.blocks[-depth:], self.values[-depth:]
        for height in [one for one in self.mined if one >= len(self.blocks)]:
            del self.mined[height]
        self.fork += 1

    def emit(self, name: str, *, transaction: int = 1, data: bytes = b"") -> Log:
        """Put a log into the newest block; its index is another one on each fork."""
        height = self.head.number
        logs = self.mined.setdefault(height, [])
        index = len(logs) + 10 * self.fork
        found = Log(TARGET, (topic(name),), data, height, self.head.hash, a_hash(transaction), index)
        logs.append(found)
        return found

    async def block(self, tag: BlockTag) -> Block:
        self._ask("block")
        return self.head if tag == "latest" else self.blocks[int(tag)]

    async def finalized(self) -> Block:
        self._ask("finalized")
        return self.blocks[self.final]

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        self._ask("logs")
        every = [log for height in sorted(self.mined) for log in self.mined[height]]
        mine = [log for log in every if log.address == address and from_block <= log.block_number <= to_block]
        wanted = topics[0] if topics else None
        return tuple(log for log in mine if wanted is None or log.topics[0] in wanted)

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        self._ask("receipt")
        if transaction_hash in self.lost:
            return None
        every = [log for logs in self.mined.values() for log in logs]
        mine = tuple(log for log in every if log.transaction_hash == transaction_hash)
        if not mine:
            return None
        return TransactionReceipt(transaction_hash, mine[0].block_number, mine[0].block_hash, 1, mine)

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        self._ask("calls")
        found = (self.values[int(tag)].get(Read(call.target, call.data)) for call in calls)
        return tuple(CallFailed(b"") if value is None else value for value in found)

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        chosen = distinct(reads)

        async def values_at(block: Block) -> Values:
            self._ask("reads")
            self.asked.append(chosen)
            if self.blocks[block.number].hash != block.hash:
                raise ChainUnavailable("that block is gone")
            return tuple(self.values[block.number].get(read) for read in chosen)

        return RememberingBatch(chosen, values_at)

    def _ask(self, what: str) -> None:
        if self.out:
            raise ChainUnavailable("the node does not answer")
        self.requests.append(what)


def number(name: str) -> Read:
    """Return the read of a number by its name."""
    return Read(TARGET, name.encode())


def topic(name: str) -> Hash32:
    """Return the topic that stands for a name."""
    return Hash32(name.encode().ljust(32, b"\0"))


class WatchSpec(Spec):
    """Which number, and below which value it fires."""

    name: str = "price"
    below: int = 100
    rearm: int = 110
    again: str = "change"
    logs: str = ""
    confirmations: int = 0
    level: bool = False
    total: int = 0


@dataclass
class FakeKind(Kind[WatchSpec]):
    """Fires once per crossing below a level; armed again at another. Counts its evaluations."""

    name = "fake"
    spec_model = WatchSpec
    timing = Timing.TRIGGER
    looks: list[tuple[int, Memory, Firings]] = field(default_factory=list)
    left: list[Mapping[str, int]] = field(default_factory=list)
    """What was left of the caps at each evaluation."""
    poison: set[str] = field(default_factory=set)
    """Numbers whose jobs make it raise."""

    def watch_reads(self, spec: WatchSpec, account: Address) -> tuple[Read, ...]:
        return (number(spec.name),)

    def watch(
        self, spec: WatchSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        self.looks.append((view.block_number, memory, past))
        self.left.append(view.left)
        if spec.name in self.poison:
            raise ZeroDivisionError(spec.name)
        again, value = self._again(spec, view), view.uint(number(spec.name))
        if value is None:
            return Glance(
                fires=False,
                again=again,
                memory=memory,
                code="unknown",
                why="the number cannot be read",
                alarm=True,
            )
        armed = memory.get("armed", 1) == 1 or spec.level
        if armed and value < spec.below:
            return Glance(
                fires=True,
                again=again,
                memory={"armed": 0},
                code="crossed",
                why=f"{value} is below",
                facts={"value": str(value)},
            )
        if value >= spec.rearm:
            return Glance(
                fires=False, again=again, memory={"armed": 1}, code="above", why=f"{value} is above"
            )
        return Glance(fires=False, again=again, memory=memory, code="between", why=f"{value} is between")

    def _again(self, spec: WatchSpec, view: ChainView) -> Again:
        match spec.again.split("+"):
            case ["block", count]:
                return Again(at_block=view.block_number + int(count))
            case ["time", seconds]:
                return Again(at_time=Timestamp(view.timestamp + int(seconds)))
            case ["never"]:
                return Again()
        return ON_CHANGE

    def caps(self, spec: WatchSpec) -> tuple[JobCap, ...]:
        daily = JobCap("daily", spec.total, per_day=True)
        return (JobCap("total", spec.total, per_day=False), daily) if spec.total else ()

    def log_filters(self, spec: WatchSpec, account: Address) -> tuple[LogFilter, ...]:
        if not spec.logs:
            return ()
        return (LogFilter(TARGET, ((topic(spec.logs),),), spec.confirmations),)

    def log_fires(self, spec: WatchSpec, account: Address, log: EventLog) -> bool:
        if spec.name in self.poison:
            raise ZeroDivisionError(spec.name)
        return log.data != b"no"


@dataclass
class Stage:
    """A chain, a journal, jobs, and a watcher that looks when told."""

    specs: Mapping[str, WatchSpec] = field(default_factory=lambda: {"order": WatchSpec()})
    chain: FakeChain = field(default_factory=FakeChain)
    clock: FakeClock = field(default_factory=FakeClock)
    kind: FakeKind = field(default_factory=FakeKind)
    gate: Gate = field(default_factory=Gate)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    started: list[Occurrence] = field(default_factory=list)
    metrics: Metrics = field(default_factory=lambda: Metrics("0", "test"))
    max_head_age_s: int | None = None

    async def enrol(self) -> None:
        """Make the jobs known to the journal."""
        await self.journal.enroll([_enrolment(name, place) for place, name in enumerate(self.specs)], NOW)

    def context(self) -> ChainContext:
        """Return the chain as the pipeline has it."""
        reader = cast("ChainReader", self.chain)
        return ChainContext(
            reader, (), ENTRY_POINT, EntryPointVersion.V07, max_head_age_s=self.max_head_age_s
        )

    def jobs(self) -> list[JobContext]:
        """Return the jobs as the pipeline has them."""
        return [_job(name, spec, self.kind, self.context()) for name, spec in self.specs.items()]

    def watcher(self) -> Watcher:
        """Return a watcher as a process that starts has it."""
        services = Services(self.journal, self.clock, self.gate)
        found = Watcher(services, self.context(), self.jobs(), self.started.append, self.metrics)
        found.start()
        return found

    async def mine(self, watcher: Watcher, **numbers: int | None) -> Block:
        """Mine a block and let the watcher look at it."""
        block = self.chain.mine(**numbers)
        await watcher.poll(block)
        return block

    @property
    def slots(self) -> list[tuple[str, str]]:
        """What fired, in order."""
        return [(row.job_id, row.slot) for row in self.started]


def _block(height: int, fork: int, parent: Hash32) -> Block:
    return Block(
        height, a_hash(1_000 * (fork + 1) + height), Timestamp(NOW + BLOCK_S * height), Wei(1), parent
    )


def _enrolment(name: str, place: int) -> Enrolment:
    return Enrolment(
        name, CHAIN_ID, ACCOUNT, ENTRY_POINT, place, "identity", "definition", None, (a_hash(9),)
    )


def _job(name: str, spec: WatchSpec, kind: FakeKind, chain: ChainContext) -> JobContext:
    definition = JobDefinition(
        id=name,
        kind=kind.name,
        chain_id=ChainId(CHAIN_ID),
        account=ACCOUNT,
        account_kind="nexus",
        session="main",
        schedule=None,
        spec=spec,
        identity_digest=a_hash(1),
        digest=a_hash(2),
        place=Place("jobs/order.yaml"),
    )
    session = cast("SessionContext", _Session("main", a_hash(9)))
    return JobContext(definition, cast("AnyKind", kind), chain, session, NEXUS, 1, FeeCaps())


@dataclass(frozen=True)
class _Session:
    """As much of a session as a watcher looks at."""

    name: str
    permission_id: Hash32
