"""How an account gets the SmartSession module and its sessions in one step, before or after its creation."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import Refused
from agent.domain.units import Wei
from agent.erc7579.accounts import ACCOUNT_KINDS, KERNEL
from agent.erc7579.execution import encode_execute
from agent.erc7579.modules import Module, install_validator_call
from agent.smart_sessions.encoding import install_data


class SeveralAccounts(Refused):
    """Module data is for one account."""

    code = "several_accounts"
    remedy = "ask for one account after the other"


@dataclass(frozen=True, slots=True)
class InitData:
    """Sessions that come with the module's installation."""

    sessions: tuple[SessionDefinition, ...]
    module: Module
    """The module, with the init data that enables the sessions."""
    install: Call
    """The account's call to itself, in the form of its kind."""

    @property
    def execute(self) -> bytes:
        """The call data that makes the account do it: also of the operation that brings the init code."""
        return encode_execute([self.install])

    @property
    def validators(self) -> tuple[Module, ...]:
        """What stands among the validators of an account created with the sessions; Kernel: nothing."""
        return () if self.sessions[0].account_kind == KERNEL.name else (self.module,)

    @property
    def init_config(self) -> tuple[bytes, ...]:
        """What a Kernel account calls on itself where it is created with the sessions; others: nothing."""
        return (self.install.data,) if self.sessions[0].account_kind == KERNEL.name else ()


def init_data_of(sessions: Sequence[SessionDefinition]) -> InitData:
    """Return how the sessions of one account come with the module; raise SeveralAccounts."""
    first = sessions[0]
    places = {(item.chain_id, item.account, item.smart_session) for item in sessions}
    if len(places) > 1:
        raise SeveralAccounts(f"these sessions are of {len(places)} accounts, chains or modules")
    module = Module(first.smart_session, install_data([item.session for item in sessions]))
    data = install_validator_call(ACCOUNT_KINDS[first.account_kind], module.address, module.init_data)
    return InitData(tuple(sessions), module, Call(first.account, Wei(0), data))
