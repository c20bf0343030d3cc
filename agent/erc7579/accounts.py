"""What differs between ERC-7579 accounts, as data: nonce key layout and owner signature wrapping."""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, ChainId

NONCE_KEY_BITS = 192
VALIDATOR_BITS = 160
ACCOUNT_ID = bytes.fromhex("9cfd7cff")
NO_HOOK = Address.parse("0x0000000000000000000000000000000000000001")
"""Kernel's word for it; a real hook would make it demand executeUserOp, which SmartSession refuses."""


class EnableDigest(StrEnum):
    """What an owner key signs so that the account accepts the digest of an ENABLE signature."""

    RAW = "raw"
    KERNEL = "kernel"
    """The digest nested in the typed data `Kernel(bytes32 hash)` of the account."""
    PERSONAL_SIGN = "personal_sign"
    """The digest nested in the typed data `PersonalSign(bytes prefixed)` of the account (ERC-7739)."""


@dataclass(frozen=True, slots=True)
class AccountKind:
    """One account implementation.

    The 192-bit nonce key is `lane << lane_shift | validator << validator_shift | marker`.
    """

    name: str
    lane_bits: int
    lane_shift: int
    validator_shift: int
    marker: int = 0
    owner_key_is_zero: bool = False
    enable_prefix: bytes = b""
    root_enable_prefix: bytes | None = None
    enable_digest: EnableDigest = EnableDigest.RAW
    install_prefix: bytes = b""
    lists_validators: bool = True
    """Its validators are a linked list: uninstalling one names the one before."""
    module_enable_marker: int | None = None
    """Set in the nonce key, it lets an operation install its validator first."""
    account_id: str = ""
    """How the answer of `accountId()` starts."""

    @property
    def nests_enable_digest(self) -> bool:
        """Whether what the owner signs depends on the account's own typed-data domain."""
        return self.enable_digest is not EnableDigest.RAW


_NEXUS_ENABLE = 0x01 << 160

NEXUS = AccountKind(
    "nexus",
    lane_bits=24,
    lane_shift=168,
    validator_shift=0,
    module_enable_marker=_NEXUS_ENABLE,
    account_id="biconomy.nexus.",
)
STARTALE = AccountKind(
    "startale",
    lane_bits=24,
    lane_shift=168,
    validator_shift=0,
    # The built-in validator goes by the address zero; its own address would be refused.
    owner_key_is_zero=True,
    enable_digest=EnableDigest.PERSONAL_SIGN,
    module_enable_marker=_NEXUS_ENABLE,
    account_id="startale.smart-account.",
)
KERNEL = AccountKind(
    "kernel",
    lane_bits=16,
    lane_shift=0,
    validator_shift=16,
    marker=0x01 << 176,
    owner_key_is_zero=True,
    enable_prefix=b"\x01",
    root_enable_prefix=b"\x00",
    enable_digest=EnableDigest.KERNEL,
    install_prefix=bytes(NO_HOOK),
    lists_validators=False,
    account_id="kernel.",
)
SAFE7579 = AccountKind(
    "safe7579", lane_bits=32, lane_shift=0, validator_shift=32, account_id="rhinestone.safe7579."
)
REFERENCE = AccountKind("reference", lane_bits=32, lane_shift=0, validator_shift=32, account_id="uMSA.")

ACCOUNT_KINDS = {kind.name: kind for kind in (NEXUS, STARTALE, KERNEL, SAFE7579, REFERENCE)}


def account_kind(account_id: str) -> AccountKind | None:
    """Return the kind that calls itself so in `accountId()`, None for one the agent does not know."""
    return next((kind for kind in ACCOUNT_KINDS.values() if account_id.startswith(kind.account_id)), None)


def nonce_key(kind: AccountKind, validator: Address, lane: int) -> int:
    """Return the nonce key of a lane; raise ValueError when it needs more bits than the account has free."""
    if not 0 <= lane < 1 << kind.lane_bits:
        raise ValueError(f"lane {lane} does not fit into the {kind.lane_bits} free bits of {kind.name}")
    word = int.from_bytes(validator, "big")
    return lane << kind.lane_shift | word << kind.validator_shift | kind.marker


def split_nonce_key(kind: AccountKind, key: int) -> tuple[Address, int]:
    """Return validator and lane; raise ValueError for a key in another mode of the account."""
    if not 0 <= key < 1 << NONCE_KEY_BITS:
        raise ValueError(f"nonce key {key:#x} does not fit into 192 bits")
    lane = key >> kind.lane_shift & ((1 << kind.lane_bits) - 1)
    validator = Address((key >> kind.validator_shift & ((1 << VALIDATOR_BITS) - 1)).to_bytes(20, "big"))
    if nonce_key(kind, validator, lane) != key:
        raise ValueError(f"{key:#x} is not a plain validation key of {kind.name}")
    return validator, lane


def owner_nonce_key(kind: AccountKind, owner_validator: Address) -> int:
    """Return the key under which the owner's own validator checks an operation."""
    return 0 if kind.owner_key_is_zero else nonce_key(kind, owner_validator, 0)


def derived_lane(kind: AccountKind, chain_id: ChainId, job_id: str) -> int:
    """Return the lane of a job: the low free bits of keccak256(chain id as 32 bytes ‖ job id in UTF-8).

    Derived, so that a lost database cannot give it to another job.
    """
    digest = keccak256(chain_id.to_bytes(32, "big") + job_id.encode())
    return int.from_bytes(digest, "big") & ((1 << kind.lane_bits) - 1)


def enable_owner_signature(kind: AccountKind, owner_validator: Address, signature: bytes) -> bytes:
    """Wrap an owner's signature as `permissionEnableSig`; the zero address names the built-in validator."""
    if kind.root_enable_prefix is not None and owner_validator == ZERO_ADDRESS:
        return kind.root_enable_prefix + signature
    return kind.enable_prefix + owner_validator + signature
