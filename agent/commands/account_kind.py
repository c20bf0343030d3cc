"""Ask an account what it is."""

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.call import Call
from agent.domain.units import Address, Wei
from agent.erc7579.accounts import ACCOUNT_ID, account_kind
from agent.ports import CallFailed, ChainReader


async def kind_on_chain(reader: ChainReader, account: Address, block: int) -> str | None:
    """Return an account's kind by its own word, None for an unknown one; raise ChainUnavailable."""
    try:
        (answer,) = await reader.calls([Call(account, Wei(0), ACCOUNT_ID)], block)
        (text,) = ("",) if isinstance(answer, CallFailed) else decode(["string"], answer)
    except (DecodingError, ValueError):
        return None
    kind = account_kind(text)
    return None if kind is None or not text else kind.name
