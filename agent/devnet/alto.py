"""Start alto, the bundler."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from agent.devnet import rpc
from agent.devnet.errors import DevnetError
from agent.devnet.keys import BUNDLER_EXECUTORS, BUNDLER_UTILITY
from agent.devnet.node import find_node
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import SOURCE
from agent.devnet.processes import Program, held_port, running_program
from agent.domain.units import Address

READY_TIMEOUT_S = 180.0


@asynccontextmanager
async def running_alto(
    devnet: Path, folder: Path, options: DevnetOptions, rpc_url: str, entry_points: Sequence[Address]
) -> AsyncIterator[tuple[Program, str]]:
    """Run alto; give its URL at once, since it starts while contracts are being deployed."""
    script = devnet / "npm" / "node_modules" / "@pimlico" / "alto" / "esm" / "cli" / "alto.js"
    node = find_node()
    with held_port(options.bundler_port) as port:
        command: list[str | Path] = [node.node, "-r", SOURCE / "loopback.cjs", script]
        command += _arguments(port, rpc_url, entry_points)
        with running_program("alto", command, folder / "alto.log", node.environment()) as program:
            yield program, f"http://127.0.0.1:{port}"


async def until_alto_is_ready(program: Program, bundler_url: str) -> None:
    """Wait until alto names its entry points."""

    async def answers() -> bool:
        try:
            return bool(await rpc.call(bundler_url, "eth_supportedEntryPoints"))
        except DevnetError:
            return False

    await program.until_ready(answers, READY_TIMEOUT_S)


def _arguments(port: int, rpc_url: str, entry_points: Sequence[Address]) -> list[str]:
    return [
        "--entrypoints", ",".join(str(entry_point) for entry_point in entry_points),
        "--rpc-url", rpc_url,
        "--port", str(port),
        "--executor-private-keys", ",".join(key.private_key for key in BUNDLER_EXECUTORS),
        "--utility-private-key", BUNDLER_UTILITY.private_key,
        "--safe-mode", "false",
        # Chain time lags behind the wall clock, which is what alto's expiry check reads.
        "--expiration-check", "false",
        # Without it an operation that expired by chain time is bundled again for ever.
        "--max-resubmits", "2",
        "--enable-debug-endpoints", "true",
        "--enforce-unique-senders-per-bundle", "false",
        "--mempool-max-parallel-ops", "1000",
        "--mempool-max-queued-ops", "100",
        "--min-bundle-interval", "10",
        # It grows with the operations of the last minute, up to a second by itself.
        "--max-bundle-interval", "100",
        "--log-level", "warn",
    ]  # fmt: skip
