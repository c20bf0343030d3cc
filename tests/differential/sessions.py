"""Random sessions: every policy at every level it may stand on."""

from dataclasses import dataclass, field
from random import Random

from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, Selector, Session
from agent.domain.units import Address, Hash32, Timestamp
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    OWNABLE_VALIDATOR,
    PSEUDO_TARGET,
    SMART_SESSION,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from agent.smart_sessions.policies.policy import Use
from tests.differential.owners import Owners, random_owners
from tests.differential.policies import Place, random_policies
from tests.differential.stage import QUIET, REVERTER, SINK

ACCOUNT_ID = bytes.fromhex("9cfd7cff")
"""accountId(): a view that every account has, to be called as an operation."""
SOME_CALL = bytes.fromhex("12345678")
TOKEN_CALLS = (TRANSFER, TRANSFER, APPROVE, INCREASE_ALLOWANCE, TRANSFER_FROM)


@dataclass(frozen=True, slots=True)
class Granted:
    """A session that was enabled, as its account last wrote it, and its owners."""

    session: Session
    owners: Owners
    permission: Hash32 = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "permission", permission_id(self.session))


@dataclass(frozen=True, slots=True)
class Setting:
    """What random sessions are about."""

    account: Address
    usdc: Address
    now: Timestamp


def random_session(random: Random, setting: Setting, known: Granted | None = None) -> Granted:
    """Return a new session, or with `known` another content under the same permission id."""
    place = Place(setting.usdc, setting.now)
    owners = random_owners(random) if known is None else known.owners
    session = Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners.init_data,
        salt=Hash32(random.randbytes(32)) if known is None else known.session.salt,
        user_op_policies=random_policies(random, place, Use.USER_OP, random.choice((1, 2, 3))),
        erc7739_policies=_off_chain(random, place),
        actions=tuple(random_action(random, setting) for _ in range(random.choice((1, 2, 2, 3, 4)))),
        permit_erc4337_paymaster=random.random() < 0.6,
    )
    return Granted(session, owners)


def random_action(random: Random, setting: Setting) -> ActionData:
    """Return an action with up to three policies."""
    target, selector = _called(random, setting)
    place = Place(setting.usdc, setting.now, selector)
    return ActionData(
        selector, target, random_policies(random, place, Use.ACTION, random.choice((1, 1, 2, 3)))
    )


def _called(random: Random, setting: Setting) -> tuple[Address, Selector]:
    token = random.choice(TOKEN_CALLS)
    choices: list[tuple[int, Address, Selector]] = [
        (12, setting.usdc, token),
        (5, QUIET, token),
        (4, SINK, NATIVE_TRANSFER_SELECTOR),
        (2, SINK, SOME_CALL),
        (2, REVERTER, SOME_CALL),
        (3, PSEUDO_TARGET, FALLBACK_SELECTOR),
        (1, PSEUDO_TARGET, ADMIN_SELECTOR),
        (1, setting.account, ACCOUNT_ID),
    ]
    if random.random() < 0.01:
        return random.choice((SMART_SESSION, Address(bytes(20)))), SOME_CALL
    _, target, selector = random.choices(choices, [weight for weight, _, _ in choices])[0]
    return target, selector


def _off_chain(random: Random, place: Place) -> ERC7739Data:
    if random.random() < 0.85:
        return ERC7739Data()
    content = ERC7739Context(Hash32(random.randbytes(32)), ("Permit", "Order(uint256 id)"))
    return ERC7739Data((content,) * random.randint(0, 1), random_policies(random, place, Use.ERC1271, 2))
