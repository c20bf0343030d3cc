"""Mistakes that show only when files are held against each other."""

from collections.abc import Sequence

from agent.definitions.agent_file import AgentFile
from agent.definitions.chain_files import DEVNET
from agent.definitions.mistakes import did_you_mean
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Document, Report, entries
from agent.domain.job import JobDefinition, Place
from agent.domain.units import Address
from agent.erc7579.accounts import ACCOUNT_KINDS, derived_lane
from agent.smart_sessions.owners import SessionOwner


def check_session(session: SessionDefinition, agent: AgentFile, document: Document, report: Report) -> None:
    """Check that the configuration has the session's chain and key, and that they go together."""
    if session.chain_id not in agent.chains:
        fix = did_you_mean(str(session.chain_id), map(str, agent.chains))
        message = f"sessionkeeper.yaml has no chain {session.chain_id}"
        report.add(document.place(("chain",)), "unknown_chain", message, fix)
    if session.revoked_at is not None:
        # Its key may be gone: nobody signs with it any more.
        return
    owner = _owner(session, document, report)
    for name in session.keys:
        _check_key(name, session, owner, agent, document, report)
    if len(set(session.keys)) < len(session.keys):
        report.add(
            document.place(("keys",)),
            "duplicate_session_key",
            "a key stands here twice",
            "name each key once",
        )
    elif owner is not None and len(session.keys) < owner.threshold:
        message = f"{owner.threshold} of {len(owner.keys)} owners must sign, {len(session.keys)} are named"
        report.add(_place(document), "too_few_session_keys", message, "add the keys under keys:")


def _owner(session: SessionDefinition, document: Document, report: Report) -> SessionOwner | None:
    try:
        return owner_of(session.session)
    except ValueError as error:
        place = document.place(("session", "sessionValidatorInitData"))
        report.add(place, "session_owner", str(error), "ask the owner for a session the agent can sign for")
        return None


def _check_key(
    name: str,
    session: SessionDefinition,
    owner: SessionOwner | None,
    agent: AgentFile,
    document: Document,
    report: Report,
) -> None:
    if name not in agent.key_names:
        fix = did_you_mean(name, agent.key_names)
        message = f"sessionkeeper.yaml has no key {name!r}"
        report.add(_place(document), "unknown_session_key", message, fix)
    key = agent.keys.get(name)
    if key is None:
        return
    if key.unprotected and session.chain_id != DEVNET:
        message = f"the key {name} is a bare file, which only the devnet may use"
        fix = "make a keystore: sessionkeeper keys new"
        report.add(_place(document), "raw_key_off_devnet", message, fix)
    if owner is not None and key.address not in owner.keys:
        message = f"the session is not for the key {name} ({key.address})"
        report.add(_place(document), "session_of_other_key", message, "name the key it was granted to")


def _place(document: Document) -> Place:
    return document.place(("keys",) if "keys" in entries(document.root) else ("key",))


def check_jobs(jobs: Sequence[JobDefinition], report: Report) -> None:
    """Check that job ids, and the lanes of each account, are different."""
    _check_ids(jobs, report)
    lanes: dict[tuple[int, Address, int], JobDefinition] = {}
    for job in jobs:
        lane = lane_of(job)
        first = lanes.setdefault((job.chain_id, job.account, lane), job)
        if first.id == job.id:
            continue
        free = _free_lane(job, lanes)
        message = f"the jobs {first.id} and {job.id} of account {job.account} both get lane {lane}"
        report.add(job.place, "lane_collision", message, f"add lane: {free} to the newer of them")


def lane_of(job: JobDefinition) -> int:
    """Return the lane of a job: the one in its file, else the one its id gives."""
    if job.lane is not None:
        return job.lane
    return derived_lane(ACCOUNT_KINDS[job.account_kind], job.chain_id, job.id)


def _check_ids(jobs: Sequence[JobDefinition], report: Report) -> None:
    first: dict[str, JobDefinition] = {}
    for job in jobs:
        if first.setdefault(job.id, job) is not job:
            message = f"{first[job.id].place} has the id {job.id!r} already"
            report.add(job.place, "duplicate_job", message, "choose another id")


def _free_lane(job: JobDefinition, lanes: dict[tuple[int, Address, int], JobDefinition]) -> int:
    lane = lane_of(job)
    while (job.chain_id, job.account, lane) in lanes:
        lane = (lane + 1) % (1 << ACCOUNT_KINDS[job.account_kind].lane_bits)
    return lane
