"""Read the sessions of a chain at one block: a little of all, and of some everything."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import LimitKey, LimitUse
from agent.domain.call import Call
from agent.domain.hold import SessionScope
from agent.domain.units import Address, ChainId, Timestamp, Wei
from agent.erc7579.modules import is_validator_installed_call
from agent.ports import Block, CallFailed, ChainReader
from agent.smart_sessions.grant import Answer, Grant
from agent.smart_sessions.on_chain import OnChainSession, PolicyFound
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.session_reads import ReadPlan, read_plan, session_from_answers
from agent.worker.pieces import in_pieces

DECODED_AT_A_TIME = 25


@dataclass(frozen=True, slots=True, eq=False)
class WatchedSession:
    """A session of the files with the reads that tell how it stands."""

    definition: SessionDefinition
    scope: SessionScope
    plan: ReadPlan
    expires_at: Timestamp | None

    @classmethod
    def of(cls, definition: SessionDefinition) -> "WatchedSession":
        """Make the reads of a session."""
        chain_id, account = definition.chain_id, definition.account
        permission, module = definition.permission_id, definition.smart_session
        grant = Grant(chain_id, module, account, permission, definition.session)
        scope = SessionScope(chain_id, account, permission)
        return cls(definition, scope, read_plan(grant), definition.expires_at)

    @property
    def module(self) -> tuple[Address, Address]:
        """The account, and the module that the session is in."""
        return self.definition.account, self.definition.smart_session


@dataclass(frozen=True, slots=True)
class Glance:
    """The little that is asked of every session at every head."""

    block: Block
    enabled: Mapping[SessionScope, Answer]
    """What `isPermissionEnabled` answered; None when it did not."""
    installed: Mapping[tuple[Address, Address], bool | None]
    """By account and module; None where the account gave no answer."""

    def of(self, session: WatchedSession) -> tuple[Answer, bool | None]:
        """Return what it says of one session."""
        return self.enabled[session.scope], self.installed[session.module]


@dataclass(frozen=True, slots=True)
class Told:
    """The answers to a session's reads at one block, and what they mean."""

    block: Block
    answers: tuple[Answer, ...]
    found: OnChainSession | None
    """None when SmartSession itself gave no answer."""
    uses: tuple[LimitUse, ...]
    """Every counter in force."""
    installed: bool | None
    settled: bool = True
    """False when a view is silent that was not before: it may only have been asked at a bad moment."""

    @property
    def glance(self) -> tuple[Answer, bool | None]:
        """What a glance would have said."""
        return self.answers[0], self.installed


@dataclass(frozen=True, slots=True)
class Reading:
    """All sessions of a chain: as they were glanced at in one block, and last read in full."""

    block: Block
    sessions: Mapping[SessionScope, Told]


class Reader:
    """Asks little of every session, and all of those one names; keeps the last reading for others."""

    def __init__(self, chain: ChainReader, sessions: Sequence[WatchedSession]) -> None:
        self.chain = chain
        self.sessions = sessions
        self.last: Reading | None = None
        self._modules = tuple(dict.fromkeys(session.module for session in sessions))
        self._glances = (
            *(session.plan.calls[0] for session in sessions),
            *(
                Call(account, Wei(0), is_validator_installed_call(module))
                for account, module in self._modules
            ),
        )

    async def glance(self, block: Block) -> Glance:
        """Ask whether each session is enabled and each module installed; raise ChainUnavailable."""
        answers = await self._ask(self._glances, block)
        enabled = dict(zip((session.scope for session in self.sessions), answers, strict=False))
        flags = [_flag(answer) for answer in answers[len(self.sessions) :]]
        return Glance(block, enabled, dict(zip(self._modules, flags, strict=True)))

    async def read(self, glance: Glance, sessions: Sequence[WatchedSession]) -> dict[SessionScope, Told]:
        """Read these sessions in full at the block of the glance; raise ChainUnavailable."""
        answers = await self._ask([call for session in sessions for call in session.plan.calls], glance.block)
        stream = iter(answers)
        found: dict[SessionScope, Told] = {}
        async for session in in_pieces(sessions, DECODED_AT_A_TIME):
            mine = tuple(next(stream) for _ in session.plan.calls)
            before = None if self.last is None else self.last.sessions.get(session.scope)
            found[session.scope] = _told(session, glance, mine, before)
        return found

    async def peek(self, block: Block) -> Reading:
        """Read everything at that block; raise ChainUnavailable."""
        return Reading(block, await self.read(await self.glance(block), self.sessions))

    async def _ask(self, calls: Sequence[Call], block: Block) -> list[Answer]:
        answers = await self.chain.calls(calls, block.number)
        return [None if isinstance(answer, CallFailed) else answer for answer in answers]


def _told(session: WatchedSession, glance: Glance, answers: tuple[Answer, ...], before: Told | None) -> Told:
    installed = glance.of(session)[1]
    if before is not None and before.answers == answers:
        return replace(before, block=glance.block, installed=installed, settled=True)
    # The first read asks whether the session is enabled: without an answer nothing is known.
    found = None if answers[0] is None else session_from_answers(session.plan, answers)
    uses = () if found is None else tuple(limit_uses(session.scope.chain_id, found))
    return Told(glance.block, answers, found, uses, installed, settled=not _lost(answers, before))


def _lost(answers: Sequence[Answer], before: Told | None) -> bool:
    earlier = [b"" for _ in answers] if before is None else before.answers
    return any(now is None and then is not None for now, then in zip(answers, earlier, strict=True))


def limit_uses(chain_id: ChainId, found: OnChainSession) -> Iterator[LimitUse]:
    """Return every counter of a session as the chain has it."""
    permission = found.location.permission_id
    for item in policies_of(found):
        if item.state is None:
            continue
        for part in POLICIES[item.policy].parts(item.state):
            key = LimitKey(chain_id, permission, item.config_id, item.policy, part.name)
            yield LimitUse(key, part.limit, part.used, part.unit)


def earliest_expiry(found: OnChainSession) -> Timestamp | None:
    """Return when the first time frame of the session ends; None when none does."""
    states = (item.state for item in policies_of(found))
    ends = [state.valid_until for state in states if isinstance(state, TimeFrame) and state.valid_until]
    return min(ends, default=None)


def policies_of(found: OnChainSession) -> Iterable[PolicyFound]:
    """Return every policy in force but those on off-chain signatures."""
    yield from found.user_op_policies
    for action in found.actions:
        yield from action.policies or ()


def _flag(answer: Answer) -> bool | None:
    return None if answer is None else int.from_bytes(answer[:32], "big") == 1
