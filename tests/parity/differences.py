"""Where an SDK and the agent differ on purpose: what the SDK answers, and what the agent does instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.domain.p256 import P256Point
from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, Session
from agent.domain.units import Address, ChainId, Hash32
from agent.erc7579.accounts import KERNEL, NEXUS, STARTALE, enable_owner_signature, nonce_key
from agent.erc7579.enable_digest import AccountDomain
from agent.erc7579.module_enable import module_enable_digest
from agent.erc7579.modules import Module, install_validator_call
from agent.smart_sessions.addresses import (
    FALLBACK_SELECTOR,
    OWNABLE_VALIDATOR,
    OWNABLE_VALIDATOR_BETA,
    OWNABLE_VALIDATOR_V0,
    PSEUDO_TARGET,
    SMART_SESSION,
    WEB_AUTHN_VALIDATOR,
)
from agent.smart_sessions.digest import ChainDigest, Mode, multichain_digest, session_digest
from agent.smart_sessions.encoding import SET_PERMIT_PAYMASTER, enable_sessions_call
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from agent.smart_sessions.policies import sudo, usage_limit
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policy_codec import policy_data
from agent.smart_sessions.signature import EnableSession, enable_signature, owners_init_data
from tests.parity import forms
from tests.parity.cases import an_account
from tests.parity.forms import Form, big, text
from tests.parity.sdks import MODULE_SDK, RHINESTONE_SESSIONS, Failed, Question
from tests.parity.sdks import STARTALE as STARTALE_SDK

ACCOUNT = Address(b"\xaa" * 20)
TOKEN = Address(b"\xcc" * 20)
KEY = Address(b"\xbb" * 20)
POINT = P256Point(7, 9)
_SIGNATURE = b"\x51" * 65


class Anything:
    """Stands for an answer that is only known to be another."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One question that the SDK and the agent answer differently."""

    question: Question
    theirs: Any
    ours: Any
    what: str
    """What the SDK does and what comes of it."""
    instead: str
    """What the agent does."""


def a_session(**changes: Any) -> Session:  # noqa: ANN401 - the fields of a session
    """Return a plain session, or one with other fields."""
    fields = {
        "session_validator": OWNABLE_VALIDATOR,
        "session_validator_init_data": owners_init_data(1, [KEY]),
        "salt": Hash32(b"\x01" * 32),
    }
    return Session(**(fields | changes))


def differences() -> Iterator[Difference]:
    """Yield every known difference."""
    yield from _accounts()
    yield from _startale_accounts()
    yield from _addresses()
    yield from _sessions()
    yield from _signatures()
    yield from _grants()


def _accounts() -> Iterator[Difference]:
    word = int.from_bytes(OWNABLE_VALIDATOR, "big")
    for kind, theirs, why in (
        (NEXUS, word << 32, "puts the validator where Nexus expects the lane: `ValidatorNotInstalled`"),
        (KERNEL, word << 16, "names the root validator (type 0x00) on Kernel: `InvalidSignature`"),
    ):
        argument = {"account": an_account(kind, ACCOUNT), "validator": text(OWNABLE_VALIDATOR)}
        question = Question(MODULE_SDK, "encodeValidatorNonce", [argument])
        ours = big(nonce_key(kind, OWNABLE_VALIDATOR, 0))
        yield Difference(question, big(theirs), ours, why, "the layout each account was seen to read")
    module = {"address": text(SMART_SESSION), "initData": "0x", "type": "validator"}
    argument = {"account": an_account(KERNEL, ACCOUNT), "module": module}
    yield Difference(
        Question(MODULE_SDK, "encodeModuleInstallationData", [argument]),
        Anything,
        text(install_validator_call(KERNEL, SMART_SESSION)),
        "grants the validator no function on Kernel: operations of sessions revert `InvalidValidator`",
        "grants `execute`",
    )


def _startale_accounts() -> Iterator[Difference]:
    last, domain = 2**24 - 1, AccountDomain("Startale", "1.0.0", ChainId(1), ACCOUNT)
    argument = {
        "owner": {"$signer": text(b"\x01" * 32)},
        "accountAddress": text(ACCOUNT),
        "lanes": [{"key": big(last), "moduleAddress": text(SMART_SESSION)}],
    }
    yield Difference(
        Question(STARTALE_SDK, "toStartaleSmartAccount", [argument], "keys"),
        [text(nonce_key(STARTALE, SMART_SESSION, 0).to_bytes(24, "big"))],
        [text(nonce_key(STARTALE, SMART_SESSION, last).to_bytes(24, "big"))],
        "counts lanes modulo 2^24 - 1: the last lane is the first",
        "has all 2^24 lanes",
    )
    module = Module(SMART_SESSION, b"\x01")
    yield Difference(
        Question(
            STARTALE_SDK,
            "makeInstallDataAndHash",
            [text(ACCOUNT), [{"type": "validator", "config": "0x01"}]],
            "1",
        ),
        Anything,
        text(module_enable_digest(domain, module, Hash32(bytes(32)))),
        "leaves operation, module type and chain out of the hash: the account takes no signature of it",
        "signs what the account checks, for one module and one operation",
    )


def _addresses() -> Iterator[Difference]:
    yield Difference(
        Question(MODULE_SDK, "OWNABLE_VALIDATOR_ADDRESS"),
        text(OWNABLE_VALIDATOR_V0),
        text(OWNABLE_VALIDATOR),
        "the constant is the first build, `getOwnableValidator` the current one; they want other signatures",
        "one address everywhere; the flavour of the signature follows the address",
    )
    yield Difference(
        Question(STARTALE_SDK, "OWNABLE_VALIDATOR_ADDRESS"),
        text(OWNABLE_VALIDATOR_BETA),
        text(OWNABLE_VALIDATOR),
        "sessions are validated by the beta build, which wants personal-message signatures",
        "makes sessions with the current build, and signs for all three",
    )
    credential = {"pubKey": {"x": big(POINT.x), "y": big(POINT.y)}, "authenticatorId": "id"}
    yield Difference(
        Question(MODULE_SDK, "getWebAuthnValidator", [credential], "address"),
        "0x7ab16ff354acb328452f1d445b3ddee9a91e9e69",
        text(WEB_AUTHN_VALIDATOR),
        "the validator is one that cannot validate sessions (no `validateSignatureWithData`)",
        "the one that can, with its own init data",
    )
    yield Difference(
        Question(RHINESTONE_SESSIONS, "getPolicyData", [{"type": "usage-limit", "limit": "1n"}], "policy"),
        "0x1f34ef8311345a3a4a4566af321b313052f51493",
        text(usage_limit.ADDRESS),
        "policies are those of the earlier deployment; TimeFrame has 32 bytes there",
        "the current deployment; of the earlier one it knows TimeFrame alone",
    )
    yield Difference(
        Question(RHINESTONE_SESSIONS, "SMART_SESSION_EMISSARY_ADDRESS"),
        Anything,
        text(SMART_SESSION),
        "sessions live on an emissary behind a hosted orchestrator",
        "sessions live on SmartSession and are used through any ERC-4337 bundler",
    )


def _sessions() -> Iterator[Difference]:
    selector = keccak256(b"setpermitERC4337Paymaster(bytes32,bool)")[:4]
    yield Difference(
        Question(MODULE_SDK, "setPermit4337Paymaster of the ABI"),
        text(selector),
        text(SET_PERMIT_PAYMASTER),
        "the ABI misspells `setPermit4337Paymaster`: the call reverts",
        "`permit_paymaster_call` has the contract's selector",
    )
    low, high = _owners_in_another_order_as_text()
    arguments = [{"threshold": 1, "owners": [str(low), str(high)]}]
    yield Difference(
        Question(MODULE_SDK, "encodeValidationData", arguments),
        text(encode(["uint256", "address[]"], [1, [high, low]])),
        text(owners_init_data(1, [low, high])),
        "owners are sorted as text, capitals first: with checksums the validator refuses every signature",
        "owners are sorted as numbers, and any other order is refused",
    )
    rights = ERC7739Data((ERC7739Context(Hash32(b"\x02" * 32), ("Mail",)),))
    session = a_session(erc7739_policies=rights)
    form = forms.session(session)
    (content,) = form["erc7739Policies"]["allowedERC7739Content"]
    content["contentNames"] = content.pop("contentName")
    yield Difference(
        Question(MODULE_SDK, "getEnableSessionsAction", [{"sessions": [form]}], "data"),
        Failed,
        text(enable_sessions_call([session])),
        "refuses the contract's own field name `contentNames`; it knows the typed data's `contentName` alone",
        "reads both",
    )
    yield Difference(
        Question(RHINESTONE_SESSIONS, "getSessionData", [_passkey_session()], "sessionValidatorInitData"),
        Anything,
        text(encode_passkey(PasskeyData(POINT, use_precompile=False))),
        "one passkey takes 384 bytes, of which SmartSession keeps 320 and reverts",
        "a 320-byte encoding that the contract decodes to the same",
    )


def _signatures() -> Iterator[Difference]:
    session = a_session(actions=(ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, ()),))
    digest = ChainDigest(ChainId(1), session_digest(session, ACCOUNT, SMART_SESSION, 0, Mode.ENABLE))
    answers = {"getSessionDigest": text(digest.session_digest)}
    argument = {
        "sessions": [forms.session(session)],
        "account": an_account(NEXUS, ACCOUNT),
        "clients": [{"$client": {"chainId": 1, "answers": answers}}],
        "sessionNonces": ["0n"],
    }
    yield Difference(
        Question(MODULE_SDK, "getEnableSessionDetails", [argument], "permissionEnableHash"),
        Anything,
        text(multichain_digest([digest])),
        "the hash denies fallback and admin actions unless told of them: the owner signs what is refused",
        "reads both flags off the session",
    )
    wrapped = enable_owner_signature(STARTALE, Address(bytes(20)), _SIGNATURE)
    enable = EnableSession(0, (digest,), session, wrapped)
    yield Difference(
        Question(MODULE_SDK, "encodeSmartSessionSignature", [_enabling(session, digest)]),
        Failed("Unsupported account type: startale"),
        text(enable_signature(enable, _SIGNATURE)),
        "knows no Startale account, and Startale's SDK passes this function on",
        "wraps and nests the owner's signature as the account's built-in validator wants it",
    )


def _grants() -> Iterator[Difference]:
    limit = policy_data(SpendingLimits((TokenLimit(TOKEN, 5),)))
    wanted = {"type": "erc20-token-transfer", "data": {"address": text(TOKEN), "allowance": "5n"}}
    yield Difference(
        Question(MODULE_SDK, "getPermissions", [{"permissions": [wanted]}], "userOpPolicies"),
        [forms.policy(limit)],
        [],
        "puts a spending limit among the policies on operations: `UnsupportedPolicy` when it is enabled",
        "spending limits guard actions; `sessions new` makes the actions too",
    )
    frame = TimeFrame(*map(_second, (1, 2)))
    request = {
        "sessionPublicKey": text(KEY),
        "salt": text(bytes(32)),
        "sessionValidUntil": frame.valid_until,
        "actionPoliciesInfo": [
            {"contractAddress": text(TOKEN), "functionSelector": "0xa9059cbb", "validUntil": 2}
        ],
    }
    pick = "sessions.0.actions.0.actionPolicies.1.policy"
    yield Difference(
        Question(STARTALE_SDK, "smartSessionCreateActions", [1, [request], False], pick),
        text(sudo.ADDRESS),
        None,
        "an action asked for without rules may do everything (SudoPolicy)",
        "no session made here has SudoPolicy; the lint refuses it on what moves value",
    )
    session = {"chain": {"id": 8453}, "owners": {"type": "ecdsa", "accounts": [{"address": text(KEY)}]}}
    yield Difference(
        Question(RHINESTONE_SESSIONS, "getSessionData", [session], "actions.0.actionTarget"),
        text(PSEUDO_TARGET),
        None,
        "a session without actions may call anything, and sign anything off chain",
        "such a session may do nothing",
    )


def _second(number: int) -> Any:  # noqa: ANN401 - Timestamp is an int
    return number


def _passkey_session() -> Form:
    account = {"type": "webAuthn", "publicKey": text(POINT.encoded)}
    return {"chain": {"id": 8453}, "owners": {"type": "passkey", "accounts": [account]}}


def _enabling(session: Session, digest: ChainDigest) -> Form:
    enable = {
        "chainDigestIndex": 0,
        "hashesAndChainIds": [
            {"chainId": big(digest.chain_id), "sessionDigest": text(digest.session_digest)}
        ],
        "sessionToEnable": forms.session(session),
        "permissionEnableSig": text(_SIGNATURE),
    }
    data = {"enableSession": enable, "validator": text(OWNABLE_VALIDATOR), "accountType": "startale"}
    return {
        "mode": "0x01",
        "permissionId": text(bytes(32)),
        "signature": text(_SIGNATURE),
        "enableSessionData": data,
    }


def _owners_in_another_order_as_text() -> tuple[Address, Address]:
    ends = [bytes(18) + bytes([n]) for n in range(64)]
    pairs = ((Address(b"\xaa" + end), Address(b"\xbb" + other)) for end, other in product(ends, ends))
    return next((low, high) for low, high in pairs if str(low) > str(high))
