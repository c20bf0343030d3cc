"""Balances through Multicall3 as a user of web3.py reads them: a contract object, and one call for many."""

from collections.abc import Sequence

from eth_abi.abi import decode, encode
from web3 import Web3

AGGREGATE3_ABI = [
    {
        "type": "function",
        "name": "aggregate3",
        "stateMutability": "payable",
        "inputs": [
            {
                "name": "calls",
                "type": "tuple[]",
                "components": [
                    {"name": "target", "type": "address"},
                    {"name": "allowFailure", "type": "bool"},
                    {"name": "callData", "type": "bytes"},
                ],
            }
        ],
        "outputs": [
            {
                "name": "returnData",
                "type": "tuple[]",
                "components": [{"name": "success", "type": "bool"}, {"name": "returnData", "type": "bytes"}],
            }
        ],
    }
]
BALANCE_OF = bytes.fromhex("70a08231")


class Web3Multicall:
    """Reads the balances that it was given, with objects and call data made once."""

    def __init__(self, url: str, multicall: str, token: str, holders: Sequence[str]) -> None:
        web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": 120}, cache_allowed_requests=True))
        self._contract = web3.eth.contract(address=Web3.to_checksum_address(multicall), abi=AGGREGATE3_ABI)
        target = Web3.to_checksum_address(token)
        self._calls = [(target, True, BALANCE_OF + encode(["address"], [holder])) for holder in holders]

    def read(self, block: int, chunk: int) -> list[int]:
        """Return all balances at a block, `chunk` of them a call."""
        found: list[int] = []
        for start in range(0, len(self._calls), chunk):
            call = self._contract.functions.aggregate3(self._calls[start : start + chunk])
            answers = call.call(block_identifier=block)
            found += [decode(["uint256"], data)[0] for _, data in answers]
        return found
