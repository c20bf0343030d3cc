"""Rules about the session's keys, its salt and its validator's data."""

from collections.abc import Iterator

from agent.domain.session import Session
from agent.domain.units import ZERO_ADDRESS, Address, ChainId
from agent.smart_sessions.lint.finding import Finding, refuse, warn
from agent.smart_sessions.lint.owners import OWNABLE_VALIDATORS, owners_of
from agent.smart_sessions.lint.subject import Subject
from agent.smart_sessions.management import MAX_VALIDATOR_DATA
from agent.smart_sessions.signature import MAX_OWNERS

LOCAL_CHAINS = frozenset((ChainId(31_337), ChainId(1_337)))
# The keys that anvil, hardhat and ganache print at start: everybody has them.
TEST_KEYS = frozenset(
    map(
        Address.parse,
        (
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
            "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
            "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
            "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
            "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
            "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
            "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
            "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
            "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1",
        ),
    )
)


def shared_key(subject: Subject) -> Iterator[Finding]:
    """L29: a key that many places trust, that owns the account, or that everybody has."""
    for key in _addresses(subject):
        if key in TEST_KEYS and subject.chain_id not in LOCAL_CHAINS:
            yield refuse("L29", f"everybody has the key of {key}", "make one: sessionkeeper keys new NAME")
        if subject.on_chain is not None and key in subject.on_chain.owner_keys:
            sentence = f"the session key {key} owns the account: no session limits it"
            yield refuse("L29", sentence, "make a key for the session alone: sessionkeeper keys new NAME")
        others = sorted(item.name for item in subject.neighbours if key in _keys_of(item.session))
        if others:
            sentence = f"the key {key} also signs for {', '.join(others)}: if it leaks, all of them do"
            yield warn("L29", sentence, "make a key for each session: sessionkeeper keys new NAME")
    if subject.purpose is not None and subject.purpose.jobs > 1:
        sentence = f"{subject.purpose.jobs} jobs share the session and its limits"
        yield warn("L29", sentence, "name another session in each job")


def salt(subject: Subject) -> Iterator[Finding]:
    """L30: a salt that does not make the session its own."""
    own = subject.session.salt
    if not any(own):
        sentence = "the salt is zero: the next session of this key has the same id"
        yield warn("L30", sentence, "take a random salt, as sessions new does")
    twins = sorted(item.name for item in subject.neighbours if item.session.salt == own)
    if twins:
        sentence = f"{', '.join(twins)} has the same salt: with the same key it is the same session"
        yield warn("L30", sentence, "take a random salt, as sessions new does")


def signers(subject: Subject) -> Iterator[Finding]:
    """L31: nobody has to sign, or somebody else may."""
    owners = subject.owners
    if owners is None:
        return
    if owners.threshold == 0:
        yield refuse("L31", "0 signatures are asked for, 1 is the least", "set the threshold to 1 or more")
    foreign = [key for key in owners.addresses if subject.own_keys and key not in subject.own_keys]
    if foreign:
        sentence = f"{', '.join(map(str, foreign))} may sign and is no key of this configuration"
        yield refuse("L31", sentence, "take foreign keys out of the session validator's data")


def owners(subject: Subject) -> Iterator[Finding]:
    """L37: a list of owners that the validator mistakes, or that can never sign."""
    found = subject.owners
    if found is None:
        if subject.session.session_validator in OWNABLE_VALIDATORS:
            sentence = "the session validator's data is no threshold and list of owners"
            yield refuse("L37", sentence, "encode (uint256 threshold, address[] owners)")
        return
    listed, count = found.addresses, len(found.addresses)
    remedy = "list distinct owners in ascending order, at most seven, with a threshold among them"
    if ZERO_ADDRESS in listed:
        sentence = "the zero address is an owner: a broken signature counts as its own"
        yield refuse("L37", sentence, remedy)
    if list(listed) != sorted(set(listed)):
        yield refuse("L37", "the owners do not ascend or repeat: nobody could ever sign", remedy)
    if not 1 <= found.threshold <= count:
        yield refuse("L37", f"{found.threshold} signatures are asked of {count} owners", remedy)
    if count > MAX_OWNERS:
        yield refuse("L37", f"there are {count} owners, {MAX_OWNERS} fit", remedy)


def data_size(subject: Subject) -> Iterator[Finding]:
    """L38: validator data that the module cannot store."""
    size = len(subject.session.session_validator_init_data)
    if size > MAX_VALIDATOR_DATA:
        sentence = f"the session validator's data has {size} bytes, {MAX_VALIDATOR_DATA} fit"
        yield refuse("L38", sentence, "use fewer owners, or the short encoding of a passkey")


def _addresses(subject: Subject) -> tuple[Address, ...]:
    return subject.owners.addresses if subject.owners else ()


def _keys_of(session: Session) -> frozenset[Address]:
    found = owners_of(session)
    return frozenset(found.addresses if found else ())
