"""How a local chain is to be started."""

from dataclasses import dataclass
from pathlib import Path

CHAIN_ID = 31_337

# Moving chain time must not overtake the wall clock: alto simulates bundles at wall-clock time.
STARTS_BEFORE_NOW_S = 120 * 24 * 3600


@dataclass(frozen=True, slots=True)
class DevnetOptions:
    """Options of a local chain; `block_time_s` 0 mines a block per transaction, ports None are free ones."""

    block_time_s: float = 1
    contracts_dir: Path | None = None
    fork_url: str | None = None
    rpc_port: int | None = None
    bundler_port: int | None = None
    starts_before_now_s: int = STARTS_BEFORE_NOW_S
    build_dir: Path | None = None
    with_market: bool = False
    """Deploy the whole market where the chain is served; others deploy it when they want it."""

    @property
    def has_whole_block_time(self) -> bool:
        """Tell whether the node can be told this interval while it runs; fractions only at its start."""
        return self.block_time_s >= 1 and float(self.block_time_s).is_integer()
