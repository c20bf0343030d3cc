"""Random questions about what owners and session keys sign."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from agent.domain.units import UINT256_MAX, ChainId
from agent.erc7579.accounts import NEXUS
from agent.erc7579.accounts import enable_owner_signature as owner_signature
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.digest import (
    ChainDigest,
    Mode,
    multichain_digest,
    permits_admin_access,
    permits_generic_policy,
    session_digest,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.signature import (
    EnableSession,
    enable_signature,
    first_use_signature,
    use_signature,
)
from tests.parity import dice, forms
from tests.parity.cases import ACCOUNT_TYPES, Cases, an_account, case, shared
from tests.parity.forms import big, text


def digests(random: Random) -> Cases:
    entries = [Signed.random(random) for _ in range(random.randint(1, 3))]
    ours = multichain_digest([entry.chain_digest for entry in entries])
    yield case("hashChainSessions", [[entry.form for entry in entries]], ours)


def enable_details(random: Random) -> Cases:
    """Ask for everything an owner signs; the client stands for a chain that says our digest."""
    entry = Signed.random(random, Mode.ENABLE)
    session, digest = entry.session, entry.chain_digest
    client = {
        "$client": {"chainId": entry.chain_id, "answers": {"getSessionDigest": text(digest.session_digest)}}
    }
    argument = {
        "sessions": [forms.session(session, entry.chain_id)],
        "account": an_account(NEXUS, entry.account),
        "clients": [client],
        "enableValidatorAddress": text(OWNABLE_VALIDATOR),
        "permitGenericPolicy": permits_generic_policy(session),
        "permitAdminAccess": permits_admin_access(session),
        "sessionNonces": [big(entry.nonce)],
    }
    pick = [
        "permissionEnableHash",
        "permissionId",
        "mode",
        "enableSessionData.enableSession.hashesAndChainIds",
    ]
    hashes = [{"chainId": big(entry.chain_id), "sessionDigest": text(digest.session_digest)}]
    ours = [text(multichain_digest([digest])), text(permission_id(session)), "0x01", hashes]
    yield case("getEnableSessionDetails", [argument], ours, pick, shared(random))


def use_signatures(random: Random) -> Cases:
    permission, inner = dice.a_hash(random), dice.some_bytes(random)
    argument = {"mode": "0x00", "permissionId": text(permission), "signature": text(inner)}
    yield case(
        "encodeSmartSessionSignature", [argument], use_signature(permission, inner), sdk=shared(random)
    )
    if len(inner):
        ours = {"mode": "0x00", "permissionId": text(permission), "signature": text(inner)}
        field = text(use_signature(permission, inner))
        yield case("decodeSmartSessionSignature", [{"signature": field}], ours, sdk=shared(random))


def enable_signatures(random: Random) -> Cases:
    """Encode as the SDK does, and let it read the result."""
    kind = random.choice(list(ACCOUNT_TYPES))
    mode, signer, inner = (
        random.choice((Mode.ENABLE, Mode.UNSAFE_ENABLE)),
        dice.some_bytes(random),
        random.randbytes(65),
    )
    signer = signer or random.randbytes(65)
    enable = _enable_session(random, owner_signature(kind, OWNABLE_VALIDATOR, signer))
    data = {
        "enableSession": _enable_form(enable, signer),
        "validator": text(OWNABLE_VALIDATOR),
        "accountType": ACCOUNT_TYPES[kind],
    }
    permission = permission_id(enable.session_to_enable)
    argument = {
        "mode": text(bytes([mode])),
        "permissionId": text(permission),
        "signature": text(inner),
        "enableSessionData": data,
    }
    field = enable_signature(enable, inner, mode)
    yield case("encodeSmartSessionSignature", [argument], field, sdk=shared(random))
    account = an_account(kind, dice.an_address(random))
    read = random.choice((field, first_use_signature(enable, inner, mode)))
    question = {"signature": text(read), "account": account}
    pick = ["mode", "permissionId", "signature", "enableSessionData.enableSession.permissionEnableSig"]
    ours = [argument["mode"], argument["permissionId"], argument["signature"], text(signer)]
    yield case("decodeSmartSessionSignature", [question], ours, pick, shared(random))


def use_or_enable(random: Random) -> Cases:
    """Choose the mode by what the chain says."""
    enabled, inner, signer = random.random() < 0.5, random.randbytes(65), random.randbytes(65)
    enable = _enable_session(random, owner_signature(NEXUS, OWNABLE_VALIDATOR, signer))
    permission = permission_id(enable.session_to_enable)
    data = {
        "enableSession": _enable_form(enable, signer),
        "validator": text(OWNABLE_VALIDATOR),
        "accountType": "nexus",
    }
    argument = {
        "account": an_account(NEXUS, dice.an_address(random)),
        "client": {"$client": {"chainId": 1, "answers": {"isPermissionEnabled": enabled}}},
        "permissionId": text(permission),
        "signature": text(inner),
        "enableSessionData": data,
    }
    ours = use_signature(permission, inner) if enabled else enable_signature(enable, inner)
    yield case("encodeUseOrEnableSmartSessionSignature", [argument], ours)


def _enable_session(random: Random, signature: bytes) -> EnableSession:
    digests = tuple(
        ChainDigest(ChainId(dice.a_number(random, 2**64 - 1)), dice.a_hash(random))
        for _ in range(random.randint(1, 3))
    )
    return EnableSession(random.randrange(len(digests)), digests, dice.a_session(random), signature)


def _enable_form(enable: EnableSession, signature: bytes) -> forms.Form:
    return {
        "chainDigestIndex": enable.chain_digest_index,
        "hashesAndChainIds": [
            {"chainId": big(item.chain_id), "sessionDigest": text(item.session_digest)}
            for item in enable.hashes_and_chain_ids
        ],
        "sessionToEnable": forms.session(enable.session_to_enable),
        "permissionEnableSig": text(signature),
    }


@dataclass(frozen=True, slots=True)
class Signed:
    """One session on one chain, as an owner signs it."""

    chain_id: ChainId
    account: Any
    session: Any
    nonce: int
    mode: Mode

    @classmethod
    def random(cls, random: Random, mode: Mode | None = None) -> "Signed":
        return cls(
            ChainId(random.choice((1, 10, 8453, 31337))),
            dice.an_address(random),
            dice.a_session(random),
            dice.a_number(random, UINT256_MAX),
            mode or random.choice((Mode.ENABLE, Mode.UNSAFE_ENABLE)),
        )

    @property
    def chain_digest(self) -> ChainDigest:
        digest = session_digest(self.session, self.account, SMART_SESSION, self.nonce, self.mode)
        return ChainDigest(self.chain_id, digest)

    @property
    def form(self) -> forms.Form:
        session = forms.session(self.session)
        permissions = {
            "permitGenericPolicy": permits_generic_policy(self.session),
            "permitAdminAccess": permits_admin_access(self.session),
            "ignoreSecurityAttestations": self.mode is Mode.UNSAFE_ENABLE,
            **{name: session.pop(name) for name in _PERMISSIONS},
        }
        place = {"account": text(self.account), "smartSession": text(SMART_SESSION), "nonce": big(self.nonce)}
        return {"chainId": big(self.chain_id), "session": session | place | {"permissions": permissions}}


_PERMISSIONS = ("permitERC4337Paymaster", "userOpPolicies", "erc7739Policies", "actions")

MAKERS: dict[Callable[[Random], Cases], int] = {
    digests: 250,
    enable_details: 150,
    use_signatures: 200,
    enable_signatures: 200,
    use_or_enable: 60,
}
"""How many times each is asked."""
