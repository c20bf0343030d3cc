"""The owner of an account on the local chain, whose key the agent takes there and nowhere else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import DEVNET
from agent.cli.owner_keys import OwnerKeys
from agent.commands.json_document import DocumentError
from agent.commands.session_on_chain import owners_in
from agent.definitions.records import ChainDefinition, Definitions
from agent.definitions.sessions import SessionDefinition
from agent.devnet.accounts import SmartAccount, address_of, send_as_owner
from agent.domain.call import Call
from agent.domain.errors import Refused
from agent.domain.units import Address, ChainId, Wei, bytes_from_hex
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.ports import ChainReader
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.views import owners_call
from agent.telemetry.secrets import REDACTOR


class OwnerKeyRefused(Refused):
    """The agent takes an owner's key on the local chain alone."""

    code = "owner_key_refused"
    remedy = (
        "name each account's own: --owner-key ACCOUNT=FILE; or leave --owner-key out and let the owner's "
        "wallet make the calls"
    )


@dataclass(frozen=True, slots=True)
class LocalNode:
    """The node that takes the owner's operation."""

    rpc_url: str
    entry_point: Address
    chain_id: ChainId


@dataclass(frozen=True, slots=True)
class LocalOwner:
    """The owner of an account on the local chain."""

    node: LocalNode
    account: SmartAccount

    async def send(self, calls: Sequence[Call]) -> None:
        """Have the account make the calls; raise DevnetError if they failed."""
        await send_as_owner(self.node, self.account, calls)


def local_owners(
    definitions: Definitions, sessions: Sequence[SessionDefinition], keys: OwnerKeys
) -> dict[Address, LocalOwner]:
    """Return who owns each session's account, by account.

    Raise DocumentError, or OwnerKeyRefused off the local chain and unless the keys are for these accounts.
    """
    accounts = [session.account for session in sessions]
    if missing := keys.without(accounts):
        raise OwnerKeyRefused(f"no --owner-key is for {_listed(missing)}")
    if strangers := keys.strangers(accounts):
        raise OwnerKeyRefused(f"none of the sessions is of {_listed(strangers)}")
    files = {session.account: (session, keys.of(session.account)) for session in sessions}
    return {
        account: local_owner(definitions, session, file)
        for account, (session, file) in files.items()
        if file is not None
    }


async def require_owners(reader: ChainReader, owners: Iterable[LocalOwner]) -> None:
    """Raise OwnerKeyRefused with every account that does not obey the key given for it."""
    accounts = [owner.account for owner in owners]
    calls = [Call(OWNABLE_VALIDATOR, Wei(0), owners_call(account.address)) for account in accounts]
    answers = await reader.calls(calls, "latest")
    strange = [
        account.address
        for account, answer in zip(accounts, answers, strict=True)
        if account.owner not in owners_in(answer)
    ]
    if strange:
        raise OwnerKeyRefused(f"the key given is not that of the owner of {_listed(strange)}")


def local_owner(definitions: Definitions, session: SessionDefinition, key_file: Path) -> LocalOwner:
    """Return who owns the session's account; raise OwnerKeyRefused or DocumentError."""
    if session.chain_id != DEVNET:
        raise OwnerKeyRefused(
            f"an owner's key is taken on chain {DEVNET} alone, this is chain {session.chain_id}"
        )
    account = _owner_account(session, key_file)
    return LocalOwner(_node(definitions.chains[session.chain_id]), account)


def _owner_account(session: SessionDefinition, key_file: Path) -> SmartAccount:
    try:
        secret = bytes_from_hex(key_file.read_text("ascii").strip())
        REDACTOR.register(secret)
        kind = ACCOUNT_KINDS[session.account_kind]
        return SmartAccount(session.account, address_of(secret), secret, kind)
    except (OSError, ValueError):
        # The cause is dropped: it may quote the secret.
        raise DocumentError(str(key_file), "is no file with 0x and 64 hex digits") from None


def _listed(accounts: Iterable[Address]) -> str:
    return ", ".join(map(str, accounts))


def _node(chain: ChainDefinition) -> LocalNode:
    return LocalNode(chain.rpc_urls[0].get_secret_value(), chain.entry_point, chain.chain_id)
