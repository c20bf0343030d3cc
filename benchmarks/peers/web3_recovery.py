"""What a worker with web3.py does after a restart: look each of its operations up, one after the other.

Reads `{"url", "entry_point", "from_block", "hashes"}` from its input; writes a line when it knows the first
operation and one when it knows all. It keeps no books.
"""

import json
import sys

from web3 import Web3
from web3.types import FilterParams

USER_OPERATION_EVENT = "0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f"


def main() -> None:
    """Look for the event of each operation, then at the receipt of its bundle."""
    task = json.load(sys.stdin)
    web3 = Web3(Web3.HTTPProvider(task["url"]))
    entry_point = Web3.to_checksum_address(task["entry_point"])
    for place, user_op_hash in enumerate(task["hashes"]):
        wanted: FilterParams = {
            "address": entry_point,
            "topics": [USER_OPERATION_EVENT, user_op_hash],
            "fromBlock": task["from_block"],
            "toBlock": "latest",
        }
        (log,) = web3.eth.get_logs(wanted)
        receipt = web3.eth.get_transaction_receipt(log["transactionHash"])
        assert receipt["status"] == 1
        if place == 0:
            print("first", flush=True)
    print("all", flush=True)


main()
