"""Sessions that come with the module's installation, to an account that is there or is made with them."""

import json
from pathlib import Path

import pytest

from agent.commands.session_init_data import InitData, init_data_of
from agent.definitions.sessions import SessionDefinition
from agent.devnet.accounts import create_account, send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc, token_balance
from agent.domain.call import Call
from agent.domain.job import Place
from agent.domain.session import Session
from agent.domain.units import ZERO_ADDRESS, Address, Wei, bytes_from_hex
from agent.erc7579.accounts import KERNEL, STARTALE, AccountKind
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.ids import permission_id
from tests.devnet import a_key, an_account
from tests.integration.kinds import every_kind
from tests.integration.policies import spending, transfers
from tests.integration.scenes import Scene, a_session, include
from tests.integration.signing import an_operator_to_sign_for, command
from tests.operator import CHAIN_ID

pytestmark = pytest.mark.devnet


async def assert_pays(scene: Scene) -> None:
    usdc, account = scene.devnet.usdc, scene.account.address
    before = await token_balance(scene.devnet, usdc, account)
    await include(scene.devnet, [await scene.op([scene.transfer(7)])])
    assert before - await token_balance(scene.devnet, usdc, account) == 7


def init_data_for(session: Session, account: Address, kind: AccountKind) -> InitData:
    definition = SessionDefinition(
        name="main",
        chain_id=CHAIN_ID,
        account=account,
        account_kind=kind.name,
        key="worker",
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place("sessions/main.yaml"),
    )
    return init_data_of([definition])


@every_kind
async def test_an_account_without_the_module_gets_both_in_one_call(devnet: Devnet, kind: AccountKind) -> None:
    key = a_key()
    account = await an_account(devnet, kind=kind, usdc=100)
    session = a_session(key, [transfers(devnet, spending(devnet.usdc, 50))])
    install = init_data_for(session, account.address, kind).install
    await send_as_owner(devnet, account, [install])
    await assert_pays(Scene(devnet, account, session, key))


@every_kind
async def test_an_account_can_be_made_with_its_sessions(devnet: Devnet, kind: AccountKind) -> None:
    key = a_key()
    session = a_session(key, [transfers(devnet, spending(devnet.usdc, 50))])
    found = init_data_for(session, ZERO_ADDRESS, kind)
    account = await create_account(devnet, kind, a_key(), modules=[found.module])
    await mint_usdc(devnet, account.address, 100)
    await assert_pays(Scene(devnet, account, session, key))


async def test_the_command_writes_what_installs_and_enables(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    account = await an_account(devnet)
    file = tmp_path / "sessions" / "main.yaml"
    file.write_text(file.read_text().replace(str(operator.account.address), str(account.address)))
    out = tmp_path / "init.json"
    answer = await command(operator, "grant", "main", "--init-data", "--out", str(out))
    assert answer.code == 0, answer.err
    document = json.loads(out.read_text())
    assert document["account"] == str(account.address)
    assert document["creation"]["validators"] == [
        {"module": str(SMART_SESSION), "init_data": document["init_data"]}
    ]

    install = document["install"]
    call = Call(Address.parse(install["to"]), Wei(0), bytes_from_hex(install["data"]))
    await send_as_owner(devnet, account, [call])

    assert (await command(operator, "usage", "main")).code == 0


def test_only_kernel_is_made_with_calls_to_itself() -> None:
    session = a_session(a_key())
    kernel = init_data_for(session, ZERO_ADDRESS, KERNEL)
    startale = init_data_for(session, ZERO_ADDRESS, STARTALE)
    assert (kernel.validators, kernel.init_config) == ((), (kernel.install.data,))
    assert (startale.validators, startale.init_config) == ((startale.module,), ())
