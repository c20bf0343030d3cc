"""Mistakes that show only when files are held against each other."""

from collections.abc import Sequence

from agent.definitions.agent_file import AgentFile
from agent.definitions.chain_files import DEVNET
from agent.definitions.mistakes import did_you_mean
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Document, Report
from agent.domain.job import JobDefinition
from agent.domain.units import Address
from agent.erc7579.accounts import ACCOUNT_KINDS, derived_lane
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0

_KEY_IN_INIT_DATA = {OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0}


def check_session(session: SessionDefinition, agent: AgentFile, document: Document, report: Report) -> None:
    """Check that the configuration has the session's chain and key, and that they go together."""
    if session.chain_id not in agent.chains:
        fix = did_you_mean(str(session.chain_id), map(str, agent.chains))
        message = f"sessionkeeper.yaml has no chain {session.chain_id}"
        report.add(document.place(("chain",)), "unknown_chain", message, fix)
    if session.key not in agent.key_names:
        fix = did_you_mean(session.key, agent.key_names)
        message = f"sessionkeeper.yaml has no key {session.key!r}"
        report.add(document.place(("key",)), "unknown_session_key", message, fix)
    key = agent.keys.get(session.key)
    if key is None:
        return
    if key.raw is not None and session.chain_id != DEVNET:
        message = f"the key {session.key} is a bare file, which only the devnet may use"
        report.add(
            document.place(("key",)), "raw_key_off_devnet", message, "make a keystore: sessionkeeper keys new"
        )
    granted = session.session
    owners = granted.session_validator_init_data
    if granted.session_validator in _KEY_IN_INIT_DATA and owners.find(key.address) < 0:
        message = f"the session is not for the key {session.key} ({key.address})"
        report.add(
            document.place(("key",)), "session_of_other_key", message, "name the key it was granted to"
        )


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
