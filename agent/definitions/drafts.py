"""Jobs whose sessions are still to be made: one job file, read as if every session it names existed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.definitions.files import MAX_ROWS_BYTES, MAX_YAML_BYTES, Folder
from agent.definitions.job_file import PARTY, JobFields
from agent.definitions.job_sessions import over
from agent.definitions.jobs import jobs_from
from agent.definitions.mistakes import DefinitionError
from agent.definitions.paymaster_files import PayersOfChain
from agent.definitions.records import Definitions
from agent.definitions.references import References
from agent.definitions.rows import read_rows
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Document, Report, Tree, entries, items
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.job import JobDefinition
from agent.domain.session import ActionData, Session
from agent.domain.units import ZERO_ADDRESS, Address, ChainId, Hash32
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION

_EVERYTHING = Session(
    ZERO_ADDRESS,
    b"",
    Hash32(bytes(32)),
    actions=(ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, ()),),
    permit_erc4337_paymaster=True,
)
"""Stands in for a session while a job is read; never written, never encoded."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One session to be made, and the jobs that will sign under it."""

    session: str
    chain_id: ChainId
    account: Address
    account_kind: str
    jobs: tuple[JobDefinition, ...]


def read_drafts(definitions: Definitions, file: str, account_kind: str) -> tuple[Draft, ...]:
    """Return the sessions that `jobs/FILE` names, in the order of their first job.

    Raise DefinitionError with every mistake of the file.
    """
    folder, report = Folder(definitions.root), Report()
    name = f"jobs/{file}"
    text = folder.text(name, MAX_YAML_BYTES, report)
    document = None if text is None else parse_yaml(name, text, report)
    jobs: list[JobDefinition] = []
    if document is not None:
        known = _references(definitions, dict(_stand_ins(document, folder, account_kind)))
        jobs = list(jobs_from(document, folder, known, report))
    if report.mistakes:
        raise DefinitionError(report.mistakes)
    return _grouped(jobs)


def _references(definitions: Definitions, sessions: Mapping[str, SessionDefinition | None]) -> References:
    chains = definitions.chains.items()
    return References(
        kinds=definitions.kinds,
        tokens={number: chain.tokens for number, chain in chains},
        fees={number: chain.fees for number, chain in chains},
        payers={
            number: PayersOfChain(frozenset(chain.paymasters), chain.pay_gas_by) for number, chain in chains
        },
        sessions=sessions,
        private=frozenset(number for number, chain in chains if chain.private_bundler_urls),
    )


def _stand_ins(
    document: Document, folder: Folder, account_kind: str
) -> Iterator[tuple[str, SessionDefinition | None]]:
    chain = entries(document.root).get("chain")
    for party in _parties(document, folder):
        listed, account = party.get("sessions"), party.get("account")
        names = (
            *items(party.get("session")),
            *(listed.split() if isinstance(listed, str) else items(listed)),
        )
        for name in names:
            if isinstance(name, str):
                yield name, _stand_in(name, chain, account, account_kind, document)


def _parties(document: Document, folder: Folder) -> Iterator[Mapping[str, Tree]]:
    tree = entries(document.root)
    if "rows" not in tree:
        yield tree
        return
    # Mistakes of the rows are noted when they are read again, with their places.
    unheard = Report()
    file = f"jobs/{tree['rows']}"
    text = folder.text(file, MAX_ROWS_BYTES, unheard)
    columns = PARTY | frozenset(JobFields.model_fields)
    for row in read_rows(file, text, columns, unheard) if text is not None else ():
        yield over(tree, row.values)


def _stand_in(
    name: str, chain: Tree | None, account: Tree | None, account_kind: str, document: Document
) -> SessionDefinition | None:
    try:
        number, payer = ChainId(int(str(chain))), Address.parse(str(account))
    except ValueError:
        # None says: there is something wrong with it, and it is told elsewhere.
        return None
    return SessionDefinition(
        name=name,
        chain_id=number,
        account=payer,
        account_kind=account_kind,
        key="",
        smart_session=SMART_SESSION,
        session=_EVERYTHING,
        permission_id=Hash32(bytes(32)),
        place=document.place(()),
    )


def _grouped(jobs: list[JobDefinition]) -> tuple[Draft, ...]:
    by_session: dict[str, list[JobDefinition]] = {}
    for job in jobs:
        for name in job.sessions:
            by_session.setdefault(name, []).append(job)
    return tuple(_draft(name, tuple(served)) for name, served in by_session.items())


def _draft(session: str, jobs: tuple[JobDefinition, ...]) -> Draft:
    first = jobs[0]
    return Draft(session, first.chain_id, first.account, first.account_kind, jobs)
