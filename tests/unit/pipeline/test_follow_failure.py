"""A failure of a kind that is safe to repeat is tried again before it is final, and may be undone yet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.call import Call
from agent.domain.evaluation import Delivered, Delivery
from agent.domain.hold import AllScope
from agent.domain.job_caps import JobCapKey
from agent.domain.kill import KillOrder
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.schedule import Retry
from agent.domain.send_answer import Accepted, SendAnswer
from agent.domain.states import Event, State
from agent.domain.units import Address, Hash32, Timestamp, Wei
from agent.domain.watching import JobCap
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import JobContext, Services
from agent.pipeline.earlier import LANDED, OPEN, booked, earlier_spends, instead_of_end
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.occurrence import pay
from agent.pipeline.recover import flights
from agent.pipeline.settle import after_the_end
from agent.ports import Block, BlockTag, Log
from jobs.kind import AnyKind, EventLog
from jobs.loan_repay import LOAN_REPAY
from jobs.subscription import SUBSCRIPTION, Subscription, SubscriptionSpec
from tests.builders import ENTRY_POINT, NOW, a_hash
from tests.contract.journals import a_change, a_signed, plan, room, tell
from tests.unit.pipeline.lane_chain import GRACE_S, LANE, Landed, Node, a_definition, a_journal, at

CAP = str(JobCapKey("rent", "paid_per_day", "2026-09-21"))
FIRST, SECOND, ANOTHER = a_hash(1), a_hash(2), a_hash(77)
PAID, FAILED = "paid", "failed"
SPEND, MORE = 80, 15
DAY_S = 86_400
DEFINITION = replace(a_definition(), retry=Retry((60, 60), GRACE_S))
FAILED_IN, DEEP_ENOUGH = 2, 5
"""Its block, and the first head at which it is tried again."""


class Repay(Subscription):
    """Pays what is owed and no more, within a cap of a hundred a day."""

    repeat_safe = True

    def caps(self, spec: SubscriptionSpec) -> tuple[JobCap, ...]:
        return (JobCap("paid_per_day", 100, per_day=True),)

    def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        return Delivered()


@dataclass
class Chain(Node):
    """Blocks of which the first ones are final, and a lane that only what landed in it moves."""

    final: int = field(default=1, kw_only=True)

    async def finalized(self) -> Block:
        return await self.block(self.final)

    async def call(self, target: Address, data: bytes, tag: BlockTag) -> bytes:
        number = len(self.landed) if tag == "latest" else int(tag)
        used = sum(item.user_op_hash in (FIRST, SECOND, ANOTHER) for item in self.landed[:number])
        return (LANE << 64 | used).to_bytes(32, "big")

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes, ...]:
        return tuple([await self.call(item.target, item.data, tag) for item in calls])

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], first: int, last: int
    ) -> tuple[Log, ...]:
        wanted, found = topics[1], await super().logs(address, topics, first, last)
        return tuple(log for log in found if wanted is None or log.topics[1] in wanted)


def a_chain(head: int, first: str | None = FAILED, second: str | None = None, *, final: int = 1) -> Chain:
    """Return a chain with the first operation in its second block and the other in the next, if any."""
    blocks = [Landed(0, at(0, number), a_hash(500 + number)) for number in range(head)]
    if first is not None:
        blocks[FAILED_IN - 1] = Landed(0, at(0, 1), FIRST, success=first == PAID)
    if second is not None:
        blocks[FAILED_IN] = Landed(1, at(0, 2), SECOND, success=second == PAID)
    return Chain(blocks, final=final)


@dataclass
class Clock:
    """A clock that somebody sets."""

    time: Timestamp = field(default_factory=lambda: at(0, 60))

    async def now(self) -> Timestamp:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Sink:
    """A bundler that takes whatever it gets."""

    name = "sink"

    def __init__(self) -> None:
        self.got = list[Hash32]()

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        self.got.append(operation.user_op_hash)
        return Accepted(operation.user_op_hash)


class Stage:
    """A run whose first attempt was seen to fail, on one history of the chain after the other."""

    def __init__(self, journal: MemoryJournal, row: Occurrence, kind: AnyKind) -> None:
        self.journal, self.row, self.kind = journal, row, kind
        self.sink, self.clock = Sink(), Clock()
        self.services = Services(journal, self.clock)

    def job(self, node: Chain) -> JobContext:
        chain = SimpleNamespace(
            agreed=node,
            reader=node,
            entry_point=ENTRY_POINT,
            version=EntryPointVersion.V07,
            kept_limits=None,
            payers={},
            max_head_age_s=None,
            bundlers=(self.sink,),
        )
        job = SimpleNamespace(definition=DEFINITION, kind=self.kind, chain=chain, nonce_key=LANE)
        return cast("JobContext", job)

    async def look(self, node: Chain) -> Occurrence:
        """Follow the run once."""
        job = self.job(node)
        found = await flights(self.services, {"rent": job}, [self.row])
        assert len(found) == 1
        for one in await follow(self.services, job.chain, found, LogScan()):
            assert isinstance(one.outcome, Occurrence), one.outcome
        self.row = await self.journal.occurrence(self.row.id)
        return self.row

    async def go_on(self, node: Chain) -> Occurrence:
        """Take the run, with nothing of it signed, as far as it goes."""
        self.row = await pay(self.services, self.job(node), self.row)
        return self.row

    async def tell(self, event: Event, **parts: object) -> Occurrence:
        self.row = await tell(self.journal, self.row, event, **parts)
        return self.row

    async def end_of_ladder(self) -> Occurrence:
        change = after_the_end(DEFINITION, self.row, self.clock.time)
        assert change is not None
        self.row = await self.journal.record(change)
        return self.row

    async def signed(self, seed: int, amount: int, valid_until: int | None = None) -> None:
        self.row = await plan(self.journal, self.row, [room(amount, key=CAP)])
        signed = a_signed(self.row, seed, valid_until)
        draft = signed.priced.draft
        # Planned at the chain's first block.
        draft = replace(draft, plan=replace(draft.plan, block_number=1))
        signed = replace(signed, priced=replace(signed.priced, draft=draft))
        self.row, _ = await self.journal.append(signed, a_change(self.row, Event.SIGN))
        await self.tell(Event.SEND)


async def a_stage(kind: AnyKind | None = None, valid_until: int | None = None) -> Stage:
    journal, (row,) = await a_journal(1)
    stage = Stage(journal, row, kind or Repay())
    await stage.signed(1, SPEND, valid_until)
    seen = Inclusion(
        FIRST, a_hash(2_002), FAILED_IN, a_hash(1_002), success=False, actual_gas_cost_wei=Wei(1)
    )
    await stage.tell(Event.SEE_FAIL, inclusion=seen)
    return stage


async def tried_again(kind: AnyKind | None = None) -> Stage:
    """Return a run that goes on to the lane's next sequence before its failure is final."""
    stage = await a_stage()
    assert (await stage.look(a_chain(DEEP_ENOUGH))).state is State.FINAL_FAIL
    assert (await stage.end_of_ladder()).state is State.CLAIMED
    stage.kind = kind or stage.kind
    return stage


async def sent_again() -> Stage:
    """Return one whose second operation is on its way."""
    stage = await tried_again()
    await stage.signed(2, MORE)
    stage.clock.time = stage.row.not_before
    return stage


async def lane(stage: Stage) -> int:
    return (await stage.journal.job("rent")).next_sequence


async def test_a_failure_is_tried_again_three_blocks_later_where_that_is_safe() -> None:
    assert LOAN_REPAY.repeat_safe
    stage = await a_stage()
    assert (await stage.look(a_chain(DEEP_ENOUGH - 1))).state is State.INCLUDED_FAIL
    assert (await stage.look(a_chain(DEEP_ENOUGH))).state is State.FINAL_FAIL
    assert await lane(stage) == 1


async def test_the_end_of_a_session_is_in_the_way_only_when_it_is_near() -> None:
    long, short = await a_stage(valid_until=NOW + 3 * DAY_S), await a_stage(valid_until=NOW + DAY_S // 2)
    assert (await long.look(a_chain(DEEP_ENOUGH))).state is State.FINAL_FAIL
    assert (await short.look(a_chain(DEEP_ENOUGH))).state is State.INCLUDED_FAIL


async def test_every_other_kind_waits_until_its_failure_is_final() -> None:
    stage = await a_stage(SUBSCRIPTION)
    assert (await stage.look(a_chain(40))).state is State.INCLUDED_FAIL
    assert (await stage.look(a_chain(40, final=FAILED_IN))).state is State.FINAL_FAIL


async def test_so_does_what_could_not_fill_its_place_again_and_what_is_not_tried_again() -> None:
    sponsored, last = await a_stage(valid_until=NOW + 600), await a_stage()
    assert (await sponsored.look(a_chain(40))).state is State.INCLUDED_FAIL
    head_after_grace = a_chain(40)
    head_after_grace.landed = [*head_after_grace.landed[:-1], Landed(0, at(0, GRACE_S + 1), a_hash(900))]
    assert (await last.look(head_after_grace)).state is State.INCLUDED_FAIL


async def test_a_second_failure_waits_until_the_first_is_final() -> None:
    stage = await sent_again()
    assert (await stage.look(a_chain(40, FAILED, FAILED))).state is State.INCLUDED_FAIL
    assert (await stage.look(a_chain(40, FAILED, FAILED))).state is State.INCLUDED_FAIL
    assert (await stage.look(a_chain(40, FAILED, FAILED, final=FAILED_IN))).state is State.FINAL_FAIL


async def test_a_gap_is_filled_with_the_old_bytes_before_anything_new_is_planned() -> None:
    stage = await tried_again()

    after = await stage.go_on(a_chain(40, None))

    assert stage.sink.got == [FIRST]
    assert (after.state, after.code, after.nonce) == (State.DUE, "node_behind", None)
    assert after.not_before > stage.clock.time
    assert [item.user_op_hash for item in await stage.journal.operations(after.id)] == [FIRST]


async def test_a_gap_below_what_is_signed_is_filled_at_its_turns() -> None:
    stage = await sent_again()
    for _ in range(2):
        assert (await stage.look(a_chain(40, None))).state is State.SENT
        assert stage.sink.got == [FIRST]
    stage.clock.time = stage.row.not_before
    await stage.look(a_chain(40, None))
    assert stage.sink.got == [FIRST, FIRST]


async def test_a_kind_that_is_not_safe_to_repeat_fills_nothing() -> None:
    stage = await tried_again(SUBSCRIPTION)
    assert (await stage.go_on(a_chain(40, None))).code == "node_behind"
    assert stage.sink.got == []


@pytest.mark.parametrize("stopped_by", ["kill", "pause"])
@pytest.mark.parametrize("stage_of", [tried_again, sent_again])
async def test_nothing_is_filled_where_nothing_may_be_sent(
    stopped_by: str, stage_of: Callable[[], Awaitable[Stage]]
) -> None:
    stage = await stage_of()
    if stopped_by == "kill":
        stage.services.gate.stop(KillOrder(AllScope(), "killed"))
    else:
        await stage.journal.pause("rent", "a person", NOW)

    if stage.row.state is State.SENT:
        await stage.look(a_chain(40, None))
    else:
        # Too late for a new attempt: what would be sent is the old one alone.
        stage.clock.time = at(0, GRACE_S + 1)
        await stage.go_on(a_chain(40, None))

    assert stage.sink.got == []
    assert (await stage.journal.occurrence(stage.row.id)).state in (State.DUE, State.SENT)


async def test_what_landed_after_all_is_booked_when_it_is_final_and_nothing_is_planned() -> None:
    stage = await tried_again()
    early = await stage.go_on(a_chain(40, PAID))
    assert (early.state, early.code) == (State.DUE, LANDED)

    after = await stage.go_on(a_chain(40, PAID, final=FAILED_IN))

    assert (after.state, after.code, after.settled) == (State.FINAL_OK, LANDED, True)
    assert after.inclusion is not None
    assert after.inclusion.user_op_hash == FIRST
    assert (await stage.journal.spent(), await stage.journal.reserved()) == ({CAP: SPEND}, {})
    assert len(await stage.journal.operations(after.id)) == 1


async def test_a_run_ends_only_when_no_reorg_can_make_its_failure_a_payment() -> None:
    stage = await tried_again()
    stage.clock.time = at(0, GRACE_S + 1)
    assert ((await stage.go_on(a_chain(40))).state, stage.row.code) == (State.DUE, OPEN)
    assert (await stage.go_on(a_chain(40, final=FAILED_IN))).state is State.FAILED
    assert await stage.journal.spent() == {}


async def test_a_failure_seen_anew_is_to_be_as_deep_again() -> None:
    stage = await tried_again()
    after = await stage.go_on(a_chain(DEEP_ENOUGH - 1))
    assert (after.state, after.code) == (State.DUE, OPEN)
    row = await stage.tell(Event.CLAIM)
    assert await booked(stage.services, stage.job(a_chain(DEEP_ENOUGH)), row) is None


async def test_the_caps_keep_room_for_both_until_the_failure_is_final() -> None:
    stage = await tried_again()

    async def kept(node: Chain) -> dict[str, int]:
        return await earlier_spends(stage.services, stage.job(node), stage.row)

    assert await kept(a_chain(40)) == {CAP: SPEND}
    assert await kept(a_chain(40, final=FAILED_IN)) == {}
    assert await kept(a_chain(40, PAID, final=FAILED_IN)) == {CAP: SPEND}


@pytest.mark.parametrize(("first", "used"), [(FAILED, MORE), (PAID, SPEND + MORE)])
async def test_of_two_that_land_both_are_counted(first: str, used: int) -> None:
    stage = await sent_again()
    assert (await stage.look(a_chain(40, first, PAID))).state is State.INCLUDED_OK
    assert (await stage.look(a_chain(40, first, PAID, final=30))).state is State.FINAL_OK
    await stage.tell(Event.SETTLE, reservations=())
    assert (await stage.journal.spent(), await stage.journal.reserved()) == ({CAP: used}, {})


async def test_where_the_second_fails_because_the_first_has_paid_the_run_is_paid() -> None:
    stage = await sent_again()
    await stage.look(a_chain(40, PAID, FAILED))
    assert (await stage.look(a_chain(40, PAID, FAILED, final=30))).state is State.FINAL_FAIL
    stage.clock.time = at(0, GRACE_S + 1)
    node = a_chain(40, PAID, FAILED, final=30)
    end = after_the_end(DEFINITION, stage.row, stage.clock.time)
    assert end is not None
    assert end.event is Event.GIVE_UP

    stage.row = await stage.journal.record(
        await instead_of_end(stage.services, stage.job(node), stage.row, end)
    )
    after = await stage.go_on(node)

    assert (after.state, after.code, await stage.journal.spent()) == (State.FINAL_OK, LANDED, {CAP: SPEND})


async def test_where_somebody_else_takes_the_second_nonce_what_the_first_paid_is_booked() -> None:
    stage = await sent_again()
    node = a_chain(40, PAID, PAID, final=30)
    node.landed = [*node.landed[:2], Landed(1, at(0, 2), ANOTHER), *node.landed[3:]]
    after = await stage.look(node)

    assert (after.state, after.code, await stage.journal.spent()) == (State.FINAL_OK, LANDED, {CAP: SPEND})
    assert await lane(stage) == 2
