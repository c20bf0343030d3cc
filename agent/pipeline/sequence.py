"""Which sequence of its lane an occurrence takes: the journal and the chain must agree."""

from agent.domain.occurrence import Nonce
from agent.erc4337.calldata import nonce_call
from agent.erc4337.nonce import split_nonce
from agent.pipeline.context import JobContext, Services
from agent.pipeline.refusal import Defer, Stuck
from agent.ports import Block


async def next_nonce(job: JobContext, services: Services, block: Block) -> Nonce:
    """Return the lane's next nonce; raises Defer while the node is behind and Stuck when the lane is ahead.

    A lane that is ahead of the journal was used by somebody else, or by us before the journal was lost:
    paying on its next sequence could pay a slot twice.
    """
    known = (await services.journal.job(job.definition.id)).next_sequence
    call = nonce_call(job.definition.account, job.nonce_key)
    word = await job.chain.reader.call(job.chain.entry_point, call, block.number)
    _, on_chain = split_nonce(int.from_bytes(word, "big"))
    if on_chain < known:
        raise Defer("node_behind", f"the lane is at {on_chain} by the node, at {known} by the journal")
    if on_chain > known:
        reason = (
            f"the lane is at {on_chain} on chain, at {known} by the journal: somebody else used it, "
            "or the journal was lost; check the account's payments, then: sessionkeeper runs resolve"
        )
        raise Stuck("lane_ahead", reason)
    return Nonce(job.nonce_key, known)
