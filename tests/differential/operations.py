"""Random operations: most within the session, many at the edge of a limit, some in an odd form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from agent.domain.call import Call
from agent.domain.session import Selector
from agent.domain.units import UINT256_MAX, Address, Hash32, Wei
from agent.erc7579.execution import EXECUTE, encode_batch, encode_single
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, NATIVE_TRANSFER_SELECTOR, SMART_SESSION
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from agent.smart_sessions.views import is_permission_enabled_call
from agent.smart_sessions.walk import EXECUTE_USER_OP
from tests.differential.owners import RIGHT, WRONG, Signing, empty, good
from tests.differential.policies import DECLARED_GAS, PAYEE, SPENDER
from tests.differential.sessions import ACCOUNT_ID, SOME_CALL, TOKEN_CALLS, Granted, Setting
from tests.differential.stage import PAYMASTER, QUIET, REVERTER, SINK

CALL_GAS, VERIFICATION_GAS = 1_500_000, 3_000_000
PRE_VERIFICATION_GAS = DECLARED_GAS - CALL_GAS - VERIFICATION_GAS
GWEI = 10**9
USE = 0
_HEAD = 68
"""Selector, mode and offset: below it there is no `execute`."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An operation as it was drawn, without nonce and signature, so that it can be played again."""

    granted: Granted
    call_data: bytes
    calls: tuple[Call, ...] | None
    """What the account will do; None where only the account knows."""
    fees: tuple[int, int]
    """Maximum fee and priority fee per gas."""
    pre_verification_gas: int
    paymaster_and_data: bytes = b""
    signing: Signing = good
    mode: int | None = USE
    """Mode byte of the signature; None for no signature at all."""
    permission: Hash32 | None = None
    """Named in the signature in place of the session's own."""
    lane: int = 0
    skips_nonces: int = 0


@dataclass(frozen=True, slots=True)
class Edges:
    """What is left of every limit, for amounts at their edge."""

    left: Sequence[int]
    gas_left: Sequence[int]


def random_operation(random: Random, setting: Setting, granted: Granted, edges: Edges) -> Drawn:
    """Return an operation under a session."""
    call_data, calls = _call_data(random, setting, granted, edges)
    signing, mode, permission = _signature(random)
    return Drawn(
        granted=granted,
        call_data=call_data,
        calls=calls,
        fees=random.choice(((GWEI, GWEI), (GWEI, GWEI), (5 * GWEI, GWEI), (2 * GWEI, 0))),
        pre_verification_gas=_pre_verification_gas(random, edges),
        paymaster_and_data=_paymaster(random),
        signing=signing,
        mode=mode,
        permission=permission,
        lane=random.choice((0, 0, 0, 1, 7)),
        skips_nonces=int(random.random() < 0.01),
    )


def _call_data(
    random: Random, setting: Setting, granted: Granted, edges: Edges
) -> tuple[bytes, tuple[Call, ...] | None]:
    calls = tuple(_call(random, setting, granted, edges) for _ in range(random.choice((1, 1, 1, 1, 2, 3))))
    if random.random() < 0.1:
        calls = calls[:1] * random.randint(2, 4)
    whole = encode_single(calls[0]) if len(calls) == 1 else encode_batch(calls)
    if random.random() < 0.85:
        return whole, calls
    return random.choice(_ODD)(random, whole, calls)


def _call(random: Random, setting: Setting, granted: Granted, edges: Edges) -> Call:
    actions = granted.session.actions
    if actions and random.random() < 0.85:
        action = random.choice(actions)
        target, selector = action.action_target, action.action_target_selector
        if selector == FALLBACK_SELECTOR or target == SMART_SESSION:
            target, selector = _anything(random, setting)
    else:
        target, selector = _anything(random, setting)
    coin = Wei(random.choice((0, 0, 0, 0, 0, 0, 0, 1, *edges.left)) if random.random() < 0.3 else 0)
    if selector == NATIVE_TRANSFER_SELECTOR:
        return Call(
            target, Wei(_amount(random, edges) % 10**18), random.choice((b"", b"", b"\x01\x02", selector))
        )
    return Call(target, Wei(coin % 10**18), _data(random, setting, selector, edges))


def _anything(random: Random, setting: Setting) -> tuple[Address, Selector]:
    token = random.choice(TOKEN_CALLS)
    return random.choice(
        (
            (setting.usdc, token),
            (setting.usdc, token),
            (QUIET, token),
            (SINK, NATIVE_TRANSFER_SELECTOR),
            (SINK, SOME_CALL),
            (REVERTER, SOME_CALL),
            (SMART_SESSION, b""),
            (setting.account, ACCOUNT_ID),
            (setting.account, EXECUTE),
            (Address(bytes(19) + b"\x01") if random.random() < 0.3 else QUIET, SOME_CALL),
        )
    )


def _data(random: Random, setting: Setting, selector: Selector, edges: Edges) -> bytes:
    if selector == b"":
        # A view, for what it executes must not change the sessions behind the model's back.
        return is_permission_enabled_call(Hash32(bytes(32)), setting.account)
    who = random.choice((PAYEE, PAYEE, SPENDER, setting.account))
    words: list[bytes] = [bytes(12) + who, _amount(random, edges).to_bytes(32, "big")]
    if selector == TRANSFER_FROM:
        words.insert(0, bytes(12) + random.choice((setting.account, setting.account, SPENDER)))
    data = selector + b"".join(words)
    shape = random.random()
    if shape < 0.03:
        return data[: random.randint(4, len(data) - 1)]
    if shape < 0.05:
        return data + random.randbytes(random.randint(1, 40))
    if shape < 0.06:
        return data[:4] + b"\x01" + data[5:]
    return data


def _amount(random: Random, edges: Edges) -> int:
    if edges.left and random.random() < 0.5:
        edge = random.choice(edges.left)
        return min(max(0, edge + random.choice((0, 0, 1, -1, -(edge // 2)))), UINT256_MAX)
    return random.choice((0, 1, random.randint(0, 40), random.randint(0, 110), 2**128, UINT256_MAX))


def _pre_verification_gas(random: Random, edges: Edges) -> int:
    if edges.gas_left and random.random() < 0.2:
        rest = random.choice(edges.gas_left) - CALL_GAS - VERIFICATION_GAS + random.choice((0, 0, 1, -1))
        return min(max(0, rest), 10**12)
    return PRE_VERIFICATION_GAS


def _paymaster(random: Random) -> bytes:
    chance = random.random()
    if chance < 0.88:
        return b""
    if chance < 0.9:
        return random.randbytes(random.choice((1, 20, 51)))
    gas = random.choice((50_000, 100_000))
    return PAYMASTER + gas.to_bytes(16, "big") + bytes(16) + random.randbytes(random.choice((0, 0, 9)))


def _signature(random: Random) -> tuple[Signing, int | None, Hash32 | None]:
    chance = random.random()
    if chance < 0.88:
        return random.choice(RIGHT), USE, None
    if chance < 0.96:
        return random.choice(WRONG), USE, None
    if chance < 0.98:
        return good, USE, Hash32(random.randbytes(32))
    return random.choice((good, empty)), random.choice((None, 3, 0x7F, 0xFF)), None


Odd = Callable[[Random, bytes, tuple[Call, ...]], tuple[bytes, tuple[Call, ...] | None]]


def _batch_of_one(_: Random, _whole: bytes, calls: tuple[Call, ...]) -> tuple[bytes, tuple[Call, ...] | None]:
    return encode_batch(calls[:1]), calls[:1]


def _no_batch(_: Random, _whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    return encode_batch(()), None


def _ignored_mode(random: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    """Fill those bytes of the mode that SmartSession does not look at; accounts may."""
    return whole[:6] + random.randbytes(30) + whole[36:], None


def _try_mode(_: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    return whole[:5] + b"\x01" + whole[6:], None


def _other_mode(random: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    """Delegate, call statically, or name a type that nobody knows."""
    place = random.choice((4, 4, 5))
    return whole[:place] + random.choice((b"\xff", b"\xfe", b"\x02", b"\x01")) + whole[place + 1 :], None


def _other_function(random: Random, _whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    """Call the account itself."""
    return random.choice((ACCOUNT_ID, ACCOUNT_ID + bytes(70), SOME_CALL + bytes(64))), None


def _execute_user_op(_: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    return EXECUTE_USER_OP + whole[4:], None


def _cut(random: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    return whole[: random.choice((0, 3, 4, 36, _HEAD - 1, random.randrange(len(whole))))], None


def _longer(random: Random, whole: bytes, calls: tuple[Call, ...]) -> tuple[bytes, tuple[Call, ...] | None]:
    return whole + random.randbytes(random.randint(1, 40)), calls


def _moved(_: Random, whole: bytes, calls: tuple[Call, ...]) -> tuple[bytes, tuple[Call, ...] | None]:
    """Put a word between the offset and the bytes that it points to."""
    return whole[:36] + (96).to_bytes(32, "big") + bytes(32) + whole[_HEAD:], calls


def _flipped(random: Random, whole: bytes, _calls: tuple[Call, ...]) -> tuple[bytes, None]:
    """Change one byte of the encoding, mostly of an offset or a length."""
    place = random.choice(
        (random.randrange(36, len(whole)), _HEAD - 1, _HEAD + 31, random.randrange(len(whole)))
    )
    return whole[:place] + random.randbytes(1) + whole[place + 1 :], None


_ODD: tuple[Odd, ...] = (
    _batch_of_one,
    _no_batch,
    _ignored_mode,
    _try_mode,
    _other_mode,
    _other_function,
    _other_function,
    _execute_user_op,
    _cut,
    _longer,
    _moved,
    _flipped,
    _flipped,
)
