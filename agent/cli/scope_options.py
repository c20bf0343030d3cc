"""Which scopes a command line names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from agent.cli.arguments import address
from agent.definitions.records import Definitions
from agent.domain.errors import NotFound
from agent.domain.hold import (
    AccountScope,
    AllScope,
    ChainScope,
    JobScope,
    Scope,
    SessionScope,
    scope_from_text,
)
from agent.domain.units import ChainId

JobsOption = Annotated[list[str] | None, typer.Option("--job", help="This job; may be given again.")]
SessionsOption = Annotated[
    list[str] | None, typer.Option("--session", help="This session by its name in sessions/; again for more.")
]
AccountsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account", help="This account, on every chain of the files or on --chain; again for more."
    ),
]
ChainsOption = Annotated[
    list[int] | None, typer.Option("--chain", help="This chain; with --account: only there. Again for more.")
]
ScopesOption = Annotated[
    list[str] | None, typer.Option("--scope", help="A scope as `status` prints it; again for more.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Everything; so too when nothing is named.")]


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line names."""

    jobs: Sequence[str]
    sessions: Sequence[str]
    accounts: Sequence[str]
    chains: Sequence[int]
    scopes: Sequence[str]
    everything: bool

    @property
    def needs_files(self) -> bool:
        """Whether the files of jobs and sessions say what is meant."""
        return bool(self.jobs or self.sessions)

    def plain(self, chain_ids: Sequence[ChainId]) -> tuple[Scope, ...]:
        """Return the scopes that need the chains of the configuration alone; all when nothing is named."""
        if self.everything and self != Named((), (), (), (), (), everything=True):
            raise typer.BadParameter("--all is everything: name nothing else")
        found = (*self._accounts(chain_ids), *self._chains(), *(_scope(text) for text in self.scopes))
        return found if found or self.needs_files else (AllScope(),)

    def filed(self, definitions: Definitions, *, must_exist: bool) -> tuple[Scope, ...]:
        """Return the scopes of the jobs and sessions; raise NotFound, of jobs only when they `must_exist`."""
        missing = [job for job in self.jobs if job not in definitions.jobs]
        if must_exist and missing:
            raise NotFound(f"there is no job {missing[0]!r} in the files")
        return (*map(JobScope, self.jobs), *(_session(definitions, name) for name in self.sessions))

    def _accounts(self, chain_ids: Sequence[ChainId]) -> Iterator[Scope]:
        for text in self.accounts:
            account = address(text)
            for chain_id in [ChainId(number) for number in self.chains] or chain_ids:
                yield AccountScope(chain_id, account)

    def _chains(self) -> Iterator[Scope]:
        if not self.accounts:
            yield from (ChainScope(ChainId(number)) for number in self.chains)


def _scope(text: str) -> Scope:
    try:
        return scope_from_text(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _session(definitions: Definitions, name: str) -> Scope:
    session = definitions.sessions.get(name)
    if session is None:
        raise NotFound(f"there is no session {name!r} in the files")
    return SessionScope(session.chain_id, session.account, session.permission_id)
