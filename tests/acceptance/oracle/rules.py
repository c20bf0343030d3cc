"""The invariants, each a plain comparison of files, chain and books."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.acceptance.oracle.books import DONE, Books, Signed, read_books
from tests.acceptance.oracle.chain import Operation, outflows, session_operations
from tests.acceptance.oracle.files import Job, read_jobs, store_of
from tests.acceptance.oracle.finding import Finding
from tests.acceptance.oracle.node import Node
from tests.acceptance.oracle.periods import Period, periods

FINALITY_BLOCKS = 2
"""How far the local chain's `finalized` is behind its head."""


@dataclass(frozen=True)
class Case:
    """One job with everything that is known about it."""

    job: Job
    due: tuple[Period, ...]
    operations: tuple[Operation, ...]
    books: Books
    unpaid: frozenset[str] = field(default=frozenset())
    """Slots that the test expects to stay unpaid."""

    def paid(self) -> Mapping[str, list[Operation]]:
        """Group the successful operations by the newest period due when each was mined."""
        groups: dict[str, list[Operation]] = defaultdict(list)
        for operation in self.operations:
            if operation.success:
                before = [name for name, due_at in self.due if due_at <= operation.block_time]
                groups[before[-1] if before else "before the first period"].append(operation)
        return groups

    def finding(self, rule: str, slot: str, message: str) -> Finding:
        """Make a finding about this job."""
        return Finding(rule, self.job.id, slot, message)


def examine(
    folder: Path, rpc_url: str, *, unpaid: Iterable[str] = (), until: int | None = None
) -> list[Finding]:
    """Return every broken invariant; `unpaid` slots must stay unpaid, periods after `until` do not count."""
    with closing(Node(rpc_url)) as node:
        head = node.block_time()
        books, jobs = read_books(store_of(folder)), read_jobs(folder)
        if len({(job.account, job.promise) for job in jobs}) < len(jobs):
            raise ValueError("two jobs of one account pay the same: no payment tells them apart")
        found: list[Finding] = []
        for account in sorted({job.account for job in jobs}):
            operations = session_operations(node, account)
            mine = [job for job in jobs if job.account == account]
            found += _strays(node, account, mine, operations)
            for job in mine:
                due = tuple(periods(job.schedule, head if until is None else min(until, head)))
                own = tuple(item for item in operations if item.calls == (job.promise,))
                case = Case(job, due, own, books, frozenset(unpaid))
                found += [*_once(case), *_none_lost(case), *_written(case), *_order(case), *_same(case)]
        return found


def _strays(node: Node, account: str, jobs: list[Job], operations: list[Operation]) -> Iterator[Finding]:
    """I7: nothing leaves the account but what a job promises, and what leaves is what was asked for."""
    promises = {job.promise for job in jobs}
    name = "+".join(job.id for job in jobs)
    for item in operations:
        if len(item.calls) != 1 or item.calls[0] not in promises:
            yield Finding("I7", name, "", f"{item.hash} pays {item.calls}, no job does")
        wanted = tuple(call for call in item.calls if call[0] is not None) if item.success else ()
        if item.transfers != wanted:
            yield Finding("I7", name, "", f"{item.hash} asked for {wanted} and moved {item.transfers}")
    known = Counter((item.transaction_hash, *transfer) for item in operations for transfer in item.transfers)
    for token in {job.token for job in jobs if job.token is not None}:
        flows = Counter(
            (flow.transaction_hash, flow.token, flow.to, flow.amount)
            for flow in outflows(node, token, account)
        )
        for (transaction_hash, _, to, amount), times in (flows - known).items():
            yield Finding(
                "I7", name, "", f"{amount} went to {to} {times} times in {transaction_hash}, no job"
            )


def _once(case: Case) -> Iterator[Finding]:
    """I1: no period is paid twice, and none that must not be."""
    names = {name for name, _ in case.due}
    for slot, operations in case.paid().items():
        hashes = ", ".join(item.transaction_hash for item in operations)
        if slot not in names:
            yield case.finding("I1", slot, f"paid before anything was due: {hashes}")
        elif len(operations) > 1 or slot in case.unpaid:
            yield case.finding("I1", slot, f"paid {len(operations)} times: {hashes}")


def _none_lost(case: Case) -> Iterator[Finding]:
    """I2: each period is paid, or has another end and its reason in the books."""
    paid = case.paid()
    for slot, _ in case.due:
        row = case.books.row(case.job.id, slot)
        state = "unknown to the books" if row is None else row.state
        if slot not in paid and slot not in case.unpaid:
            yield case.finding("I2", slot, f"never paid, {state}")
        if row is None or row.state not in DONE or (row.state != "final_ok" and not row.reason):
            yield case.finding("I2", slot, f"has no end with a reason: {state}")
        elif (row.state == "final_ok") != (slot in paid):
            yield case.finding("I8", slot, f"{state}, and paid {len(paid.get(slot, []))} times")


def _written(case: Case) -> Iterator[Finding]:
    """I4: whatever is on chain was in the journal, byte for byte."""
    for item in case.operations:
        signed = case.books.signed.get(item.hash)
        if signed is None:
            yield case.finding("I4", "", f"{item.hash} is on chain and not in the journal")
            continue
        ours = (signed.nonce_key, signed.sequence, signed.call_data, signed.signature)
        theirs = (item.nonce_key, item.sequence, item.call_data, item.signature)
        if ours != theirs:
            yield case.finding("I4", "", f"{item.hash} has other bytes on chain than in the journal")


def _order(case: Case) -> Iterator[Finding]:
    """I5: a sequence belongs to one occurrence, and rises for it only after a final failure."""
    slots = {row.id: row.slot for row in case.books.rows if row.job == case.job.id}
    mine = [item for item in case.books.signed.values() if item.occurrence in slots]
    owners: dict[tuple[int, int], set[int]] = defaultdict(set)
    for item in mine:
        owners[item.nonce_key, item.sequence].add(item.occurrence)
    for (_, sequence), occurrences in owners.items():
        if len(occurrences) > 1:
            names = ", ".join(slots[number] for number in sorted(occurrences))
            yield case.finding("I5", names, f"sequence {sequence} was signed for more than one period")
    for item, earlier in product(mine, case.operations):
        if _is_too_early(item, earlier, case.books.signed.get(earlier.hash)):
            message = f"sequence {item.sequence} was planned before {earlier.sequence} had failed for good"
            yield case.finding("I5", slots[item.occurrence], message)


def _is_too_early(item: Signed, earlier: Operation, signed: Signed | None) -> bool:
    if signed is None or signed.occurrence != item.occurrence or signed.sequence >= item.sequence:
        return False
    return earlier.success or item.planned_at_block < earlier.block_number + FINALITY_BLOCKS


def _same(case: Case) -> Iterator[Finding]:
    """I8: the books agree with the chain about slot, block, cost and outcome."""
    for slot, operations in case.paid().items():
        for item in operations:
            signed = case.books.signed.get(item.hash)
            row = next((row for row in case.books.rows if signed and row.id == signed.occurrence), None)
            if row is None:
                continue
            if row.slot != slot:
                yield case.finding("I8", slot, f"the books took its payment for that of {row.slot}")
            if not row.settled:
                yield case.finding("I8", slot, "paid and not settled")
            if _written_inclusion(row.inclusion) != _seen(item):
                yield case.finding("I8", slot, f"the books say {row.inclusion}, the chain {item}")


def _written_inclusion(inclusion: Mapping[str, object] | None) -> tuple[object, ...]:
    names = ("user_op_hash", "transaction_hash", "block_number", "block_hash", "success")
    if inclusion is None:
        return ()
    return (*(inclusion[name] for name in names), int(str(inclusion["actual_gas_cost_wei"])))


def _seen(item: Operation) -> tuple[object, ...]:
    places = (item.hash, item.transaction_hash, item.block_number, item.block_hash)
    return (*places, item.success, item.gas_cost_wei)
