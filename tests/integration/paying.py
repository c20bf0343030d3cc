"""The pipeline itself, without the worker around it: every due run in hand, paid when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from agent.bootstrap import Store, World, opened
from agent.cli.loading import load_definitions, settings_for
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import Place
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Occurrence
from agent.domain.session import Session
from agent.domain.states import State
from agent.domain.units import Hash32
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.occurrence import pay
from agent.pipeline.prepare import Prepared, prepare
from agent.pipeline.pump import DuePump
from agent.pipeline.recover import flights
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import usage_limit
from agent.worker.enrol import enrol
from tests.devnet import HAPPENS_WITHIN_S, POLL_S, bundler_receipt
from tests.operator import CHAIN_ID, Operator
from tests.operator import a_session as operator_session

NOW_DUE = """\
id: {id}
kind: subscription
chain: 31337
account: "{account}"
{sessions}
schedule: {interval: 1d, start: "2020-01-01T00:00:00Z"}
spec: {amount: "1 USDC", payee: "{payee}"}
grace: 1d
"""


def due_jobs(names: Sequence[str], sessions: str = "session: main") -> list[str]:
    """Return jobs whose newest period is owed right away."""
    return [NOW_DUE.replace("{id}", name).replace("{sessions}", sessions) for name in names]


def further_session(operator: Operator, *, uses: int) -> Session:
    """Return another session for the operator's key: with fewer policies, so its operations cost less."""
    session = operator_session(operator.devnet, operator.session_key, uses=uses, spending=1_000_000_000)
    counted = [policy for policy in session.user_op_policies if policy.policy == usage_limit.ADDRESS]
    return replace(session, salt=Hash32(keccak256(session.salt)), user_op_policies=tuple(counted))


def write_session(operator: Operator, name: str, session: Session, succeeds: str | None = None) -> None:
    """Write the file of a session beside the operator's others."""
    definition = SessionDefinition(
        name=name,
        chain_id=CHAIN_ID,
        account=operator.account.address,
        account_kind=operator.account.kind.name,
        key="worker",
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place(f"sessions/{name}.yaml"),
        succeeds=succeeds,
    )
    path: Path = operator.folder / "sessions" / f"{name}.yaml"
    path.write_text(session_file(definition))


@dataclass(frozen=True)
class Paying:
    """An open world and the runs that are due in it, by job."""

    world: World
    runs: Mapping[str, Occurrence]

    async def pay(self, job: str) -> Occurrence:
        """Take the job's run as far as it goes now."""
        services = self.world.services
        newest = await services.journal.occurrence(self.runs[job].id)
        return await pay(services, self.world.jobs[job], newest)

    async def taken(self, job: str) -> Occurrence:
        """Pay, and go on as the worker does until the bundler has the operation."""
        run, scan = await self.pay(job), LogScan()
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while run.state is State.SENT and run.code != "accepted":
                await asyncio.sleep(POLL_S)
                run = await self.look(run, scan)
        return run

    async def look(self, run: Occurrence, scan: LogScan) -> Occurrence:
        """Follow the run once, as the worker does at each head."""
        services, job = self.world.services, self.world.jobs[run.job_id]
        found = await flights(services, self.world.jobs, [run])
        assert found
        for followed in await follow(services, job.chain, found, scan):
            if isinstance(followed.outcome, BaseException):
                raise followed.outcome
        return await services.journal.occurrence(run.id)

    async def prepared(self, job: str) -> Prepared:
        """Decide the job's run and write nothing."""
        services = self.world.services
        found = await prepare(services, self.world.jobs[job], self.runs[job], await services.clock.now())
        assert isinstance(found, Prepared)
        return found

    async def signed_under(self, run: Occurrence) -> str:
        """Return the name of the session that signed the run's operation."""
        (operation,) = await self.world.services.journal.operations(run.id)
        sessions = self.world.jobs[run.job_id].sessions
        names = {session.permission_id: session.name for session in sessions}
        return names[Hash32(operation.operation.signature[1:33])]

    async def included(self, operator: Operator, run: Occurrence) -> bool:
        """Wait until the run's operation, which was taken, is in a block; return whether it succeeded."""
        assert (run.state, run.code) == (State.SENT, "accepted"), run.reason
        operations = await self.world.services.journal.operations(run.id)
        (sent,) = (item for item in operations if item.user_op_hash == run.user_op_hash)
        receipt = await bundler_receipt(operator.devnet, sent.user_op_hash, sent.operation)
        return bool(receipt["success"])


@asynccontextmanager
async def paying(operator: Operator, store_url: str | None = None) -> AsyncIterator[Paying]:
    """Open the operator's world as the worker does and claim what is due."""
    settings = settings_for(operator.config)
    if store_url is not None:
        settings = settings.model_copy(update={"store_url": SecretStr(store_url)})
    async with opened(settings, load_definitions(settings), store=Store.WORKER, keys=True) as world:
        await enrol(world.services, world.jobs.values())
        due: list[Occurrence] = []
        definitions = {name: job.definition for name, job in world.jobs.items()}
        await DuePump(world.services.journal, definitions, due.append).tick(await world.services.clock.now())
        yield Paying(world, {run.job_id: run for run in due})
