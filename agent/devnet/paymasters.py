"""Two paymaster contracts on the local chain, and how a service signs for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from eth_abi.abi import encode

from agent.devnet.accounts import sign_digest
from agent.devnet.compile import compiled_contracts
from agent.devnet.compiled import verifying_paymaster_creation_code
from agent.devnet.deploy import Deployment, deploy
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.transactions import read, transact_all
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Timestamp, Wei, bytes_from_hex
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import deposit_call
from agent.erc4337.packing import account_gas_limits, gas_fees, init_code, paymaster_and_data

DEPOSIT_WEI = Wei(100 * 10**18)
SIGNER = DEPLOYER
RATE = 3_000 * 10**6
"""USDC base units for an ether of gas."""
VERIFICATION_GAS = 60_000
POST_OP_GAS = 90_000
_DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]
_STUB_SIGNATURE = sign_digest(bytes_from_hex(SIGNER.private_key), bytes(31) + b"\x01")
"""By the right key over something else: as long as the real one, and it recovers to an address."""


class PaymasterKind(StrEnum):
    """What a paymaster wants for its gas."""

    VERIFYING = "verifying"
    """Nothing: VerifyingPaymaster of account-abstraction 0.7."""
    TOKEN = "token"  # noqa: S105 - no password
    """USDC, taken after execution: our own TokenPaymaster."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the service agrees to."""

    valid_until: Timestamp
    valid_after: Timestamp = Timestamp(0)
    rate: int = RATE


async def deploy_paymasters(devnet: Devnet) -> Mapping[PaymasterKind, Address]:
    """Deploy both for EntryPoint 0.7, unless they are there, and see that they have a deposit."""
    signer = Address(SIGNER.address)
    verifying = verifying_paymaster_creation_code(devnet.artifacts)
    verifying += encode(["address", "address"], [devnet.entry_point, signer])
    token = compiled_contracts(devnet.artifacts.parents[1])["TokenPaymaster"].bytecode
    token += encode(["address"] * 3, [devnet.entry_point, signer, devnet.usdc])
    made = [Deployment("VerifyingPaymaster", verifying), Deployment("TokenPaymaster", token)]
    await deploy(devnet.rpc_url, made)
    poor = [item.address for item in made if await _deposit(devnet, item.address) < DEPOSIT_WEI // 2]
    calls = [Call(devnet.entry_point, DEPOSIT_WEI, _DEPOSIT_TO + bytes(12) + address) for address in poor]
    await transact_all(devnet.rpc_url, calls)
    return dict(zip(PaymasterKind, (item.address for item in made), strict=True))


def paymaster_data(
    kind: PaymasterKind, op: UserOperation, chain_id: ChainId, terms: Terms, *, signed: bool
) -> bytes:
    """Return `paymasterData` for an operation with its paymaster and gas limits; a stub is not signed."""
    words = encode(["uint48", "uint48"], [terms.valid_until, terms.valid_after])
    if kind is PaymasterKind.TOKEN:
        words += terms.rate.to_bytes(32, "big")
    if not signed:
        return words + _STUB_SIGNATURE
    digest = _verifying_hash(op, chain_id, terms) if kind is PaymasterKind.VERIFYING else None
    inner = digest or _token_hash(op, chain_id, words)
    message = keccak256(b"\x19Ethereum Signed Message:\n32" + inner)
    return words + sign_digest(bytes_from_hex(SIGNER.private_key), message)


async def _deposit(devnet: Devnet, paymaster: Address) -> int:
    answer = await read(devnet.rpc_url, devnet.entry_point, deposit_call(paymaster))
    return int.from_bytes(answer, "big")


def _verifying_hash(op: UserOperation, chain_id: ChainId, terms: Terms) -> bytes:
    packed = paymaster_and_data(op)
    types = ["address", "uint256", "bytes32", "bytes32", "bytes32", "uint256", "uint256", "bytes32"]
    values = [
        op.sender,
        op.nonce,
        keccak256(init_code(op)),
        keccak256(op.call_data),
        account_gas_limits(op),
        int.from_bytes(packed[20:52], "big"),
        op.pre_verification_gas,
        gas_fees(op),
        chain_id,
        Address(packed[:20]),
        terms.valid_until,
        terms.valid_after,
    ]
    return keccak256(encode([*types, "uint256", "address", "uint48", "uint48"], values))


def _token_hash(op: UserOperation, chain_id: ChainId, words: bytes) -> bytes:
    packed = paymaster_and_data(op)
    operation = encode(
        ["address", "uint256", "bytes32", "bytes32", "bytes32", "uint256", "bytes32"],
        [
            op.sender,
            op.nonce,
            keccak256(init_code(op)),
            keccak256(op.call_data),
            account_gas_limits(op),
            op.pre_verification_gas,
            gas_fees(op),
        ],
    )
    values = [keccak256(operation), keccak256(packed[:52] + words), chain_id, Address(packed[:20])]
    return keccak256(encode(["bytes32", "bytes32", "uint256", "address"], values))
