"""The sessions of the files held against the chain, field by field, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.definitions.sessions import SessionDefinition
from agent.pipeline.session_reading import granted_sessions, with_paymaster_flags
from agent.ports import BlockTag, ChainReader
from agent.smart_sessions.compare import Difference, differences
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.on_chain import OnChainSession
from agent.smart_sessions.session_reads import read_plan


@dataclass(frozen=True, slots=True)
class Compared:
    """One session of the files and what its chain has."""

    session: SessionDefinition
    found: OnChainSession
    differences: tuple[Difference, ...]


async def compared(
    reader: ChainReader, sessions: Sequence[SessionDefinition], tag: BlockTag
) -> tuple[Compared, ...]:
    """Compare sessions of one chain at one block, the paymaster flag included; raise ChainUnavailable."""
    plans = [
        read_plan(Grant(item.chain_id, item.smart_session, item.account, item.permission_id, item.session))
        for item in sessions
    ]
    bare = await granted_sessions(reader, plans, tag)
    found = await with_paymaster_flags(reader, bare, tag)
    return tuple(
        Compared(session, seen, differences(session.session, seen))
        for session, seen in zip(sessions, found, strict=True)
    )
