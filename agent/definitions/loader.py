"""Loading all files in one pass: either everything is right, or every mistake is told."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.definitions.agent_file import AgentFile, agent_file, kill_file, store_url
from agent.definitions.chain_files import caps_of, chain_definition, key_definition, tokens_of
from agent.definitions.conflicts import check_jobs, check_session
from agent.definitions.enable_files import with_enable
from agent.definitions.fields import FileContext
from agent.definitions.files import MAX_YAML_BYTES, Folder
from agent.definitions.jobs import jobs_from
from agent.definitions.kinds import available_kinds
from agent.definitions.mistakes import DefinitionError
from agent.definitions.paymaster_files import payers_of
from agent.definitions.records import Definitions
from agent.definitions.references import References
from agent.definitions.sessions import SessionDefinition, session_from
from agent.definitions.source import Document, Report, entries
from agent.definitions.succession import check_successions
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.units import ChainId
from jobs.kind import AnyKind

CONFIG_FILE = "sessionkeeper.yaml"
_MAX_SECRET_BYTES = 4_096


def load(path: Path, environment: Mapping[str, str], *, with_jobs: bool = True) -> Definitions:
    """Read the configuration file (or its folder) and the jobs/ and sessions/ beside it.

    `environment` holds the values of `${NAME}`. Raise DefinitionError with every mistake of every file.
    Without jobs their files are left alone: they may name sessions that are still to be made.
    """
    root, name = (path, CONFIG_FILE) if path.is_dir() else (path.parent, path.name)
    return _Loading(Folder(root.resolve()), available_kinds(), with_jobs).run(name, environment)


@dataclass(slots=True)
class _Loading:
    folder: Folder
    kinds: Mapping[str, AnyKind]
    with_jobs: bool
    report: Report = field(default_factory=Report)

    def run(self, name: str, environment: Mapping[str, str]) -> Definitions:
        document = self._document(name)
        context = FileContext(environment, secret_reader(self.folder.root))
        agent = None if document is None else agent_file(document, context, self.report)
        sessions = self._sessions(agent)
        known = self._references(agent, sessions)
        jobs = [
            job
            for file in (self._documents("jobs") if self.with_jobs else ())
            for job in jobs_from(file, self.folder, known, self.report)
        ]
        check_jobs(jobs, self.report)
        if self.report.mistakes or agent is None:
            raise DefinitionError(self.report.mistakes)
        return Definitions(
            root=self.folder.root,
            mode=agent.fields["mode"],
            clock=agent.fields["clock"],
            store_url=store_url(agent.fields, str(self.folder.root)),
            web=agent.fields["web"],
            chains={ChainId(number): chain_definition(fields) for number, fields in agent.chains.items()},
            keys={name: key_definition(name, key, self.folder.root) for name, key in agent.keys.items()},
            sessions={name: session for name, session in sessions.items() if session is not None},
            jobs={job.id: job for job in jobs},
            kinds=self.kinds,
            kill_file=kill_file(agent.fields, self.folder.root),
        )

    def _document(self, name: str) -> Document | None:
        text = self.folder.text(name, MAX_YAML_BYTES, self.report)
        return None if text is None else parse_yaml(name, text, self.report)

    def _documents(self, folder: str) -> Iterator[Document]:
        for name in self.folder.listing(folder, self.report):
            document = self._document(name)
            if document is not None:
                yield document

    def _sessions(self, agent: AgentFile | None) -> dict[str, SessionDefinition | None]:
        found: dict[str, SessionDefinition | None] = {}
        places: dict[str, str] = {}
        for document in self._documents("sessions"):
            session = session_from(document, self.report)
            if session is not None:
                session = with_enable(self.folder, session, self.report)
            name = entries(document.root).get("name")
            if session is not None and agent is not None:
                check_session(session, agent, document, self.report)
            if isinstance(name, str) and name in found:
                message = f"{places[name]} has the name {name!r} already"
                self.report.add(
                    document.place(("name",)), "duplicate_session", message, "choose another name"
                )
            elif isinstance(name, str):
                found[name], places[name] = session, document.file
        check_successions(found, self.report)
        return found

    def _references(
        self, agent: AgentFile | None, sessions: Mapping[str, SessionDefinition | None]
    ) -> References:
        if agent is None:
            return References(self.kinds, sessions=sessions, complete=False)
        chains = agent.chains
        return References(
            kinds=self.kinds,
            tokens={
                n: tokens_of(chain["tokens"]) if "tokens" in chain else None for n, chain in chains.items()
            },
            fees={n: caps_of(chain["fees"]) if "fees" in chain else None for n, chain in chains.items()},
            payers={n: payers_of(chain) for n, chain in chains.items()},
            # What is wrong with a chain's own field is told there.
            private=frozenset(n for n, chain in chains.items() if chain.get("private_bundler", True)),
            sessions=sessions,
        )


def secret_reader(root: Path) -> Callable[[str], str]:
    """Return what reads `file:` references; it raises OSError and ValueError."""

    def read(name: str) -> str:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("not a regular file")
            return file.read(_MAX_SECRET_BYTES).decode().strip()

    return read
