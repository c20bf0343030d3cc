"""ERC20SpendingLimitPolicy adds up what leaves by transfer, transferFrom and approval, per token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError

from agent.domain.units import UINT256_MAX, ZERO_ADDRESS, Address
from agent.smart_sessions.policies.policy import (
    GRANT_MORE,
    MALFORMED,
    ActionCall,
    Allowed,
    Answer,
    Charge,
    Part,
    Policy,
    Refused,
    Slot,
    Use,
    View,
    words_of,
)
from agent.smart_sessions.reverts import ARITHMETIC_PANIC, Revert

ADDRESS = Address.parse("0x000000000033212E272655D8a22402Db819477A6")
LEGACY_ADDRESS = Address.parse("0x00000088D48cF102A8Cdb0137A9b173f957c6343")
POLICY_DATA_VIEW = bytes.fromhex("f33fa13a")
INVALID_TOKEN_ADDRESS = bytes.fromhex("73306803")
INVALID_LIMIT = bytes.fromhex("cdff33a4")
INVALID_INIT_DATA_LENGTH = bytes.fromhex("4c70a781")

TRANSFER = bytes.fromhex("a9059cbb")
TRANSFER_FROM = bytes.fromhex("23b872dd")
APPROVE = bytes.fromhex("095ea7b3")
INCREASE_ALLOWANCE = bytes.fromhex("39509351")
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


@dataclass(frozen=True, slots=True)
class TokenUse:
    """What is spent and approved of one token; approvals never decrease."""

    limit: int = 0
    spent: int = 0
    approved: int = 0


Tokens = Mapping[Address, TokenUse]


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
    tokens, limits = _arrays(init_data)
    if len(tokens) != len(limits):
        raise ValueError(f"{len(tokens)} tokens have {len(limits)} spending limits")
    return SpendingLimits(tuple(map(TokenLimit, tokens, limits)))


class ERC20SpendingLimitPolicy(Policy):
    """Lets the key call four token functions, up to a limit per token."""

    name = "ERC20SpendingLimit"
    uses = frozenset((Use.ACTION,))

    def initialized(self, slot: Slot, init_data: bytes, previous: Tokens | None) -> Tokens:
        try:
            tokens, limits = _arrays(init_data)
        except ValueError:
            raise Revert from None
        if len(tokens) != len(limits):
            raise Revert(INVALID_INIT_DATA_LENGTH)
        state = dict.fromkeys(previous or (), TokenUse())
        for token, limit in zip(tokens, limits, strict=True):
            if token == ZERO_ADDRESS:
                raise Revert(INVALID_TOKEN_ADDRESS + bytes(12) + token)
            if limit == 0:
                raise Revert(INVALID_LIMIT + bytes(32))
            state[token] = TokenUse(limit)
        return state

    def check_action(self, slot: Slot, state: Tokens, call: ActionCall) -> Answer:
        if call.value:
            remedy = "send no native currency with a token call"
            return Refused("value_not_allowed", remedy, asked=call.value, left=0, relation="at most")
        try:
            amount, approval = _amount(call)
        except Revert as malformed:
            return Refused("malformed_token_call", MALFORMED, revert=malformed.data)
        if amount is None:
            remedy = "only transfer, transferFrom and approve may be called here: change the job's call"
            return Refused("function_not_allowed", remedy)
        return _spend(state, call.target, amount, approval=approval)

    def parts(self, state: Tokens) -> tuple[Part, ...]:
        return tuple(
            Part(str(token), use.limit, use.spent + use.approved, "token")
            for token, use in state.items()
            if use.limit
        )

    def charged(self, state: Tokens, charge: Charge) -> Tokens:
        token = Address.parse(charge.part)
        use = state.get(token, TokenUse())
        return {**state, token: replace(use, spent=use.spent + charge.amount)}

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        try:
            tokens = _tokens(init_data)
        except ValueError:
            return ()
        words = slot.config_id + bytes(12) + slot.smart_session + bytes(12)
        return tuple(
            View(self.address, POLICY_DATA_VIEW + words + token + bytes(12) + slot.account)
            for token in tokens
        )

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> Tokens:
        pairs = zip(_tokens(init_data), answers, strict=True)
        # The view reverts for a token without a limit; a token whose read failed has none for us either.
        return {token: TokenUse(*words_of(answer, 3)) if answer else TokenUse() for token, answer in pairs}

    def candidates(self, members: Sequence[Address]) -> bytes:
        tokens = [TokenLimit(member, 1) for member in members if member != ZERO_ADDRESS]
        return encode(SpendingLimits(tuple(tokens)))

    def init_data(self, state: Tokens) -> bytes:
        # The contract keeps a limit per token: the order of the tokens is not told.
        limited = sorted((token, use.limit) for token, use in state.items() if use.limit)
        return encode(SpendingLimits(tuple(TokenLimit(*item) for item in limited)))

    def widens(self, granted: Tokens, found: Tokens) -> bool:
        return any(use.limit > granted.get(token, TokenUse()).limit for token, use in found.items())


def _tokens(init_data: bytes) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(item.token for item in decode(init_data).limits))


@lru_cache(maxsize=4096)
def _arrays(init_data: bytes) -> tuple[tuple[Address, ...], tuple[int, ...]]:
    try:
        tokens, limits = abi_decode(_TYPES, init_data)
    except DecodingError as error:
        raise ValueError(f"spending limits do not decode: {error}") from error
    return tuple([Address(bytes.fromhex(token[2:])) for token in tokens]), tuple(limits)


def _amount(call: ActionCall) -> tuple[int | None, bool]:
    """Return what the call takes, None for another function, and whether it is an approval."""
    if len(call.data) < 4:
        raise Revert
    selector = call.data[:4]
    if selector == TRANSFER_FROM:
        _sender, recipient, amount = _arguments(call.data, addresses=2)
        # What comes back to the account is no spending, whoever sends it and whatever token it is.
        return (0 if recipient == int.from_bytes(call.account, "big") else amount), False
    if selector in (TRANSFER, APPROVE, INCREASE_ALLOWANCE):
        return _arguments(call.data, addresses=1)[1], selector != TRANSFER
    return None, False


def _arguments(data: bytes, addresses: int) -> tuple[int, ...]:
    """Decode addresses and one number as the ABI does: short data and dirty address bytes revert."""
    count = addresses + 1
    if len(data) < 4 + 32 * count:
        raise Revert
    words = words_of(data[4:], count)
    if any(word >> 160 for word in words[:addresses]):
        raise Revert
    return words


def _spend(state: Tokens, token: Address, amount: int, *, approval: bool) -> Answer:
    use = state.get(token, TokenUse())
    total = use.spent + use.approved + amount
    if total > use.limit:
        left = max(0, use.limit - use.spent - use.approved)
        revert = ARITHMETIC_PANIC if total > UINT256_MAX else None
        return Refused("spending_limit", GRANT_MORE, str(token), amount, left, revert)
    if approval:
        moved = replace(use, approved=use.approved + amount)
    else:
        moved = replace(use, spent=use.spent + amount)
    if token not in state and amount == 0:
        return Allowed(state)
    return Allowed({**state, token: moved}, (Charge(str(token), amount),))
