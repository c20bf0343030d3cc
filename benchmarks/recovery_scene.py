"""Operations in flight: journaled and sent by the pipeline, and included while nobody looked.

Each is a payment of an account of its own under a session of its own, all of them on the local chain.
The bundler is the scene's: it takes everything at once and puts it on chain when it is told to.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from agent.bootstrap import Store, World, opened
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.devnet import chain
from agent.devnet.account_creation import creation_of
from agent.devnet.accounts import SmartAccount, address_of, install_call, sign_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import set_balance
from agent.devnet.transactions import read, transact_all
from agent.devnet.usdc import mint_call
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Occurrence
from agent.domain.operation import GasLimits, JournaledOperation
from agent.domain.send_answer import Accepted, SendAnswer
from agent.domain.states import State
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import handle_ops_call
from agent.erc4337.nonce import join_nonce
from agent.erc7579.accounts import NEXUS, owner_nonce_key
from agent.erc7579.execution import encode_execute
from agent.pipeline.context import JobContext, Services
from agent.pipeline.occurrence import pay
from agent.pipeline.pump import DuePump
from agent.settings import Settings
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import enable_sessions_call
from agent.worker.enrol import enrol

T = TypeVar("T")
OWNER_KEY = keccak256(b"recovery owner")
SESSION_KEY = keccak256(b"recovery session")
PAYEE = address_of(keccak256(b"recovery payee"))
USDC = 10**6
AT_ONCE = 100
"""Calls on their way to the node, and transactions between two looks at it."""
PAID_AT_ONCE = 16
ATTEMPTS = 5
OWNERS_PER_BUNDLE = 3
PAYMENTS_PER_BUNDLE = 10
FEE_WEI = Wei(4 * 10**9)
CONFIG = """\
schema_version: 1
mode: live
chains:
  - id: 31337
    rpc: "{devnet.rpc_url}"
    bundler: "{devnet.bundler_url}"
    tokens:
      USDC: {{address: "{devnet.usdc}", decimals: 6}}
    fees: {{max_fee_per_gas: "100 gwei", max_cost: "0.1 ether"}}
    max_head_age: 30d
    breakers: {{clock_skew: 0s}}
keys:
  worker: {{address: "{key}", raw: keys/worker.key}}
store: "sqlite:///state/journal.db"
web: {{port: 0}}
"""
JOB = """\
id: members
kind: subscription
chain: 31337
rows: members.csv
schedule:
  calendar: daily
  at: "00:00"
  time_zone: UTC
  start: {start}
spec:
  amount: "10 USDC"
  payee: "{payee}"
grace: 3d
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A configuration folder with its journal, and the operations that were sent from it."""

    devnet: Devnet
    folder: Path
    sent: tuple[JournaledOperation, ...]


class Collector:
    """A bundler that takes everything and includes nothing."""

    name = "collector"

    def __init__(self) -> None:
        self.sent: list[JournaledOperation] = []

    async def supported_entry_points(self) -> tuple[Address, ...]:
        """Name none: nobody asks."""
        return ()

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        """Say what is enough for a payment."""
        return GasLimits(Gas(150_000), Gas(600_000), Gas(60_000))

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        """Quote nothing."""
        return None

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Take it."""
        self.sent.append(operation)
        return Accepted(operation.user_op_hash)


async def in_flight(devnet: Devnet, folder: Path, count: int) -> Scene:
    """Journal and send that many payments, stop, and include them all."""
    accounts = await accounts_of(devnet, count)
    start = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 24 * 3600))
    write_files(devnet, folder, accounts, JOB.format(start=start, payee=PAYEE))
    await grant(devnet, folder, accounts, Wish(periods=30))
    sent = await _sent(folder, count)
    await _land(devnet, [item.operation for item in sent])
    # The block that held the last of them is not the newest.
    await chain.mine(devnet)
    return Scene(devnet, folder, sent)


async def accounts_of(devnet: Devnet, count: int) -> list[SmartAccount]:
    """Make that many accounts with USDC and coin for gas."""
    owner = address_of(OWNER_KEY)
    made = [
        await creation_of(devnet, NEXUS, owner, Hash32(number.to_bytes(32, "big"))) for number in range(count)
    ]
    questions = [item.address for item in made if isinstance(item.address, Call)]
    addresses = [item.address for item in made if isinstance(item.address, Address)]
    for some in _by(AT_ONCE, questions):
        answers = await asyncio.gather(*(read(devnet.rpc_url, call.target, call.data) for call in some))
        addresses += [Address(answer[12:]) for answer in answers]
    accounts = [SmartAccount(address, owner, OWNER_KEY) for address in addresses]
    calls = [item.factory_call for item in made]
    calls += [mint_call(devnet.usdc, item.address, 1_000 * USDC) for item in accounts]
    for batch in _by(AT_ONCE, calls):
        await transact_all(devnet.rpc_url, batch)
    for few in _by(AT_ONCE, accounts):
        await asyncio.gather(*(set_balance(devnet, item.address, Wei(10**19)) for item in few))
    return accounts


def write_files(devnet: Devnet, folder: Path, accounts: Sequence[SmartAccount], job: str) -> None:
    """Write a configuration whose job is a template with a row for each account."""
    for name in ("jobs", "sessions", "keys"):
        (folder / name).mkdir(parents=True)
    key_file = folder / "keys" / "worker.key"
    key_file.touch(mode=0o600)
    key_file.write_text("0x" + SESSION_KEY.hex() + "\n")
    (folder / "sessionkeeper.yaml").write_text(CONFIG.format(devnet=devnet, key=address_of(SESSION_KEY)))
    (folder / "jobs" / "members.yaml").write_text(job)
    rows = [f"m{number},{account.address},m{number}" for number, account in enumerate(accounts)]
    (folder / "jobs" / "members.csv").write_text("\n".join(["id,account,session", *rows]) + "\n")


async def grant(devnet: Devnet, folder: Path, accounts: Sequence[SmartAccount], wish: Wish) -> None:
    """Make the sessions of the files as `sessions new` does, and let each account enable its own."""
    definitions = load(folder, {}, with_jobs=False)
    drafts = read_drafts(definitions, "members.yaml", NEXUS.name)
    times = Times(await chain.block_time(devnet), Timestamp(int(time.time())))
    made = new_sessions(definitions, drafts, None, wish, times, lambda: Hash32(secrets.token_bytes(32)))
    write_sessions(made)
    by_account = {item.address: item for item in accounts}
    operations = []
    for new in made:
        account = by_account[new.definition.account]
        enable = Call(SMART_SESSION, Wei(0), enable_sessions_call([new.definition.session]))
        operations.append(_by_owner(devnet, account, [install_call(account), enable]))
    await _land(devnet, operations, OWNERS_PER_BUNDLE)


def _by_owner(devnet: Devnet, account: SmartAccount, calls: Sequence[Call]) -> UserOperation:
    operation = UserOperation(
        sender=account.address,
        nonce=join_nonce(owner_nonce_key(account.kind, OWNABLE_VALIDATOR), 0),
        call_data=encode_execute(calls),
        call_gas_limit=Gas(3_000_000),
        verification_gas_limit=Gas(500_000),
        pre_verification_gas=Gas(100_000),
        max_fee_per_gas=FEE_WEI,
        max_priority_fee_per_gas=Wei(10**9),
    )
    return sign_as_owner(devnet, account, operation)


async def _land(
    devnet: Devnet, operations: Sequence[UserOperation], per_bundle: int = PAYMENTS_PER_BUNDLE
) -> None:
    beneficiary = devnet.deployer.address
    bundles = [
        Call(devnet.entry_point, Wei(0), handle_ops_call(few, beneficiary))
        for few in _by(per_bundle, operations)
    ]
    for some in _by(AT_ONCE, bundles):
        await transact_all(devnet.rpc_url, some)


async def _sent(folder: Path, count: int) -> tuple[JournaledOperation, ...]:
    """Run the pipeline, from the due slot to the bundler, for every job."""
    collector = Collector()
    settings = Settings(config=folder)
    async with opened(settings, load(folder, {}), store=Store.WORKER, keys=True) as world:
        jobs = dict(_with_bundler(world, collector))
        await enrol(world.services, jobs.values())
        due: list[Occurrence] = []
        definitions = {key: job.definition for key, job in jobs.items()}
        pump = DuePump(world.services.journal, definitions, due.append)
        await pump.tick(await world.services.clock.now())
        rows: list[Occurrence] = []
        for some in _by(PAID_AT_ONCE, due):
            rows += await asyncio.gather(*(_paid(world.services, jobs[row.job_id], row) for row in some))
    wrong = [
        f"{row.job_id}: {row.state} {row.code} {row.reason}" for row in rows if row.state is not State.SENT
    ]
    assert not wrong, f"{len(wrong)} of {len(rows)} were not sent: {wrong[:3]}"
    assert len(collector.sent) == count
    return tuple(collector.sent)


async def _paid(services: Services, job: JobContext, row: Occurrence) -> Occurrence:
    # A busy machine's node may keep one of so many waiting for too long.
    for _ in range(ATTEMPTS):
        row = await pay(services, job, row)
        if row.state is not State.DUE:
            break
    return row


def _with_bundler(world: World, bundler: Collector) -> Iterator[tuple[str, JobContext]]:
    for key, job in world.jobs.items():
        yield key, replace(job, chain=replace(job.chain, bundlers=(bundler,)))


def _by(size: int, items: Iterable[T]) -> Iterator[list[T]]:
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch
