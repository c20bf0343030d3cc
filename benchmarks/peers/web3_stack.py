"""The same work as a user of web3.py and eth-account writes it; coincurve makes its signatures native."""

from eth_abi.abi import encode
from eth_abi.packed import encode_packed
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from web3 import Web3
from web3.contract import Contract

from benchmarks.orders import ENTRY_POINT, Order, Transfer

ERC20_ABI = [
    {
        "type": "function",
        "name": "transfer",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    }
]
ACCOUNT_ABI = [
    {
        "type": "function",
        "name": "execute",
        "stateMutability": "payable",
        "inputs": [{"name": "mode", "type": "bytes32"}, {"name": "executionCalldata", "type": "bytes"}],
        "outputs": [],
    }
]
SINGLE_MODE = bytes(32)
BATCH_MODE = b"\x01" + bytes(31)
STRUCT = ["address", "uint256", "bytes32", "bytes32", "bytes32", "uint256", "bytes32", "bytes32"]


class Web3Stack:
    """Builds, hashes and signs the payments that it was given, with objects made once."""

    def __init__(self, key: bytes) -> None:
        self._signer: LocalAccount = Account.from_key(key)
        web3 = Web3()
        self._token: type[Contract] = web3.eth.contract(abi=ERC20_ABI)
        self._account: type[Contract] = web3.eth.contract(abi=ACCOUNT_ABI)

    def build(self, order: Order) -> tuple[bytes, bytes]:
        """Return hash and signature of an order of transfers."""
        call_data = bytes.fromhex(self._call_data(order)[2:])
        op_hash = Web3.keccak(
            encode(
                ["bytes32", "address", "uint256"],
                [Web3.keccak(self._struct(order, call_data)), str(ENTRY_POINT), order.chain_id],
            )
        )
        inner = self._signer.unsafe_sign_hash(Hash32(op_hash)).signature
        signature = encode_packed(["bytes1", "bytes32", "bytes"], [b"\0", order.permission_id, inner])
        return bytes(op_hash), signature

    def _call_data(self, order: Order) -> str:
        calls = [(str(item.token), 0, bytes.fromhex(self._transfer(item)[2:])) for item in order.transfers]
        if len(calls) == 1:
            mode, execution = SINGLE_MODE, encode_packed(["address", "uint256", "bytes"], calls[0])
        else:
            mode, execution = BATCH_MODE, encode(["(address,uint256,bytes)[]"], [calls])
        call_data: str = self._account.encode_abi("execute", [mode, execution])
        return call_data

    def _transfer(self, item: Transfer) -> str:
        data: str = self._token.encode_abi("transfer", [str(item.to), item.amount])
        return data

    def _struct(self, order: Order, call_data: bytes) -> bytes:
        return encode(
            STRUCT,
            [
                str(order.sender),
                order.nonce_key << 64 | order.sequence,
                Web3.keccak(b""),
                Web3.keccak(call_data),
                _pair(order.gas.verification_gas_limit, order.gas.call_gas_limit),
                order.gas.pre_verification_gas,
                _pair(order.fees.max_priority_fee_per_gas, order.fees.max_fee_per_gas),
                Web3.keccak(_paymaster_and_data(order)),
            ],
        )


def _pair(high: int, low: int) -> bytes:
    return encode_packed(["uint128", "uint128"], [high, low])


def _paymaster_and_data(order: Order) -> bytes:
    payer = order.payer
    if payer is None:
        return b""
    return encode_packed(
        ["address", "uint128", "uint128", "bytes"],
        [
            str(payer.paymaster),
            payer.paymaster_verification_gas_limit,
            payer.paymaster_post_op_gas_limit,
            payer.paymaster_data,
        ],
    )
