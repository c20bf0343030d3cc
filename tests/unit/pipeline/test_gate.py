"""Nothing of a stopped scope begins, and what is inside ends before anybody says so."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.kill_file import KillFile
from agent.domain.errors import Held
from agent.domain.hold import (
    AccountScope,
    AllScope,
    ChainScope,
    Hold,
    JobScope,
    Scope,
    SessionScope,
    scopes_over,
)
from agent.domain.kill import KillOrder
from agent.pipeline.gate import Gate
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash

AGENT = Path(__file__).parents[3] / "agent"
MINE = tuple(scopes_over(CHAIN_ID, ACCOUNT, "rent", [a_hash(9)]))
OTHERS: list[Scope] = [JobScope("gym"), SessionScope(CHAIN_ID, ACCOUNT, a_hash(8))]


def an_order(scope: Scope) -> KillOrder:
    return KillOrder(scope, "1", "looks wrong")


async def sent(record: list[str]) -> str:
    record.append("sent")
    return "accepted"


async def passes(gate: Gate, scopes: Sequence[Scope] = MINE) -> bool:
    record: list[str] = []
    try:
        await gate.through(scopes, lambda: sent(record))
    except Held:
        assert record == []
        return False
    return True


@pytest.mark.parametrize("scope", MINE, ids=str)
async def test_the_file_the_word_and_the_journal_each_shut_it(scope: Scope, tmp_path: Path) -> None:
    by_file, by_word, by_journal = Gate(KillFile(tmp_path / "kill")), Gate(), Gate()
    KillFile(tmp_path / "kill").add([an_order(scope)])
    by_word.stop(an_order(scope))
    by_journal.learn([Hold(scope, "killed", "looks wrong", NOW)])

    assert [await passes(gate) for gate in (by_file, by_word, by_journal)] == [False, False, False]
    with pytest.raises(Held, match=re.escape(f"{scope} is held: killed: looks wrong")):
        by_file.refuse(MINE)


@pytest.mark.parametrize("scope", OTHERS, ids=str)
async def test_what_others_are_stopped_for_is_not_its_concern(scope: Scope, tmp_path: Path) -> None:
    gate = Gate(KillFile(tmp_path / "kill"))
    KillFile(tmp_path / "kill").add([an_order(scope)])
    assert await passes(gate)


async def test_it_opens_when_everything_is_let_go(tmp_path: Path) -> None:
    file = KillFile(tmp_path / "kill")
    gate = Gate(file)
    file.add([an_order(AllScope())])
    gate.stop(an_order(ChainScope(CHAIN_ID)))
    gate.learn([Hold(AccountScope(CHAIN_ID, ACCOUNT), "killed", "", NOW)])

    file.remove([AllScope()])
    assert not await passes(gate)
    gate.forget(gate.told())
    assert not await passes(gate)
    gate.learn([])
    assert await passes(gate)


async def test_what_is_inside_may_end_by_itself() -> None:
    gate, go = Gate(), asyncio.Event()
    record: list[str] = []

    async def slow() -> str:
        await go.wait()
        return await sent(record)

    inside = asyncio.create_task(gate.through(MINE, slow))
    await asyncio.sleep(0)
    gate.stop(an_order(JobScope("rent")))
    draining = asyncio.create_task(gate.drained(JobScope("rent"), grace_s=60))
    await asyncio.sleep(0)
    assert not draining.done()
    go.set()

    assert (await draining, await inside, record) == (0, "accepted", ["sent"])


async def test_what_takes_too_long_is_cut_off_and_never_sent() -> None:
    gate = Gate()
    record: list[str] = []

    async def connecting() -> str:
        await asyncio.Event().wait()
        return await sent(record)

    inside = asyncio.create_task(gate.through(MINE, connecting))
    await asyncio.sleep(0)
    gate.stop(an_order(AllScope()))

    assert await gate.drained(AllScope(), grace_s=0) == 1
    with pytest.raises(Held):
        await inside
    assert record == []


async def test_others_are_not_cut_off() -> None:
    gate, go = Gate(), asyncio.Event()
    inside = asyncio.create_task(gate.through([JobScope("gym")], go.wait))
    await asyncio.sleep(0)
    gate.stop(an_order(JobScope("rent")))
    assert await gate.drained(JobScope("rent"), grace_s=0) == 0
    go.set()
    assert await inside is True


async def test_who_is_cancelled_from_outside_stays_cancelled() -> None:
    gate = Gate()
    inside = asyncio.create_task(gate.through(MINE, asyncio.Event().wait))
    await asyncio.sleep(0)
    inside.cancel()
    await gate.drained(AllScope(), grace_s=0)
    with pytest.raises(asyncio.CancelledError):
        await inside


async def test_a_kill_that_asks_for_cancels_lets_them_pass_and_nothing_else(tmp_path: Path) -> None:
    file = KillFile(tmp_path / "kill")
    gate = Gate(file)
    file.add([replace(an_order(AllScope()), cancels=True)])
    gate.learn([Hold(AllScope(), code, "", NOW) for code in ("killed_cancelling", "kill_acknowledged")])

    gate.refuse(MINE, cancels=True)
    with pytest.raises(Held, match="killed_cancelling"):
        gate.refuse(MINE)
    gate.learn([Hold(JobScope("rent"), "killed", "", NOW)])
    with pytest.raises(Held, match="job:rent is held: killed"):
        gate.refuse(MINE, cancels=True)


async def test_a_cancel_that_may_pass_is_not_cut_off() -> None:
    gate, go = Gate(), asyncio.Event()
    cancelling = asyncio.create_task(gate.through(MINE, go.wait, cancels=True))
    paying = asyncio.create_task(gate.through(MINE, asyncio.Event().wait))
    await asyncio.sleep(0)
    gate.stop(replace(an_order(AllScope()), cancels=True))
    assert await gate.drained(AllScope(), grace_s=0) == 1
    go.set()
    assert await cancelling is True
    with pytest.raises(Held):
        await paying


async def test_what_is_inside_is_cut_off_in_the_order_in_which_it_came() -> None:
    gate, cut = Gate(), list[int]()

    async def stays(place: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.append(place)

    tasks = [
        asyncio.create_task(gate.through(MINE, lambda place=place: stays(place)))  # type: ignore[misc]  # a default holds the place
        for place in range(200)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.stop(an_order(AllScope()))
    assert await gate.drained(AllScope(), grace_s=0) == 200
    assert cut == list(range(200))
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_error_inside_is_passed_on() -> None:
    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await Gate().through(MINE, broken)


async def test_after_the_acknowledgement_nothing_leaves_under_heavy_load(tmp_path: Path) -> None:
    file, left = KillFile(tmp_path / "kill"), Counter[str]()
    gate, acknowledged = Gate(file), asyncio.Event()

    async def send() -> None:
        await asyncio.sleep(0)
        left["after" if acknowledged.is_set() else "before"] += 1
        await asyncio.sleep(0.001)

    async def lane() -> None:
        while True:
            await gate.through(MINE, send)

    lanes = [asyncio.create_task(lane()) for _ in range(500)]
    while left["before"] < 2_000:
        await asyncio.sleep(0)
    KillFile(tmp_path / "kill").add([an_order(ChainScope(CHAIN_ID))])
    await gate.drained(ChainScope(CHAIN_ID), grace_s=0)
    acknowledged.set()

    ended = await asyncio.gather(*lanes, return_exceptions=True)
    assert {type(one) for one in ended} == {Held}
    assert left["after"] == 0


def test_nothing_signs_or_sends_beside_the_gate() -> None:
    calls = re.compile(r"\.sign_hash\(|bundlers?\w*(?:\[\d\])?\.send\(")
    places = {
        path.relative_to(AGENT).as_posix(): calls.findall(path.read_text())
        for folder in ("pipeline", "worker", "commands")
        for path in (AGENT / folder).rglob("*.py")
    }
    found = {place: names for place, names in places.items() if names}
    assert found == {"pipeline/sign.py": [".sign_hash("], "pipeline/submit.py": ["bundler.send("]}
