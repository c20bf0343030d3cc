"""What one owner signs once, so that the first operations of sessions enable them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.commands.session_grant import SessionOver, SessionRevoked, grant_of
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, Refused
from agent.domain.keccak import keccak256
from agent.domain.typed_data import Document
from agent.domain.units import Address, ChainId, Hash32, Wei, hex_from_bytes
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.erc7579.enable_digest import ACCOUNT_DOMAIN, AccountDomain, owner_digest, read_account_domain
from agent.erc7579.modules import is_validator_installed_call
from agent.erc7579.owner_document import nested_document
from agent.pipeline.context import ChainContext
from agent.ports import CallFailed, ChainReader
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.digest import ChainDigest, multichain_preimage
from agent.smart_sessions.enabling import Readiness, readiness, readiness_reads
from agent.smart_sessions.signature import FLAVOURS, SignatureFlavour, signed_hash
from agent.smart_sessions.typed_data import MAX_ENTRIES, Entry, multichain_document

Chains = Mapping[ChainId, ChainContext]


class AlreadyEnabled(Refused):
    """The account has the session: a signature would start its counters anew, or be of no use."""

    code = "session_enabled"
    remedy = "it needs no signature; to change it: sessionkeeper sessions edit"


class SeveralSignatures(Refused):
    """No one message suits all accounts: some of them put their own name into what is signed."""

    code = "several_signatures"
    remedy = "ask for one signature after the other"


@dataclass(frozen=True, slots=True)
class Owned:
    """A session to be signed for, as the chain has it and its account."""

    session: SessionDefinition
    readiness: Readiness
    is_deployed: bool
    validators: tuple[Address, ...]
    """Owner validators of the agent's acquaintance that the account has."""
    domain: AccountDomain | None
    """The account's own; None for a kind that signs the message as it is."""

    @property
    def entry(self) -> Entry:
        """The session as the message names it."""
        item = self.session
        return Entry(item.chain_id, item.account, item.smart_session, item.session, self.readiness.nonce or 0)


@dataclass(frozen=True, slots=True)
class EnableRequest:
    """One message, for one signature."""

    owned: tuple[Owned, ...]
    """By chain, account and permission id: the order of names does not matter."""
    entries: tuple[Entry, ...]

    @property
    def chain_digests(self) -> tuple[ChainDigest, ...]:
        """What the module compares, entry by entry."""
        return tuple(entry.chain_digest for entry in self.entries)

    @property
    def digest(self) -> Hash32:
        """What the module asks the account about."""
        return Hash32(keccak256(multichain_preimage(self.chain_digests)))

    @property
    def signed_hash(self) -> Hash32:
        """What the owner's key signs."""
        first = self.owned[0]
        inner = owner_digest(ACCOUNT_KINDS[first.session.account_kind], self.digest, first.domain)
        return signed_hash(inner, self.flavour)

    @property
    def flavour(self) -> SignatureFlavour:
        """Whether the owner's validator wants the message's hash signed as a personal message."""
        found = {
            SignatureFlavour.RAW if not item.validators else FLAVOURS[item.validators[0]]
            for item in self.owned
            if item.domain is None
        }
        return SignatureFlavour.PERSONAL if found == {SignatureFlavour.PERSONAL} else SignatureFlavour.RAW

    @property
    def document(self) -> Document:
        """What the owner's wallet is given: typed data, or the personal message an old validator wants."""
        first = self.owned[0]
        if first.domain is not None:
            kind = ACCOUNT_KINDS[first.session.account_kind]
            return nested_document(kind, first.domain, multichain_preimage(self.chain_digests))
        if self.flavour is SignatureFlavour.PERSONAL:
            return {"method": "personal_sign", "message": hex_from_bytes(self.digest)}
        return multichain_document(self.entries)

    def varied(self, entries: Iterable[Entry]) -> "EnableRequest":
        """Return the request for other entries, to find out what a signature was made for."""
        return replace(self, entries=tuple(entries))


async def enable_request(chains: Chains, sessions: Sequence[SessionDefinition]) -> EnableRequest:
    """Return what the owner signs for all these sessions together.

    Raises SessionOver, SessionRevoked, AlreadyEnabled, SeveralSignatures, ChainUnavailable.
    """
    ordered = sorted(sessions, key=lambda item: (item.chain_id, item.account, item.permission_id))
    owned = tuple([await _owned(chains[item.chain_id], item) for item in ordered])
    _require_one_message(owned)
    return EnableRequest(owned, tuple(item.entry for item in owned))


async def _owned(chain: ChainContext, session: SessionDefinition) -> Owned:
    if session.revoked_at is not None:
        raise SessionRevoked(f"the session {session.name} was revoked at {session.revoked_at}")
    reader, grant = chain.reader, grant_of(session)
    head = await reader.block("latest")
    if session.expires_at is not None and session.expires_at <= head.timestamp:
        raise SessionOver(f"the session {session.name} ended at {session.expires_at}, it is {head.timestamp}")
    answers = await reader.calls(readiness_reads(grant), head.number)
    found = readiness(grant, [None if isinstance(item, CallFailed) else item for item in answers])
    if found.is_enabled:
        raise AlreadyEnabled(f"{session.name} is enabled on {session.account}")
    return Owned(
        session=session,
        readiness=found,
        is_deployed=bool(await reader.code(session.account, head.number)),
        validators=await _validators(reader, session.account, head.number),
        domain=await _domain(reader, session, head.number),
    )


async def _validators(reader: ChainReader, account: Address, block: int) -> tuple[Address, ...]:
    calls = [Call(account, Wei(0), is_validator_installed_call(validator)) for validator in FLAVOURS]
    answers = await reader.calls(calls, block)
    found = (
        validator
        for validator, answer in zip(FLAVOURS, answers, strict=True)
        if not isinstance(answer, CallFailed) and int.from_bytes(answer[:32], "big") == 1
    )
    return tuple(found) or (OWNABLE_VALIDATOR,)


async def _domain(reader: ChainReader, session: SessionDefinition, block: int) -> AccountDomain | None:
    if not ACCOUNT_KINDS[session.account_kind].nests_enable_digest:
        return None
    try:
        return read_account_domain(await reader.call(session.account, ACCOUNT_DOMAIN, block))
    except (ChainReverted, ValueError) as error:
        reason = f"{session.name}: what its owner signs depends on {session.account}, which says nothing"
        raise SeveralSignatures(reason) from error


def _require_one_message(owned: Sequence[Owned]) -> None:
    if len(owned) > MAX_ENTRIES:
        raise SeveralSignatures(f"{len(owned)} sessions, one message has room for {MAX_ENTRIES}")
    groups: dict[tuple[ChainId, Address] | None, list[str]] = {}
    for item in owned:
        place = None if item.domain is None else (item.session.chain_id, item.session.account)
        groups.setdefault(place, []).append(item.session.name)
    if len(groups) > 1:
        apart = " | ".join(" ".join(names) for names in groups.values())
        raise SeveralSignatures(f"{len(groups)} signatures are needed, for: {apart}")
