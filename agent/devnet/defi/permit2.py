"""Permit2 at the address it has everywhere, and the UniversalRouter that takes tokens through it."""

from pathlib import Path

from agent.devnet import rpc
from agent.devnet.defi.artifacts import creation_code, hardhat_file
from agent.devnet.defi.calls import made_with
from agent.devnet.defi.uniswap_v2 import UniswapV2
from agent.devnet.defi.uniswap_v3 import UniswapV3
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.domain.units import ZERO_ADDRESS, Address

PERMIT2 = Address.from_hex("0x000000000022d473030f116ddee9f6b43ac78ba3")
RUNTIME_CODE = Path("1inch-solidity-utils") / "dist" / "src" / "permit2.json"
PAIR_INIT_CODE_HASH = bytes.fromhex("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f")
POOL_INIT_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
"""Of the published builds of v2 and v3: the router finds pairs and pools by them."""


async def place_permit2(devnet: Devnet) -> Address:
    """Set the code of Permit2, unless it is there; its package has the runtime code alone."""
    if await rpc.call(devnet.rpc_url, "eth_getCode", str(PERMIT2), "latest") == "0x":
        code = creation_code(devnet.artifacts, RUNTIME_CODE)
        await rpc.call(devnet.rpc_url, "anvil_setCode", str(PERMIT2), "0x" + code.hex())
    return PERMIT2


async def deploy_universal_router(devnet: Devnet, weth: Address, v2: UniswapV2, v3: UniswapV3) -> Address:
    """Deploy the router for v2 and v3, unless it is there; v4 and bridges are left out."""
    code = creation_code(devnet.artifacts, hardhat_file("uniswap-universal-router", "UniversalRouter"))
    types = "((address,address,address,address,bytes32,bytes32,address,address,address,address))"
    none = [ZERO_ADDRESS] * 4
    values = (PERMIT2, weth, v2.factory, v3.factory, PAIR_INIT_CODE_HASH, POOL_INIT_CODE_HASH, *none)
    router = made_with("UniversalRouter", code, types, values)
    await deploy(devnet.rpc_url, [router])
    return router.address
