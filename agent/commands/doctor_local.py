"""The doctor looks at this machine: key files and the store."""

from collections.abc import Callable, Mapping

from agent.commands.finding import Finding, fail, ok, warn
from agent.domain.errors import AgentError
from agent.domain.states import WAITS_FOR_PERSON
from agent.ports import Journal, SessionSigner

OpenSigner = Callable[[], SessionSigner]
OpenJournal = Callable[[], Journal]


def examine_keys(signers: Mapping[str, OpenSigner]) -> tuple[Finding, ...]:
    """Open every key: mode, password and address are checked on the way."""
    return tuple(_key(name, open_signer) for name, open_signer in signers.items())


async def examine_store(open_journal: OpenJournal) -> tuple[Finding, ...]:
    """Open the journal, walk its hash chain, and count what waits for a person."""
    try:
        journal = open_journal()
        await journal.verify()
        entries = await journal.entries()
        waiting = await journal.occurrences(tuple(WAITS_FOR_PERSON))
        await journal.close()
    except AgentError as error:
        return (fail("store", str(error), error.remedy or "check `store:`, the disk, and the newest backup"),)
    found = [ok("store", f"{len(entries)} entries, the hash chain is whole")]
    if waiting:
        message = f"{len(waiting)} wait for a person: {', '.join(str(run.id) for run in waiting[:10])}"
        found.append(warn("store runs", message, "sessionkeeper runs show ID, then runs resolve ID"))
    return tuple(found)


def _key(name: str, open_signer: OpenSigner) -> Finding:
    try:
        signer = open_signer()
    except AgentError as error:
        return fail(f"key {name}", str(error), error.remedy or "check the key's files")
    return ok(f"key {name}", f"{signer.address}, readable by its owner alone")
