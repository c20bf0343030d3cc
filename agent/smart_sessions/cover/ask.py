"""Walk one example through the exact model of the contracts and note what it takes and who refuses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.units import UINT128_MAX, Address, Gas, Hash32, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.packing import packed
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.cover.demand import Demand, Gap
from agent.smart_sessions.execution_shape import Frame
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.policies.policy import OperationFacts, Window
from agent.smart_sessions.state import AccountState
from agent.smart_sessions.walk import Complaint, Walk

COUNTED = frozenset(
    ("spending_limit", "usage_limit", "value_limit", "argument_limit", "gas_limit", "cost_limit")
)
"""Refusals for want of room in a counter: told once, of all uses together."""
ANY_PAYMASTER = Address(bytes(19) + b"\x02")


@dataclass(frozen=True, slots=True)
class Place:
    """One counter."""

    policy: Address
    config_id: Hash32
    part: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model said of an operation."""

    takes: Mapping[Place, int]
    """From each counter, whether there is room or not."""
    complaints: tuple[Complaint, ...]
    """Refusals that more room would not mend."""
    windows: tuple[tuple[Address, Window], ...]
    refused: bool
    """Whether anything was refused, for want of room too."""


def ask(grant: Grant, state: AccountState, demand: Demand, calls: Sequence[Call]) -> Asked:
    """Walk one operation; the state stays as it is."""
    complaints: list[Complaint] = []
    walk = Walk(state.copy(), grant.smart_session, grant.account, grant.permission_id, complaints.append)
    op = packed(_operation(grant, demand, calls))
    walk.operation(OperationFacts(op, Frame.of(op.call_data), UINT128_MAX))
    takes: Counter[Place] = Counter()
    for item in walk.taken:
        takes[Place(item.policy, item.config_id, item.charge.part)] += item.charge.amount
    lasting = []
    for complaint in complaints:
        for refused in (complaint.refused, *complaint.refused.further):
            place = _place(complaint, refused.part)
            # Where an argument sum is exceeded inside a tree, the tree itself is what refuses.
            if refused.code in COUNTED and place is not None and complaint.refused.code in COUNTED:
                takes[place] += refused.asked or 0
            elif refused.code not in COUNTED:
                lasting.append(Complaint(complaint.revert, refused, complaint.policy, complaint.config_id))
    windows = tuple((policy, window) for policy, _, window in walk.windows)
    return Asked(takes, tuple(lasting), windows, refused=bool(complaints))


def gap_of(complaint: Complaint, call: Call) -> Gap:
    """Return what a refusal leaves open."""
    refused = complaint.refused
    return Gap(
        refused.code,
        refused.remedy,
        call,
        complaint.policy,
        refused.part,
        "wei" if refused.part == "value" else "argument" if refused.asked is not None else "",
        refused.asked,
        refused.left,
    )


def _place(complaint: Complaint, part: str) -> Place | None:
    if complaint.policy is None or complaint.config_id is None:
        return None
    return Place(complaint.policy, complaint.config_id, part)


def _operation(grant: Grant, demand: Demand, calls: Sequence[Call]) -> UserOperation:
    fee_wei = Wei((demand.cost_wei or 0) // demand.gas if demand.gas else 0)
    payer = PaymasterFields(ANY_PAYMASTER, Gas(0), Gas(0), b"") if demand.needs_paymaster else None
    return UserOperation(
        sender=grant.account,
        nonce=0,
        call_data=encode_execute(tuple(calls)),
        call_gas_limit=Gas(0),
        verification_gas_limit=Gas(0),
        pre_verification_gas=demand.gas,
        max_fee_per_gas=fee_wei,
        max_priority_fee_per_gas=fee_wei,
        paymaster=payer,
    )
