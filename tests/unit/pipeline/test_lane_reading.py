"""What a lane did is read from what ran, and from what enough nodes say: nobody else is believed."""

from dataclasses import dataclass, replace

import pytest

from agent.domain.call import Call
from agent.domain.lane_history import Purpose
from agent.domain.states import State
from agent.domain.units import Hash32, Timestamp, Wei
from agent.erc4337.calldata import handle_ops_call
from agent.erc7579.execution import encode_execute
from agent.pipeline.lane_reading import lane_history
from agent.pipeline.rebuild import FOUND, rebuilt
from agent.ports import Block, BlockTag
from tests.builders import PAYEE, a_user_operation
from tests.unit.pipeline.lane_chain import Node, a_context, a_definition, a_journal, at, payment, services_of

HARMLESS = encode_execute([Call(PAYEE, Wei(0), b"")])
PAID = payment(0, at(0, 60))


@dataclass
class ShowsCancel(Node):
    """What ran was a payment; in its transaction's input the same nonce moves nothing.

    So shows a bundler's own contract that is called with such an input, and runs another operation; so does a
    node that lies.
    """

    async def transaction_input(self, transaction_hash: Hash32) -> bytes:
        shown = replace(self.landed[0].operation, call_data=HARMLESS)
        return handle_ops_call([shown, a_user_operation()], PAYEE)


@dataclass
class ShowsBoth(Node):
    """The input has, besides a cancel of the same nonce, what ran."""

    async def transaction_input(self, transaction_hash: Hash32) -> bytes:
        ran = self.landed[0].operation
        return handle_ops_call([replace(ran, call_data=HARMLESS), ran], PAYEE)


@dataclass
class SaysItWasEarlier(Node):
    """A node by which the payment landed long before its slot was due."""

    async def block(self, tag: BlockTag) -> Block:
        return replace(await super().block(tag), timestamp=Timestamp(at(-30)))


@pytest.mark.parametrize(
    ("node", "purpose"),
    [(Node, Purpose.PAYMENT), (ShowsCancel, Purpose.UNKNOWN), (ShowsBoth, Purpose.PAYMENT)],
)
async def test_an_operation_is_what_its_hash_says(node: type[Node], purpose: Purpose) -> None:
    job = a_context(a_definition(), node([PAID]))

    (executed,) = await lane_history(job, 0, 1, await job.chain.agreed.finalized())

    assert (executed.purpose, executed.at) == (purpose, PAID.time)
    assert executed.inclusion is not None
    assert executed.inclusion.user_op_hash == PAID.user_op_hash


async def test_a_payment_whose_bundle_looks_like_a_cancel_is_held_and_not_made_again() -> None:
    journal, (run,) = await a_journal(1)

    after = await rebuilt(services_of(journal), a_context(a_definition(), ShowsCancel([PAID])), run)

    assert (after.state, after.code) == (State.HELD, "lane_ahead")


@pytest.mark.parametrize("liar", [ShowsCancel, SaysItWasEarlier])
async def test_what_one_node_says_of_a_lane_decides_nothing_where_nodes_must_agree(liar: type[Node]) -> None:
    journal, (run,) = await a_journal(1)
    job = a_context(a_definition(), Node([PAID]), any_node=liar([PAID]))

    after = await rebuilt(services_of(journal), job, run)

    assert (after.state, after.code) == (State.FINAL_OK, FOUND)
