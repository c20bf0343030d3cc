"""A threshold of ECDSA keys under OwnableValidator; one key is one of one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.keccak import keccak256
from agent.domain.signatures import SIGNATURE_LENGTH, recover_signer
from agent.domain.units import Address, Gas, Hash32
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0
from agent.smart_sessions.owners.owner import Probe, SessionValidator, require_kept, validate_signature_call
from agent.smart_sessions.signature import FLAVOURS, SignatureFlavour, owners_init_data, signed_hash

_R = bytes.fromhex("b4d8aa580d8befeda7a73aed101e34ff8385da94fd4c2dfbadb11f3ef62edcd3")
_S = 0x6C5263EBA18B60349B39A96BFBA0EBC57AE5CA0676E3A5C4B37DD6D92080F8CC
_GAS_PER_FURTHER_KEY = Gas(2_000)
"""Owners take the validator further than strangers, to count them; recovering costs the same."""
_PROBE_HASH = Hash32(keccak256(b"which hash does this validator recover from?"))


@dataclass(frozen=True, slots=True)
class ThresholdOwner:
    """Keys of which `threshold` must sign; ascending, unique, never zero."""

    threshold: int
    keys: tuple[Address, ...]
    flavour: SignatureFlavour

    @property
    def stub(self) -> bytes:
        """Signatures by different strangers: validators revert on one that cannot be recovered."""
        return _strangers(self.threshold)

    @property
    def verification_gas(self) -> Gas:
        return Gas(_GAS_PER_FURTHER_KEY * (self.threshold - 1))

    @property
    def probes(self) -> tuple[Probe, ...]:
        return tuple(
            Probe(flavour.value, _probe_call(flavour), replace(self, flavour=flavour))
            for flavour in SignatureFlavour
        )

    def digest(self, user_op_hash: Hash32, key: Address) -> Hash32:
        return signed_hash(user_op_hash, self.flavour)

    def assemble(self, user_op_hash: Hash32, parts: Mapping[Address, bytes]) -> bytes:
        """Concatenate as many signatures as the threshold asks for, in the order of the owners."""
        pieces = [parts[key] for key in self.keys if key in parts]
        if len(pieces) < self.threshold:
            raise ValueError(f"{len(pieces)} owners signed, the threshold is {self.threshold}")
        return b"".join(pieces[: self.threshold])

    def prove(self, user_op_hash: Hash32, inner: bytes) -> None:
        """Recover every signer; bytes beyond the threshold, which the validator ignores, are refused."""
        expected = SIGNATURE_LENGTH * self.threshold
        if len(inner) != expected:
            raise ValueError(f"the signature has {len(inner)} bytes, {self.threshold} owners make {expected}")
        digest = signed_hash(user_op_hash, self.flavour)
        signers = [
            recover_signer(digest, inner[start : start + SIGNATURE_LENGTH])
            for start in range(0, expected, SIGNATURE_LENGTH)
        ]
        for signer in signers:
            if signer not in self.keys:
                raise ValueError(f"the signature recovers to {signer}, who is no owner of the session")
        if len(set(signers)) < self.threshold:
            raise ValueError("an owner signed twice and counts once")


@lru_cache(maxsize=4_096)
def owner_from(flavour: SignatureFlavour, init_data: bytes) -> ThresholdOwner:
    """Decode owners; raise ValueError for a set that enables and then never works, or works for strangers."""
    require_kept(init_data)
    try:
        threshold, owners = decode(["uint256", "address[]"], init_data)
    except (DecodingError, OverflowError) as error:
        raise ValueError("the init data holds no threshold and owners") from error
    keys = tuple(map(Address.from_hex, owners))
    if owners_init_data(threshold, keys) != init_data:
        raise ValueError("the init data holds more than a threshold and owners")
    return ThresholdOwner(threshold, keys, flavour)


@cache
def _strangers(count: int) -> bytes:
    return b"".join(map(_nobodys_signature, range(count)))


def _nobodys_signature(index: int) -> bytes:
    # Every s gives this r another key, and nobody has it.
    return _R + (_S + index).to_bytes(32, "big") + b"\x1b"


@cache
def _probe_call(flavour: SignatureFlavour) -> bytes:
    """Ask with the owner whom a signature of nobody's recovers to, if this is the flavour."""
    signature = _nobodys_signature(0)
    owner = recover_signer(signed_hash(_PROBE_HASH, flavour), signature)
    return validate_signature_call(_PROBE_HASH, signature, owners_init_data(1, [owner]))


VALIDATORS = tuple(
    SessionValidator(name, address, partial(owner_from, FLAVOURS[address]))
    for name, address in (
        ("ownable", OWNABLE_VALIDATOR),
        ("ownable-beta", OWNABLE_VALIDATOR_BETA),
        ("ownable-v0", OWNABLE_VALIDATOR_V0),
    )
)
"""Every build, with the flavour it was seen to want until a node is asked."""
