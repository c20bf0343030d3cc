"""Orders as files write them, and what the chain answers about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from eth_abi.abi import encode

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Glance, Memory
from jobs import erc20
from jobs.fields import FieldContext
from jobs.kind import AnyKind
from jobs.swaps.spec import SwapSpec
from tests.builders import ACCOUNT, CHAIN_ID, NOW

WETH_AT, USDC_AT = Address(bytes(19) + b"\x0e"), Address(bytes(19) + b"\x0c")
WETH, USDC = Token("WETH", WETH_AT, 18), Token("USDC", USDC_AT, 6)
ROUTER, QUOTER, FEED = (Address(b"\x77" * 19 + bytes((number,))) for number in range(3))
CONTEXT = FieldContext({"WETH": WETH, "USDC": USDC})
ETHER = 10**18
DOLLAR = 10**6
V3 = {"router": "v3", "address": str(ROUTER), "quoter": str(QUOTER), "fees": ["3000"]}
CHAINLINK = {"chainlink": {"feed": str(FEED), "decimals": "8", "max_age": "1h"}}
SpecT = TypeVar("SpecT", bound=SwapSpec)


def an_order(model: type[SpecT], **fields: Any) -> SpecT:  # noqa: ANN401 - as a file has them
    """Return the order of 2 WETH for USDC with these fields besides, or in place of the usual ones."""
    whole = {"sell": "2 WETH", "buy": "USDC", "venue": V3, **fields}
    return model.model_validate(whole, context=CONTEXT)


def quoted(amount_out: int) -> bytes:
    """Return QuoterV2's answer."""
    return encode(["uint256", "uint160", "uint32", "uint256"], [amount_out, 1, 1, 100_000])


def answered(dollars: str, age_s: int = 0) -> bytes:
    """Return a feed's round of eight decimals."""
    whole, _, rest = dollars.partition(".")
    answer = int(whole + rest.ljust(8, "0"))
    return encode(["uint80", "int256", "uint256", "uint256", "uint80"], [7, answer, NOW, NOW - age_s, 7])


@dataclass(frozen=True)
class Chain:
    """What the chain says of an order."""

    pays: int | None = 4_000 * DOLLAR
    """Base units of the bought token for the whole."""
    feed: bytes | None = None
    holds: int | None = 5 * ETHER
    allowed: int | None = 0
    decimals: int | None = 8
    left: Mapping[str, int] | None = None
    block: int = 100
    timestamp: Timestamp = NOW

    def view(self, kind: AnyKind, spec: SwapSpec) -> ChainView:
        """Return the answers to everything that the kind reads."""
        reads = {*kind.reads(spec, ACCOUNT), *kind.watch_reads(spec, ACCOUNT)}
        return ChainView(
            ChainId(CHAIN_ID),
            self.block,
            self.timestamp,
            {read: self._answer(read) for read in reads},
            self.left or {},
        )

    def _answer(self, read: Read) -> bytes | None:
        if read.target == FEED:
            is_round = read.name == "latest round"
            return self.feed if is_round else _word(self.decimals)
        if read.name.startswith("quote"):
            return None if self.pays is None else quoted(self.pays)
        return _word(self.holds if read.name == "balance" else self.allowed)


def _word(value: int | None) -> bytes | None:
    return None if value is None else erc20.word(value)


def looked(
    kind: AnyKind, spec: SwapSpec, chain: Chain, memory: Memory = NO_MEMORY, past: Firings | None = None
) -> Glance:
    """Return the kind's glance at this state of the chain."""
    return kind.watch(spec, ACCOUNT, chain.view(kind, spec), memory, past or Firings())


@dataclass(frozen=True)
class Log:
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


def moved(token: Token, sender: Address, to: Address, units: int) -> Log:
    """Return a Transfer."""
    assert token.address is not None
    topics = (erc20.TRANSFER_EVENT, erc20.word(sender), erc20.word(to))
    return Log(token.address, tuple(map(Hash32, topics)), erc20.word(units))
