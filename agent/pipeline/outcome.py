"""See whether an operation did what it was for: by its logs, and by how the chain stands after its block."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from agent.domain.errors import AgentError, ChainUnavailable
from agent.domain.evaluation import ChainView, Delivered
from agent.domain.occurrence import Inclusion
from agent.domain.operation import JournaledOperation
from agent.pipeline.confirm import Evidence
from agent.pipeline.context import JobContext
from agent.pipeline.delivery import with_delivery
from agent.pipeline.observe import observe
from agent.pipeline.receipt import operation_logs
from agent.ports import ChainReader, Log, TransactionReceipt

log = structlog.get_logger()
BROKEN = "internal_error: an unexpected error of its kind, see the log"
UNREADABLE = "its outcome cannot be read at the block that included it"
PATIENCE_S = 3_600
"""A block so much older than the final one is asked for in vain: the node keeps no state of it."""


async def with_verdict(
    chain: ChainReader,
    job: JobContext,
    seen: Inclusion,
    evidence: Evidence,
    operations: Sequence[JournaledOperation],
    receipt: TransactionReceipt | None,
) -> Inclusion | None:
    """Return an inclusion with what its kind says of its logs, and then of its outcome as `with_outcome`.

    None asks to look again. A kind that breaks leaves `delivered` None: it is asked once more when the block
    is final, and a person after that. Raises ChainUnavailable.
    """
    definition = job.definition
    confirm = partial(job.kind.confirm, definition.spec, definition.account)
    try:
        known = with_delivery(seen, receipt, job.chain.entry_point, confirm)
        if known is None or not known.delivered:
            return known
        return await with_outcome(chain, job, known, evidence, operations, receipt)
    except AgentError:
        raise
    except Exception:
        log.exception("kind_failed", job=definition.id, user_op_hash=str(seen.user_op_hash))
        return replace(seen, delivered=None, why=BROKEN)


async def with_outcome(
    chain: ChainReader,
    job: JobContext,
    delivered: Inclusion,
    evidence: Evidence,
    operations: Sequence[JournaledOperation],
    receipt: TransactionReceipt | None,
) -> Inclusion | None:
    """Return an inclusion whose logs say it delivered, with what the kind says of its outcome.

    `operations` are those signed for its nonce: the kind is told what the one included was planned for, and
    the operation's own logs from the receipt.

    None asks to look again. What cannot be read at a block that is final leaves `delivered` None: nobody
    knows. Asks nothing for a kind that looks at no outcome. Raises ChainUnavailable.
    """
    definition = job.definition
    reads = job.kind.outcome_reads(definition.spec, definition.account)
    if not reads:
        return delivered
    block = await chain.block(delivered.block_number)
    if block.hash != delivered.block_hash:
        return None
    try:
        view = await observe(chain, reads, block)
    except ChainUnavailable:
        if evidence.final_timestamp - block.timestamp <= PATIENCE_S:
            raise
        return replace(delivered, delivered=None, why=UNREADABLE)
    if any(value is None for value in view.values.values()):
        is_final = block.number <= evidence.final_block
        return replace(delivered, delivered=None, why=UNREADABLE) if is_final else None
    intent = next((item.intent for item in operations if item.user_op_hash == delivered.user_op_hash), {})
    return _judged(job, delivered, replace(view, intent=intent, logs=_logs(job, delivered, receipt)))


def _logs(job: JobContext, delivered: Inclusion, receipt: TransactionReceipt | None) -> tuple[Log, ...]:
    if receipt is None:
        return ()
    return operation_logs(receipt, job.chain.entry_point, delivered.user_op_hash) or ()


def _judged(job: JobContext, delivered: Inclusion, view: ChainView) -> Inclusion:
    outcome = job.kind.outcome(job.definition.spec, job.definition.account, view)
    if isinstance(outcome, Delivered):
        return delivered
    return replace(delivered, delivered=False, why=f"{outcome.code}: {outcome.why}")
