"""One signature of the owner grants sessions on two chains, and enables each in its first operation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.loader import load
from agent.definitions.session_writer import session_file
from agent.devnet import rpc
from agent.devnet.anvil import anvil_binary
from agent.devnet.devnet import Devnet
from agent.devnet.errors import DevnetError
from agent.devnet.paths import devnet_dir
from agent.devnet.processes import held_port, running_program
from agent.domain.units import ChainId
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.signature import enable_signature
from tests.integration.enabling import is_enabled
from tests.integration.scenes import Scene, include
from tests.integration.signing import an_operator_to_sign_for, command, message, scene_of, signed
from tests.operator import Operator

pytestmark = pytest.mark.devnet

ELSEWHERE = ChainId(31_338)
READY_S = 120.0


@asynccontextmanager
async def another_chain(devnet: Devnet, folder: Path) -> AsyncIterator[Devnet]:
    """Run a second chain with everything that the first one has, under another chain id."""
    with held_port() as port:
        url = f"http://127.0.0.1:{port}"
        options = ["--port", str(port), "--chain-id", str(ELSEWHERE), "--fork-url", devnet.rpc_url]
        options += ["--quiet", "--disable-code-size-limit"]
        with running_program(
            "anvil", [anvil_binary(devnet_dir()), *options], folder / "anvil.log"
        ) as program:

            async def answers() -> bool:
                try:
                    return int(await rpc.call(url, "eth_chainId"), 16) == ELSEWHERE
                except DevnetError:
                    return False

            await program.until_ready(answers, READY_S)
            yield replace(devnet, rpc_url=url, chain_id=ELSEWHERE)


def add_session(operator: Operator, there: Devnet) -> None:
    """Let the files name the other chain and the same session on it."""
    text = operator.config.read_text().replace("clock: chain\n", "")
    lines = [
        f"  - id: {ELSEWHERE}",
        "    block_time: 1s",
        "    finality: finalized",
        f'    rpc: "{there.rpc_url}"',
        f'    bundler: "{there.bundler_url}"',
        f'    tokens: {{USDC: {{address: "{there.usdc}", decimals: 6}}}}',
        '    fees: {max_fee_per_gas: "100 gwei", max_cost: "0.5 ether"}',
    ]
    text = text.replace("keys:", "\n".join([*lines, "keys:"]), 1)
    # Off the local chain a key needs a password; granting opens no key.
    text = text.replace("raw: keys/worker.key", "keystore: keys/worker.json, password: file:worker.password")
    operator.config.write_text(text)
    (operator.folder / "jobs" / "job-0.yaml").unlink()
    main = load(operator.config, {}).sessions["main"]
    # The rules know what the contracts' code has to be there.
    far = replace(main, name="far", chain_id=ELSEWHERE, allow_lint=("L11", "L24", "L35"))
    (operator.folder / "sessions" / "far.yaml").write_text(session_file(far))


async def first_payment(scene: Scene, folder: Path, name: str) -> None:
    """Pay a unit by the operation that carries the kept signature."""
    kept = load(folder, {}).sessions[name]
    assert kept.enable is not None
    op = await scene.op([scene.transfer(1)])
    enable = kept.enable.enable(kept.session)
    signature = enable_signature(enable, scene.inner_signature(op), Mode.ENABLE)
    await include(scene.devnet, [replace(op, signature=signature)])


async def test_one_signature_enables_on_both_chains(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    here = scene_of(operator)
    async with another_chain(devnet, tmp_path) as elsewhere:
        add_session(operator, elsewhere)
        there = replace(here, devnet=elsewhere)
        document = await message(operator, "main", "far")
        chains = {int(item["chainId"]) for item in document["message"]["sessionsAndChainIds"]}
        assert chains == {devnet.chain_id, ELSEWHERE}
        taken = await command(operator, "import", "main", "far", "--signature", signed(operator, document))
        assert taken.code == 0, taken.err

        await first_payment(there, operator.folder, "far")
        assert (await is_enabled(there), await is_enabled(here)) == (True, False)

        await first_payment(here, operator.folder, "main")
        assert await is_enabled(here)
