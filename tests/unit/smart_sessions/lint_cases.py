"""One failing example and its passing twin for every lint rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.domain.keccak import keccak256
from agent.domain.requirement import ActionRequirement
from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    OWNABLE_VALIDATOR,
    PSEUDO_TARGET,
    SMART_SESSION_PREVIOUS,
)
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.grant import Counters, guards, slot_of
from agent.smart_sessions.lint import Subject
from agent.smart_sessions.lint.subject import EnableSignature, Neighbour, NextUse, OnChain, Purpose
from agent.smart_sessions.policies import (
    POLICIES,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER, TRANSFER_FROM, TokenUse
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.signature import owners_init_data
from agent.smart_sessions.state import AccountState, SessionState
from agent.smart_sessions.worst_case import Allowance

DAY_S = 86_400
NOW = Timestamp(1_790_000_000)
ACCOUNT = Address(b"\x0a" * 20)
TOKEN, OTHER = Address(b"\x70" * 20), Address(b"\x71" * 20)
PAYEE, ROUTER = Address(b"\x0b" * 20), Address(b"\x72" * 20)
KEY, SECOND_KEY = Address(b"\x01" * 20), Address(b"\x02" * 20)
BASE = ChainId(8453)
SUDO = PolicyData(sudo.ADDRESS, b"")
SWAP = keccak256(b"swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")[:4]


def spending(limit: int, token: Address = TOKEN) -> PolicyData:
    limits = erc20_spending_limit.SpendingLimits((erc20_spending_limit.TokenLimit(token, limit),))
    return PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(limits))


def rules(*found: Rule, value_wei: int = 0) -> PolicyData:
    return PolicyData(uni_action.ADDRESS, uni_action.encode(uni_action.UniAction(Wei(value_wei), found)))


def uses(limit: int) -> PolicyData:
    return PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(limit)))


def value(limit_wei: int) -> PolicyData:
    return PolicyData(value_limit.ADDRESS, value_limit.encode(value_limit.ValueLimit(Wei(limit_wei))))


def gas(cost_wei: int = 10**15) -> PolicyData:
    config = simple_gas.SimpleGas(Gas(10_000_000), Wei(cost_wei))
    return PolicyData(simple_gas.ADDRESS, simple_gas.encode(config))


def frame(until: int = NOW + 30 * DAY_S) -> PolicyData:
    window = time_frame.TimeFrame(Timestamp(0), Timestamp(until))
    return PolicyData(time_frame.ADDRESS, time_frame.encode(window))


def whitelist(*targets: Address) -> PolicyData:
    config = contract_whitelist.ContractWhitelist(targets)
    return PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(config))


def rule(offset: int, condition: Condition, word: int | bytes, limit: int | None = None) -> Rule:
    reference = word.rjust(32, b"\0") if isinstance(word, bytes) else word.to_bytes(32, "big")
    return Rule(condition, offset, reference, limit)


TO_PAYEE = rule(0, Condition.EQUAL, PAYEE)
AT_MOST_12 = rule(32, Condition.LESS_OR_EQUAL, 12)
GUARDED = (spending(36), rules(TO_PAYEE, AT_MOST_12))
EVERY = (frame(), uses(3), gas())
NEED = ActionRequirement(TOKEN, TRANSFER, 3, token=TOKEN, token_total=36)


def on(target: Address, selector: bytes, *policies: PolicyData) -> ActionData:
    return ActionData(selector, target, policies)


PAYMENT = on(TOKEN, TRANSFER, *GUARDED)
PURPOSE = Purpose(
    actions=(NEED,),
    operations=3,
    cost_wei=Wei(10**15),
    next_use=NextUse(Timestamp(NOW + DAY_S), (replace(NEED, uses=1, token_total=12),)),
)


def a_session(
    *actions: ActionData,
    every: tuple[PolicyData, ...] = EVERY,
    owners: tuple[Address, ...] = (KEY,),
    validator_data: bytes | None = None,
    **fields: Any,  # noqa: ANN401 - the fields of Session by name
) -> Session:
    session = Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, list(owners))
        if validator_data is None
        else validator_data,
        salt=Hash32(b"\x07" * 32),
        user_op_policies=every,
        actions=actions or (PAYMENT,),
    )
    return replace(session, **fields)


def about(session: Session, **fields: Any) -> Subject:  # noqa: ANN401 - the fields of Subject by name
    subject = Subject(session, ACCOUNT, BASE, now=NOW, purpose=PURPOSE, own_keys=frozenset((KEY, SECOND_KEY)))
    return replace(subject, **fields)


def on_chain_as_granted(session: Session, **fields: Any) -> OnChain:  # noqa: ANN401 - the fields of OnChain by name
    """Return what a chain says that holds just this session, unused."""
    grant = about(session).grant
    live = SessionState(session.session_validator, session.session_validator_init_data)
    state = AccountState({grant.permission_id: live})
    for guard in guards(grant):
        if guard.action is None:
            live.user_op_policies = list(guard.init_data)
        else:
            live.actions[guard.action] = list(guard.init_data)
        slot = slot_of(grant, guard.config_id)
        for policy, data in guard.init_data.items():
            state.policies[policy, guard.config_id] = POLICIES[policy].initialized(slot, data, None)
    actions = frozenset(guard.action for guard in guards(grant) if guard.action is not None)
    chain = OnChain(counters=Counters(enabled=True, state=state), actions=actions, has_same_validator=True)
    return replace(chain, **fields)


def raw_owners(threshold: int, *owners: Address) -> bytes:
    words = [threshold.to_bytes(32, "big"), (64).to_bytes(32, "big"), len(owners).to_bytes(32, "big")]
    return b"".join((*words, *(bytes(12) + owner for owner in owners)))


@dataclass(frozen=True)
class Case:
    """A subject that the rule finds at this level, and one like it that is fine."""

    level: str
    bad: Subject
    good: Subject


GOOD = about(a_session())
TEST_KEY = Address.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
APPROVAL = on(TOKEN, APPROVE, spending(36), rules(rule(0, Condition.EQUAL, ROUTER)))
NEEDS_APPROVAL = replace(PURPOSE, actions=(NEED, replace(NEED, selector=APPROVE)))
FREE_CALL = on(ROUTER, keccak256(b"multicall(bytes[])")[:4], rules(rule(0, Condition.EQUAL, 32)))
LONG = frame(NOW + 401 * DAY_S)
PAYMASTER: dict[str, Any] = {"permit_erc4337_paymaster": True}
SPENT = TokenUse(36, 30, 0)
SIGNED = EnableSignature(Mode.ENABLE, 4, (BASE,))


def spent() -> OnChain:
    session = a_session()
    chain = on_chain_as_granted(session)
    assert chain.counters is not None
    for (policy, config), state in list(chain.counters.state.policies.items()):
        if policy == erc20_spending_limit.ADDRESS:
            chain.counters.state.policies[policy, config] = {**state, TOKEN: SPENT}
    return chain


def widened() -> OnChain:
    return replace(on_chain_as_granted(a_session()), counters=on_chain_as_granted(_wider()).counters)


def _wider() -> Session:
    return a_session(on(TOKEN, TRANSFER, spending(3_600), rules(TO_PAYEE, AT_MOST_12)))


def _signing(*names: str) -> ERC7739Data:
    return ERC7739Data((ERC7739Context(Hash32(b"\x05" * 32), names),), (uses(1),))


CASES: Mapping[str, Case] = {
    "L01": Case("refuse", about(a_session(on(PSEUDO_TARGET, FALLBACK_SELECTOR, SUDO))), GOOD),
    "L02": Case("refuse", about(a_session(on(PSEUDO_TARGET, ADMIN_SELECTOR, uses(1)))), GOOD),
    "L03": Case("refuse", about(a_session(on(ACCOUNT, TRANSFER, *GUARDED))), GOOD),
    "L04": Case(
        "refuse", about(a_session(on(ROUTER, keccak256(b"changeThreshold(uint256)")[:4], uses(1)))), GOOD
    ),
    "L05": Case("refuse", about(a_session(on(TOKEN, TRANSFER, SUDO))), GOOD),
    "L06": Case("refuse", about(a_session(every=(uses(3), gas()))), GOOD),
    "L07": Case("refuse", about(a_session(every=(frame(), uses(3)))), GOOD),
    "L08": Case("warn", about(a_session(every=(frame(), uses(3), gas(11 * 10**15)))), GOOD),
    "L09": Case(
        "refuse",
        about(a_session(every=(SUDO,), **PAYMASTER)),
        about(a_session(**PAYMASTER)),
    ),
    "L10": Case(
        "warn",
        about(a_session(**PAYMASTER)),
        about(a_session(**PAYMASTER), purpose=replace(PURPOSE, needs_paymaster=True)),
    ),
    "L11": Case("refuse", about(a_session(on(TOKEN, TRANSFER, spending(36)))), GOOD),
    "L12": Case(
        "refuse",
        about(a_session(PAYMENT, APPROVAL)),
        about(a_session(PAYMENT, on(OTHER, TRANSFER, spending(1, OTHER), rules(TO_PAYEE)))),
    ),
    "L13": Case("refuse", about(a_session(on(TOKEN, TRANSFER, spending(37), rules(TO_PAYEE)))), GOOD),
    "L14": Case(
        "refuse",
        about(a_session(on(TOKEN, APPROVE, spending(36))), purpose=NEEDS_APPROVAL),
        about(a_session(APPROVAL), purpose=NEEDS_APPROVAL),
    ),
    "L15": Case("refuse", about(a_session(APPROVAL, FREE_CALL)), about(a_session(APPROVAL))),
    "L16": Case("refuse", about(a_session(on(TOKEN, keccak256(b"burn(uint256)")[:4], uses(1)))), GOOD),
    "L17": Case("warn", about(a_session(on(TOKEN, TRANSFER_FROM, *GUARDED))), GOOD),
    "L18": Case(
        "warn",
        about(a_session(), on_chain=OnChain(traits={TOKEN: ("can bar holders",)})),
        about(a_session(), on_chain=OnChain(traits={TOKEN: ()})),
    ),
    "L19": Case(
        "refuse",
        about(a_session(on(PAYEE, NATIVE_TRANSFER_SELECTOR, frame()))),
        about(a_session(on(PAYEE, NATIVE_TRANSFER_SELECTOR, value(5)))),
    ),
    "L20": Case(
        "refuse",
        about(a_session(erc7739_policies=_signing("PermitSingle(address spender)"))),
        GOOD,
    ),
    "L21": Case("warn", about(a_session(every=(frame(), gas()))), GOOD),
    "L22": Case(
        "refuse",
        about(a_session(on(TOKEN, TRANSFER, spending(36), rules(rule(4, Condition.EQUAL, 1))))),
        GOOD,
    ),
    "L23": Case("refuse", about(a_session(on(PSEUDO_TARGET, FALLBACK_SELECTOR, whitelist(ROUTER)))), GOOD),
    "L24": Case("refuse", about(a_session(on(TOKEN, TRANSFER, *GUARDED, PolicyData(ROUTER, b"")))), GOOD),
    "L25": Case(
        "refuse",
        about(a_session(), on_chain=widened()),
        about(a_session(), on_chain=on_chain_as_granted(a_session())),
    ),
    "L26": Case(
        "refuse",
        about(a_session(), signatures=(SIGNED,), on_chain=OnChain(enable_nonce=5)),
        about(a_session(), signatures=(SIGNED,), on_chain=OnChain(enable_nonce=4)),
    ),
    "L27": Case(
        "warn",
        about(a_session(), signatures=(SIGNED,), is_revoked=True, on_chain=OnChain(enable_nonce=4)),
        about(a_session(), signatures=(SIGNED,), is_revoked=True, on_chain=OnChain(enable_nonce=5)),
    ),
    "L28": Case(
        "refuse",
        about(a_session(), signatures=(replace(SIGNED, mode=Mode.UNSAFE_ENABLE),)),
        about(a_session(), signatures=(SIGNED,)),
    ),
    "L29": Case("refuse", about(a_session(owners=(TEST_KEY,)), own_keys=frozenset()), GOOD),
    "L30": Case("warn", about(a_session(salt=Hash32(bytes(32)))), GOOD),
    "L31": Case(
        "refuse",
        about(a_session(owners=(KEY, Address(b"\x09" * 20)))),
        about(a_session(owners=(KEY, SECOND_KEY))),
    ),
    "L32": Case(
        "warn",
        about(a_session(*(on(Address(bytes([n] * 20)), TRANSFER, *GUARDED) for n in range(9, 40)))),
        GOOD,
    ),
    "L33": Case("warn", about(a_session(PAYMENT, on(OTHER, TRANSFER, *GUARDED))), GOOD),
    "L34": Case(
        "warn",
        about(a_session(), on_chain=spent()),
        about(a_session(), on_chain=on_chain_as_granted(a_session())),
    ),
    "L35": Case("warn", about(a_session(), smart_session=SMART_SESSION_PREVIOUS), GOOD),
    "L36": Case(
        "refuse",
        about(a_session(**PAYMASTER), on_chain=OnChain(allowances=(Allowance(TOKEN, ROUTER, 7),))),
        about(a_session(**PAYMASTER), on_chain=OnChain(allowances=(Allowance(TOKEN, ROUTER, 0),))),
    ),
    "L37": Case("refuse", about(a_session(validator_data=raw_owners(1, SECOND_KEY, KEY))), GOOD),
    "L38": Case(
        "refuse",
        about(a_session(validator_data=raw_owners(1, KEY) + bytes(225))),
        about(a_session(validator_data=raw_owners(1, KEY) + bytes(192))),
    ),
}

NEIGHBOUR = Neighbour("other", ChainId(1), ACCOUNT, a_session(salt=Hash32(b"\x08" * 32)))
FURTHER: tuple[tuple[str, str, Subject], ...] = (
    (
        "L03",
        "refuse",
        about(
            a_session(on(OTHER, b"\x01\x02\x03\x04", uses(1))), on_chain=OnChain(modules=frozenset((OTHER,)))
        ),
    ),
    ("L03", "refuse", about(a_session(on(PSEUDO_TARGET, FALLBACK_SELECTOR, whitelist(OWNABLE_VALIDATOR))))),
    ("L06", "refuse", about(a_session(every=(LONG, uses(3), gas())))),
    ("L06", "warn", about(a_session(every=(frame(NOW + 91 * DAY_S), uses(3), gas())))),
    ("L08", "warn", about(a_session(), on_chain=OnChain(funds_wei=Wei(10**15)))),
    (
        "L13",
        "refuse",
        about(a_session(on(TOKEN, TRANSFER, spending(2**256 - 1), rules(TO_PAYEE))), purpose=None),
    ),
    ("L13", "warn", about(a_session(), on_chain=OnChain(balances={TOKEN: 35}))),
    (
        "L13",
        "warn",
        about(
            a_session(on(TOKEN, TRANSFER, spending(37), rules(TO_PAYEE))),
            purpose=replace(PURPOSE, is_since_made=False),
        ),
    ),
    ("L14", "refuse", about(a_session(APPROVAL))),
    (
        "L14",
        "refuse",
        about(
            a_session(on(TOKEN, APPROVE, spending(2**255), rules(rule(0, Condition.EQUAL, ROUTER)))),
            purpose=NEEDS_APPROVAL,
        ),
    ),
    ("L15", "refuse", about(a_session(APPROVAL, on(PSEUDO_TARGET, FALLBACK_SELECTOR, SUDO)))),
    ("L20", "refuse", about(a_session(erc7739_policies=ERC7739Data(erc1271_policies=(SUDO,))))),
    ("L20", "warn", about(a_session(erc7739_policies=_signing("Login(string site)")))),
    ("L21", "refuse", about(a_session(every=(frame(), gas()), owners=(KEY, SECOND_KEY)))),
    ("L21", "warn", about(a_session(every=(frame(), uses(4), gas())))),
    ("L22", "refuse", about(a_session(on(TOKEN, TRANSFER, rules(TO_PAYEE, AT_MOST_12))))),
    ("L22", "refuse", about(a_session(on(ROUTER, SWAP, rules(rule(64, Condition.EQUAL, 160)))))),
    ("L24", "refuse", about(a_session(session_validator=ROUTER))),
    ("L24", "refuse", about(a_session(), on_chain=OnChain(codes={simple_gas.ADDRESS: b""}))),
    (
        "L24",
        "refuse",
        about(
            a_session(),
            on_chain=OnChain(codes={simple_gas.ADDRESS: b"\x60"}),
            code_hashes={simple_gas.ADDRESS: Hash32(bytes(32))},
        ),
    ),
    (
        "L25",
        "refuse",
        about(a_session(), on_chain=on_chain_as_granted(a_session(), has_same_validator=False)),
    ),
    ("L25", "refuse", about(a_session(), on_chain=on_chain_as_granted(a_session(), actions=frozenset()))),
    ("L26", "refuse", about(a_session(), signatures=(replace(SIGNED, chain_ids=(BASE, ChainId(1))),))),
    ("L26", "refuse", about(a_session(), signatures=(SIGNED,), chain_ids=frozenset((ChainId(1),)))),
    ("L29", "warn", about(a_session(), neighbours=(NEIGHBOUR,))),
    ("L29", "warn", about(a_session(), purpose=replace(PURPOSE, jobs=2))),
    ("L29", "refuse", about(a_session(), on_chain=OnChain(owner_keys=frozenset((KEY,))))),
    ("L30", "warn", about(a_session(), neighbours=(replace(NEIGHBOUR, session=a_session()),))),
    ("L31", "refuse", about(a_session(validator_data=raw_owners(0, KEY)))),
    ("L34", "warn", about(a_session(every=(frame(NOW + 1), uses(3), gas())))),
    ("L35", "warn", about(a_session(), on_chain=OnChain(codes={about(a_session()).smart_session: b""}))),
    ("L36", "warn", about(a_session(**PAYMASTER))),
    ("L36", "refuse", about(a_session(APPROVAL, **PAYMASTER))),
    ("L37", "refuse", about(a_session(validator_data=raw_owners(2, KEY)))),
    ("L37", "refuse", about(a_session(validator_data=raw_owners(1, Address(bytes(20)), KEY)))),
    ("L37", "refuse", about(a_session(validator_data=b"\x01"))),
)
