"""Sessions that take over from one another: a new key for the same jobs."""

from collections.abc import Iterable, Iterator, Mapping

from agent.definitions.mistakes import did_you_mean
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Report

Sessions = Mapping[str, SessionDefinition | None]
"""By name; None for one with mistakes."""


def root(name: str, sessions: Sessions) -> str:
    """Return the name of the session with which a line of successors began."""
    seen = {name}
    while (session := sessions.get(name)) is not None and session.succeeds is not None:
        if session.succeeds in seen:
            break
        name = session.succeeds
        seen.add(name)
    return name


def lines_of(sessions: Sessions, names: Iterable[str]) -> dict[str, tuple[SessionDefinition, ...]]:
    """Return, by name, each session and those that took over from it, oldest first; the revoked ones too."""
    heirs = {item.succeeds: item for item in sessions.values() if item is not None and item.succeeds}
    return {name: tuple(_line(sessions.get(name), heirs)) for name in names}


def in_use(sessions: Sessions, names: Iterable[str]) -> dict[str, tuple[SessionDefinition, ...]]:
    """Return, by name, what a job of that session may sign under: its line, oldest first, none revoked."""
    return {
        name: tuple(session for session in line if session.revoked_at is None)
        for name, line in lines_of(sessions, names).items()
    }


def check_successions(sessions: Sessions, report: Report) -> None:
    """Check that every successor takes over from one session of its own account, and alone."""
    heirs: dict[str, str] = {}
    successors = [item for item in sessions.values() if item is not None and item.succeeds]
    lines = lines_of(sessions, [item.name for item in successors])
    for session in successors:
        for code, message, fix in _objections(sessions, session, heirs, lines[session.name]):
            report.add(session.place, code, message, fix)
        heirs.setdefault(session.succeeds or "", session.name)


def _objections(
    sessions: Sessions,
    session: SessionDefinition,
    heirs: Mapping[str, str],
    line: tuple[SessionDefinition, ...],
) -> Iterator[tuple[str, str, str]]:
    name = session.succeeds or ""
    if name not in sessions:
        message = f"the session {name!r} that {session.name} succeeds is not there"
        yield "unknown_predecessor", message, did_you_mean(name, sessions)
    if name in heirs:
        message = f"{heirs[name]} succeeds {name} already"
        yield "two_successors", message, f"let it succeed {heirs[name]}, or remove one of them"
    if name == session.name or name in {item.name for item in line}:
        message = f"{session.name} succeeds itself"
        yield "succession_circle", message, "name the older session under succeeds:"
    before = sessions.get(name)
    if before is not None and _place_of(before) != _place_of(session):
        message = f"{session.name} and {name} are of other accounts, chains or modules"
        yield "foreign_predecessor", message, "a successor is granted by the same account on the same chain"


def _line(
    first: SessionDefinition | None, heirs: Mapping[str, SessionDefinition]
) -> Iterator[SessionDefinition]:
    seen: set[str] = set()
    current = first
    while current is not None and current.name not in seen:
        yield current
        seen.add(current.name)
        current = heirs.get(current.name)


def _place_of(session: SessionDefinition) -> tuple[object, ...]:
    # What decides the nonce lane: a job keeps its lane whatever key signs.
    return session.chain_id, session.account, session.account_kind, session.smart_session
