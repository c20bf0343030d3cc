"""The doctor looks at one session and at the account that granted it."""

from collections.abc import Sequence

from agent.commands.finding import Finding, fail, ok, warn
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import AgentError
from agent.domain.token import decimal_text
from agent.domain.units import Address, Hash32, Timestamp, Wei
from agent.pipeline.context import ChainContext
from agent.pipeline.probe import Probes
from agent.ports import Block

IS_PERMISSION_ENABLED = bytes.fromhex("adbc532f")
BALANCE_OF = bytes.fromhex("70a08231")
COIN_DECIMALS = 18
SOON_S = 7 * 86_400
TYPICAL_GAS = 500_000
"""Of one payment through a session, all limits together; used where the files set no cap."""


async def examine_session(
    chain: ChainContext, session: SessionDefinition, caps_wei: Sequence[Wei | None], operations: int
) -> tuple[Finding, ...]:
    """Return the findings of a session; `caps_wei` are its jobs' caps on the cost of one operation."""
    name = f"session {session.name}"
    try:
        head = await chain.reader.block("latest")
        enabled = await _is_enabled(chain, session)
        funds_wei = await gas_funds_wei(chain, session.account)
        code = await chain.reader.code(session.account)
        signature = await _signature(name, chain, session)
    except AgentError as error:
        return (fail(name, str(error), "see the findings of its chain"),)
    if not code:
        return (fail(f"{name} account", f"{session.account} has no code", "deploy the account first"),)
    cost_wei = _cost_wei(caps_wei, head)
    return (
        _enabled(name, session, enabled=enabled),
        signature,
        _expiry(name, session.expires_at, head.timestamp),
        _funds(name, session.account, funds_wei, cost_wei, operations),
    )


async def gas_funds_wei(chain: ChainContext, account: Address) -> Wei:
    """Return what the account can pay for gas: its balance and its deposit in the EntryPoint."""
    word = await chain.reader.call(chain.entry_point, BALANCE_OF + bytes(12) + account, "latest")
    return Wei(await chain.reader.balance(account) + int.from_bytes(word[:32], "big"))


def is_permission_enabled_call(permission_id: Hash32, account: Address) -> bytes:
    """Encode `isPermissionEnabled(permissionId, account)`."""
    return IS_PERMISSION_ENABLED + permission_id + bytes(12) + account


async def _is_enabled(chain: ChainContext, session: SessionDefinition) -> bool:
    call = is_permission_enabled_call(session.permission_id, session.account)
    return any(await chain.reader.call(session.smart_session, call, "latest"))


async def _signature(name: str, chain: ChainContext, session: SessionDefinition) -> Finding:
    validator, what = session.session.session_validator, f"{name} owner"
    owner = owner_of(session.session)
    if await Probes().owner(chain.reader, validator, owner) is None:
        remedy = "check that the validator is deployed and is the contract its address says"
        return fail(what, f"{validator} takes no signature that the agent can make", remedy)
    return ok(what, f"{owner.threshold} of {len(owner.keys)} keys, signatures as {validator} takes them")


def _enabled(name: str, session: SessionDefinition, *, enabled: bool) -> Finding:
    if enabled:
        return ok(f"{name} enabled", f"{session.permission_id} on {session.account}")
    message = f"{session.permission_id} is not enabled on {session.account}"
    return fail(f"{name} enabled", message, "let the owner grant it: sessionkeeper sessions grant")


def _expiry(name: str, expires_at: Timestamp | None, now: Timestamp) -> Finding:
    what = f"{name} expiry"
    if expires_at is None:
        return warn(what, "it never ends", "grant sessions with an end: sessionkeeper sessions new")
    left_s = expires_at - now
    if left_s <= 0:
        return fail(
            what, f"it ended {-left_s // 86_400} days ago", "make a new one: sessionkeeper sessions new"
        )
    days = f"{left_s / 86_400:.1f} days left"
    if left_s < SOON_S:
        return warn(what, days, "ask the owner for a new one: sessionkeeper sessions new")
    return ok(what, days)


def _cost_wei(caps_wei: Sequence[Wei | None], head: Block) -> Wei:
    known = [cap for cap in caps_wei if cap is not None]
    # Twice the base fee is what a wallet would offer; no tip, for this is a guess anyway.
    return max(known) if known else Wei(TYPICAL_GAS * 2 * head.base_fee_per_gas)


def _funds(name: str, account: Address, funds_wei: Wei, cost_wei: Wei, operations: int) -> Finding:
    what = f"{name} gas funds"
    enough_for = funds_wei // cost_wei if cost_wei else None
    message = f"{account} has {decimal_text(funds_wei, COIN_DECIMALS)} ether for gas"
    if enough_for is None:
        return ok(what, f"{message}; gas costs nothing now")
    message += f", enough for {enough_for} operations at worst"
    wanted = decimal_text(operations * cost_wei, COIN_DECIMALS)
    remedy = f"send the account coin: {wanted} ether pay for {operations} operations"
    if enough_for < 1:
        return fail(what, message, remedy)
    return warn(what, message, remedy) if enough_for < operations else ok(what, message)
