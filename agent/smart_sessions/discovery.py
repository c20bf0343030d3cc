"""Finding out about a session without a file: what to ask, round by round, and with which hints."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.domain.call import Call
from agent.domain.session import Selector, Session
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.smart_sessions.addresses import ADMIN_SELECTOR, FALLBACK_SELECTOR, PSEUDO_TARGET
from agent.smart_sessions.grant import Answer
from agent.smart_sessions.ids import action_id
from agent.smart_sessions.on_chain import (
    Location,
    OnChainSession,
    PolicyList,
    action_reads,
    assembled,
    head_from,
    head_reads,
    list_of,
    listed_in,
    policy_reads,
    policy_states,
)
from agent.smart_sessions.policies import POLICIES, contract_whitelist, erc20_spending_limit
from agent.smart_sessions.policies.policy import Use

Reading = Generator[Sequence[Call], Sequence[Answer], OnChainSession]
"""Yields the calls of one round and is sent their answers."""


@dataclass(frozen=True)
class Hints:
    """What may be behind hashes and sets that the chain does not spell out. A wrong hint does no harm."""

    sessions: tuple[Session, ...] = ()
    addresses: tuple[Address, ...] = ()
    """Contracts that may be targets, tokens or on whitelists."""
    selectors: tuple[Selector, ...] = ()

    @cached_property
    def members(self) -> tuple[Address, ...]:
        """Every contract to ask spending limits and whitelists about."""
        found = [*self.addresses, *(member for session in self.sessions for member in _members(session))]
        return tuple(item for item in dict.fromkeys(found) if item not in (ZERO_ADDRESS, PSEUDO_TARGET))

    @cached_property
    def actions(self) -> Mapping[Hash32, tuple[Address, Selector]]:
        """Target and selector by action id."""
        named = [
            (action.action_target, action.action_target_selector)
            for session in self.sessions
            for action in session.actions
        ]
        selectors = dict.fromkeys((*self.selectors, *(selector for _, selector in named)))
        pseudo = [(PSEUDO_TARGET, FALLBACK_SELECTOR), (PSEUDO_TARGET, ADMIN_SELECTOR)]
        guessed = [(target, selector) for target in self.members for selector in selectors]
        return {action_id(*pair): pair for pair in (*guessed, *pseudo, *named)}

    @cached_property
    def salts(self) -> tuple[Hash32, ...]:
        """Salts to try; the zero salt is what most tools use."""
        return tuple(dict.fromkeys((Hash32(bytes(32)), *(session.salt for session in self.sessions))))

    def with_sessions(self, sessions: Iterable[Session]) -> "Hints":
        """Return them with more sessions."""
        return Hints((*self.sessions, *sessions), self.addresses, self.selectors)


def discovery(place: Location, members: Sequence[Address]) -> Reading:
    """Read a permission id of which nothing else is known, in three rounds."""
    head = head_from(place, (yield head_reads(place)))
    if not head.enabled:
        return head
    actions = [item.action for item in head.actions]
    told = yield action_reads(place, actions)
    listed = dict(zip(actions, map(listed_in, told), strict=True))
    lists = _lists(head, listed, members)
    states = policy_states(place, lists, iter((yield policy_reads(place, lists))))
    return assembled(head, listed, states)


def _lists(
    head: OnChainSession,
    listed: Mapping[Hash32, Sequence[Address] | None],
    members: Sequence[Address],
) -> list[PolicyList]:
    def asked(use: Use, action: Hash32 | None, policies: Iterable[Address]) -> PolicyList:
        known = {policy: POLICIES[policy].candidates(members) for policy in policies if policy in POLICIES}
        return list_of(head.location, use, action, known)

    return [
        asked(Use.USER_OP, None, (item.policy for item in head.user_op_policies)),
        *(asked(Use.ACTION, action, policies or ()) for action, policies in listed.items()),
        asked(Use.ERC1271, None, (item.policy for item in head.erc1271_policies)),
    ]


def _members(session: Session) -> Iterable[Address]:
    for action in session.actions:
        yield action.action_target
        for item in action.action_policies:
            try:
                if item.policy == erc20_spending_limit.ADDRESS:
                    limits = erc20_spending_limit.decode(item.init_data).limits
                    yield from (limit.token for limit in limits)
                elif item.policy == contract_whitelist.ADDRESS:
                    yield from contract_whitelist.decode(item.init_data).targets
            except ValueError:
                continue
