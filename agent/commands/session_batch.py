"""Grants of several sessions together: one batch of calls for each account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.commands.session_grant import GrantPlan
from agent.domain.call import Call
from agent.domain.units import Address, ChainId, Wei
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.encoding import enable_sessions_call


@dataclass(frozen=True, slots=True)
class AccountBatch:
    """What one account has to do for its sessions of one module."""

    chain_id: ChainId
    account: Address
    plans: tuple[GrantPlan, ...]
    """Of every session asked for, those that are granted already included."""

    @property
    def pending(self) -> tuple[GrantPlan, ...]:
        """The sessions that are to be enabled."""
        return tuple(plan for plan in self.plans if not plan.is_granted)

    @property
    def calls(self) -> tuple[Call, ...]:
        """What is to be done, in order: install, remove what differs, enable all at once."""
        if not self.pending:
            return ()
        first = self.pending[0]
        install = () if first.install is None else (first.install,)
        removes = (plan.remove for plan in self.pending if plan.remove is not None)
        enable = enable_sessions_call([plan.session.session for plan in self.pending])
        return (*install, *removes, Call(first.session.smart_session, Wei(0), enable))

    @property
    def execute(self) -> bytes | None:
        """The call data that makes the account do all of it; None when there is nothing to do."""
        return encode_execute(self.calls) if self.calls else None


def batches(plans: Sequence[GrantPlan]) -> tuple[AccountBatch, ...]:
    """Group plans by chain, account and module, in the order in which they first come."""
    places = dict.fromkeys(map(_place, plans))
    return tuple(
        AccountBatch(chain_id, account, tuple(_at((chain_id, account, module), plans)))
        for chain_id, account, module in places
    )


Place = tuple[ChainId, Address, Address]


def _at(place: Place, plans: Iterable[GrantPlan]) -> Iterable[GrantPlan]:
    return (plan for plan in plans if _place(plan) == place)


def _place(plan: GrantPlan) -> Place:
    session = plan.session
    return session.chain_id, session.account, session.smart_session
