"""Looks at each new block of one chain for the jobs that the chain makes due, and fires them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from agent.domain.errors import AgentError, ChainUnavailable
from agent.domain.evaluation import ChainView, Read
from agent.domain.firing import Firing, Seen
from agent.domain.hold import Hold, JobScope
from agent.domain.occurrence import Occurrence
from agent.domain.units import Hash32
from agent.domain.watching import ON_CHANGE, Again, Glance, Memory
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.stale import is_stale
from agent.ports import Block
from agent.telemetry.metrics import Metrics
from agent.worker.agenda import Agenda
from agent.worker.judged import Judged, standing_above
from agent.worker.log_watch import LogWatch
from agent.worker.pieces import in_pieces
from agent.worker.read_index import ReadIndex
from agent.worker.room import learn_room
from agent.worker.watched_job import WatchedJob, is_shut, watched_jobs

log = structlog.get_logger()
AT_A_TIME = 200
"""Jobs judged, and firings handed on, before the event loop gets its turn."""
FINALITY_EVERY = 16
"""Judged blocks after which the final ones are forgotten."""
INTERNAL_ERROR = "internal_error"
BROKEN = "an unexpected error while it was watched, see the log"
Started = Callable[[Occurrence], None]


@dataclass(slots=True)
class _Look:
    """What one block brought."""

    block: Block
    judged: list[WatchedJob] = field(default_factory=list)
    fires: list[tuple[WatchedJob, Glance]] = field(default_factory=list)
    after: dict[str, Memory] = field(default_factory=dict)
    """What the jobs whose memory changes remember from here on."""


class Watcher:
    """Watches the jobs of one chain; one look at a time, and nothing is judged twice or backwards."""

    def __init__(
        self,
        services: Services,
        chain: ChainContext,
        jobs: Iterable[JobContext],
        started: Started,
        metrics: Metrics,
    ) -> None:
        """Take the chain's jobs; those with a schedule are left out. `started` begins a firing's work."""
        mine = (job for job in jobs if job.definition.chain_id == chain.reader.chain_id)
        self._services = services
        self.chain = chain
        self._started = started
        self._metrics = metrics
        self._jobs = {job.id: job for job in watched_jobs(mine)}
        self._places = {job_id: place for place, job_id in enumerate(self._jobs)}
        self._agenda = Agenda()
        self._reads = ReadIndex(chain.agreed)
        self._judged = Judged()
        self._logs = LogWatch(chain.agreed, self._fire_logs, self._break)
        self._forced: set[str] = set(self._jobs)
        """Jobs that are looked at whatever the block brings."""
        self._waiting: set[str] = set()
        """Jobs that might not fire when they were last seen."""
        self._unsaved: set[str] = set()
        """Jobs of which the journal has to know something new."""
        self._broken: list[WatchedJob] = []
        """Jobs whose kind raised, to be held once everything else is done."""
        self._alarms: Counter[str] = Counter()
        self._floor = 0
        """The newest block that an earlier run judged."""
        self._started_up = False
        self._restored = False
        self._looks = 0

    @property
    def is_behind(self) -> bool:
        """Whether it has to look at the head again although that did not move."""
        return bool(self._jobs and self._started_up and (self._forced or self._unsaved))

    def start(self) -> None:
        """Judge blocks from now on."""
        self._started_up = True

    async def poll(self, head: Block) -> None:
        """Judge the head once; what does not answer is noted and asked again at the next poll."""
        if not self._jobs or not self._started_up:
            return
        try:
            await self._look(head)
        except AgentError as error:
            number = self.chain.reader.chain_id
            log.warning("watch_failed", chain=number, code=error.code, reason=str(error))

    async def _look(self, head: Block) -> None:
        if self.chain.agreement is not None:
            head = await self.chain.agreement.block("latest")
        if not self._restored:
            await self._restore(head)
        block = await self._next(head)
        if block is None:
            return
        await self._refresh(block)
        look = _Look(block)
        await self._judge(look)
        self._take(look)
        await self._fire(look)
        await self._save(block)
        await self._hold_broken()
        await self._logs.look(block)
        await self._forget_final(block)
        await self._save(block)
        await self._hold_broken()
        self._metrics.watch_observed(
            str(self.chain.reader.chain_id), block.number, len(self._jobs), self._alarms
        )

    async def _next(self, head: Block) -> Block | None:
        """Return the block to judge, None for one that is too old or not beyond the last one judged."""
        now, last = await self._services.clock.now(), self._judged.last
        if head.number < self._floor or is_stale(head.timestamp, now, self.chain.max_head_age_s):
            return None
        if last is None or head.parent_hash == last[1]:
            return head
        number, block_hash = last
        if head.hash == block_hash:
            return head if self.is_behind else None
        if head.number < number:
            return None
        if head.number == number or (await self.chain.agreed.block(number)).hash != block_hash:
            await self._roll_back()
        return head

    async def _roll_back(self) -> None:
        ancestor = await self._judged.common_ancestor(self.chain.agreed)
        for job_id, memory in self._judged.roll_back(ancestor).items():
            self._jobs[job_id].memory = memory
            self._unsaved.add(job_id)
        self._logs.roll_back(ancestor)
        self._forced |= self._jobs.keys()
        log.info("watch_rolled_back", chain=self.chain.reader.chain_id, to_block=ancestor)

    async def _restore(self, head: Block) -> None:
        """Take up what an earlier run saw; of blocks that left the chain only what was final by then.

        Raises ChainUnavailable on a node behind what that run saw: it cannot tell what has left.
        """
        rows = await self._services.journal.triggers(list(self._jobs))
        self._floor = max((row.seen.block_number for row in rows.values()), default=0)
        if head.number < self._floor:
            raise ChainUnavailable(f"the node is at block {head.number}, {self._floor} was judged already")
        final = await self.chain.agreed.finalized()
        standing = await self._standing([row.seen for row in rows.values()])
        for job_id, row in rows.items():
            self._jobs[job_id].restore(row, stands=row.seen.block_hash in standing)
        for job in self._jobs.values():
            self._set_up(job)
        await learn_room(self._services.journal, self._jobs.values())
        # Nothing is asked from here on: a start that fails before begins anew.
        for job in self._jobs.values():
            self._begin(job, head, final)
        self._judged.add(final.number, final.hash, {})
        for (number, block_hash), before in sorted(standing_above(final, rows.values(), standing).items()):
            self._judged.add(number, block_hash, before)
        self._restored = True

    def _begin(self, job: WatchedJob, head: Block, final: Block) -> None:
        if job.alarm:
            self._alarms[job.code] += 1
        if self._logs.restore(job, head, final):
            self._unsaved.add(job.id)
        if not job.may_fire:
            self._waiting.add(job.id)

    async def _standing(self, seen: Sequence[Seen]) -> set[Hash32 | None]:
        """Return the hashes of the blocks now on the chain where one was seen that may have left it."""
        numbers = {one.block_number for one in seen if one.kept != one.memory}
        return {(await self.chain.agreed.block(number)).hash for number in sorted(numbers)}

    def _set_up(self, job: WatchedJob) -> None:
        try:
            job.set_up()
        except Exception:
            log.exception("watch_broken", job=job.id)
            self._break(job)
            return
        # All reads of a start are one batch; which jobs go on to follow theirs, the first look tells.
        self._reads.follow(job.id, job.reads, {})

    async def _refresh(self, block: Block) -> None:
        """Learn how those stand that might not fire."""
        if not self._waiting:
            return
        known = await self._learn(self._waiting)
        free = {job.id for job in known if job.may_fire}
        self._forced |= free
        self._waiting -= free
        for job in known:
            if job.broken and not job.stopped:
                job.broken = False
                self._set_up(job)
                self._logs.restore(job, block)

    async def _learn(self, job_ids: Iterable[str]) -> list[WatchedJob]:
        """Take what others did to these jobs, and firings whose answer got lost."""
        rows = await self._services.journal.triggers(sorted(job_ids))
        moved = []
        for job, row in ((self._jobs[job_id], row) for job_id, row in rows.items()):
            if row.firings.count != job.firings.count:
                # The journal's memory is the one from the firing on: it is not saved over, nor taken back.
                self._unsaved.discard(job.id)
                if row.seen.kept == row.seen.memory:
                    self._judged.settle(job.id)
            if job.learn(row):
                moved.append(job)
        self._forced |= {job.id for job in moved}
        await learn_room(self._services.journal, moved)
        return [self._jobs[job_id] for job_id in rows]

    async def _judge(self, look: _Look) -> None:
        block = look.block
        # Kept until they were looked at: what is taken out of the agenda is not told again.
        self._forced |= self._agenda.due(block)
        self._forced |= await self._reads.at(block)
        # As they were made, one behind the other in memory: in a set's order they take twice as long.
        chosen = [self._jobs[job_id] for job_id in sorted(self._forced, key=self._places.__getitem__)]
        values: Mapping[Read, bytes | None] = self._reads.values
        apart = [job for job in chosen if not self._reads.follows(job.id)]
        more = await self._reads.others((read for job in apart for read in job.reads), block)
        if more:
            values = {**values, **more}
        view = ChainView(self.chain.reader.chain_id, block.number, block.timestamp, values)
        for start in range(0, len(chosen), AT_A_TIME):
            for job in chosen[start : start + AT_A_TIME]:
                if not (job.broken or self._judge_one(look, job, view)):
                    self._break(job)
            await asyncio.sleep(0)
        look.judged = chosen
        look.fires.sort(key=lambda fire: fire[0].id)

    def _judge_one(self, look: _Look, job: WatchedJob, view: ChainView) -> bool:
        """Return whether the job's kind could make anything of the block."""
        try:
            glance = job.look(view)
        except Exception:
            log.exception("watch_broken", job=job.id, block=view.block_number)
            return False
        again = glance.again
        if glance.code != job.code or glance.alarm is not job.alarm:
            self._tell(job, glance)
        job.why, job.again = glance.why, again
        if again is not ON_CHANGE or not self._reads.follows(job.id):
            self._plan(job, again, view)
        if glance.fires:
            # Put aside with its memory while it may not fire: so it stays armed.
            if job.may_fire:
                look.fires.append((job, glance))
        elif glance.memory != job.memory:
            look.after[job.id] = glance.memory
        return True

    def _take(self, look: _Look) -> None:
        """Take a block as judged, all at once: a look that is cut off before is made anew."""
        self._forced.difference_update(job.id for job in look.judged)
        before = {job_id: self._jobs[job_id].memory for job_id in look.after}
        for job_id, memory in look.after.items():
            self._jobs[job_id].memory = memory
        self._judged.add(look.block.number, look.block.hash, before)
        self._unsaved |= before.keys()

    def _plan(self, job: WatchedJob, again: Again, view: ChainView) -> None:
        self._agenda.put(job.id, again)
        if again.on_change:
            self._reads.follow(job.id, job.reads, view.values)
        else:
            self._reads.leave(job.id, job.reads)

    def _tell(self, job: WatchedJob, glance: Glance) -> None:
        """Take another code than before, and tell of an alarm that begins, changes or ends."""
        was_alarm, was_code = job.alarm, job.code
        job.code, job.why, job.alarm = glance.code, glance.why, glance.alarm
        self._unsaved.add(job.id)
        if was_alarm:
            self._alarms[was_code] -= 1
        if job.alarm:
            self._alarms[job.code] += 1
            log.warning("watch_alarm", job=job.id, code=job.code, reason=job.why)
        elif was_alarm:
            log.info("watch_alarm_over", job=job.id, code=job.code, reason=job.why)

    def _break(self, job: WatchedJob) -> None:
        """Set a job aside that its kind could not cope with: the others go on, a person looks."""
        job.broken = True
        self._waiting.add(job.id)
        if job not in self._broken:
            self._broken.append(job)

    async def _hold_broken(self) -> None:
        for job in self._broken:
            now = await self._services.clock.now()
            await self._services.journal.hold(Hold(JobScope(job.id), INTERNAL_ERROR, BROKEN, now))
            job.stopped = INTERNAL_ERROR
        self._broken.clear()

    async def _fire(self, look: _Look) -> None:
        if not look.fires:
            return
        ready = [(job, glance) for job, glance in look.fires if not is_shut(self._services.gate, job)]
        self._forced |= {job.id for job, _ in ready}
        self._waiting |= {job.id for job, _ in look.fires}
        await self._fire_all([job.firing(look.block, glance) for job, glance in ready])

    async def _fire_all(self, firings: Sequence[Firing]) -> tuple[Occurrence | None, ...]:
        """Journal the firings, then hand each on; None for one that changed nothing."""
        if not firings:
            return ()
        rows = await self._services.journal.fire(firings, await self._services.clock.now())
        fired = [(firing, row) for firing, row in zip(firings, rows, strict=True) if row is not None]
        # All at once, before anything is handed on: a look that is cut off forgets no firing.
        for firing, row in fired:
            self._note(firing, row)
        refused = {firing.job_id for firing, row in zip(firings, rows, strict=True) if row is None}
        self._forced.difference_update(refused)
        self._waiting |= refused
        async for firing, row in in_pieces(fired, AT_A_TIME):
            self._started(row)
            self._metrics.fired(self._jobs[row.job_id].context.kind.name)
            log.info("fired", job=row.job_id, slot=row.slot, code=firing.seen.code, reason=firing.seen.why)
        if refused:
            # Before anything is saved: what another fired is not written over.
            await self._learn(refused)
        return rows

    def _note(self, firing: Firing, row: Occurrence) -> None:
        """Take a firing as made; the journal has all of its job."""
        job = self._jobs[row.job_id]
        job.firings = replace(job.firings, count=row.ordinal, open=job.firings.open + 1)
        self._forced.discard(job.id)
        self._waiting.add(job.id)
        self._unsaved.discard(job.id)
        if firing.number is not None:
            job.memory = firing.seen.memory
            # From here on it stays: a block that leaves the chain takes no firing back.
            self._judged.settle(job.id)

    async def _fire_logs(self, firings: Sequence[Firing]) -> set[str]:
        """Fire what event logs ask for; return the jobs that may not fire now, whose logs have to wait."""
        gate = self._services.gate
        shut = {firing.job_id for firing in firings if is_shut(gate, self._jobs[firing.job_id])}
        ready = [self._with_kept(firing) for firing in firings if firing.job_id not in shut]
        rows = await self._fire_all(ready)
        self._waiting |= shut
        refused: dict[str, set[str]] = {}
        for firing, row in zip(ready, rows, strict=True):
            if row is None:
                refused.setdefault(firing.job_id, set()).add(firing.slot)
        return shut | {job_id for job_id, slots in refused.items() if not await self._exist(job_id, slots)}

    async def _exist(self, job_id: str, slots: set[str]) -> bool:
        """Say whether all of a job's refused firings are made: what stopped them may be over by now."""
        if self._jobs[job_id].stopped:
            return False
        rows = await self._services.journal.occurrences(job_id=job_id)
        return slots <= {row.slot for row in rows}

    def _with_kept(self, firing: Firing) -> Firing:
        """Leave to a reorg what it may take back: a log is no glance, and its job remembers as before."""
        seen = firing.seen
        return replace(firing, seen=replace(seen, kept=self._judged.oldest(seen.job_id, seen.memory)))

    def _seen(self, block: Block, job: WatchedJob) -> Seen:
        return job.seen(block, job.memory, self._judged.oldest(job.id, job.memory))

    async def _save(self, block: Block) -> None:
        if self._unsaved:
            jobs = [self._jobs[job_id] for job_id in sorted(self._unsaved)]
            await self._services.journal.remember([self._seen(block, job) for job in jobs])
            self._unsaved.clear()

    async def _forget_final(self, block: Block) -> None:
        self._looks += 1
        if self._looks % FINALITY_EVERY:
            return
        # Final since the last time, not since now: a node whose logs lag has had its time to catch up.
        final = self._judged.oldest_block
        # The journal is to know that no reorg takes back what it has of these jobs.
        self._unsaved.update(self._judged.forget_to((await self.chain.agreed.finalized()).number))
        self._unsaved.update(job.id for job in await self._logs.settle(block, final))
