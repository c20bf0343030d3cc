"""One WebAuthn passkey under WebAuthnValidator: a P-256 key that signs an assertion about the hash."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from eth_abi.abi import encode

from agent.domain.p256 import SIGNATURE_LENGTH, verifies, with_low_s
from agent.domain.units import Address, Gas, Hash32
from agent.smart_sessions.addresses import WEB_AUTHN_VALIDATOR
from agent.smart_sessions.owners.owner import Probe, SessionValidator
from agent.smart_sessions.owners.passkey_data import PasskeyData, decode_passkey

RELYING_PARTY = "sessionkeeper.invalid"
"""No validator checks origin or relying party; a name that no browser can be at keeps the key apart."""
_PRESENT_AND_VERIFIED = b"\x05"
_NO_COUNTER = bytes(4)
_TYPES = ["(bytes,string,uint256,uint256,uint256,uint256)[]"]
_STUB_HASH = Hash32(b"\xa5" * 32)
_STUB_SIGNATURE = with_low_s(int.from_bytes(b"\xa5" * 32, "big"), int.from_bytes(b"\x5a" * 32, "big"))
_R_OFFSET = 7 * 32
"""Of r in the encoded array: two words of array, one of its first item's offset, four of the item."""
_GAS_IN_LIBRARY = Gas(300_000)
_GAS_IN_PRECOMPILE = Gas(30_000)


@dataclass(frozen=True, slots=True)
class PasskeyOwner:
    """A passkey that alone may sign."""

    data: PasskeyData
    relying_party: str = RELYING_PARTY

    @property
    def keys(self) -> tuple[Address, ...]:
        return (self.data.point.address,)

    @property
    def threshold(self) -> int:
        return 1

    @property
    def stub(self) -> bytes:
        """An assertion about another hash: the validator says no at the challenge."""
        return _stub(self.relying_party)

    @property
    def verification_gas(self) -> Gas:
        """What the curve costs: the stub fails before it."""
        return _GAS_IN_PRECOMPILE if self.data.use_precompile else _GAS_IN_LIBRARY

    @property
    def probes(self) -> tuple[Probe, ...]:
        return ()

    def digest(self, user_op_hash: Hash32, key: Address) -> Hash32:
        """Return SHA-256 of what an authenticator signs: its own data and the hash of the client's."""
        client_data = _client_data(self.relying_party, user_op_hash)
        message = _authenticator_data(self.relying_party) + hashlib.sha256(client_data).digest()
        return Hash32(hashlib.sha256(message).digest())

    def assemble(self, user_op_hash: Hash32, parts: Mapping[Address, bytes]) -> bytes:
        """Return abi.encode(Auth[1]) around the key's r ‖ s."""
        (key,) = self.keys
        if len(parts.get(key, b"")) != SIGNATURE_LENGTH:
            raise ValueError(f"the passkey {key} did not sign")
        return _assertion(self.relying_party, user_op_hash, parts[key])

    def prove(self, user_op_hash: Hash32, inner: bytes) -> None:
        """Rebuild the assertion around r and s, and verify them under the point of the init data."""
        signature = inner[_R_OFFSET : _R_OFFSET + SIGNATURE_LENGTH]
        if len(signature) != SIGNATURE_LENGTH or inner != _assertion(
            self.relying_party, user_op_hash, signature
        ):
            raise ValueError("the signature is no assertion about this operation")
        (key,) = self.keys
        if not verifies(self.data.point, self.digest(user_op_hash, key), signature):
            raise ValueError(f"the signature is not the passkey's {key}")


@cache
def _stub(relying_party: str) -> bytes:
    return _assertion(relying_party, _STUB_HASH, _STUB_SIGNATURE)


def _assertion(relying_party: str, user_op_hash: Hash32, signature: bytes) -> bytes:
    client_data = _client_data(relying_party, user_op_hash)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    places = (client_data.index(b'"challenge"'), client_data.index(b'"type"'))
    assertion = (_authenticator_data(relying_party), client_data.decode(), *places, r, s)
    return encode(_TYPES, [[assertion]])


def _authenticator_data(relying_party: str) -> bytes:
    return hashlib.sha256(relying_party.encode()).digest() + _PRESENT_AND_VERIFIED + _NO_COUNTER


def _client_data(relying_party: str, user_op_hash: Hash32) -> bytes:
    challenge = base64.urlsafe_b64encode(user_op_hash).rstrip(b"=").decode()
    return (
        f'{{"type":"webauthn.get","challenge":"{challenge}",'
        f'"origin":"https://{relying_party}","crossOrigin":false}}'
    ).encode()


def owner_from(init_data: bytes) -> PasskeyOwner:
    """Decode a passkey; raise ValueError for init data under which it could never sign."""
    return PasskeyOwner(decode_passkey(init_data))


VALIDATORS = (SessionValidator("webauthn", WEB_AUTHN_VALIDATOR, owner_from),)
