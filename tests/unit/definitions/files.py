"""A set of files without a mistake, and ways to put one in."""

from collections.abc import Mapping
from pathlib import Path

from agent.definitions.loader import load
from agent.definitions.mistakes import DefinitionError, Mistake
from agent.definitions.records import Definitions
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import Place
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import sudo, time_frame
from agent.smart_sessions.signature import owners_init_data

ACCOUNT = Address.parse("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
PAYEE = Address.parse("0x90F79bf6EB2c4f870365E785982E1f101E93b906")
KEY = Address.parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
USDC = Address.parse("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")
TRANSFER = bytes.fromhex("a9059cbb")
ENDS = Timestamp(1_800_000_000)
ENVIRONMENT = {"RPC_KEY": "secret-rpc-key"}

CONFIG = f"""\
schema_version: 1
mode: live
chains:
  - id: 31337
    rpc: "http://127.0.0.1:8545/${{RPC_KEY}}"
    bundler: "http://127.0.0.1:4337"
    tokens:
      USDC: {{address: "{USDC}", decimals: 6}}
    fees: {{max_fee_per_gas: "50 gwei", max_cost: "0.01 ether"}}
keys:
  worker:
    address: "{KEY}"
    raw: keys/worker.hex
"""
JOB = f"""\
id: rent
kind: subscription
chain: 31337
account: "{ACCOUNT}"
session: alice
schedule:
  calendar: monthly
  day: 1
  at: "09:00"
  time_zone: Europe/Berlin
spec:
  amount: "10 USDC"
  payee: "{PAYEE}"
grace: 3d
retry: [1h, 1d]
"""


def a_session(
    *,
    name: str = "alice",
    account: Address = ACCOUNT,
    chain_id: int = 31_337,
    key_address: Address = KEY,
    target: Address = USDC,
    ends: Timestamp = ENDS,
) -> SessionDefinition:
    """Return a session that lets the key `worker` transfer a token."""
    frame = time_frame.encode(time_frame.TimeFrame(Timestamp(0), ends))
    session = Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [key_address]),
        salt=Hash32(name.encode().ljust(32, b"\0")),
        user_op_policies=(PolicyData(time_frame.ADDRESS, frame),),
        actions=(ActionData(TRANSFER, target, (PolicyData(sudo.ADDRESS, b""),)),),
    )
    return SessionDefinition(
        name=name,
        chain_id=ChainId(chain_id),
        account=account,
        account_kind="nexus",
        key="worker",
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place(f"sessions/{name}.yaml"),
    )


GOOD: Mapping[str, str | bytes] = {
    "sessionkeeper.yaml": CONFIG,
    "jobs/rent.yaml": JOB,
    "sessions/alice.yaml": session_file(a_session()),
}


def write_files(root: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """Write the good files under a folder, with others in their place; None leaves one out."""
    for name, content in {**GOOD, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            path.write_text(content, "utf-8")
    return root


def edited(name: str, old: str, new: str) -> dict[str, str]:
    """Return a good file with one place in it changed."""
    text = GOOD[name]
    assert isinstance(text, str)
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    return {name: text.replace(old, new)}


def load_files(root: Path, files: Mapping[str, str | bytes | None] | None = None) -> Definitions:
    """Load the good files, with others in their place."""
    return load(write_files(root, files or {}), ENVIRONMENT)


def mistakes_in(root: Path, files: Mapping[str, str | bytes | None]) -> tuple[Mistake, ...]:
    """Return the mistakes of the good files with others in their place."""
    try:
        load_files(root, files)
    except DefinitionError as error:
        return error.mistakes
    return ()
