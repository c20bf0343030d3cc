"""How bundlers quote the fees that they want: each flavour has a method of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.units import Wei
from agent.erc4337.answer_table import Flavour


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """A method without parameters, and where in its answer the fees stand."""

    flavour: Flavour
    method: str
    path: tuple[str, ...] = ()
    max_fee: str | None = None
    """None when it quotes the priority fee alone, as its whole answer."""
    priority_fee: str | None = None


FEE_QUOTES = (
    FeeQuote(
        Flavour.ALTO,
        "pimlico_getUserOperationGasPrice",
        ("standard",),
        "maxFeePerGas",
        "maxPriorityFeePerGas",
    ),
    FeeQuote(Flavour.RUNDLER, "rundler_maxPriorityFeePerGas"),
)


def fee_quotes(flavour: Flavour | None) -> tuple[FeeQuote, ...]:
    """Return the methods to try, in order; of a bundler of unknown flavour any may work."""
    return tuple(quote for quote in FEE_QUOTES if flavour in (quote.flavour, None))


def quoted(quote: FeeQuote, answer: object) -> tuple[Wei, Wei]:
    """Return (max fee, max priority fee) per gas, zero for one that is not quoted; raises ValueError."""
    for name in quote.path:
        answer = _field(answer, name)
    max_fee_wei = Wei(0) if quote.max_fee is None else _wei(_field(answer, quote.max_fee))
    priority = answer if quote.priority_fee is None else _field(answer, quote.priority_fee)
    return max_fee_wei, _wei(priority)


def _field(answer: object, name: str) -> object:
    if not isinstance(answer, Mapping) or name not in answer:
        raise ValueError(f"the quote has no {name}")
    return answer[name]


def _wei(value: object) -> Wei:
    if not isinstance(value, str) or not value.startswith("0x") or not value.isascii():
        raise ValueError("a quoted fee is not a quantity")
    return Wei(int(value, 16))
