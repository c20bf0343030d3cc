"""The jobs, sessions and accounts of a run: made once, the same for every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from agent.adapters.session_key import SessionKey
from agent.adapters.signer_local import LocalSigner
from agent.domain.job import SELF, FeeCaps, JobDefinition, Place
from agent.domain.keccak import keccak256
from agent.domain.recurrence import Interval
from agent.domain.schedule import CatchUp, Retry, Schedule
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import ACCOUNT_KINDS, derived_lane, nonce_key
from agent.pipeline.context import ChainContext, JobContext, Payer, SessionContext
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.model import Model
from agent.smart_sessions.owners.threshold import ThresholdOwner
from agent.smart_sessions.policies import erc20_spending_limit, simple_gas, time_frame, usage_limit
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.signature import SignatureFlavour, owners_init_data
from agent.smart_sessions.state import AccountState
from jobs import erc20
from jobs.kind import AnyKind
from jobs.subscription import SUBSCRIPTION, SubscriptionSpec
from tests.simulation.events import ENTRY_POINT
from tests.simulation.ledger import Ledger
from tests.simulation.reader import CHAIN_ID, PAYMASTER

START = Timestamp(1_800_000_000)
FIRST_DUE_S = 10
PERIOD_S = 40
SLOTS = 3
GRACE_S = 200
USDC = Token("USDC", Address(b"\x70" * 20), 6)
RICH_WEI = 10**20
RICH_USDC = 10**9
CAPS = FeeCaps(max_fee_per_gas_wei=Wei(20_000_000_000), max_cost_wei=Wei(10**17), max_gas=Gas(2_000_000))


@dataclass(frozen=True, slots=True)
class Payment:
    """One job, as the oracle knows it too."""

    job_id: str
    account: Address
    payee: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Granted:
    """A session with the key that signs under it."""

    name: str
    account: Address
    session: Session
    signer: LocalSigner


PAYMENTS = (
    Payment("rent", Address(b"\x0a" * 20), Address(b"\xb1" * 20), 10_000_000),
    Payment("gym", Address(b"\x0a" * 20), Address(b"\xb2" * 20), 7_000_000),
    Payment("tea", Address(b"\x0c" * 20), Address(b"\xb3" * 20), 5_000_000),
)


@cache
def granted(account: Address, uses: int) -> Granted:
    """Return the session of an account, for so many operations."""
    key = SessionKey(keccak256(b"session key of" + account))
    spending = SpendingLimits((TokenLimit(USDC.address or account, 10**9),))
    session = Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, (key.address,)),
        salt=Hash32(keccak256(account)),
        user_op_policies=(
            PolicyData(time_frame.ADDRESS, time_frame.encode(TimeFrame(Timestamp(0), Timestamp(2**40)))),
            PolicyData(usage_limit.ADDRESS, usage_limit.encode(UsageLimit(uses))),
            PolicyData(simple_gas.ADDRESS, simple_gas.encode(SimpleGas(Gas(10**12), Wei(10**21)))),
        ),
        actions=(
            ActionData(
                erc20.TRANSFER,
                USDC.address or account,
                (PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(spending)),),
            ),
        ),
        permit_erc4337_paymaster=True,
    )
    return Granted(f"of-{account.hex()[:4]}", account, session, LocalSigner(key))


@cache
def enabled(account: Address, uses: int) -> AccountState:
    """Return the account's sessions on chain."""
    model = Model(SMART_SESSION, account)
    with model.manage() as sessions:
        sessions.enable_sessions([granted(account, uses).session])
    return model.state


def genesis(uses: int) -> Ledger:
    """Return the state that a run starts from."""
    ledger = Ledger(USDC.address or ENTRY_POINT)
    for account in dict.fromkeys(payment.account for payment in PAYMENTS):
        ledger.sessions[account] = enabled(account, uses)
        ledger.usdc[account] = RICH_USDC
        ledger.wei[account] = RICH_WEI
    ledger.wei[PAYMASTER] = RICH_WEI
    return ledger


@cache
def session_context(account: Address, uses: int) -> SessionContext:
    """Return what the agent knows of an account's session."""
    mine = granted(account, uses)
    identifier = permission_id(mine.session)
    grant = Grant(CHAIN_ID, SMART_SESSION, account, identifier, mine.session)
    owner = ThresholdOwner(1, (mine.signer.address,), SignatureFlavour.RAW)
    return SessionContext(
        mine.name, mine.session, identifier, SMART_SESSION, owner, (mine.signer,), Checker(grant)
    )


@cache
def definition(
    payment: Payment,
    delays_s: tuple[int, ...],
    catch_up: CatchUp,
    caps: FeeCaps,
    pay_gas_by: tuple[str, ...],
) -> JobDefinition:
    """Return the job as its file would define it."""
    spec = SubscriptionSpec.model_construct(
        amount=TokenAmount(USDC, payment.amount), payee=payment.payee, recheck=20
    )
    anchor = Timestamp(START + FIRST_DUE_S)
    digest = Hash32(keccak256(payment.job_id.encode()))
    return JobDefinition(
        payment.job_id,
        "subscription",
        CHAIN_ID,
        payment.account,
        "reference",
        f"of-{payment.account.hex()[:4]}",
        Schedule(Interval(anchor, PERIOD_S), start=anchor, count=SLOTS),
        spec,
        digest,
        digest,
        Place("jobs.yaml"),
        fees=caps,
        retry=Retry(delays_s, GRACE_S),
        catch_up=catch_up,
        pay_gas_by=pay_gas_by,
    )


def contexts(
    chain: ChainContext,
    uses: int,
    delays_s: tuple[int, ...],
    catch_up: CatchUp,
    caps: FeeCaps,
    payers: Mapping[str, tuple[str, ...]],
    kinds: Mapping[str, AnyKind],
) -> dict[str, JobContext]:
    """Return every job as the worker takes it."""
    account = ACCOUNT_KINDS["reference"]
    found = {}
    for payment in PAYMENTS:
        session = session_context(payment.account, uses)
        lane = derived_lane(account, CHAIN_ID, payment.job_id)
        found[payment.job_id] = JobContext(
            definition(payment, delays_s, catch_up, caps, payers.get(payment.job_id, (SELF,))),
            kinds.get(payment.job_id, SUBSCRIPTION),
            chain,
            session,
            account,
            nonce_key(account, SMART_SESSION, lane),
            caps,
            ((session,),),
        )
    return found


def chain_context(reader: object, bundlers: Sequence[object], payers: Mapping[str, Payer]) -> ChainContext:
    """Put a node, bundlers and paymasters together."""
    return ChainContext(reader, tuple(bundlers), ENTRY_POINT, EntryPointVersion.V07, {}, payers)  # type: ignore[arg-type]  # wrapped ports


def slots_of() -> tuple[tuple[str, Timestamp], ...]:
    """Return name and due time of each slot, worked out apart from the agent."""
    named = "20270115T080010Z"
    return tuple(
        (f"{named}.{PERIOD_S}s.{number}", Timestamp(START + FIRST_DUE_S + number * PERIOD_S))
        for number in range(SLOTS)
    )
