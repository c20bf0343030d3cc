"""A worker that never saw a session before holds it against the chain before it sends anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.devnet.accounts import enable_sessions
from agent.devnet.devnet import Devnet
from agent.domain.errors import ChainReverted
from agent.domain.states import State
from agent.domain.units import Address
from agent.ports import BlockTag, ChainReader
from agent.worker.paymaster_flags import PaymasterFlags
from tests.integration.paying import Paying, due_jobs, further_session, paying, write_session
from tests.integration.test_drift import Act, drop_a_limit, permit_a_paymaster, widen
from tests.integration.test_drift_worker import PAY, next_day, served
from tests.operator import an_operator

pytestmark = pytest.mark.devnet


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (permit_a_paymaster, "paymaster_flag_changed"),
        (widen, "session_widened"),
        (drop_a_limit, "session_widened"),
    ],
)
async def test_nothing_is_sent_under_a_session_that_differs_from_its_file(
    devnet: Devnet, tmp_path: Path, act: Act, code: str
) -> None:
    operator = await an_operator(devnet, tmp_path, [PAY.replace("AMOUNT", "10 USDC")])
    await act(operator)
    # The first start only learns of the job; it is due the next day.
    await served(operator)
    await next_day(devnet)
    waiting = await served(operator)
    assert (waiting.state, waiting.code, waiting.user_op_hash) == (State.DUE, "held", None)
    assert code in waiting.reason


def asking(flags: PaymasterFlags, world: Paying) -> Paying:
    """Return the world with a pipeline that asks for paymaster flags before it uses a session."""
    services = replace(world.world.services, first_use=flags.known)
    return replace(world, world=replace(world.world, services=services))


async def test_a_session_that_was_not_asked_at_the_start_is_asked_before_its_first_use(
    devnet: Devnet, tmp_path: Path
) -> None:
    jobs = due_jobs(["one", "two"], "sessions: [main, spare]")
    operator = await an_operator(devnet, tmp_path, jobs)
    spare = further_session(operator, uses=1)
    await enable_sessions(devnet, operator.account, [spare])
    write_session(operator, "spare", spare)
    await permit_a_paymaster(operator)
    async with paying(operator) as world:
        files, journal = world.world.definitions.sessions, world.world.services.journal
        # As many are asked at once as there are sessions before the changed one.
        order = [files["spare"], files["main"]]
        flags = PaymasterFlags(world.world.services, world.world.chains, order, asked_at_once=1)
        await flags.ask_first()
        assert await journal.holds() == ()
        asked = asking(flags, world)

        one = await asked.pay("one")
        assert [hold.code for hold in await journal.holds()] == ["paymaster_flag_changed"]
        two = await asked.pay("two")

        assert (one.state, await asked.signed_under(one)) == (State.SENT, "spare")
        assert (two.state, two.user_op_hash) == (State.DUE, None)
        assert "main: held" in two.reason
        assert await world.included(operator, one)


async def test_all_others_are_asked_in_batches(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["one"], "sessions: [main, spare]"))
    write_session(operator, "spare", further_session(operator, uses=1))
    await permit_a_paymaster(operator)
    async with paying(operator) as world:
        files, journal = world.world.definitions.sessions, world.world.services.journal
        order = [files["spare"], files["main"]]
        flags = PaymasterFlags(world.world.services, world.world.chains, order, asked_at_once=1)

        await flags.ask_others()

        assert [hold.code for hold in await journal.holds()] == ["paymaster_flag_changed"]


async def test_under_an_unknown_flag_nothing_is_signed(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["one"]))
    async with paying(operator) as world:
        sessions = world.world.definitions.sessions.values()
        chains = {key: replace(here, reader=Mute(here.reader)) for key, here in world.world.chains.items()}
        flags = PaymasterFlags(world.world.services, chains, sessions)
        await flags.ask_first()
        muted = replace(world.world.jobs["one"], chain=next(iter(chains.values())))
        silent = asking(flags, replace(world, world=replace(world.world, jobs={"one": muted})))

        put_off = await silent.pay("one")

        assert (put_off.state, put_off.user_op_hash) == (State.DUE, None)
        assert put_off.code == "paymaster_flag_unknown"
        # With a node that answers it is paid.
        paid = await asking(flags, world).pay("one")
        assert paid.state is State.SENT
        assert await world.included(operator, paid)


class Mute:
    """A real node that keeps the data of reverted calls for itself, as some do."""

    def __init__(self, reader: ChainReader) -> None:
        self._reader = reader
        self.chain_id = reader.chain_id
        self.remote_chain_id = reader.remote_chain_id
        self.block = reader.block
        self.finalized = reader.finalized
        self.calls = reader.calls
        self.batch = reader.batch
        self.code = reader.code
        self.balance = reader.balance
        self.logs = reader.logs
        self.receipt = reader.receipt
        self.transaction_input = reader.transaction_input
        self.priority_fee = reader.priority_fee

    async def call(
        self,
        target: Address,
        data: bytes,
        tag: BlockTag,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        try:
            return await self._reader.call(target, data, tag, sender, gas)
        except ChainReverted as revert:
            raise ChainReverted(b"") from revert
