"""What left the process, as a recorder before the bundler saw it, held against the files and the journal."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.oracle.books import Books, read_books
from tests.acceptance.oracle.chain import ENTRY_POINT, Promise, executions, promise
from tests.acceptance.oracle.files import Caps, Job, Limits, read_caps, read_jobs, read_limits, store_of
from tests.acceptance.oracle.finding import Finding

MOST_SENDS = 20
"""Of one occurrence: far above what patience needs, far below a loop without any."""
GAS_FIELDS = (
    "callGasLimit",
    "verificationGasLimit",
    "preVerificationGas",
    "paymasterVerificationGasLimit",
    "paymasterPostOpGasLimit",
)


@dataclass(frozen=True)
class Sent:
    """One eth_sendUserOperation."""

    at_s: float
    """Of a clock that only moves forward."""
    operation: Mapping[str, Any]
    entry_point: str
    journaled: bool
    """Whether the journal held these bytes when they arrived."""

    @property
    def place(self) -> str:
        """Its nonce, which names the occurrence."""
        return str(self.operation["nonce"])

    @property
    def worst_case_wei(self) -> int:
        """Return what its gas may cost."""
        gas = sum(int(self.operation.get(name, "0x0"), 16) for name in GAS_FIELDS)
        return gas * int(self.operation["maxFeePerGas"], 16)

    def calls(self) -> tuple[Promise, ...]:
        """Return what it asks the account to pay; nothing when any of it is no payment."""
        data = bytes.fromhex(str(self.operation["callData"]).removeprefix("0x"))
        try:
            return tuple(promise(*call) for call in executions(data))
        except ValueError:
            return ()


def examine_sends(
    folder: Path,
    sent: Sequence[Sent],
    *,
    silences: Iterable[tuple[float, float]] = (),
    most_sends: int = MOST_SENDS,
) -> list[Finding]:
    """Return every broken invariant of what was sent; nothing may leave in a silence (from, to)."""
    books, jobs = read_books(store_of(folder)), read_jobs(folder)
    return [
        *_dear(sent, read_caps(folder)),
        *(item for name, limit in read_limits(folder).items() for item in _over(sent, name, limit)),
        *_unwritten(sent, books),
        *_strange(sent, jobs),
        *_too_often(sent, most_sends),
        *_loud(sent, tuple(silences)),
    ]


def _finding(rule: str, item: Sent, message: str) -> Finding:
    return Finding(rule, "", item.place, message)


def _dear(sent: Sequence[Sent], caps: Caps) -> Iterator[Finding]:
    """I3: nothing leaves that may cost more than the caps."""
    for item in sent:
        fee = int(item.operation["maxFeePerGas"], 16)
        if fee > caps.max_fee_per_gas_wei or item.worst_case_wei > caps.max_cost_wei:
            message = f"{fee} wei a gas and {item.worst_case_wei} in all are above {caps}"
            yield _finding("I3", item, message)


def _over(sent: Sequence[Sent], permission: str, limit: Limits) -> Iterator[Finding]:
    """I3: all that leaves under a session, together, stays within what it grants."""
    # One nonce is spent once, however many operations were signed for it.
    mine = {item.place: item for item in sent if _permission(item) == permission}
    paid: Counter[str | None] = Counter()
    for item in mine.values():
        for token, _, amount in item.calls():
            paid[token] += amount
    if len(mine) > limit.uses:
        yield Finding("I3", permission, "", f"{len(mine)} operations of {limit.uses}")
    for token, most in limit.tokens.items():
        if paid[token] > most:
            yield Finding("I3", permission, "", f"{paid[token]} of {token}, {most} are granted")


def _permission(item: Sent) -> str:
    # A signature begins with the mode, USE, and the permission that it is under.
    return "0x" + str(item.operation["signature"])[4:68]


def _unwritten(sent: Sequence[Sent], books: Books) -> Iterator[Finding]:
    """I4: every byte that left was in the journal before."""
    for item in sent:
        if dict(item.operation) not in books.operations:
            yield _finding("I4", item, "was sent and is not in the journal")
        elif not item.journaled:
            yield _finding("I4", item, "was sent before it was in the journal")


def _strange(sent: Sequence[Sent], jobs: Sequence[Job]) -> Iterator[Finding]:
    """I7: what leaves is from a job's account, for its payee and its amount, to the EntryPoint."""
    promises = {(job.account, job.promise) for job in jobs}
    for item in sent:
        sender = str(item.operation["sender"]).lower()
        if item.entry_point.lower() != ENTRY_POINT:
            yield _finding("I7", item, f"is for the EntryPoint {item.entry_point}")
        if len(item.calls()) != 1 or (sender, item.calls()[0]) not in promises:
            yield _finding("I7", item, f"pays {item.calls()} from {sender}, no job does")


def _too_often(sent: Sequence[Sent], most: int) -> Iterator[Finding]:
    """I9: patience is bounded."""
    by_place: dict[str, list[Sent]] = defaultdict(list)
    for item in sent:
        by_place[item.place].append(item)
    for items in by_place.values():
        if len(items) > most:
            yield _finding("I9", items[0], f"was sent {len(items)} times, {most} are enough")


def _loud(sent: Sequence[Sent], silences: Sequence[tuple[float, float]]) -> Iterator[Finding]:
    """I11: nothing leaves after a stop was acknowledged, until it is let go."""
    for item in sent:
        if any(start < item.at_s < end for start, end in silences):
            yield _finding("I11", item, "left in a silence")
