"""What a lane lacks goes out again only once that is written down, and only while nothing forbids it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from agent.domain.hold import ChainScope, Hold, JobScope, Scope
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.states import Event, State
from agent.pipeline.context import SENDS_AT_ONCE
from tests.builders import CHAIN_ID, NOW
from tests.unit.pipeline.test_follow_failure import FIRST, Sink, Stage, a_chain, sent_again, tried_again

StageOf = Callable[[], Awaitable[Stage]]
stages = pytest.mark.parametrize("stage_of", [tried_again, sent_again])


async def turn(stage: Stage) -> Occurrence:
    """Take the run as far as it goes while its lane lacks its first operation."""
    gap = a_chain(40, None)
    return await (stage.look(gap) if stage.row.state is State.SENT else stage.go_on(gap))


@stages
@pytest.mark.parametrize("scope", [JobScope("rent"), ChainScope(CHAIN_ID)])
async def test_a_hold_that_the_gate_has_not_learnt_yet_is_obeyed(stage_of: StageOf, scope: Scope) -> None:
    stage = await stage_of()
    await stage.journal.hold(Hold(scope, "finality_broken", "a reorg past finality", NOW))

    await turn(stage)

    assert stage.sink.got == []


@stages
async def test_a_pause_while_it_waits_for_its_turn_is_obeyed(stage_of: StageOf) -> None:
    stage = await stage_of()
    for _ in range(SENDS_AT_ONCE):
        await stage.services.sends.acquire()
    work = asyncio.create_task(turn(stage))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not work.done()

    await stage.journal.pause("rent", "a person", NOW)
    stage.services.sends.release()
    await work

    assert stage.sink.got == []


class Witness(Sink):
    """A bundler that looks into the journal before it takes what it gets."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.journal, self.known = stage.journal, list[tuple[str, dict[str, str]]]()

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        newest = (await self.journal.entries())[-1]
        self.known.append((newest.event, json.loads(newest.data)["facts"]))
        return await super().send(operation)


@pytest.mark.parametrize(("stage_of", "event"), [(tried_again, Event.POSTPONE), (sent_again, Event.SEND)])
async def test_the_entry_that_names_it_stands_before_it_leaves(stage_of: StageOf, event: Event) -> None:
    stage = await stage_of()
    stage.sink = witness = Witness(stage)

    await turn(stage)

    assert witness.got == [FIRST]
    assert witness.known == [(event, {"bundler": "sink", "user_op_hash": str(FIRST), "fills": "0"})]
