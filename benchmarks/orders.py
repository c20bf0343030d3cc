"""Random operations to build, the same for every contestant."""

from dataclasses import dataclass
from random import Random
from typing import Any

from agent.domain.call import Call
from agent.domain.operation import Fees, GasLimits
from agent.domain.units import Address, ChainId, Gas, Hash32, Wei, hex_from_bytes
from agent.domain.user_operation import PaymasterFields
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion

ENTRY_POINT = CANONICAL_ENTRY_POINTS[EntryPointVersion.V07]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One ERC-20 payment."""

    token: Address
    to: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Order:
    """What an operation is built from: transfers, or calls as they are."""

    chain_id: ChainId
    sender: Address
    nonce_key: int
    sequence: int
    permission_id: Hash32
    transfers: tuple[Transfer, ...]
    calls: tuple[Call, ...]
    gas: GasLimits
    fees: Fees
    payer: PaymasterFields | None
    deployment: tuple[Address, bytes] | None


def payments(count: int, random: Random) -> list[Order]:
    """Return orders of one token payment each, paid by the account itself."""
    return [_order(random, transfers=(_transfer(random),), paid=False) for _ in range(count)]


def assorted(count: int, random: Random) -> list[Order]:
    """Return orders of every shape: one to four calls, self-paid or not, with or without deployment."""
    return [_any_order(random) for _ in range(count)]


def as_json(order: Order) -> dict[str, Any]:
    """Write an order for the Node stack."""
    form: dict[str, Any] = {
        "chain_id": order.chain_id,
        "entry_point": str(ENTRY_POINT),
        "sender": str(order.sender),
        "nonce_key": hex(order.nonce_key),
        "sequence": hex(order.sequence),
        "permission_id": str(order.permission_id),
        "gas": {
            "callGasLimit": hex(order.gas.call_gas_limit),
            "verificationGasLimit": hex(order.gas.verification_gas_limit),
            "preVerificationGas": hex(order.gas.pre_verification_gas),
            "maxFeePerGas": hex(order.fees.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(order.fees.max_priority_fee_per_gas),
        },
    }
    if order.transfers:
        form["transfers"] = [
            {"token": str(item.token), "to": str(item.to), "amount": hex(item.amount)}
            for item in order.transfers
        ]
    else:
        form["calls"] = [
            {"to": str(call.target), "value": hex(call.value_wei), "data": hex_from_bytes(call.data)}
            for call in order.calls
        ]
    if order.payer is not None:
        form["payer"] = {
            "paymaster": str(order.payer.paymaster),
            "paymasterVerificationGasLimit": hex(order.payer.paymaster_verification_gas_limit),
            "paymasterPostOpGasLimit": hex(order.payer.paymaster_post_op_gas_limit),
            "paymasterData": hex_from_bytes(order.payer.paymaster_data),
        }
    if order.deployment is not None:
        factory, data = order.deployment
        form["deployment"] = {"factory": str(factory), "factoryData": hex_from_bytes(data)}
    return form


def _any_order(random: Random) -> Order:
    count = random.randint(1, 4)
    if random.random() < 0.5:
        transfers = tuple(_transfer(random) for _ in range(count))
        return _order(random, transfers=transfers, paid=random.random() < 0.5)
    calls = tuple(_call(random) for _ in range(count))
    deployment = (_address(random), random.randbytes(random.choice((0, 4, 31, 32, 132))))
    return _order(
        random,
        calls=calls,
        paid=random.random() < 0.5,
        deployment=deployment if random.random() < 0.3 else None,
    )


def _order(
    random: Random,
    transfers: tuple[Transfer, ...] = (),
    calls: tuple[Call, ...] = (),
    *,
    paid: bool,
    deployment: tuple[Address, bytes] | None = None,
) -> Order:
    return Order(
        chain_id=ChainId(random.choice((1, 10, 8453, 31337, 42161, 2**31))),
        sender=_address(random),
        nonce_key=random.getrandbits(192),
        sequence=random.choice((0, 1, random.getrandbits(16), random.getrandbits(64))),
        permission_id=Hash32(random.randbytes(32)),
        transfers=transfers,
        calls=calls,
        gas=GasLimits(
            Gas(random.randrange(21_000, 3_000_000)),
            Gas(random.randrange(50_000, 3_000_000)),
            Gas(random.randrange(40_000, 500_000)),
        ),
        fees=Fees(Wei(random.randrange(10**6, 10**12)), Wei(random.randrange(1, 10**9))),
        payer=_payer(random) if paid else None,
        deployment=deployment,
    )


def _payer(random: Random) -> PaymasterFields:
    data = random.randbytes(random.choice((0, 1, 32, 117)))
    return PaymasterFields(_address(random), Gas(random.randrange(10**6)), Gas(random.randrange(10**6)), data)


def _transfer(random: Random) -> Transfer:
    return Transfer(_address(random), _address(random), random.getrandbits(random.choice((1, 24, 64, 256))))


def _call(random: Random) -> Call:
    value = Wei(random.choice((0, random.getrandbits(60))))
    return Call(_address(random), value, random.randbytes(random.choice((0, 1, 4, 31, 32, 36, 68, 200))))


def _address(random: Random) -> Address:
    return Address(random.randbytes(20))
