"""Who owns a random session, and the right and wrong ways to sign for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from eth_abi.abi import encode

from agent.devnet.accounts import address_of, sign_digest
from agent.domain.keccak import keccak256
from agent.domain.units import Address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
STRANGER = keccak256(b"nobody's session")
_KEYS = tuple(keccak256(f"session owner {number}".encode()) for number in range(12))
_ADDRESSES = {key: address_of(key) for key in _KEYS}


@dataclass(frozen=True, slots=True)
class Owners:
    """The keys of a session in the order of their addresses, and how many must sign."""

    keys: tuple[bytes, ...] = field(repr=False)
    threshold: int
    listed: tuple[Address, ...]
    """As the init data has them, which may be an order that no validator takes."""

    @property
    def init_data(self) -> bytes:
        """Encode (threshold, owners), also what could never sign."""
        return encode(["uint256", "address[]"], [self.threshold, self.listed])


def random_owners(random: Random) -> Owners:
    """Return one key mostly, else a threshold of several; rarely one that nobody can meet."""
    count = random.choice((1, 1, 1, 1, 2, 3, 3, 5, 7))
    keys = tuple(sorted(random.sample(_KEYS, count), key=_ADDRESSES.__getitem__))
    listed = tuple(_ADDRESSES[key] for key in keys)
    threshold = random.randint(1, count)
    if random.random() < 0.02:
        threshold = random.choice((0, count + 1))
    if random.random() < 0.02:
        listed = listed[::-1]
    return Owners(keys, threshold, listed)


Signing = Callable[[Owners, bytes], bytes]
"""Makes the inner signature over a hash."""


def good(owners: Owners, digest: bytes) -> bytes:
    """Sign with as many owners as must."""
    return b"".join(sign_digest(key, digest) for key in owners.keys[: owners.threshold])


def last_owners(owners: Owners, digest: bytes) -> bytes:
    """Sign with other owners, in descending order: any will do."""
    return b"".join(sign_digest(key, digest) for key in owners.keys[::-1][: owners.threshold])


def longer(owners: Owners, digest: bytes) -> bytes:
    """Append a signature and some bytes that nobody reads."""
    return good(owners, digest) + sign_digest(STRANGER, digest) + b"\x01\x02"


def high_s(owners: Owners, digest: bytes) -> bytes:
    """Give the malleable twin of each signature."""
    return b"".join(_twin(sign_digest(key, digest)) for key in owners.keys[: owners.threshold])


def stranger(owners: Owners, digest: bytes) -> bytes:
    """Let somebody else sign in place of the first owner."""
    return sign_digest(STRANGER, digest) + good(owners, digest)[65:]


def first_twice(owners: Owners, digest: bytes) -> bytes:
    """Let one owner sign for all."""
    return sign_digest(owners.keys[0], digest) * owners.threshold


def other_hash(owners: Owners, digest: bytes) -> bytes:
    """Sign another operation."""
    return good(owners, keccak256(digest))


def prefixed(owners: Owners, digest: bytes) -> bytes:
    """Sign as a wallet does (ERC-191), with the v that says so."""
    digest = keccak256(b"\x19Ethereum Signed Message:\n32" + digest)
    pieces = [sign_digest(key, digest) for key in owners.keys[: owners.threshold]]
    return b"".join(piece[:64] + bytes([piece[64] + 4]) for piece in pieces)


def too_short(owners: Owners, digest: bytes) -> bytes:
    """Leave the last byte out."""
    return good(owners, digest)[:-1]


def bad_v(owners: Owners, digest: bytes) -> bytes:
    """Recover to nobody."""
    return sign_digest(owners.keys[0], digest)[:64] + b"\x1d" + good(owners, digest)[65:]


def contract_v(owners: Owners, digest: bytes) -> bytes:
    """Claim to be a contract's signature; no owner has code."""
    return bytes(64) + b"\x00" + good(owners, digest)[65:]


def empty(_owners: Owners, _digest: bytes) -> bytes:
    """Give nothing."""
    return b""


RIGHT: tuple[Signing, ...] = (good, good, good, good, last_owners, longer, high_s, prefixed)
WRONG: tuple[Signing, ...] = (stranger, first_twice, other_hash, too_short, bad_v, contract_v, empty)


def _twin(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
