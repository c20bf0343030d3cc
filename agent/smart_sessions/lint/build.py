"""Rules about what is deployed and enabled: unknown contracts, drift, the module's build."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import SMART_SESSION, SMART_SESSION_PREVIOUS
from agent.smart_sessions.grant import Guard, guards, slot_of
from agent.smart_sessions.lint.finding import Finding, refuse, warn
from agent.smart_sessions.lint.owners import OWNABLE_VALIDATORS, WEB_AUTHN_VALIDATOR
from agent.smart_sessions.lint.subject import Subject
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.arg import ArgState
from agent.smart_sessions.policies.uni_action import UniAction
from agent.smart_sessions.reverts import Revert

KNOWN_VALIDATORS = OWNABLE_VALIDATORS | {WEB_AUTHN_VALIDATOR}
MAX_POLICIES = 60
"""Taking a policy away costs some ten thousand gas; a block or a bundler may not have room for more."""


def unknown_contracts(subject: Subject) -> Iterator[Finding]:
    """L24: a policy or validator whose rules nobody here knows, or whose code is another one."""
    validator = subject.session.session_validator
    if validator not in KNOWN_VALIDATORS:
        yield refuse("L24", f"the session validator {validator} is unknown", "use the OwnableValidator")
    for policy in dict.fromkeys(_policies(subject.session)):
        if policy not in POLICIES:
            sentence = f"the policy {policy} is unknown: what it allows cannot be said"
            yield refuse("L24", sentence, "use the policies that sessions new grants")
    yield from _strange_code(subject)


def drift(subject: Subject) -> Iterator[Finding]:
    """L25: the chain holds another session than the file."""
    chain = subject.on_chain
    if chain is None or chain.counters is None or not chain.counters.enabled:
        return
    remedy = "let the owner remove the session and grant it anew"
    for place in chain.counters.foreign:
        sentence = f"the policy {place.policy} is in force and not in the file"
        yield refuse("L25", sentence, remedy)
    for guard in guards(subject.grant):
        for policy, init_data in guard.init_data.items():
            yield from _drifted(subject, guard, policy, init_data)
    expected = {guard.action for guard in guards(subject.grant) if guard.action is not None}
    if chain.actions is not None and chain.actions != expected:
        sentence = f"{len(chain.actions)} actions are enabled, the file has {len(expected)}, not all the same"
        yield refuse("L25", sentence, remedy)
    if chain.has_same_validator is False:
        yield refuse("L25", "the session validator or its key is not the file's", remedy)


def removal(subject: Subject) -> Iterator[Finding]:
    """L32: so many policies that taking the session back may not fit into a block."""
    count = len(_policies(subject.session))
    if count > MAX_POLICIES:
        sentence = f"{count} policies are to be taken back in one call, {MAX_POLICIES} are sure to fit"
        yield warn("L32", sentence, "grant several small sessions")


def module(subject: Subject) -> Iterator[Finding]:
    """L35: a build of the module that was not audited, or a registry it needs and does not have."""
    chain, address = subject.on_chain, subject.smart_session
    if address != SMART_SESSION:
        sentence = f"the module {address} is not the audited build {SMART_SESSION}"
        yield warn("L35", sentence, "grant the session on the current module")
    if chain is None:
        return
    if address == SMART_SESSION_PREVIOUS and chain.has_registry is False:
        sentence = "this build asks a module registry, and there is none: enabling will fail"
        yield warn("L35", sentence, "grant the session on the current module")
    code = chain.codes.get(address)
    if code is not None and (not code or _differs(subject, address, code)):
        sentence = f"the module's code is not the audited one: {_hash(code) if code else 'none'}"
        yield warn("L35", sentence, "look at what is deployed there before granting anything")


def unpinned(subject: Subject) -> Iterator[tuple[Address, Hash32]]:
    """Yield the contracts with code on this chain and no known code hash, and the hash that they have.

    Their address alone is trusted.
    """
    codes = {} if subject.on_chain is None else subject.on_chain.codes
    involved = (subject.smart_session, subject.session.session_validator, *_policies(subject.session))
    for address in dict.fromkeys(involved):
        code = codes.get(address)
        if code and address not in subject.code_hashes:
            yield address, Hash32(keccak256(code))


def _policies(session: Session) -> list[Address]:
    lists = [
        session.user_op_policies,
        session.erc7739_policies.erc1271_policies,
        *(action.action_policies for action in session.actions),
    ]
    return [item.policy for policies in lists for item in policies]


def _strange_code(subject: Subject) -> Iterator[Finding]:
    for address, code in _codes(subject):
        if not code:
            yield refuse("L24", f"{address} has no code on this chain", "use another policy or another chain")
        elif _differs(subject, address, code):
            sentence = f"the code of {address} is not the audited one: {_hash(code)}"
            yield refuse("L24", sentence, "use the deployment that was audited")


def _codes(subject: Subject) -> Iterator[tuple[Address, bytes]]:
    codes = {} if subject.on_chain is None else subject.on_chain.codes
    for address in dict.fromkeys((subject.session.session_validator, *_policies(subject.session))):
        if address in codes:
            yield address, codes[address]


def _differs(subject: Subject, address: Address, code: bytes) -> bool:
    audited = subject.code_hashes.get(address)
    return audited is not None and keccak256(code) != audited


def _hash(code: bytes) -> str:
    return f"0x{keccak256(code).hex()}"


def _drifted(subject: Subject, guard: Guard, policy: Address, init_data: bytes) -> Iterator[Finding]:
    chain = subject.on_chain
    if chain is None or chain.counters is None or policy not in POLICIES:
        return
    live = chain.counters.state.sessions[subject.grant.permission_id]
    listed = live.user_op_policies if guard.action is None else live.actions[guard.action]
    remedy = "let the owner remove the session and grant it anew"
    if policy not in listed:
        yield refuse("L25", f"the policy {policy} of the file is not in force", remedy)
        return
    try:
        expected = POLICIES[policy].initialized(slot_of(subject.grant, guard.config_id), init_data, None)
    except Revert:
        yield refuse("L25", f"the file's data of the policy {policy} cannot have been granted", remedy)
        return
    found = chain.counters.state.policies.get((policy, guard.config_id))
    if found is None or _limits(policy, found) != _limits(policy, expected):
        yield refuse("L25", f"the limits of the policy {policy} are not the file's", remedy)


def _limits(policy: Address, state: Any) -> object:  # noqa: ANN401 - each policy has its own state
    """Return what of a policy's state use does not change."""
    if isinstance(state, ArgState):
        rules = tuple(replace(rule, used=0) for rule in state.config.rules)
        return replace(state.config, rules=rules)
    if isinstance(state, UniAction):
        return replace(state, rules=tuple(replace(rule, used=0) for rule in state.rules))
    parts = POLICIES[policy].parts(state)
    return [(part.name, part.limit) for part in parts] or state
