"""An operator's folder on the devnet: configuration, session and jobs, and the account they are for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.devnet.accounts import (
    SmartAccount,
    address_of,
    create_account,
    install_and_enable,
    install_smart_sessions,
)
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc
from agent.domain.job import Place
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.erc7579.accounts import NEXUS, AccountKind
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR, OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    time_frame,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.signature import owners_init_data
from jobs import erc20
from tests.devnet import a_key
from tests.devnet_config import write_config

CHAIN_ID = ChainId(31337)
YEAR_S = 365 * 24 * 3600
PAYEE = Address.parse("0x90F79bf6EB2c4f870365E785982E1f101E93b906")


@dataclass(frozen=True, slots=True)
class Operator:
    """A folder with everything in it, and what was made for it on chain."""

    folder: Path
    devnet: Devnet
    account: SmartAccount
    session: Session
    session_key: bytes

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "sessionkeeper.yaml"


async def an_operator(
    devnet: Devnet,
    folder: Path,
    jobs: Sequence[str],
    *,
    usdc: int = 1_000_000_000,
    uses: int = 20,
    spending: int = 1_000_000_000,
    native_to: Address | None = None,
    rules: Sequence[PolicyData] = (),
    kind: AccountKind = NEXUS,
    enabled: bool = True,
    permit_paymaster: bool = False,
) -> Operator:
    """Make an account with USDC, grant it a session and write the files; each job is YAML with {account}.

    Not `enabled`, the account has the module and no session yet.
    """
    session_key = a_key()
    account = await create_account(devnet, kind, a_key())
    await mint_usdc(devnet, account.address, usdc)
    session = a_session(devnet, session_key, uses=uses, spending=spending, native_to=native_to, rules=rules)
    session = replace(session, permit_erc4337_paymaster=permit_paymaster)
    if enabled:
        await install_and_enable(devnet, account, [session])
    else:
        await install_smart_sessions(devnet, account)
    operator = Operator(folder, devnet, account, session, session_key)
    _write(operator, jobs)
    return operator


def a_session(
    devnet: Devnet,
    session_key: bytes,
    *,
    uses: int,
    spending: int,
    native_to: Address | None = None,
    rules: Sequence[PolicyData] = (),
) -> Session:
    """Return a session that may transfer USDC (and native coin to one address) within limits and rules."""
    limits = erc20_spending_limit.SpendingLimits((erc20_spending_limit.TokenLimit(devnet.usdc, spending),))
    actions = [
        ActionData(
            erc20.TRANSFER,
            devnet.usdc,
            (PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(limits)), *rules),
        )
    ]
    if native_to is not None:
        value = PolicyData(value_limit.ADDRESS, value_limit.encode(value_limit.ValueLimit(Wei(10**18))))
        actions.append(ActionData(NATIVE_TRANSFER_SELECTOR, native_to, (value,)))
    frame = time_frame.TimeFrame(valid_after=Timestamp(0), valid_until=Timestamp(int(time.time()) + YEAR_S))
    return Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [address_of(session_key)]),
        salt=Hash32(keccak256(session_key)),
        user_op_policies=(
            PolicyData(time_frame.ADDRESS, time_frame.encode(frame)),
            PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(uses))),
            PolicyData(simple_gas.ADDRESS, simple_gas.encode(simple_gas.SimpleGas(Gas(10**9), Wei(10**19)))),
        ),
        actions=tuple(actions),
    )


def _write(operator: Operator, jobs: Sequence[str]) -> None:
    folder = operator.folder
    write_config(operator.devnet, folder, operator.session_key)
    definition = SessionDefinition(
        name="main",
        chain_id=CHAIN_ID,
        account=operator.account.address,
        account_kind=operator.account.kind.name,
        key="worker",
        smart_session=SMART_SESSION,
        session=operator.session,
        permission_id=permission_id(operator.session),
        place=Place("sessions/main.yaml"),
        # Many tests pay several payees under this one session.
        allow_lint=("L11",),
    )
    (folder / "sessions" / "main.yaml").write_text(session_file(definition))
    for number, job in enumerate(jobs):
        text = job.replace("{account}", str(operator.account.address)).replace("{payee}", str(PAYEE))
        (folder / "jobs" / f"job-{number}.yaml").write_text(text)
