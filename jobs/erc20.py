"""ERC-20 call data, reads and logs that several kinds share."""

from collections.abc import Iterable

from agent.domain.call import Call
from agent.domain.evaluation import EventLog, Read
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Wei

TRANSFER = keccak256(b"transfer(address,uint256)")[:4]
APPROVE = keccak256(b"approve(address,uint256)")[:4]
TRANSFER_EVENT = keccak256(b"Transfer(address,address,uint256)")
# The same address on every chain that has it; the configuration's registry repeats it with its source.
MULTICALL3 = Address.parse("0xcA11bde05977b3631167028862bE2a173976CA11")

NOTHING = Wei(0)
_TRANSFER_HEAD = TRANSFER + bytes(12)
_BALANCE_OF = keccak256(b"balanceOf(address)")[:4]
_ALLOWANCE = keccak256(b"allowance(address,address)")[:4]
DECIMALS = keccak256(b"decimals()")[:4]
_PAUSED = keccak256(b"paused()")[:4]
_IS_BLACKLISTED = keccak256(b"isBlacklisted(address)")[:4]
_ETH_BALANCE = keccak256(b"getEthBalance(address)")[:4]


def word(value: Address | int) -> bytes:
    """Return an ABI word: an address or an unsigned number, left-padded."""
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def transfer(token: Address, to: Address, amount: int) -> Call:
    """Return `token.transfer(to, amount)`."""
    return Call(token, NOTHING, _TRANSFER_HEAD + to + amount.to_bytes(32, "big"))


def approve(token: Address, spender: Address, amount: int) -> Call:
    """Return `token.approve(spender, amount)`."""
    return Call(token, NOTHING, APPROVE + word(spender) + word(amount))


def balance_of(token: Address, holder: Address) -> Read:
    """Read a token balance."""
    return Read(token, _BALANCE_OF + word(holder), "balance")


def allowance(token: Address, holder: Address, spender: Address) -> Read:
    """Read what a spender may take from a holder."""
    return Read(token, _ALLOWANCE + word(holder) + word(spender), "allowance")


def native_balance(holder: Address) -> Read:
    """Read the balance of the chain's own coin, through Multicall3 so that it batches."""
    return Read(MULTICALL3, _ETH_BALANCE + word(holder), "balance")


def paused(token: Address) -> Read:
    """Read whether transfers are paused; fails on tokens that know no pause."""
    return Read(token, _PAUSED, "paused")


def blacklisted(token: Address, holder: Address) -> Read:
    """Read whether the token's issuer has barred a holder; fails on tokens that bar nobody."""
    return Read(token, _IS_BLACKLISTED + word(holder), "blacklisted")


def transferred_from(logs: Iterable[EventLog], token: Address, holder: Address) -> int:
    """Add up a token's transfers out of an account, base units."""
    return _moved(logs, token, holder, 1)


def transferred_to(logs: Iterable[EventLog], token: Address, holder: Address) -> int:
    """Add up a token's transfers into an account, base units."""
    return _moved(logs, token, holder, 2)


def _moved(logs: Iterable[EventLog], token: Address, party: Address, topic: int) -> int:
    whose = word(party)
    return sum(
        int.from_bytes(log.data[:32], "big")
        for log in logs
        if log.address == token
        and len(log.topics) == len(("event", "from", "to"))
        and log.topics[0] == TRANSFER_EVENT
        and log.topics[topic] == whose
    )
