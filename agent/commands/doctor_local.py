"""The doctor looks at this machine: key files and the store."""

from collections.abc import Callable, Collection, Mapping, Sequence

from agent.commands.finding import Finding, fail, ok, warn
from agent.commands.stops import Names, stops, way_out, what_is_held
from agent.domain.errors import AgentError
from agent.domain.hold import Hold
from agent.domain.kill import KillOrder
from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, State
from agent.domain.units import Timestamp
from agent.ports import Journal, SessionSigner

OpenSigner = Callable[[], SessionSigner]
OpenJournal = Callable[[], Journal]
SHOWN = 10
NOTHING = Timestamp(0)
"""Of a hold whose time is not shown."""


def examine_keys(signers: Mapping[str, OpenSigner]) -> tuple[Finding, ...]:
    """Open every key: mode, password and address are checked on the way."""
    return tuple(_key(name, open_signer) for name, open_signer in signers.items())


async def examine_store(
    open_journal: OpenJournal, jobs: Collection[str], names: Names
) -> tuple[Finding, ...]:
    """Open the journal, walk its hash chain, and count what waits for a person or for its job's file."""
    try:
        journal = open_journal()
        await journal.verify()
        entries = await journal.entries()
        left = await journal.occurrences(tuple(set(State) - TERMINAL))
        holds = await journal.holds()
        await journal.close()
    except AgentError as error:
        return (fail("store", str(error), error.remedy or "check `store:`, the disk, and the newest backup"),)
    found = [ok("store", f"{len(entries)} entries, the hash chain is whole")]
    waiting = [run for run in left if run.state in WAITS_FOR_PERSON]
    if waiting:
        message = f"{len(waiting)} wait for a person: {_ids(waiting)}"
        found.append(warn("store runs", message, "sessionkeeper runs show ID, then runs resolve ID"))
    found += [_stopped(f"hold {hold.code}", hold, names) for hold in stops(holds, (), NOTHING)]
    orphaned = [run for run in left if run.job_id not in jobs]
    if orphaned:
        gone = ", ".join(sorted({run.job_id for run in orphaned})[:SHOWN])
        message = f"{len(orphaned)} open runs of jobs that are not in the files ({gone}): {_ids(orphaned)}"
        found.append(warn("store orphans", message, "put the job's file back, or resolve what is held"))
    return tuple(found)


def examine_orders(orders: Sequence[KillOrder], names: Names) -> tuple[Finding, ...]:
    """Return what the kill file stops, be the store readable or not."""
    return tuple(
        _stopped("kill file", Hold(order.scope, order.code, order.reason, NOTHING), names) for order in orders
    )


def _stopped(what: str, hold: Hold, names: Names) -> Finding:
    message = f"{what_is_held(hold, names)} sends nothing: {hold.reason}"
    return fail(what, message, f"look why, then: {way_out(hold, names)}")


def _ids(runs: Sequence[Occurrence]) -> str:
    return ", ".join(str(run.id) for run in runs[:SHOWN])


def _key(name: str, open_signer: OpenSigner) -> Finding:
    try:
        signer = open_signer()
    except AgentError as error:
        return fail(f"key {name}", str(error), error.remedy or "check the key's files")
    return ok(f"key {name}", f"{signer.address}, readable by its owner alone")
