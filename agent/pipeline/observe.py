"""Read what a kind wants to know, all at one block."""

from collections.abc import Sequence

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.units import Wei
from agent.ports import Block, CallFailed, ChainReader


async def observe(chain: ChainReader, reads: Sequence[Read], block: Block) -> ChainView:
    """Return the answers to the distinct reads at that block; raises ChainUnavailable."""
    distinct = tuple(dict.fromkeys(reads))
    calls = [Call(read.target, Wei(0), read.data) for read in distinct]
    answers = await chain.calls(calls, block.number) if calls else ()
    values = {
        read: None if isinstance(answer, CallFailed) else answer
        for read, answer in zip(distinct, answers, strict=True)
    }
    return ChainView(chain.chain_id, block.number, block.timestamp, values)
