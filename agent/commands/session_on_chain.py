"""What the lint rules want to know of a chain, read at one block."""

from collections.abc import Iterable, Mapping, Sequence

from agent.commands.doctor_session import gas_funds_wei
from agent.commands.session_grant import grant_counters, grant_of, same_validator
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import AgentError
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Wei
from agent.pipeline.context import ChainContext
from agent.ports import CallFailed, ChainReader
from agent.smart_sessions.addresses import PSEUDO_TARGET, SMART_SESSION_PREVIOUS
from agent.smart_sessions.lint.subject import OnChain
from agent.smart_sessions.policies import erc20_spending_limit
from agent.smart_sessions.views import (
    addresses,
    enable_nonce_call,
    enabled_actions_call,
    owners_call,
    session_validator_call,
    words,
)
from agent.smart_sessions.worst_case import Allowance

REGISTRY = Address.parse("0x000000000069E2a187AEFFb852bF3cCdC95151B2")
MODULE_TYPES = (1, 2, 3, 4)
"""Validator, executor, fallback, hook (ERC-7579)."""
APPROVAL_EVENT = Hash32(keccak256(b"Approval(address,address,uint256)"))
SOME_ADDRESS = Address(bytes(19) + b"\x02")
# Where proxies keep the address of their code: keccak-256 of these names (ERC-1967 less one; zeppelinos).
PROXY_SLOTS = (
    (int.from_bytes(keccak256(b"eip1967.proxy.implementation"), "big") - 1).to_bytes(32, "big"),
    keccak256(b"org.zeppelinos.proxy.implementation"),
)
# Functions that only tokens of that kind have, and what it means for a limit.
TRAITS = (
    ("isBlacklisted(address)", "can bar holders"),
    ("isBlackListed(address)", "can bar holders"),
    ("basisPointsRate()", "can take a fee out of what is sent"),
    ("scaledBalanceOf(address)", "changes balances by itself"),
    ("sharesOf(address)", "changes balances by itself"),
)


async def read_on_chain(
    chain: ChainContext, session: SessionDefinition, tokens_known: Iterable[Address]
) -> OnChain:
    """Return what the chain says of a session and its account; raise ChainUnavailable.

    `tokens_known` are those of the configuration, looked at for allowances besides the session's own.
    """
    reader = chain.reader
    head = await reader.block("latest")
    counters = await grant_counters(reader, grant_of(session), head.number)
    code_of = {item: await reader.code(item, head.number) for item in _contracts(session)}
    tokens = [token for token in _tokens(session) if code_of[token]]
    actions, validator, nonce, owners = await reader.calls(_views(session), head.number)
    return OnChain(
        counters=counters,
        actions=None if isinstance(actions, CallFailed) else _read(actions),
        has_same_validator=None if isinstance(validator, CallFailed) else same_validator(validator, session),
        codes=code_of,
        modules=await _modules(reader, session, head.number),
        owner_keys=owners_in(owners),
        funds_wei=await gas_funds_wei(chain, session.account),
        balances=await _balances(reader, session.account, tokens, head.number),
        traits=await _traits(reader, code_of, tokens, head.number),
        allowances=await _allowances(reader, session, {*tokens, *tokens_known}, head.number),
        enable_nonce=None if isinstance(nonce, CallFailed) else int.from_bytes(nonce[:32], "big"),
        has_registry=await _has_registry(reader, session),
    )


def _contracts(session: SessionDefinition) -> tuple[Address, ...]:
    granted = session.session
    guards = [
        *granted.user_op_policies,
        *(guard for action in granted.actions for guard in action.action_policies),
    ]
    found = (
        session.smart_session,
        granted.session_validator,
        *(guard.policy for guard in guards),
        *_tokens(session),
    )
    return tuple(dict.fromkeys(found))


def _tokens(session: SessionDefinition) -> tuple[Address, ...]:
    limited = [
        action.action_target
        for action in session.session.actions
        for guard in action.action_policies
        if guard.policy == erc20_spending_limit.ADDRESS
    ]
    return tuple(dict.fromkeys(limited))


def _views(session: SessionDefinition) -> tuple[Call, ...]:
    account, permission = session.account, session.permission_id
    module = session.smart_session
    return (
        Call(module, Wei(0), enabled_actions_call(account, permission)),
        Call(module, Wei(0), session_validator_call(account, permission)),
        Call(module, Wei(0), enable_nonce_call(permission, account)),
        Call(session.session.session_validator, Wei(0), owners_call(account)),
    )


def _read(answer: bytes) -> frozenset[Hash32] | None:
    try:
        return frozenset(words(answer))
    except ValueError:
        return None


def owners_in(answer: bytes | CallFailed) -> frozenset[Address]:
    """Read an answer of `getOwners`; nobody where it is none."""
    try:
        return frozenset() if isinstance(answer, CallFailed) else frozenset(addresses(answer))
    except ValueError:
        return frozenset()


async def _modules(reader: ChainReader, session: SessionDefinition, block: int) -> frozenset[Address]:
    targets = {action.action_target for action in session.session.actions} - {session.account, PSEUDO_TARGET}
    pairs = [(target, kind) for target in sorted(targets) for kind in MODULE_TYPES]
    answers = await reader.calls([_is_module(session.account, *pair) for pair in pairs], block)
    return frozenset(
        target for (target, _), answer in zip(pairs, answers, strict=True) if _number(answer) == 1
    )


def _is_module(account: Address, target: Address, kind: int) -> Call:
    selector = keccak256(b"isModuleInstalled(uint256,address,bytes)")[:4]
    head = kind.to_bytes(32, "big") + bytes(12) + target + (96).to_bytes(32, "big")
    return Call(account, Wei(0), selector + head + bytes(32))


async def _balances(
    reader: ChainReader, account: Address, tokens: Sequence[Address], block: int
) -> Mapping[Address, int]:
    data = keccak256(b"balanceOf(address)")[:4] + bytes(12) + account
    answers = await reader.calls([Call(token, Wei(0), data) for token in tokens], block)
    numbers = ((token, _number(answer)) for token, answer in zip(tokens, answers, strict=True))
    return {token: number for token, number in numbers if number is not None}


async def _traits(
    reader: ChainReader, code_of: Mapping[Address, bytes], tokens: Sequence[Address], block: int
) -> Mapping[Address, tuple[str, ...]]:
    asked = [(token, signature, trait) for token in tokens for signature, trait in TRAITS]
    calls = [Call(token, Wei(0), _probe(signature)) for token, signature, _ in asked]
    answers = await reader.calls(calls, block)
    found: dict[Address, dict[str, None]] = {token: {} for token in tokens}
    for (token, _, trait), answer in zip(asked, answers, strict=True):
        if _number(answer) is not None:
            found[token][trait] = None
    for token in tokens:
        if any(slot in code_of[token] for slot in PROXY_SLOTS):
            found[token]["can change its code"] = None
    return {token: tuple(traits) for token, traits in found.items()}


def _probe(signature: str) -> bytes:
    return keccak256(signature.encode())[:4] + (bytes(12) + SOME_ADDRESS if "address" in signature else b"")


async def _allowances(
    reader: ChainReader, session: SessionDefinition, tokens: Iterable[Address], block: int
) -> tuple[Allowance, ...] | None:
    """Return what spenders may pull of these tokens; None where nobody can say."""
    if not session.session.permit_erc4337_paymaster:
        return None
    owner = Hash32(bytes(12) + session.account)
    pairs: dict[tuple[Address, Address], None] = {}
    try:
        for token in sorted(tokens):
            for log in await reader.logs(token, [[APPROVAL_EVENT], [owner]], 0, block):
                pairs[token, Address(log.topics[2][12:])] = None
    except AgentError:
        # Many nodes refuse a range this long; the rule then says that it does not know.
        return None
    selector = keccak256(b"allowance(address,address)")[:4] + owner + bytes(12)
    answers = await reader.calls([Call(token, Wei(0), selector + spender) for token, spender in pairs], block)
    return tuple(
        Allowance(token, spender, _number(answer) or 0)
        for (token, spender), answer in zip(pairs, answers, strict=True)
    )


async def _has_registry(reader: ChainReader, session: SessionDefinition) -> bool | None:
    if session.smart_session != SMART_SESSION_PREVIOUS:
        return None
    return bool(await reader.code(REGISTRY))


def _number(answer: bytes | CallFailed) -> int | None:
    if isinstance(answer, CallFailed) or len(answer) < 32:
        return None
    return int.from_bytes(answer[:32], "big")
