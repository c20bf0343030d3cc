"""Every session of an account, rebuilt from the chain alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.commands.account_kind import kind_on_chain
from agent.commands.session_grantings import Grantings, granting_calldata
from agent.commands.session_words import FUNCTIONS
from agent.definitions.records import Definitions
from agent.definitions.session_validators import owner_of
from agent.domain.call import Call
from agent.domain.session import Session
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.pipeline.session_reading import granted_sessions, read_together, with_paymaster_flags
from agent.ports import CallFailed, ChainReader
from agent.smart_sessions.addresses import SMART_SESSION, SMART_SESSION_PREVIOUS
from agent.smart_sessions.compare import differences
from agent.smart_sessions.discovery import Hints, discovery
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.granting_calldata import sessions_in
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.on_chain import Location
from agent.smart_sessions.rebuild import Rebuilt, Source, rebuilt_from_state
from agent.smart_sessions.session_reads import read_plan
from agent.smart_sessions.views import permission_ids_call, words


@dataclass(frozen=True, slots=True)
class SessionsFound:
    """The sessions of one account at one block."""

    chain_id: ChainId
    account: Address
    account_kind: str | None
    """As the account itself says; None for one the agent does not know."""
    block_number: int
    sessions: tuple[Rebuilt, ...]
    hints: Hints
    names: Mapping[Hash32, str]
    """Of sessions that a file has, by permission id."""
    keys: Mapping[Hash32, tuple[str, ...]]
    """Names of the keys that sign, by permission id; left out where the files lack one."""
    notes: tuple[str, ...] = ()
    """What kept the search from being complete."""


async def sessions_on_chain(
    reader: ChainReader, account: Address, definitions: Definitions, from_block: int
) -> SessionsFound:
    """Return every session of the account that is enabled on any known module; raise ChainUnavailable.

    Those that no file has are looked for in the transactions that granted them, from `from_block` on.
    """
    head = await reader.block("latest")
    hints = hints_of(definitions, reader.chain_id)
    places = await _enabled(reader, account, _modules(definitions, reader.chain_id), head.number)
    rebuilt = await _as_granted(reader, places, hints.sessions, Source.FILE, head.number)
    missing = [place for place in places if place not in rebuilt]
    grantings = Grantings()
    if missing:
        grantings = await granting_calldata(reader, missing, from_block, head.number)
        told = [session for data in grantings.calldata for session in sessions_in(data, account)]
        hints = hints.with_sessions(told)
        rebuilt |= await _as_granted(reader, missing, told, Source.CALLDATA, head.number)
    missing = [place for place in missing if place not in rebuilt]
    rebuilt |= await _from_state(reader, missing, hints, head.number)
    found = tuple(rebuilt[place] for place in places)
    return SessionsFound(
        chain_id=reader.chain_id,
        account=account,
        account_kind=await kind_on_chain(reader, account, head.number),
        block_number=head.number,
        sessions=found,
        hints=hints,
        names=_names(definitions, reader.chain_id, account),
        keys=_keys(definitions, found),
        notes=grantings.notes,
    )


def hints_of(definitions: Definitions, chain_id: ChainId) -> Hints:
    """Return what the files know that a chain keeps as hashes only."""
    known = [item.session for item in definitions.sessions.values() if item.chain_id == chain_id]
    chain = definitions.chains[chain_id]
    tokens = [token.address for token in chain.tokens.values() if token.address is not None]
    return Hints(tuple(known), tuple(tokens), tuple(FUNCTIONS))


def _names(definitions: Definitions, chain_id: ChainId, account: Address) -> dict[Hash32, str]:
    return {
        item.permission_id: item.name
        for item in definitions.sessions.values()
        if (item.chain_id, item.account) == (chain_id, account)
    }


def _keys(definitions: Definitions, found: Iterable[Rebuilt]) -> dict[Hash32, tuple[str, ...]]:
    names = {key.address: name for name, key in definitions.keys.items()}
    keys: dict[Hash32, tuple[str, ...]] = {}
    for item in found:
        try:
            owner = None if item.session is None else owner_of(item.session)
        except ValueError:
            # A validator that the agent cannot sign for.
            continue
        if owner is not None and all(key in names for key in owner.keys):
            keys[item.found.location.permission_id] = tuple(names[key] for key in owner.keys)
    return keys


def _modules(definitions: Definitions, chain_id: ChainId) -> tuple[Address, ...]:
    used = [item.smart_session for item in definitions.sessions.values() if item.chain_id == chain_id]
    return tuple(dict.fromkeys((SMART_SESSION, SMART_SESSION_PREVIOUS, *used)))


async def _enabled(
    reader: ChainReader, account: Address, modules: Sequence[Address], block: int
) -> list[Location]:
    answers = await reader.calls(
        [Call(item, Wei(0), permission_ids_call(account)) for item in modules], block
    )
    return [
        Location(module, account, permission)
        for module, answer in zip(modules, answers, strict=True)
        for permission in _permissions(answer)
    ]


def _permissions(answer: bytes | CallFailed) -> tuple[Hash32, ...]:
    try:
        # A module without code on this chain answers nothing.
        return () if isinstance(answer, CallFailed) else words(answer)
    except ValueError:
        return ()


async def _as_granted(
    reader: ChainReader,
    places: Sequence[Location],
    sessions: Iterable[Session],
    source: Source,
    block: int,
) -> dict[Location, Rebuilt]:
    """Return those places whose session is exactly one of these; of several the last one."""
    by_id: dict[bytes, list[Session]] = {}
    for session in dict.fromkeys(sessions):
        by_id.setdefault(permission_id(session), []).append(session)
    pairs = [(place, session) for place in places for session in by_id.get(place.permission_id, ())]
    plans = [read_plan(_grant(reader.chain_id, place, session)) for place, session in pairs]
    seen = await with_paymaster_flags(reader, await granted_sessions(reader, plans, block), block)
    return {
        place: Rebuilt(found, source, session)
        for (place, session), found in zip(pairs, seen, strict=True)
        if found.permit_paymaster is not None and not differences(session, found)
    }


async def _from_state(
    reader: ChainReader, places: Sequence[Location], hints: Hints, block: int
) -> Mapping[Location, Rebuilt]:
    readings = [discovery(place, hints.members) for place in places]
    seen = await with_paymaster_flags(reader, await read_together(reader, readings, block), block)
    return {found.location: rebuilt_from_state(found, hints) for found in seen}


def _grant(chain_id: ChainId, place: Location, session: Session) -> Grant:
    return Grant(chain_id, place.smart_session, place.account, place.permission_id, session)
