"""Play one seed: start workers, let faults strike, let them end, and ask the oracle."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import AgentError
from agent.domain.hold import AllScope
from agent.domain.job import SELF, GiveUp
from agent.domain.journal import Change
from agent.domain.kill import KillOrder
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.schedule import CatchUp
from agent.domain.send_answer import SendAnswer
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, State
from agent.domain.units import Hash32, Timestamp
from agent.pipeline.context import Payer, Services, SessionContext
from agent.pipeline.gate import Gate
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.model import Model
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.worker import Worker
from agent.worker.drift import Sweep
from agent.worker.enrol import enrol
from agent.worker.observer import Observer
from tests.simulation.bundler import SimBundler
from tests.simulation.catalogue import FAULTS
from tests.simulation.chain import SimChain
from tests.simulation.dice import Dice, Fault, Trace
from tests.simulation.kinds import Brittle
from tests.simulation.ledger import Ledger, window_end
from tests.simulation.loop import OWNER, run_virtual
from tests.simulation.oracle import Ended, findings
from tests.simulation.paymaster import NAME, RULES, SimPaymaster
from tests.simulation.process import Guarded, Process
from tests.simulation.reader import SimReader
from tests.simulation.recorder import Recorder, Signing
from tests.simulation.setting import (
    CAPS,
    FIRST_DUE_S,
    PAYMENTS,
    PERIOD_S,
    RICH_WEI,
    SLOTS,
    START,
    chain_context,
    contexts,
    enabled,
    genesis,
    session_context,
)
from tests.simulation.switch import SimSwitch

FAULTS_END_S = FIRST_DUE_S + PERIOD_S * (SLOTS - 1) + 60
MOST_S = FAULTS_END_S + 1_500
LOOK_EVERY_S = 5
METRICS = Metrics("simulation", "live")
DUTIES = frozenset({"due", "heads", "resync"})


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one seed."""

    seed: int
    digest: str
    struck: dict[str, int]
    duplicates: int
    lost: int
    violations: tuple[str, ...]
    lines: tuple[str, ...]


class RecordedJournal(MemoryJournal):
    """A journal in memory whose signatures the recorder sees at the moment they are kept."""

    recorder: Recorder
    chain: SimChain

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        """Keep the bytes, and note against the true chain what they were signed for."""
        occurrence, journaled = await super().append(signed, change)
        lane = journaled.operation.sender, journaled.nonce.key
        self.recorder.signed[journaled.user_op_hash] = Signing(
            journaled.user_op_hash,
            occurrence.job_id,
            occurrence.slot,
            lane,
            journaled.nonce.sequence,
            self.chain.sequence(lane, self.chain.final),
            self.chain.final.timestamp,
            window_end(payer.paymaster_data) if (payer := journaled.operation.paymaster) else None,
            journaled.cancels,
            self.recorder.generation,
        )
        return occurrence, journaled

    async def record(self, change: Change) -> Occurrence:
        """Write it down; of a run that is called foreign note which slots of its job are booked as paid."""
        occurrence = await super().record(change)
        if occurrence.state is State.FOREIGN:
            paid = await super().occurrences((State.FINAL_OK,), occurrence.job_id)
            run = occurrence.job_id, occurrence.slot
            self.recorder.booked[run] = frozenset(row.slot for row in paid)
        return occurrence

    @property
    def hashes(self) -> frozenset[Hash32]:
        """What is signed in it."""
        return frozenset(item.user_op_hash for rows in self._operations.values() for item in rows)

    def copied(self) -> "RecordedJournal":
        """Return a backup as it is now."""
        backup = RecordedJournal()
        shared = {"recorder": self.recorder, "chain": self.chain}
        memo = {id(item): item for item in shared.values()}
        backup.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return backup

    def knows(self, operation: JournaledOperation) -> bool:
        """Say whether these very bytes are kept."""
        mine = self._operations.get(operation.occurrence_id, [])
        return any(item.operation == operation.operation for item in mine)


class RecordedBundler:
    """Notes every operation that leaves the process, whatever becomes of it."""

    def __init__(self, bundler: SimBundler, recorder: Recorder, journal: RecordedJournal) -> None:
        self._bundler = bundler
        self._recorder = recorder
        self._journal = journal
        self.name = bundler.name
        self.supported_entry_points = bundler.supported_entry_points
        self.estimate = bundler.estimate
        self.fee_floor = bundler.fee_floor

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Note it, then send it."""
        self._recorder.sent(operation, journaled=self._journal.knows(operation))
        return await self._bundler.send(operation)


class SimClock:
    """Wall time as one process sees it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def now(self) -> Timestamp:
        loop = asyncio.get_running_loop()
        return Timestamp(int(START + loop.time()) + self._process.clock_offset_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Play:
    """One run."""

    def __init__(self, seed: int, faults: Mapping[str, Fault], *, keep: bool) -> None:
        loop = asyncio.get_running_loop()
        self.dice = Dice(seed, faults)
        self.recorder = Recorder(Trace(keep=keep), loop.time)
        self.uses = self.dice.one_of((9, 9, 30))
        self.delays_s: tuple[int, ...] = self.dice.one_of(((), (5, 10), (5, 10, 20)))
        self.catch_up = self.dice.one_of((CatchUp.NONE, CatchUp.LATEST))
        self.chain = SimChain(self.dice, START, genesis(self.uses), self.recorder.note)
        self.bundlers = [SimBundler(name, self.chain, loop.time) for name in ("first", "second")]
        self.journal = self._new_journal()
        self.backup: RecordedJournal | None = None
        self.processes: list[Process] = []
        self.switch = SimSwitch()
        self.caps = replace(
            CAPS, raise_after_s=self.dice.one_of((None, 12, 25)), give_up=self.dice.one_of(tuple(GiveUp))
        )
        sponsored = self.dice.one_of(((SELF,), (NAME, SELF), (NAME,)))
        self.payers = {PAYMENTS[-1].job_id: sponsored}
        self._count = 0
        self._roots: dict[asyncio.Task[None], None] = {}

    def _new_journal(self) -> RecordedJournal:
        journal = RecordedJournal()
        journal.recorder, journal.chain = self.recorder, self.chain
        return journal

    def start(self) -> Process:
        """Start a worker process on the present journal."""
        self._count += 1
        process = Process(f"worker-{self._count}", self.dice, self.recorder)
        self.processes.append(process)
        token = OWNER.set(process)
        task = asyncio.get_running_loop().create_task(self._live(process, self.journal))
        OWNER.reset(token)
        self._roots[task] = None
        task.add_done_callback(self._ended)
        return process

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._roots.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.recorder.broken("crash", f"{type(error).__name__}: {error}")

    async def _live(self, process: Process, journal: RecordedJournal) -> None:
        reader = Guarded(SimReader(self.chain, asyncio.get_running_loop().time), process, "chain")
        bundlers = [
            Guarded(RecordedBundler(bundler, self.recorder, journal), process, "bundler")
            for bundler in self.bundlers
        ]
        process.gate = Gate(self.switch)
        services = Services(Guarded(journal, process, "store"), SimClock(process), process.gate)
        sponsor = Guarded(SimPaymaster(self.chain, asyncio.get_running_loop().time), process, "paymaster")
        chain = chain_context(reader, bundlers, {NAME: Payer(RULES, sponsor)})
        kinds = {payment.job_id: Brittle(self.dice) for payment in PAYMENTS[:1]}
        jobs = contexts(chain, self.uses, self.delays_s, self.catch_up, self.caps, self.payers, kinds)
        try:
            await enrol(services, jobs.values())
            sweep = Sweep(services, chain, (), METRICS)
            worker = Worker(services, jobs, [sweep], Observer(METRICS), Health(), tick_s=2.0, poll_s=2.0)
            await worker.recover()
            duties = [duty for duty in worker.duties if duty.name in DUTIES]
            process.drain = worker.drain
            async with asyncio.TaskGroup() as group:
                for duty in duties:
                    group.create_task(_perform(duty.every_s, duty.perform))
        except AgentError as error:
            self.recorder.note(process.name, "ends:", error.code)
            process.die("it could not start")

    async def run(self) -> None:
        """Let everything happen."""
        self.start()
        while asyncio.get_running_loop().time() < FAULTS_END_S:
            await asyncio.sleep(1)
            self._restart()
            await self._intervene()
        self.dice.quiet = True
        self.recorder.note("the faults end")
        for process in self.processes:
            process.go_on()
            process.clock_offset_s = 0
        while asyncio.get_running_loop().time() < MOST_S and not await self._settled():
            await asyncio.sleep(LOOK_EVERY_S)
            self._restart()
        for process in self.processes:
            process.die("the run is over")
        await asyncio.sleep(0)

    def _restart(self) -> None:
        self.processes = [process for process in self.processes if not process.is_dead]
        if not self.processes:
            self.start()

    async def _settled(self) -> bool:
        jobs = await self.journal.jobs()
        rows = await self.journal.occurrences()
        armed = not jobs or any(job.enrolment.cursor is not None for job in jobs)
        return not armed and all(
            row.state in WAITS_FOR_PERSON or (row.state in TERMINAL and (row.settled or not row.user_op_hash))
            for row in rows
        )

    async def _intervene(self) -> None:
        dice = self.dice
        if dice.strikes("F37"):
            await self._terminate(self.processes[0])
        if dice.strikes("F16"):
            self.processes[-1].clock_offset_s += dice.whole(-30, 30)
        if dice.strikes("F17"):
            self.processes[0].stop()
            asyncio.get_running_loop().call_later(dice.between(1, 30), self.processes[0].go_on)
            self.start()
        if dice.strikes("F22"):
            self._replace_journal(self._new_journal(), "is lost")
        if self.backup is not None and dice.strikes("F23"):
            self._replace_journal(self.backup, "is an old backup")
            self.backup = None
        if not self.switch.orders() and dice.strikes("K01"):
            await self._kill(dice.between(2, 50))
        self._intervene_on_chain()

    async def _kill(self, for_s: float) -> None:
        """Stop everything, take the acknowledgement of every process, and let go after a while."""
        loop, scope = asyncio.get_running_loop(), AllScope()
        self.switch.add([KillOrder(scope, f"order-{loop.time()}")])
        for process in self.processes:
            if process.gate is not None:
                await process.gate.drained(scope)
        acknowledged_s = loop.time()
        self.recorder.note("killed")

        def let_go() -> None:
            self.switch.remove([scope])
            self.recorder.silences.append((acknowledged_s, loop.time()))
            self.recorder.note("let go")

        loop.call_later(for_s, let_go)

    async def _terminate(self, process: Process) -> None:
        if process.drain is not None:
            draining = asyncio.ensure_future(process.drain())
            await asyncio.wait([draining], timeout=30)
            draining.cancel()
        process.die("it was asked to stop")

    def _replace_journal(self, journal: RecordedJournal, why: str) -> None:
        for process in self.processes:
            process.die(f"its journal {why}")
        self.recorder.note("the journal", why)
        self.recorder.generation += 1
        self.recorder.lost_at_s = asyncio.get_running_loop().time()
        self.journal = journal

    def _intervene_on_chain(self) -> None:
        dice, payment = self.dice, self.dice.one_of(PAYMENTS)
        account = payment.account
        if dice.strikes("F25"):
            self.chain.intervene(0, lambda ledger: _remove(ledger, session_context(account, self.uses)))
            back = dice.whole(5, 40)
            self.chain.intervene(
                back, lambda ledger: ledger.sessions.update({account: enabled(account, self.uses)})
            )
        if dice.strikes("F27"):
            self.chain.intervene(0, lambda ledger: ledger.wei.update({account: 0}))
            self.chain.intervene(dice.whole(5, 40), lambda ledger: ledger.wei.update({account: RICH_WEI}))
        if dice.strikes("F10"):
            lanes = [signing.lane for signing in self.recorder.signed.values()]
            if lanes:
                lane = dice.one_of(lanes)
                self.recorder.foreign.add(lane)
                self.chain.intervene(0, lambda ledger: ledger.skip(lane))
        if dice.armed("F23") and self.backup is None and dice.random.random() < 0.02:
            self.backup = self.journal.copied()


def _remove(ledger: Ledger, session: SessionContext) -> None:
    account = session.checker.grant.account
    model = Model(SMART_SESSION, account, ledger.sessions[account])
    with model.manage() as sessions:
        sessions.remove_session(session.permission_id)
    ledger.sessions[account] = model.state


async def _perform(every_s: float, perform: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await perform()
        except AgentError:
            # The scheduler logs it and goes on.
            continue


async def _unread(play: Play) -> frozenset[str]:
    """Return the jobs of whose lane the chain shows more than the journal knows."""
    ahead = set()
    for row in await play.journal.jobs(active_only=False):
        lane = row.enrolment.account, row.enrolment.nonce_key
        if play.chain.sequence(lane, play.chain.head) > row.next_sequence:
            ahead.add(row.enrolment.job_id)
    return frozenset(ahead)


async def _played(seed: int, faults: Mapping[str, Fault], *, keep: bool) -> Result:
    play = Play(seed, faults, keep=keep)
    await play.run()
    rows = await play.journal.occurrences()
    logs_were_lost = play.dice.struck["F12"] > 0
    unread = await _unread(play)
    ended = Ended(play.chain, play.recorder, rows, play.journal.hashes, logs_were_lost, unread)
    duplicates, lost, broken = findings(ended)
    recorder = play.recorder
    recorder.note("ends", *(f"{row.job_id}/{row.ordinal}={row.state}" for row in rows))
    return Result(
        seed,
        recorder.trace.digest,
        dict(sorted(play.dice.struck.items())),
        duplicates,
        lost,
        (*recorder.violations, *broken),
        recorder.trace.lines,
    )


def play(seed: int, faults: Mapping[str, Fault] = FAULTS, *, keep: bool = False) -> Result:
    """Play a seed from beginning to end, with some of these faults."""
    return run_virtual(lambda: _played(seed, faults, keep=keep))
