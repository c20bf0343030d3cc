"""Sessions that nobody enabled yet, and the owner's signature that enables them."""

from collections.abc import Sequence
from dataclasses import replace

from eth_abi.abi import encode

from agent.devnet.accounts import install_smart_sessions, sign_permission
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import read
from agent.domain.keccak import keccak256
from agent.domain.units import ChainId
from agent.domain.user_operation import UserOperation
from agent.erc7579.accounts import NEXUS, AccountKind
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import ChainDigest, Mode, multichain_digest, session_digest
from agent.smart_sessions.signature import EnableSession, enable_signature
from tests.devnet import a_key, an_account
from tests.integration.policies import spending, transfers
from tests.integration.scenes import Scene, a_session


async def a_scene_to_enable(
    devnet: Devnet, *, usdc: int = 1000, kind: AccountKind = NEXUS, owner_key: bytes | None = None
) -> Scene:
    """Make an account with the module installed, and a session that nobody enabled yet."""
    key = a_key()
    account = await an_account(devnet, kind=kind, usdc=usdc, owner_key=owner_key)
    await install_smart_sessions(devnet, account)
    return Scene(devnet, account, a_session(key, [transfers(devnet, spending(devnet.usdc, 100))]), key)


async def granted(
    scene: Scene,
    *,
    nonce: int = 0,
    mode: Mode = Mode.ENABLE,
    chains: Sequence[ChainId] | None = None,
    index: int = 0,
    owner_key: bytes | None = None,
) -> EnableSession:
    """Have the owner sign the session for these chains."""
    account = replace(scene.account, owner_key=owner_key or scene.account.owner_key)
    digest = session_digest(scene.session, account.address, SMART_SESSION, nonce, mode)
    digests = tuple(ChainDigest(chain, digest) for chain in chains or [scene.devnet.chain_id])
    signature = await sign_permission(scene.devnet, account, multichain_digest(digests))
    return EnableSession(index, digests, scene.session, signature)


async def enabling_op(
    scene: Scene,
    grant: EnableSession,
    *,
    amount: int = 1,
    mode: Mode = Mode.ENABLE,
    literal_only: bool = False,
) -> UserOperation:
    """Build a payment that enables its session first."""
    op = await scene.op([scene.transfer(amount)])
    inner = scene.inner_signature(op)
    return replace(op, signature=enable_signature(grant, inner, mode, literal_only=literal_only))


async def is_enabled(scene: Scene) -> bool:
    question = keccak256(b"isPermissionEnabled(bytes32,address)")[:4]
    arguments = encode(["bytes32", "address"], [scene.permission_id, scene.account.address])
    return int.from_bytes(await read(scene.devnet.rpc_url, SMART_SESSION, question + arguments), "big") == 1
