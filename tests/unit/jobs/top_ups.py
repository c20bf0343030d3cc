"""Top-ups of every form, as their files would have them."""

from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address
from jobs.top_up_spec import ENTRY_POINT, Keep, TopUpSpec
from tests.builders import PAYEE

USDC = Token("USDC", Address(b"\x70" * 20), 6)
ETHER = Token("ether", None, 18)
BELOW, TO = 50, 200


def a_top_up(keep: Keep = Keep.BALANCE, token: Token = ETHER, **fields: object) -> TopUpSpec:
    """Return a top-up from below 50 to 200 base units."""
    given: dict[str, object] = {
        "keep": keep,
        "of": PAYEE,
        "below": TokenAmount(token, BELOW),
        "to": TokenAmount(token, TO),
        "most": None,
        "per_day": None,
        "total": None,
        "actions_per_day": None,
        "cool_down": 600,
        "recheck": 900,
        "entry_point": Address.parse(ENTRY_POINT),
    }
    amounts = {
        name: TokenAmount(token, value) if isinstance(value, int) and name in AMOUNTS else value
        for name, value in fields.items()
    }
    return TopUpSpec.model_construct(**{**given, **amounts})  # type: ignore[arg-type]  # each its own type


AMOUNTS = ("below", "to", "most", "per_day", "total")
EVERY_FORM = {
    "coin": a_top_up(),
    "token": a_top_up(token=USDC),
    "deposit": a_top_up(Keep.DEPOSIT),
    "allowance": a_top_up(Keep.ALLOWANCE, USDC),
    "coin, a part at a time": a_top_up(most=100),
    "token, a part at a time": a_top_up(token=USDC, most=100, total=500, per_day=300),
}
