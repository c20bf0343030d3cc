"""The local chain: a node, a bundler and the contracts, for as long as a block of code runs."""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.devnet import rpc
from agent.devnet.account_contracts import account_deployments
from agent.devnet.addresses import MULTICALL3, SESSION_CONTRACTS
from agent.devnet.alto import running_alto, until_alto_is_ready
from agent.devnet.anvil import running_anvil
from agent.devnet.compiled import multicall3_runtime_code
from agent.devnet.contracts_dir import runtime_codes
from agent.devnet.deploy import (
    deploy,
    entry_point_deployments,
    found_contracts,
    place,
    usdc_deployments,
)
from agent.devnet.errors import ContractsError
from agent.devnet.identity import ProcessIdentity, identity
from agent.devnet.keys import DEPLOYER, FREE_KEYS, FundedKey
from agent.devnet.options import CHAIN_ID, DevnetOptions
from agent.devnet.paths import build_dir, devnet_dir
from agent.devnet.stand_ins import stand_in_codes
from agent.domain.units import Address, ChainId
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running local chain: where it listens and what is deployed."""

    rpc_url: str
    bundler_url: str
    chain_id: ChainId
    entry_points: Mapping[EntryPointVersion, Address]
    contracts: Mapping[str, Address]
    deployer: FundedKey
    funded_keys: tuple[FundedKey, ...]
    programs: Mapping[str, ProcessIdentity]
    log_folder: Path
    artifacts: Path
    """The compiled contracts that set-up installed."""

    @property
    def entry_point(self) -> Address:
        """EntryPoint 0.7."""
        return self.entry_points[EntryPointVersion.V07]

    @property
    def usdc(self) -> Address:
        """Circle's token, six decimals; `deployer` may mint."""
        return self.contracts["USDC"]

    @property
    def strict_bundler_url(self) -> str:
        """The same bundler with its fee and preVerificationGas floors in force."""
        return f"{self.bundler_url}/v2/rpc"


@asynccontextmanager
async def running_devnet(options: DevnetOptions | None = None) -> AsyncIterator[Devnet]:
    """Start a local chain and end it on exit; `set_up` must have run. Raise DevnetError."""
    chosen = options or DevnetOptions()
    if chosen.fork_url is not None and chosen.contracts_dir is not None:
        raise ContractsError("a fork uses the contracts that are deployed: leave out --contracts")
    if chosen.fork_url is not None and chosen.with_market:
        raise ContractsError("a fork has the markets of its chain: leave out --with-market")
    devnet = devnet_dir(chosen.build_dir)
    codes = _placed_codes(devnet, chosen)
    folder = _run_folder(devnet)
    async with running_anvil(devnet, folder, chosen) as (anvil, rpc_url):
        await deploy(rpc_url, entry_point_deployments(devnet / "artifacts"))
        entry_points = tuple(CANONICAL_ENTRY_POINTS.values())
        async with running_alto(devnet, folder, chosen, rpc_url, entry_points) as (alto, bundler_url):
            contracts = await _deploy_rest(devnet, rpc_url, codes)
            await until_alto_is_ready(alto, bundler_url)
            if chosen.has_whole_block_time:
                # Not from the start: with a block per transaction the bundler is ready seconds sooner.
                await rpc.call(rpc_url, "evm_setIntervalMining", int(chosen.block_time_s))
            yield Devnet(
                rpc_url=rpc_url,
                bundler_url=bundler_url,
                chain_id=ChainId(CHAIN_ID),
                entry_points=CANONICAL_ENTRY_POINTS,
                contracts=contracts,
                deployer=DEPLOYER,
                funded_keys=FREE_KEYS,
                programs={item.name: identity(item.process.pid) for item in (anvil, alto)},
                log_folder=folder,
                artifacts=devnet / "artifacts",
            )


def _placed_codes(devnet: Path, options: DevnetOptions) -> dict[str, bytes]:
    if options.fork_url is not None:
        return {}
    codes = stand_in_codes(options.build_dir or build_dir())
    if options.contracts_dir is not None:
        codes |= runtime_codes(options.contracts_dir, SESSION_CONTRACTS)
    return codes | {"Multicall3": multicall3_runtime_code(devnet / "artifacts")}


async def _deploy_rest(devnet: Path, rpc_url: str, codes: Mapping[str, bytes]) -> dict[str, Address]:
    artifacts = devnet / "artifacts"
    known = {**SESSION_CONTRACTS, "Multicall3": MULTICALL3}
    if codes:
        await place(rpc_url, {known[name]: code for name, code in codes.items()})
    deployments = (*account_deployments(artifacts), *usdc_deployments(artifacts))
    await deploy(rpc_url, deployments)
    found = await found_contracts(rpc_url)
    return found | {item.name: item.address for item in deployments}


def _run_folder(devnet: Path) -> Path:
    """Make the folder for this run's logs, and remove those of runs that are over."""
    runs = devnet / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for old in runs.iterdir():
        pid = old.name.partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
    for number in range(1_000_000):
        folder = runs / f"{os.getpid()}-{number}"
        if not folder.exists():
            folder.mkdir()
            return folder
    raise AssertionError("a process starts fewer local chains than that")
