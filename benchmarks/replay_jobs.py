"""Replay 100 jobs over 30 days, a point a minute, from a recorded file; the peer asks each job each time."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from agent.commands.jobs_record import MEMBER
from agent.commands.recording import Header, Point, header_line, member, point_line, read_record
from agent.commands.replay import JobRun, Replay, Replayed
from agent.commands.replay_purse import Purse, purses_of
from agent.commands.replay_report import replay_document
from agent.commands.session_derive import derived_session
from agent.commands.session_need import Wish, session_need
from agent.definitions.drafts import Draft
from agent.definitions.sessions import SessionDefinition
from agent.domain.evaluation import ChainView, Read
from agent.domain.job import FeeCaps, JobDefinition, Place
from agent.domain.keccak import keccak256
from agent.domain.schedule import Retry
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.domain.watching import Firings, Memory
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.ids import permission_id
from benchmarks.report import Row, row_of_costs
from jobs import KINDS, erc20
from jobs.fields import FieldContext

CHAIN_ID = ChainId(8453)
FIRST, START, MINUTE_S = 20_000_000, Timestamp(1_790_000_000), 60
DAY = 24 * 60
"""Points."""
SHARE = 30
"""The peer replays one part in so many; its time is scaled."""
TOP_UPS, CALLS, FEEDS = 60, 40, 10
ETHER = 10**18
UNTIL = Timestamp(START + 90 * 86_400)
GONE_ON = FieldContext({})


def rows() -> list[Row]:
    """Replay quiet days and restless ones; raise AssertionError when the peer or a second run differs."""
    return [
        row("replay, 100 jobs, 30 days", every=20, points=30 * DAY),
        row("replay, 3 days, every answer new", every=1, points=3 * DAY),
    ]


def row(name: str, *, every: int, points: int) -> Row:
    """Replay so many points in which an answer changes once in `every` of them."""
    jobs = the_jobs()
    header = Header(CHAIN_ID, FIRST, FIRST + points - 1, 1, reads_of(jobs))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recorded.jsonl.gz"
        write(path, header, every)
        begun = time.process_time()
        replayed = replay(path, jobs)
        ours_s = time.process_time() - begun
        assert replay_document(replayed, {}) == replay_document(replay(path, jobs), {})
        begun = time.process_time()
        fires = peer(path, jobs, points // SHARE)
        peer_s = time.process_time() - begun
    assert fires == {run.job.id: first_fire(run, points // SHARE) for run in replayed.runs}
    return row_of_costs(name, ours_s, peer_s * SHARE, "s")


def replay(path: Path, jobs: Sequence[JobDefinition]) -> Replayed:
    """Do what `jobs replay --data` does, sessions and fees included."""
    header, points = read_record(path)
    return Replay(jobs, KINDS, header, the_purses(jobs)).over(points)


def peer(path: Path, jobs: Sequence[JobDefinition], points_asked: int) -> dict[str, int | None]:
    """Ask each job at each point; return the block at which each would first fire."""
    header, points = read_record(path)
    values: dict[Read, bytes | None] = {}
    memories: dict[str, Memory] = {job.id: {} for job in jobs}
    fired: dict[str, int | None] = dict.fromkeys(memories)
    for point in points:
        if point.number >= FIRST + points_asked:
            return fired
        values.update({header.reads[place]: answer for place, answer in point.changes.items()})
        view = ChainView(CHAIN_ID, point.number, point.timestamp, values)
        for job in jobs:
            seen = KINDS[job.kind].watch(job.spec, job.account, view, memories[job.id], Firings())
            memories[job.id] = seen.memory
            if seen.fires and fired[job.id] is None:
                fired[job.id] = point.number
    return fired


def first_fire(run: JobRun, points: int) -> int | None:
    """Return the first firing's block, where the peer's part has it."""
    blocks = [*(item.block for item in run.made), *(item.block for item in run.missed)]
    return min((block for block in blocks if block < FIRST + points), default=None)


def the_jobs() -> list[JobDefinition]:
    """Return top-ups of sixty wallets and calls on the answers of ten feeds."""
    random = Random(43_200)
    found = []
    for number in range(TOP_UPS):
        spec = {"keep": "balance", "of": str(an_address(1, number)), "below": "0.5 ether", "to": "1 ether"}
        found.append(a_job("top_up", number, {**spec, "cool_down": "6h"}))
    for number in range(CALLS):
        level = random.randint(1_700, 1_990) * 10**8
        feed = {"to": str(an_address(2, number % FEEDS)), "function": "latestAnswer()(int256)"}
        when = {"call": {**feed, "below": str(level), "rearm": str(level + 20 * 10**8)}}
        target = {"to": str(an_address(3, number)), "function": "poke(uint256)", "arguments": [str(number)]}
        found.append(a_job("contract_call", number, {**target, "when": when}))
    return found


def a_job(kind: str, number: int, spec: dict[str, object]) -> JobDefinition:
    """Return a watched job of the kind."""
    name = f"{kind}-{number}"
    return JobDefinition(
        id=name,
        kind=kind,
        chain_id=CHAIN_ID,
        account=Address(b"\x0a" * 20),
        account_kind="nexus",
        session=name,
        schedule=None,
        spec=KINDS[kind].spec_model.model_validate(spec, context=GONE_ON),
        identity_digest=Hash32(bytes(32)),
        digest=Hash32(bytes(32)),
        place=Place("jobs/many.yaml"),
        fees=FeeCaps(max_cost_wei=Wei(ETHER)),
        retry=Retry((), 3_600),
    )


def the_purses(jobs: Sequence[JobDefinition]) -> dict[str, Purse]:
    """Return a session for each job, as `sessions new` derives it."""
    sessions = {}
    for job in jobs:
        draft = Draft(job.session, CHAIN_ID, job.account, job.account_kind, (job,))
        need = session_need(draft, KINDS, Wish(uses=200, until=UNTIL), START, START)
        session = derived_session(need, Address(b"\x0c" * 20), Hash32(keccak256(job.id.encode())))
        sessions[job.session] = SessionDefinition(
            name=job.session,
            chain_id=CHAIN_ID,
            account=job.account,
            account_kind=job.account_kind,
            key="worker",
            smart_session=SMART_SESSION,
            session=session,
            permission_id=permission_id(session),
            place=Place("sessions/many.yaml"),
        )
    return purses_of(sessions, jobs)


def reads_of(jobs: Sequence[JobDefinition]) -> tuple[Read, ...]:
    """Return the distinct reads of the jobs."""
    found: dict[Read, None] = {}
    for job in jobs:
        kind = KINDS[job.kind]
        for read in (*kind.watch_reads(job.spec, job.account), *kind.reads(job.spec, job.account)):
            found.setdefault(read)
    return tuple(found)


def write(path: Path, header: Header, every: int) -> None:
    """Write thirty days in which each answer changes once in so many minutes, on average."""
    lines = [header_line(header)]
    with path.open("wb") as file:
        for point in walk(header, every):
            lines.append(point_line(point))
            if len(lines) >= MEMBER:
                file.write(member(lines))
                lines = []
        file.write(member(lines))


def walk(header: Header, every: int) -> Iterator[Point]:
    """Yield points: wallets run empty and are filled, prices wander."""
    random = Random(30)
    values = [_begun(read) for read in header.reads]
    for number in header.numbers:
        changes: dict[int, bytes | None] = {}
        for place, read in enumerate(header.reads):
            if number == header.first or random.randrange(every) == 0:
                values[place] = _next(read, values[place], every, random)
                changes[place] = erc20.word(values[place])
        base_fee_wei = Wei(10**8 + random.randrange(10**7))
        yield Point(number, Timestamp(START + MINUTE_S * (number - FIRST)), base_fee_wei, changes)


def _begun(read: Read) -> int:
    if read.target == erc20.MULTICALL3:
        # The account itself stays rich, the wallets begin full.
        return 10**24 if read.data.endswith(b"\x0a" * 20) else ETHER
    return 2_000 * 10**8


def _next(read: Read, value: int, every: int, random: Random) -> int:
    if read.target == erc20.MULTICALL3:
        if value > 10**23:
            return value + 1
        spent = value - every * random.randrange(ETHER // 5_000)
        return ETHER + random.randrange(1_000) if spent < ETHER // 4 else spent
    return value + random.randint(-(10**8), 10**8)


def an_address(kind: int, number: int) -> Address:
    """Return an address of its own."""
    return Address(keccak256(b"%d %d" % (kind, number))[:20])
