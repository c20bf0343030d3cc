"""A success that delivered nothing is held, and every later look finds it held already."""

from collections.abc import Sequence
from dataclasses import replace

from agent.domain.evaluation import Delivery, NotDelivered
from agent.domain.states import Event, State
from agent.domain.units import Address
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.ports import BlockTag
from jobs.kind import EventLog
from jobs.subscription import Subscription, SubscriptionSpec
from tests.builders import CHAIN_ID, ENTRY_POINT
from tests.unit.pipeline.lane_chain import LANE, Landed, a_journal, at
from tests.unit.pipeline.test_follow_failure import ANOTHER, PAID, Chain, Repay, Stage, a_chain, sent_again

WHY = "the token moved nothing"
HELD_FOR = f"not_paid: {WHY}"
LOOKS = 4


class Undelivered(Subscription):
    """Moves nothing, whatever succeeds."""

    def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        return NotDelivered("not_paid", WHY)


class RepayUndelivered(Repay):
    """The same of a kind that is safe to repeat."""

    def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        return NotDelivered("not_paid", WHY)


class Taken(Chain):
    """A lane whose first sequence somebody took; nothing else on the chain is the lane's."""

    async def call(self, target: Address, data: bytes, tag: BlockTag) -> bytes:
        number = len(self.landed) if tag == "latest" else int(tag)
        used = sum(item.sequence == 0 for item in self.landed[:number])
        return (LANE << 64 | used).to_bytes(32, "big")


async def entries_after_looks(stage: Stage, node: Chain) -> list[int]:
    """Return how many entries the journal has after each look."""
    sizes = []
    for _ in range(LOOKS):
        row = await stage.look(node)
        assert (row.state, row.held_from, row.code) == (State.HELD, State.SENT, "not_delivered")
        sizes.append(len(await stage.journal.entries()))
    return sizes


async def test_a_recognised_operation_that_delivered_nothing_is_held_once() -> None:
    journal, (row,) = await a_journal(1)
    stage = Stage(journal, row, Undelivered())
    await stage.signed(1, 80)
    (mine,) = await journal.operations(row.id)
    other = Landed(0, at(0, 1), ANOTHER, mine.operation.call_data)
    true = user_op_hash(other.operation, ENTRY_POINT, CHAIN_ID, EntryPointVersion.V07)
    landed = [replace(item, sequence=99) for item in a_chain(12, None).landed]
    node = Taken([landed[0], replace(other, user_op_hash=true), *landed[2:]], final=10)

    sizes = await entries_after_looks(stage, node)

    assert len(set(sizes)) == 1


async def test_an_earlier_attempt_that_delivered_nothing_is_held_once() -> None:
    stage = await sent_again()
    stage.kind = RepayUndelivered()
    node = a_chain(40, PAID, PAID, final=30)
    node.landed = [*node.landed[:2], Landed(1, at(0, 2), ANOTHER), *node.landed[3:]]

    sizes = await entries_after_looks(stage, node)

    assert len(set(sizes)) == 1


async def test_another_reason_to_hold_it_is_recorded() -> None:
    stage = await sent_again()
    stage.kind = RepayUndelivered()
    await stage.tell(Event.HOLD, code="gas_refused", reason="too little")
    node = a_chain(40, PAID, PAID, final=30)
    node.landed = [*node.landed[:2], Landed(1, at(0, 2), ANOTHER), *node.landed[3:]]

    assert len(set(await entries_after_looks(stage, node))) == 1
    assert stage.row.reason == HELD_FOR
