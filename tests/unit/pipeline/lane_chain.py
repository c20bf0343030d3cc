"""A job's lane on a chain of the test's own, with the journal of the job, for what is read back from it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

from agent.adapters.memory import MemoryJournal
from agent.domain.call import Call
from agent.domain.job import JobDefinition, Place
from agent.domain.journal import Enrolment, JobCursor
from agent.domain.occurrence import Occurrence
from agent.domain.recurrence import Interval
from agent.domain.schedule import CatchUp, Retry, Schedule, next_slot
from agent.domain.states import Event
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import handle_ops_call
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.execution import encode_execute
from agent.pipeline.context import JobContext, Services
from agent.pipeline.pump import DuePump
from agent.ports import Block, BlockTag, Log, TransactionReceipt
from jobs.subscription import SUBSCRIPTION, SubscriptionSpec
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, PAYEE, a_hash, a_user_operation
from tests.contract.journals import tell

DAY_S = 86_400
GRACE_S = 3_600
LANE = 7
PAYMENT = encode_execute([Call(PAYEE, Wei(1_000), b"")])


def at(days: int, seconds: int = 0) -> Timestamp:
    """Return the instant so long after the first slot was due."""
    return Timestamp(NOW + days * DAY_S + seconds)


async def nothing() -> None:
    """Happen not."""


@dataclass(frozen=True)
class Landed:
    """An operation of the lane, in a block of its own."""

    sequence: int
    time: Timestamp
    user_op_hash: Hash32
    call_data: bytes = PAYMENT
    success: bool = True

    @property
    def operation(self) -> UserOperation:
        return replace(a_user_operation(), nonce=LANE << 64 | self.sequence, call_data=self.call_data)


def payment(sequence: int, time: Timestamp) -> Landed:
    """Return a payment of the job in a block, by its true hash."""
    return by_its_hash(Landed(sequence, time, a_hash()))


def by_its_hash(landed: Landed) -> Landed:
    """Return an operation in a block by its true hash."""
    true = user_op_hash(landed.operation, ENTRY_POINT, CHAIN_ID, EntryPointVersion.V07)
    return replace(landed, user_op_hash=true)


@dataclass
class Node:
    """Blocks 1, 2, ... of one landed operation each, all of them final."""

    landed: Sequence[Landed]
    meanwhile: Callable[[], Awaitable[None]] = nothing
    """What another worker does before the chain's final block is asked for."""
    asked: list[BlockTag] = field(default_factory=list)

    async def block(self, tag: BlockTag) -> Block:
        self.asked.append(tag)
        number = tag if isinstance(tag, int) else len(self.landed)
        return Block(number, a_hash(1_000 + number), self.landed[number - 1].time, Wei(1))

    async def finalized(self) -> Block:
        await self.meanwhile()
        return await self.block("latest")

    async def call(self, target: Address, data: bytes, tag: BlockTag) -> bytes:
        assert target == ENTRY_POINT
        return (LANE << 64 | self.landed[-1].sequence + 1).to_bytes(32, "big")

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], first: int, last: int
    ) -> tuple[Log, ...]:
        return tuple(self._log(number) for number in range(max(first, 1), last + 1))

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt:
        number = int.from_bytes(transaction_hash, "big") - 2_000
        logs = (self._log(number),)
        return TransactionReceipt(transaction_hash, number, a_hash(1_000 + number), 1, logs)

    async def transaction_input(self, transaction_hash: Hash32) -> bytes:
        number = int.from_bytes(transaction_hash, "big") - 2_000
        return handle_ops_call([self.landed[number - 1].operation], PAYEE)

    def _log(self, number: int) -> Log:
        landed, sender = self.landed[number - 1], Hash32(bytes(12) + ACCOUNT)
        topics = (USER_OPERATION_EVENT, landed.user_op_hash, sender, Hash32(bytes(32)))
        words = (landed.operation.nonce, int(landed.success), Wei(10**14), Gas(100_000))
        data = b"".join(word.to_bytes(32, "big") for word in words)
        return Log(ENTRY_POINT, topics, data, number, a_hash(1_000 + number), a_hash(2_000 + number), 0)


def a_definition(*, catch_up: CatchUp = CatchUp.NONE, triggered: bool = False) -> JobDefinition:
    """Return a job that pays 1000 wei a day, an hour late at most; triggered, it has no calendar."""
    coin = Token("ETH", None, 18)
    spec = SubscriptionSpec.model_construct(amount=TokenAmount(coin, 1_000), payee=PAYEE, recheck=60)
    return JobDefinition(
        id="rent",
        kind="subscription",
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        account_kind="nexus",
        session="session",
        schedule=None if triggered else Schedule(Interval(NOW, DAY_S), start=NOW),
        spec=spec,
        identity_digest=a_hash(1),
        digest=a_hash(2),
        place=Place("rent.yaml"),
        retry=Retry(grace_s=GRACE_S),
        catch_up=catch_up,
    )


def a_context(definition: JobDefinition, node: Node, *, any_node: Node | None = None) -> JobContext:
    """Return the job with what reading its lane needs; `any_node` is asked where nodes need not agree."""
    chain = SimpleNamespace(
        agreed=node, reader=any_node or node, entry_point=ENTRY_POINT, version=EntryPointVersion.V07
    )
    job = SimpleNamespace(definition=definition, kind=SUBSCRIPTION, chain=chain, nonce_key=LANE)
    return cast("JobContext", job)


class StillClock:
    """A clock that stands."""

    async def now(self) -> Timestamp:
        return at(9)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def services_of(journal: MemoryJournal) -> Services:
    """Return services on the journal."""
    return Services(journal, StillClock())


async def a_journal(days: int) -> tuple[MemoryJournal, list[Occurrence]]:
    """Return a journal in which the slots of so many days were claimed, each on its day."""
    definition, journal = a_definition(), MemoryJournal()
    assert definition.schedule is not None
    slot = next_slot(definition.schedule, at(0, -1))
    assert slot is not None
    cursor = JobCursor(slot.key, slot.ordinal, slot.due_at)
    enrolment = Enrolment("rent", CHAIN_ID, ACCOUNT, ENTRY_POINT, LANE, "identity", "digest", cursor)
    await journal.enroll([enrolment], NOW)
    due: list[Occurrence] = []
    pump = DuePump(journal, {"rent": definition}, due.append)
    for day in range(days):
        await pump.tick(at(day))
    return journal, [await tell(journal, row, Event.CLAIM) for row in due]
