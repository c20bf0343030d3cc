"""A stage whose worker reaches node and bundler only through proxies that may strike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.acceptance.oracle import Finding, examine_calls, examine_outputs, examine_sends
from tests.acceptance.oracle.books import read_books
from tests.acceptance.proxy import HEAD, FaultProxy, Mode, fault_proxy
from tests.acceptance.stage import Stage, Worker

URL_SECRET = "k3y-0f-th3-n0d3-pr0v1d3r"
LOOKS = 15


@dataclass(frozen=True)
class Proxied:
    """A stage, and what stands between it and the world."""

    stage: Stage
    node: FaultProxy
    bundler: FaultProxy

    def calm(self) -> None:
        """Let everything pass from now on."""
        self.node.arm(())
        self.bundler.arm(())

    async def looked_around(self, running: Worker) -> None:
        """Wait until the worker has looked at the chain so often that it would have acted."""
        before = self.node.calls[HEAD]
        await running.until(lambda: self.node.calls[HEAD] > before + LOOKS)

    @property
    def struck(self) -> dict[Mode, int]:
        """How often each fault happened."""
        return dict(self.node.struck + self.bundler.struck)

    def findings(
        self, *, unpaid: tuple[str, ...] = (), silences: tuple[tuple[float, float], ...] = ()
    ) -> list[Finding]:
        """Ask the oracle everything: about chain, books, sends, reads and outputs."""
        folder, key = self.stage.folder, self.stage.folder / "keys" / "worker.key"
        secrets = {"session key": key.read_text().strip(), "secret of a URL": URL_SECRET}
        allowed = {"session key": "keys/worker.key", "secret of a URL": "sessionkeeper.yaml"}
        books = read_books(self.stage.store)
        return [
            *self.stage.findings(unpaid=unpaid),
            *examine_sends(folder, self.bundler.sent, silences=silences),
            *examine_calls(
                self.node.calls,
                looks=self.node.calls[HEAD] // 2,
                runs=len(books.rows),
                starts=len(list(folder.glob("*.log"))),
            ),
            *examine_outputs(folder, secrets, allowed),
        ]


@asynccontextmanager
async def proxied(stage: Stage, seed: int = 0) -> AsyncIterator[Proxied]:
    """Put proxies before the node and the bundler of a stage, each behind a secret path."""
    config = stage.folder / "sessionkeeper.yaml"

    def journaled(operation: dict[str, Any]) -> bool:
        return operation in read_books(stage.store).operations

    path = f"/v2/{URL_SECRET}"
    async with (
        fault_proxy(stage.devnet.rpc_url, seed=seed, path=path) as node,
        fault_proxy(stage.devnet.bundler_url, seed=seed + 1, path=path, witness=journaled) as bundler,
    ):
        text = config.read_text().replace(stage.devnet.rpc_url, node.url)
        config.write_text(text.replace(stage.devnet.bundler_url, bundler.url))
        yield Proxied(stage, node, bundler)
