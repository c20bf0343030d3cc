"""The configuration of an operator on the local chain, written in one place."""

from pathlib import Path

from agent.devnet.accounts import address_of
from agent.devnet.devnet import Devnet

CONFIG = """\
schema_version: 1
mode: {mode}
clock: chain
chains:
  - id: 31337
    rpc: "{devnet.rpc_url}"
    bundler: "{bundler_url}"
    tokens:
      USDC: {{address: "{devnet.usdc}", decimals: 6}}
    fees: {{max_fee_per_gas: "100 gwei", max_cost: "{max_cost}"}}
keys:
  worker: {{address: "{key}", raw: keys/worker.key}}
store: "sqlite:///state/journal.db"
web: {{port: 0}}
"""


def write_config(
    devnet: Devnet,
    folder: Path,
    session_key: bytes,
    *,
    mode: str = "live",
    max_cost: str = "0.5 ether",
    bundler_url: str | None = None,
) -> None:
    """Write sessionkeeper.yaml and the raw key `worker`, and make the folders beside them."""
    for name in ("jobs", "sessions", "keys"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    key_file = folder / "keys" / "worker.key"
    key_file.touch(mode=0o600)
    key_file.write_text("0x" + session_key.hex() + "\n")
    text = CONFIG.format(
        devnet=devnet,
        mode=mode,
        max_cost=max_cost,
        bundler_url=bundler_url or devnet.bundler_url,
        key=address_of(session_key),
    )
    (folder / "sessionkeeper.yaml").write_text(text)
