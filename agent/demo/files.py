"""The operator's files of the demo: one chain, the subscription, a key for each job."""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from agent.demo.calendar import DUE_AT, PERIODS, TIME_ZONE, Month
from agent.devnet.accounts import SmartAccount, address_of
from agent.devnet.defi.market import Market
from agent.domain.errors import ConfigError
from agent.domain.units import Address

JOB, ORDER, STOP, LOAN = "newsletter", "sell-high", "stop", "loan"
AMOUNT = 10_000_000
"""Base units of USDC, which has six decimals."""

CONFIG = """\
# Made by: sessionkeeper demo
schema_version: 1
mode: live
clock: chain                        # the local chain's time: months pass in seconds
chains:
  - id: 31337
    rpc: "{rpc_url}"
    bundler: "{bundler_url}"
    finality: finalized
    tokens:
      USDC: {{address: "{usdc}", decimals: 6}}
      WETH: {{address: "{weth}", decimals: 18}}
    fees: {{max_fee_per_gas: "100 gwei", max_cost: "0.05 ether"}}
keys:
{keys}
store: "sqlite:///state/journal.db"
web: {{host: 127.0.0.1, port: {port}}}
"""

JOB_FILE = """\
# 10 USDC on the first of each month at nine o'clock in Berlin, three times.
id: {job}
kind: subscription
chain: 31337
account: "{account}"
session: {job}
reference: DEMO-1
schedule:
  calendar: monthly
  day: 1
  at: "{at}"
  time_zone: {time_zone}
  start: {start}-01
  count: {count}
spec:
  amount: "10 USDC"
  payee: "{payee}"
grace: 3d
retry: [1h, 6h]
"""


class FolderTaken(ConfigError):
    """The folder for the demo's files holds files already."""

    code = "folder_not_empty"
    remedy = "name another folder, or none to get a fresh one"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where the demo's files are."""

    path: Path

    def job_file(self, job: str = JOB) -> Path:
        """Return the file of a job."""
        return self.path / "jobs" / f"{job}.yaml"

    @property
    def owner_key(self) -> Path:
        """The owner's key; on a real chain it stays in the owner's wallet."""
        return self.path / "keys" / "owner.key"

    @property
    def log_file(self) -> Path:
        """What the workers print."""
        return self.path / "worker.log"


def fresh_folder(wanted: Path | None, parent: Path) -> DemoFolder:
    """Make the folder, or one named after this moment; raise FolderTaken when it holds files already."""
    if wanted is not None:
        if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
            raise FolderTaken(f"{wanted} is not empty")
        wanted.mkdir(parents=True, exist_ok=True)
        return DemoFolder(wanted)
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    names = (stamp if number == 0 else f"{stamp}-{number}" for number in count())
    path = next(parent / name for name in names if not (parent / name).exists())
    path.mkdir()
    return DemoFolder(path)


def write_files(
    folder: DemoFolder,
    market: Market,
    account: SmartAccount,
    payee: Address,
    months: tuple[Month, ...],
    port: int,
) -> None:
    """Write everything but the session, which `sessionkeeper sessions new` makes."""
    for name in ("jobs", "keys", "sessions"):
        (folder.path / name).mkdir()
    _write_key(folder.owner_key, account.owner_key)
    keys = "\n".join(_key_line(folder, job) for job in (JOB, ORDER, STOP, LOAN))
    config = CONFIG.format(
        rpc_url=market.devnet.rpc_url,
        bundler_url=market.devnet.bundler_url,
        usdc=market.usdc,
        weth=market.weth,
        keys=keys,
        port=port,
    )
    (folder.path / "sessionkeeper.yaml").write_text(config)
    job = JOB_FILE.format(
        job=JOB,
        account=account.address,
        at=f"{DUE_AT:%H:%M}",
        time_zone=TIME_ZONE,
        start=months[0].name,
        count=PERIODS,
        payee=payee,
    )
    folder.job_file().write_text(job)


def _key_line(folder: DemoFolder, job: str) -> str:
    key = secrets.token_bytes(32)
    _write_key(folder.path / "keys" / f"{job}.key", key)
    return f'  {job}: {{address: "{address_of(key)}", raw: keys/{job}.key}}'


def _write_key(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"0x{key.hex()}\n")
