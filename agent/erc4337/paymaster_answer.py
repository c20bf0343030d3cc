"""What a paymaster's service answers (ERC-7677), read strictly: only paymaster fields may come from it."""

from collections.abc import Mapping

from agent.domain.paymaster import PaymasterOffer
from agent.domain.units import UINT128_MAX, Address, Gas, bytes_from_hex

_MAX_NAME = 80
_NUMBERS = frozenset(
    {
        "nonce",
        "callGasLimit",
        "verificationGasLimit",
        "preVerificationGas",
        "maxFeePerGas",
        "maxPriorityFeePerGas",
    }
)
_DATA = frozenset(
    {"sender", "callData", "initCode", "factory", "factoryData", "signature", "eip7702Auth", "authorization"}
)
OPERATION_FIELDS = _NUMBERS | _DATA
"""Fields of an operation, of any EntryPoint, that no paymaster has a say in."""


class FieldChanged(ValueError):
    """An answer holds another value for a field of the operation than was sent."""

    def __init__(self, field: str) -> None:
        super().__init__(f"it changes {field} of the operation")
        self.field = field


def read_paymaster_answer(answer: object, sent: Mapping[str, str]) -> PaymasterOffer:
    """Read the result of `pm_getPaymasterStubData` or `pm_getPaymasterData` for EntryPoint 0.7 and 0.8.

    `sent` is the JSON form of the operation that was sent: a field of it may stand in the answer if it is the
    same. Raises FieldChanged naming the first that is not, ValueError for an answer of another shape.
    """
    if not isinstance(answer, dict):
        raise ValueError("it answered no object")  # noqa: TRY004 - the answer is wrong, not a type here
    for field in sorted(OPERATION_FIELDS & answer.keys()):
        if not _is_same(field, answer[field], sent.get(field)):
            raise FieldChanged(field)
    return PaymasterOffer(
        paymaster=_payer(answer),
        data=_bytes(answer, "paymasterData"),
        verification_gas_limit=_gas(answer, "paymasterVerificationGasLimit"),
        post_op_gas_limit=_gas(answer, "paymasterPostOpGasLimit"),
        is_final=answer.get("isFinal") is True,
        sponsor=_sponsor(answer.get("sponsor")),
    )


def _payer(answer: Mapping[str, object]) -> Address:
    try:
        return Address(_bytes(answer, "paymaster"))
    except ValueError:
        raise ValueError("its paymaster is not an address") from None


def _is_same(field: str, value: object, sent: str | None) -> bool:
    if value is None or value == sent:
        return True
    if not isinstance(value, str) or sent is None:
        return False
    try:
        if field in _NUMBERS:
            return int(value, 16) == int(sent, 16)
        return bytes_from_hex(value) == bytes_from_hex(sent)
    except ValueError:
        return False


def _bytes(answer: Mapping[str, object], field: str) -> bytes:
    value = answer.get(field)
    if not isinstance(value, str):
        raise ValueError(f"its answer has no {field}")  # noqa: TRY004 - the answer is wrong, not a type here
    try:
        return bytes_from_hex(value)
    except ValueError:
        raise ValueError(f"its {field} is not 0x-hex") from None


def _gas(answer: Mapping[str, object], field: str) -> Gas | None:
    value = answer.get(field)
    if value is None:
        return None
    try:
        gas = int(value, 16) if isinstance(value, str) and value.startswith("0x") else -1
    except ValueError:
        gas = -1
    if not 0 <= gas <= UINT128_MAX:
        raise ValueError(f"its {field} is not a 0x-hex number of 128 bits")
    return Gas(gas)


def _sponsor(value: object) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    # It may end up in a log or on a terminal.
    return "".join(c for c in name if c.isprintable())[:_MAX_NAME] if isinstance(name, str) else ""
