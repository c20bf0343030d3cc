"""ERC20SpendingLimitPolicy adds up what leaves by transfer, transferFrom and approval, per token."""

from dataclasses import dataclass

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError

from agent.domain.units import UINT256_MAX, ZERO_ADDRESS, Address

ADDRESS = Address.parse("0x000000000033212E272655D8a22402Db819477A6")
LEGACY_ADDRESS = Address.parse("0x00000088D48cF102A8Cdb0137A9b173f957c6343")
_TYPES = ("address[]", "uint256[]")


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """At most so much of one token (its smallest unit), ever."""

    token: Address
    limit: int


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """One limit per token; of a token listed twice the last one counts."""

    limits: tuple[TokenLimit, ...]


def encode(config: SpendingLimits) -> bytes:
    """Encode the init data; raise ValueError for limits the contract refuses."""
    for item in config.limits:
        if item.token == ZERO_ADDRESS:
            raise ValueError("the zero address is no token")
        if not 0 < item.limit <= UINT256_MAX:
            raise ValueError(f"spending limit {item.limit} is not in 1 to 2^256-1")
    tokens = [item.token for item in config.limits]
    return abi_encode(_TYPES, [tokens, [item.limit for item in config.limits]])


def decode(init_data: bytes) -> SpendingLimits:
    """Read the init data; raise ValueError when it is none."""
    try:
        tokens, limits = abi_decode(_TYPES, init_data)
    except DecodingError as error:
        raise ValueError(f"spending limits do not decode: {error}") from error
    if len(tokens) != len(limits):
        raise ValueError(f"{len(tokens)} tokens have {len(limits)} spending limits")
    pairs = zip(tokens, limits, strict=True)
    return SpendingLimits(tuple(TokenLimit(Address(bytes.fromhex(t[2:])), limit) for t, limit in pairs))
