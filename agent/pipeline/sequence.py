"""Which sequence of its lane an occurrence takes: the journal and the chain must agree."""

from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Nonce
from agent.erc4337.calldata import nonce_call
from agent.erc4337.nonce import split_nonce
from agent.pipeline.context import JobContext, Services
from agent.pipeline.refusal import Defer, Stuck
from agent.ports import Block


class LaneBehind(Defer):
    """The node shows less of the lane than the journal knows: it is behind, or a reorg left a gap."""

    def __init__(self, known: int, on_chain: int) -> None:
        super().__init__("node_behind", f"the lane is at {on_chain} by the node, at {known} by the journal")
        self.on_chain = on_chain


class LaneAhead(Stuck):
    """The chain shows more of the lane than the journal knows."""


async def next_nonce(job: JobContext, services: Services, block: Block) -> Nonce:
    """Return the lane's next nonce; raises as `next_sequence` does, and ChainUnavailable."""
    known = (await services.journal.job(job.definition.id)).next_sequence
    call = nonce_call(job.definition.account, job.nonce_key)
    word = await job.chain.agreed.call(job.chain.entry_point, call, block.number)
    _, on_chain = split_nonce(int.from_bytes(word, "big"))
    return Nonce(job.nonce_key, next_sequence(known, on_chain))


def next_sequence(known: int, on_chain: int) -> int:
    """Return the sequence both agree on; raise LaneBehind or LaneAhead where they differ.

    A lane that is ahead of the journal was used by somebody else, or by us before the journal was lost:
    paying on its next sequence could pay a slot twice.
    """
    if on_chain < known:
        raise LaneBehind(known, on_chain)
    if on_chain > known:
        reason = (
            f"the lane is at {on_chain} on chain, at {known} by the journal: somebody else used it, "
            "or the journal was lost; check the account's payments, then: sessionkeeper runs resolve"
        )
        raise LaneAhead(LANE_AHEAD, reason)
    return known
