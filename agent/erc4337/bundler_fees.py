"""Read from a refusal the fees that the bundler would take, and raise fees as ERC-7769 bundlers want it."""

import re
from collections.abc import Mapping

from agent.domain.units import Wei

RAISE_PERCENT = 110
UINT120_MAX = 2**120 - 1
_NUMBER = r"(0x[0-9a-fA-F]{1,40}|\d{1,40})"
_MAX_FEE = re.compile(rf"max ?fee ?per ?gas\b.*?(?:at least|lower than base fee) {_NUMBER}", re.IGNORECASE)
_PRIORITY_FEE = re.compile(
    rf"max ?priority ?fee ?per ?gas\b.*?(?:at least|lower than min priority fee per gas) {_NUMBER}",
    re.IGNORECASE,
)
_EXISTING = re.compile(rf"existing priority fee: {_NUMBER}\. existing fee: {_NUMBER}", re.IGNORECASE)
_DATA_NAMES = ("currentMaxFee", "currentMaxPriorityFee")


def raised_wei(fee_wei: Wei) -> Wei:
    """Return the lowest fee that replaces this one: a tenth more, rounded up."""
    return Wei(-(-fee_wei * RAISE_PERCENT // 100))


def fees_told(message: str, data: object) -> tuple[Wei | None, Wei | None]:
    """Return the least (max fee, max priority fee) per gas the answer asks for, None where it tells none.

    A floor is taken as it is; fees of the operation that waits are raised by a tenth.
    """
    waiting = _waiting(message, data)
    if waiting is not None:
        max_fee_wei, priority_wei = waiting
        return _raised(max_fee_wei), _raised(priority_wei)
    return _first(_MAX_FEE, message), _first(_PRIORITY_FEE, message)


def _waiting(message: str, data: object) -> tuple[Wei | None, Wei | None] | None:
    if isinstance(data, Mapping):
        max_fee_wei, priority_wei = (_wei(data.get(name)) for name in _DATA_NAMES)
        if max_fee_wei is not None or priority_wei is not None:
            return max_fee_wei, priority_wei
    existing = _EXISTING.search(message)
    return None if existing is None else (_wei(existing[2]), _wei(existing[1]))


def _first(pattern: re.Pattern[str], message: str) -> Wei | None:
    found = pattern.search(message)
    return None if found is None else _wei(found[1])


def _raised(fee_wei: Wei | None) -> Wei | None:
    return None if fee_wei is None else raised_wei(fee_wei)


def _wei(value: object) -> Wei | None:
    """Read a quantity; None for anything that cannot be a fee."""
    if isinstance(value, str):
        value = _integer(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return Wei(value) if 0 <= value <= UINT120_MAX else None


def _integer(text: str) -> int | None:
    if re.fullmatch(r"0x[0-9a-fA-F]{1,40}", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"[0-9]{1,40}", text) else None
