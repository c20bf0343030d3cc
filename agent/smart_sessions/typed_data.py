"""The message that enables sessions, as the document an owner's wallet shows and signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.domain.session import Session
from agent.domain.typed_data import Document, types_of
from agent.domain.units import Address, ChainId
from agent.smart_sessions.digest import (
    DOMAIN_NAME,
    DOMAIN_TYPE,
    DOMAIN_VERSION,
    MULTI_CHAIN_SESSION,
    ChainDigest,
    Mode,
    permits_admin_access,
    permits_generic_policy,
    session_digest,
)
from agent.smart_sessions.session_json import session_to_json

MAX_ENTRIES = 256
"""An enable signature names its entry with one byte."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One session on one chain, as the message names it."""

    chain_id: ChainId
    account: Address
    smart_session: Address
    session: Session
    nonce: int
    """`getNonce(permissionId, account)` of the module."""
    mode: Mode = Mode.ENABLE

    @property
    def chain_digest(self) -> ChainDigest:
        """What the module compares."""
        digest = session_digest(self.session, self.account, self.smart_session, self.nonce, self.mode)
        return ChainDigest(self.chain_id, digest)


def multichain_document(entries: Sequence[Entry]) -> Document:
    """Return the EIP-712 document whose hash is `multichain_digest`; raise ValueError for 0 or above 256."""
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise ValueError(f"{len(entries)} sessions in one message: from 1 to {MAX_ENTRIES} fit")
    return {
        "types": types_of(DOMAIN_TYPE + MULTI_CHAIN_SESSION),
        "primaryType": "MultiChainSession",
        "domain": {"name": DOMAIN_NAME, "version": DOMAIN_VERSION},
        "message": {"sessionsAndChainIds": [_chain_session(entry) for entry in entries]},
    }


def _chain_session(entry: Entry) -> dict[str, Any]:
    form = session_to_json(entry.session)
    contexts = form["erc7739Policies"]["allowedERC7739Content"]
    return {
        "chainId": str(entry.chain_id),
        "session": {
            "account": str(entry.account),
            "permissions": {
                "permitGenericPolicy": permits_generic_policy(entry.session),
                "permitAdminAccess": permits_admin_access(entry.session),
                "ignoreSecurityAttestations": entry.mode is Mode.UNSAFE_ENABLE,
                "permitERC4337Paymaster": entry.session.permit_erc4337_paymaster,
                "userOpPolicies": form["userOpPolicies"],
                "erc7739Policies": {
                    "allowedERC7739Content": [
                        {
                            "appDomainSeparator": item["appDomainSeparator"],
                            # The signed type has the singular where the contract's tuple has the plural.
                            "contentName": item["contentNames"],
                        }
                        for item in contexts
                    ],
                    "erc1271Policies": form["erc7739Policies"]["erc1271Policies"],
                },
                "actions": form["actions"],
            },
            "sessionValidator": form["sessionValidator"],
            "sessionValidatorInitData": form["sessionValidatorInitData"],
            "salt": form["salt"],
            "smartSession": str(entry.smart_session),
            "nonce": str(entry.nonce),
        },
    }
