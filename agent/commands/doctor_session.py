"""The doctor looks at one session and at the account that granted it."""

from collections.abc import Sequence

from agent.commands.account_kind import kind_on_chain
from agent.commands.finding import Finding, fail, ok, warn
from agent.commands.session_compare import Compared, compared
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import AgentError
from agent.domain.job import SELF, JobDefinition
from agent.domain.token import decimal_text
from agent.domain.units import Address, Timestamp, Wei
from agent.pipeline.context import ChainContext
from agent.pipeline.probe import Probes
from agent.ports import Block

BALANCE_OF = bytes.fromhex("70a08231")
COIN_DECIMALS = 18
SOON_S = 7 * 86_400
TYPICAL_GAS = 500_000
"""Of one payment through a session, all limits together; used where the files set no cap."""


async def examine_session(
    chain: ChainContext, session: SessionDefinition, jobs: Sequence[JobDefinition], operations: int
) -> tuple[Finding, ...]:
    """Return the findings of a session; its account needs gas for so many operations of its jobs."""
    name = f"session {session.name}"
    try:
        head = await chain.reader.block("latest")
        (seen,) = await compared(chain.reader, [session], head.number)
        if session.revoked_at is not None:
            return (_revoked(name, seen),)
        funds_wei = await gas_funds_wei(chain, session.account)
        code = await chain.reader.code(session.account)
        kind = await kind_on_chain(chain.reader, session.account, head.number)
        signature = await _signature(name, chain, session)
    except AgentError as error:
        return (fail(name, str(error), "see the findings of its chain"),)
    if not code:
        return (fail(f"{name} account", f"{session.account} has no code", "deploy the account first"),)
    paying = [job for job in jobs if SELF in job.pay_gas_by]
    return (
        *_kind(name, session, kind),
        _enabled(name, session, enabled=seen.found.enabled),
        *_as_granted(name, seen),
        signature,
        _expiry(name, session.expires_at, head.timestamp),
        _sponsored(name, jobs)
        if jobs and not paying
        else _funds(name, session.account, funds_wei, _cost_wei(paying, head), operations),
    )


async def gas_funds_wei(chain: ChainContext, account: Address) -> Wei:
    """Return what the account can pay for gas: its balance and its deposit in the EntryPoint."""
    word = await chain.reader.call(chain.entry_point, BALANCE_OF + bytes(12) + account, "latest")
    return Wei(await chain.reader.balance(account) + int.from_bytes(word[:32], "big"))


async def _signature(name: str, chain: ChainContext, session: SessionDefinition) -> Finding:
    validator, what = session.session.session_validator, f"{name} owner"
    owner = owner_of(session.session)
    if await Probes().owner(chain.reader, validator, owner) is None:
        remedy = "check that the validator is deployed and is the contract its address says"
        return fail(what, f"{validator} takes no signature that the agent can make", remedy)
    return ok(what, f"{owner.threshold} of {len(owner.keys)} keys, signatures as {validator} takes them")


def _kind(name: str, session: SessionDefinition, found: str | None) -> tuple[Finding, ...]:
    # An account of an unknown name may be a fork of a known one.
    if found in (None, session.account_kind):
        return ()
    message = f"{session.account} is of kind {found}, the file says {session.account_kind}"
    remedy = f"its nonces are built in another way: write kind: {found} under account: in the session's file"
    return (fail(f"{name} account kind", message, remedy),)


def _enabled(name: str, session: SessionDefinition, *, enabled: bool) -> Finding:
    if enabled:
        return ok(f"{name} enabled", f"{session.permission_id} on {session.account}")
    if session.enable is not None:
        return ok(f"{name} enabled", "not yet: its first operation enables it with the owner's signature")
    message = f"{session.permission_id} is not enabled on {session.account}"
    return fail(f"{name} enabled", message, "let the owner grant it: sessionkeeper sessions grant")


def _revoked(name: str, seen: Compared) -> Finding:
    session, what = seen.session, f"{name} revoked"
    if not seen.found.enabled:
        return ok(what, f"{session.permission_id} is gone from {session.account}")
    message = f"its file says so, and {session.account} still has {session.permission_id} enabled"
    return fail(what, message, "let the owner make both calls: sessionkeeper sessions revoke")


def _as_granted(name: str, seen: Compared) -> tuple[Finding, ...]:
    if not seen.found.enabled:
        return ()
    what, remedy = f"{name} as granted", "let the owner remove the session and grant it anew: sessions grant"
    matter = [item for item in seen.differences if item.matters]
    if not matter:
        return (ok(what, "the chain has what the file says, field by field"),)
    return tuple(fail(what, f"{item.code}: {item.sentence}", remedy) for item in matter)


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


def _sponsored(name: str, jobs: Sequence[JobDefinition]) -> Finding:
    payers = dict.fromkeys(payer for job in jobs for payer in job.pay_gas_by)
    return ok(f"{name} gas funds", f"none are needed: {', '.join(payers)} pays")


def _cost_wei(jobs: Sequence[JobDefinition], head: Block) -> Wei:
    known = [job.fees.max_cost_wei for job in jobs if job.fees.max_cost_wei is not None]
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
