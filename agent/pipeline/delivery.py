"""Decide what the receipt of an included operation says about what it was for. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.domain.evaluation import Delivered, Delivery
from agent.domain.occurrence import Inclusion
from agent.domain.units import Address
from agent.pipeline.receipt import operation_logs
from agent.ports import Log, TransactionReceipt

Confirm = Callable[[Sequence[Log]], Delivery]
"""A kind's word on an operation's own logs."""


def with_delivery(
    inclusion: Inclusion, receipt: TransactionReceipt | None, entry_point: Address, confirm: Confirm
) -> Inclusion | None:
    """Return the inclusion with what `confirm` says; None while the node has no receipt to ask about.

    A node behind a balancer may show the log and not yet the receipt: unknown is not undelivered.
    """
    if receipt is None or receipt.block_hash != inclusion.block_hash:
        return None
    logs = operation_logs(receipt, entry_point, inclusion.user_op_hash)
    if logs is None:
        return None
    delivery = confirm(logs)
    if isinstance(delivery, Delivered):
        return replace(inclusion, delivered=True, why="")
    return replace(inclusion, delivered=False, why=f"{delivery.code}: {delivery.why}")
