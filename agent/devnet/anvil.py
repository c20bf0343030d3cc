"""Start anvil, the local chain."""

import platform
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.devnet import rpc
from agent.devnet.errors import DevnetError, SetupError
from agent.devnet.options import CHAIN_ID, DevnetOptions
from agent.devnet.processes import Program, held_port, running_program
from agent.telemetry.secrets import REDACTOR

READY_TIMEOUT_S = 120.0
KEPT_STATES = 500
"""Of the last blocks, in memory alone: on disk each block would write the whole state, megabytes."""

PLATFORMS = {
    ("linux", "x86_64"): "anvil-linux-amd64",
    ("linux", "aarch64"): "anvil-linux-arm64",
    ("darwin", "x86_64"): "anvil-darwin-amd64",
    ("darwin", "arm64"): "anvil-darwin-arm64",
}


@asynccontextmanager
async def running_anvil(
    devnet: Path, folder: Path, options: DevnetOptions
) -> AsyncIterator[tuple[Program, str]]:
    """Run anvil, mining a block per transaction, and give its URL once it answers."""
    with held_port(options.rpc_port) as port:
        url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [anvil_binary(devnet), *_arguments(port, options)]
        with running_program("anvil", command, folder / "anvil.log") as program:

            async def answers() -> bool:
                return await _chain_id(url) == CHAIN_ID

            await program.until_ready(answers, READY_TIMEOUT_S)
            yield program, url


def anvil_binary(devnet: Path) -> Path:
    """Return the native program; the script in node_modules/.bin would leave its child behind."""
    package = PLATFORMS.get((sys.platform, platform.machine()))
    if package is None:
        raise SetupError(f"anvil has no build for {sys.platform} on {platform.machine()}")
    return devnet / "npm" / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"


def _arguments(port: int, options: DevnetOptions) -> list[str]:
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)]
    # Two of the precompiled accounts are larger than a contract may be.
    arguments += ["--disable-code-size-limit", "--slots-in-an-epoch", "1", "--quiet"]
    arguments += ["--no-request-size-limit", "--prune-history", str(KEPT_STATES)]
    if options.block_time_s and not options.has_whole_block_time:
        arguments += ["--block-time", str(options.block_time_s)]
    if options.fork_url is not None:
        # Providers put the customer's key into the path, and anvil quotes the URL when it fails.
        REDACTOR.register_url(options.fork_url)
        return [*arguments, "--fork-url", options.fork_url]
    return [*arguments, "--timestamp", str(int(time.time()) - options.starts_before_now_s)]


async def _chain_id(url: str) -> int:
    try:
        return int(await rpc.call(url, "eth_chainId"), 16)
    except DevnetError:
        return 0
