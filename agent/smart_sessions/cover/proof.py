"""The proof: every form of every call passes by itself, and all uses together fit into every counter.

Then the order does not matter either: no use finds a counter that others have filled.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, PossibleOperation
from agent.domain.units import Address, Hash32
from agent.smart_sessions.cover.ask import Asked, Place, ask, gap_of
from agent.smart_sessions.cover.demand import Demand, Gap
from agent.smart_sessions.cover.forms import Form, TooManyForms, compared, forms, misread
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.ids import (
    FALLBACK_ACTION,
    action_config_id,
    action_id,
    called_selector,
    user_op_config_id,
)
from agent.smart_sessions.policies import POLICIES, simple_gas
from agent.smart_sessions.policies.policy import ALWAYS, Window
from agent.smart_sessions.state import AccountState

MORE = "ask the owner for a session with more: sessionkeeper sessions new --for-job FILE"
NOT_PROVABLE = "grant rules that look at whole arguments, and at fewer of them"
_CODES = {"token": "spending_limit", "uses": "usage_limit", "argument": "argument_limit"}


@dataclass(slots=True)
class _Need:
    """What all uses take together, and what is refused whatever is left."""

    total: Counter[Place] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)
    windows: dict[Address, Window] = field(default_factory=dict)
    examples: dict[Hash32, Call] = field(default_factory=dict)
    """A call that each list of policies was asked about."""


def cover(grant: Grant, counters: Counters, demands: Sequence[Demand]) -> tuple[Gap, ...]:
    """Return every gap between what the jobs can do and what the session has left at these counters."""
    blind = tuple(_unreadable(counters))
    if blind:
        return blind
    state = counters.state
    needs = [_need(grant, state, demand) for demand in demands]
    total: Counter[Place] = Counter()
    for need in needs:
        total.update(need.total)
    for place in filter(_is_gas, total):
        total[place] += max(demand.spare_gas for demand in demands)
    examples = {config: call for need in needs for config, call in need.examples.items()}
    gaps = [gap for need in needs for gap in need.gaps]
    gaps += _short(state, total, examples)
    for demand, need in zip(demands, needs, strict=True):
        gaps += _untimely(demand, need.windows)
    return _distinct(gaps)


def _unreadable(counters: Counters) -> Iterator[Gap]:
    if not counters.enabled:
        yield Gap("session_not_enabled", "ask the owner to grant the session: sessions grant")
    anew = "ask the owner to remove the session and grant it anew"
    for place in counters.foreign:
        yield Gap("session_changed", anew, policy=place.policy)
    for place in counters.unreadable:
        yield Gap("policy_unreadable", "check the RPC node and the policy's address", policy=place.policy)
    listed = [
        policy
        for session in counters.state.sessions.values()
        for policies in (session.user_op_policies, *session.actions.values())
        for policy in policies
    ]
    for policy in dict.fromkeys(listed):
        if policy not in POLICIES:
            yield Gap("policy_unknown", "use a session with policies the agent knows", policy=policy)


def _need(grant: Grant, state: AccountState, demand: Demand) -> _Need:
    need = _Need()
    if demand.cost_wei is None:
        need.gaps.append(Gap("cost_without_cap", "add a cap to the job: fees: {max_cost: …}"))
    if not demand.periods:
        need.gaps.append(Gap("nothing_due", "the session ends before the job's next period: make a new one"))
    for operation in demand.operations:
        for call in operation.calls:
            _add_call(need, grant, state, demand, call, operation.uses)
        _add_operation(need, grant, state, demand, operation)
    return need


def _add_call(
    need: _Need, grant: Grant, state: AccountState, demand: Demand, call: PossibleCall, uses: int
) -> None:
    found = _forms(grant, state, call)
    if found is None:
        need.gaps.append(Gap("not_provable", NOT_PROVABLE, call.template))
        return
    answers = [(form, ask(grant, state, demand, (form.call,))) for form in found]
    whole = user_op_config_id(grant.account, grant.permission_id)
    for place in dict.fromkeys(place for _, asked in answers for place in asked.takes):
        if place.config_id != whole:
            need.total[place] += _sum_of(place, call, answers, uses)
            need.examples.setdefault(place.config_id, call.template)
    for form, asked in answers:
        need.gaps += (gap_of(complaint, form.call) for complaint in asked.complaints)
        for policy, window in asked.windows:
            need.windows[policy] = need.windows.get(policy, ALWAYS).within(window)


def _add_operation(
    need: _Need, grant: Grant, state: AccountState, demand: Demand, operation: PossibleOperation
) -> None:
    whole = user_op_config_id(grant.account, grant.permission_id)
    calls = tuple(_with_most_value(call) for call in operation.calls)
    for place, amount in ask(grant, state, demand, calls).takes.items():
        if place.config_id == whole:
            need.total[place] += operation.uses * _declared(demand, place, amount)


def _forms(grant: Grant, state: AccountState, call: PossibleCall) -> tuple[Form, ...] | None:
    """Return the examples that decide a call; None where they would not."""
    rules = compared(_action_states(grant, state, call.template))
    if misread(call, rules):
        return None
    try:
        return forms(call, rules)
    except TooManyForms:
        return None


def _action_states(grant: Grant, state: AccountState, call: Call) -> Iterator[object]:
    actions = state.sessions[grant.permission_id].actions
    for action in (action_id(call.target, called_selector(call.data)), FALLBACK_ACTION):
        config = action_config_id(grant.account, grant.permission_id, action)
        yield from (state.policies[policy, config] for policy in actions.get(action, ()))


def _sum_of(place: Place, call: PossibleCall, answers: Sequence[tuple[Form, Asked]], uses: int) -> int:
    """Return what all uses of a call together take from a counter at most."""
    amounts = [(form, asked.takes.get(place, 0)) for form, asked in answers]
    bounds = [uses * max(amount for _, amount in amounts)]
    for word in call.varies:
        if word.total is not None:
            # What is taken beyond the word itself; the words of all uses come to no more than their total.
            beyond = max(amount - form.words[word.offset] for form, amount in amounts)
            bounds.append(uses * max(0, beyond) + word.total)
    return min(bounds)


def _with_most_value(call: PossibleCall) -> Call:
    if call.most_value_wei is None:
        return call.template
    return replace(call.template, value_wei=call.most_value_wei)


def _declared(demand: Demand, place: Place, amount: int) -> int:
    if place.policy != simple_gas.ADDRESS:
        return amount
    return demand.gas if _is_gas(place) else demand.cost_wei or 0


def _is_gas(place: Place) -> bool:
    return place.policy == simple_gas.ADDRESS and place.part == simple_gas.GAS


def _short(state: AccountState, total: Mapping[Place, int], examples: Mapping[Hash32, Call]) -> Iterator[Gap]:
    for place, asked in total.items():
        parts = POLICIES[place.policy].parts(state.policies[place.policy, place.config_id])
        part = next((item for item in parts if item.name == place.part), None)
        left, unit = (0, "token") if part is None else (part.left, part.unit)
        if asked > left:
            is_gas_policy = place.policy == simple_gas.ADDRESS
            code = f"{place.part}_limit" if is_gas_policy else _CODES.get(unit, "value_limit")
            example = examples.get(place.config_id)
            yield Gap(code, MORE, example, place.policy, place.part, unit, asked, left)


def _untimely(demand: Demand, windows: Mapping[Address, Window]) -> Iterator[Gap]:
    for policy, window in windows.items():
        late = [period for period in demand.periods if period.until > window.valid_until]
        early = [period for period in demand.periods if period.since < window.valid_after]
        if late:
            of = f"{len(late)} of {len(demand.periods)} periods"
            asked = max(period.until for period in late)
            yield Gap("ends_too_early", MORE, None, policy, of, "second", asked, window.valid_until)
        if early:
            of = f"{len(early)} of {len(demand.periods)} periods"
            asked = min(period.since for period in early)
            yield Gap("starts_too_late", MORE, None, policy, of, "second", asked, window.valid_after)


def _distinct(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Keep of several examples of one gap the one that asks for most."""
    kept: dict[tuple[object, ...], Gap] = {}
    for gap in gaps:
        where = None if gap.call is None else (gap.call.target, called_selector(gap.call.data))
        key = (gap.code, where, gap.policy, gap.part, gap.granted)
        known = kept.get(key)
        if known is None or (gap.asked or 0) > (known.asked or 0):
            kept[key] = gap
    return tuple(kept.values())
