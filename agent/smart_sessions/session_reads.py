"""Reading sessions whose grant is known: one round of reads for any number of them, and cheap to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.call import Call
from agent.smart_sessions.grant import Answer, Grant, guards
from agent.smart_sessions.ids import erc1271_config_id
from agent.smart_sessions.on_chain import (
    HEAD_READS,
    Location,
    OnChainSession,
    PolicyList,
    action_reads,
    assembled,
    head_from,
    head_reads,
    listed_in,
    policy_reads,
    policy_states,
)
from agent.smart_sessions.policies.policy import Use


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """The reads of one granted session, made once and asked as often as wanted."""

    location: Location
    lists: tuple[PolicyList, ...]
    calls: tuple[Call, ...]
    """To be made at one block."""


def read_plan(grant: Grant) -> ReadPlan:
    """Return the reads that tell all that SmartSession and its policies tell of a granted session."""
    place = Location(grant.smart_session, grant.account, grant.permission_id)
    lists = policy_lists(grant)
    calls = (
        *head_reads(place),
        *action_reads(place, [item.action for item in lists if item.action is not None]),
    )
    return ReadPlan(place, lists, (*calls, *policy_reads(place, lists)))


def session_reads(grant: Grant) -> tuple[Call, ...]:
    """Return the reads of one session, for who reads it once."""
    return read_plan(grant).calls


def session_from_answers(plan: ReadPlan, answers: Sequence[Answer]) -> OnChainSession:
    """Decode what SmartSession and its policies answered to `plan.calls`, in their order.

    What the grant does not name shows by its address alone.
    """
    place, lists = plan.location, plan.lists
    head = head_from(place, answers[:HEAD_READS])
    stream = iter(answers[HEAD_READS:])
    guarded = [item.action for item in lists if item.action is not None]
    listed = {action: listed_in(next(stream)) for action in guarded}
    return assembled(head, listed, policy_states(place, lists, stream))


def policy_lists(grant: Grant) -> tuple[PolicyList, ...]:
    """Return every list of the granted session: on operations, by action, on off-chain signatures."""
    erc1271 = {item.policy: item.init_data for item in grant.session.erc7739_policies.erc1271_policies}
    own = erc1271_config_id(grant.account, grant.permission_id)
    listed = (
        PolicyList(
            Use.USER_OP if guard.action is None else Use.ACTION,
            guard.action,
            guard.config_id,
            guard.init_data,
        )
        for guard in guards(grant)
    )
    return (*listed, PolicyList(Use.ERC1271, None, own, erc1271))
