"""Take an owner's signature in: check it as the module will, and only then keep it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.commands.enable_request import Chains, EnableRequest, Owned
from agent.definitions.session_validators import owner_of
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, EntryPointRejected, Refused
from agent.domain.signatures import SIGNATURE_LENGTH, V_OFFSET, recover_signer
from agent.domain.units import ZERO_ADDRESS, Address, Gas, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.accounts import ACCOUNT_KINDS, enable_owner_signature
from agent.erc7579.execution import encode_execute
from agent.erc7579.typed_data_sign import TypedContents, typed_data_sign_signature
from agent.pipeline.context import ChainContext
from agent.pipeline.validate import ask_module
from agent.smart_sessions.digest import DOMAIN_SEPARATOR, MULTI_CHAIN_SESSION, Mode, multichain_hash
from agent.smart_sessions.enabling import EnableGrant
from agent.smart_sessions.signature import first_use_signature
from agent.smart_sessions.typed_data import Entry

IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")
"""`isValidSignature(bytes32,bytes)`, and what it answers to a good one (ERC-1271)."""
NO_ACTION = Address(bytes(19) + b"\x02")
"""A target that no session names."""
AFTER_ENABLING = frozenset(map(bytes.fromhex, ("1c792c05", "3b577361", "f4270752")))
"""NoPoliciesSet, PolicyViolation, PolicyCheckReverted: the session was enabled, and then asked."""


class EnableRefused(Refused):
    """The account, or the module, does not take the signature."""

    code = "enable_signature_refused"
    remedy = (
        "name every session that was signed for; let the account's owner sign: sessions grant --typed-data"
    )


class EnableNonceMoved(Refused):
    """The signature was good once: a session was enabled or its signatures were revoked since."""

    code = "enable_nonce_moved"
    remedy = "let the owner sign anew: sessionkeeper sessions grant --typed-data"


class UnsafeEnable(Refused):
    """The owner signed for the mode that skips the module registry."""

    code = "unsafe_enable"
    remedy = "let the owner sign for mode ENABLE: sessionkeeper sessions grant --typed-data"


class ModuleMissing(Refused):
    """The account cannot use the session before it has the module."""

    code = "module_not_installed"
    remedy = "let the owner install the SmartSession module first: sessionkeeper sessions grant"


@dataclass(frozen=True, slots=True)
class Imported:
    """A session with the signature that its account took."""

    session: SessionDefinition
    """Its `enable` is the new one."""
    enable: EnableGrant


async def imported(chains: Chains, request: EnableRequest, signature: bytes) -> tuple[Imported, ...]:
    """Return every session of the request with the signature as its account wants it.

    Raises EnableRefused, EnableNonceMoved, UnsafeEnable, ModuleMissing, ChainUnavailable.
    """
    found = []
    for index, owned in enumerate(request.owned):
        session, chain = owned.session, chains[owned.session.chain_id]
        if not owned.readiness.is_installed:
            raise ModuleMissing(f"{session.account} has no module {session.smart_session}")
        wrapped = await _accepted(chain, request, owned, signature)
        if wrapped is None:
            raise await _refusal(chain, request, owned, signature)
        enable = EnableGrant(
            mode=Mode.ENABLE,
            nonce=request.entries[index].nonce,
            chain_digest_index=index,
            hashes_and_chain_ids=request.chain_digests,
            permission_enable_signature=wrapped,
            after_removal=owned.readiness.was_enabled,
        )
        await _require_module_agrees(chain, session, enable)
        found.append(Imported(replace(session, enable=enable), enable))
    return tuple(found)


async def _accepted(
    chain: ChainContext, request: EnableRequest, owned: Owned, signature: bytes
) -> bytes | None:
    """Return the signature in the form that the account takes; None when it takes none."""
    session = owned.session
    for wrapped in dict.fromkeys(_wrappings(request, owned, signature)):
        call = _is_valid_signature_call(request.digest, wrapped)
        try:
            # The module asks, and some validators look at who does.
            answer = await chain.reader.call(session.account, call, "latest", sender=session.smart_session)
        except ChainReverted:
            continue
        if answer[:4] == IS_VALID_SIGNATURE:
            return wrapped
    return None


def _wrappings(request: EnableRequest, owned: Owned, signature: bytes) -> Iterator[bytes]:
    kind = ACCOUNT_KINDS[owned.session.account_kind]
    contents = TypedContents(DOMAIN_SEPARATOR, multichain_hash(request.chain_digests), MULTI_CHAIN_SESSION)
    plain = _with_full_v(signature)
    for validator in (*owned.validators, ZERO_ADDRESS):
        yield enable_owner_signature(kind, validator, plain)
        yield enable_owner_signature(kind, validator, typed_data_sign_signature(contents, plain))
    # Wrapped already, by the wallet of the account.
    yield signature


def _with_full_v(signature: bytes) -> bytes:
    # Some wallets and hardware keys answer with the bare recovery id.
    if len(signature) == SIGNATURE_LENGTH and signature[64] < 2:
        return signature[:64] + bytes([signature[64] + V_OFFSET])
    return signature


def _is_valid_signature_call(digest: Hash32, signature: bytes) -> bytes:
    size = len(signature).to_bytes(32, "big")
    return (
        IS_VALID_SIGNATURE
        + digest
        + (64).to_bytes(32, "big")
        + size
        + signature
        + bytes(-len(signature) % 32)
    )


async def _refusal(chain: ChainContext, request: EnableRequest, owned: Owned, signature: bytes) -> Refused:
    """Find out what the signature was made for."""
    name, entries = owned.session.name, request.entries
    unsafe = request.varied(replace(entry, mode=Mode.UNSAFE_ENABLE) for entry in entries)
    if await _accepted(chain, unsafe, owned, signature):
        return UnsafeEnable(f"{name}: the owner signed for mode UNSAFE_ENABLE")
    for earlier in _with_earlier_nonces(entries):
        if await _accepted(chain, request.varied(earlier), owned, signature):
            nonces = ", ".join(str(entry.nonce) for entry in earlier)
            wanted = ", ".join(str(entry.nonce) for entry in entries)
            return EnableNonceMoved(f"{name}: signed for nonce {nonces}, the chain asks for {wanted}")
    return EnableRefused(f"{name}: {owned.session.account} does not take it; {_signer(request, signature)}")


def _with_earlier_nonces(entries: Sequence[Entry]) -> Iterable[tuple[Entry, ...]]:
    """Yield the message as it was one enabling ago, for each entry alone."""
    for index, entry in enumerate(entries):
        if entry.nonce > 0:
            yield (*entries[:index], replace(entry, nonce=entry.nonce - 1), *entries[index + 1 :])


def _signer(request: EnableRequest, signature: bytes) -> str:
    try:
        signer = recover_signer(request.signed_hash, _with_full_v(signature))
    except ValueError:
        return "it is no signature of a single key"
    return f"if it is for this message, {signer} made it"


async def _require_module_agrees(
    chain: ChainContext, session: SessionDefinition, enable: EnableGrant
) -> None:
    """Have the module enable the session in a simulation; raise EnableRefused with its reason.

    The operation calls what no session allows: enabled, the module refuses that and nothing else.
    """
    stub = owner_of(session.session).stub
    operation = UserOperation(
        sender=session.account,
        nonce=0,
        call_data=encode_execute([Call(NO_ACTION, Wei(0), b"")]),
        call_gas_limit=Gas(0),
        verification_gas_limit=Gas(0),
        pre_verification_gas=Gas(0),
        max_fee_per_gas=Wei(0),
        max_priority_fee_per_gas=Wei(0),
        signature=first_use_signature(enable.enable(session.session), stub, enable.mode),
    )
    head = await chain.reader.block("latest")
    try:
        await ask_module(chain.reader, session.smart_session, operation, Hash32(bytes(32)), head)
    except EntryPointRejected as error:
        if error.inner_data[:4] not in AFTER_ENABLING:
            raise EnableRefused(f"{session.name}: the module does not enable it: {error}") from None
