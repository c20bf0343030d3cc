"""The init data of WebAuthnValidator for one passkey.

The plain encoding of one credential takes 384 bytes, and SmartSession keeps 320. Solidity follows offsets
wherever they point, so these two encodings let words serve twice; a strict decoder refuses them.
"""

from dataclasses import dataclass

from agent.domain.keccak import keccak256
from agent.domain.p256 import P256Point
from agent.domain.units import Hash32
from agent.smart_sessions.owners.owner import MAX_INIT_DATA_BYTES, require_kept

ACCOUNT = 1
"""The word `account` is free as long as the credential's id is made with it; 1 serves twice."""
_IN_LIBRARY = (0, ACCOUNT, 0x80, 0xC0, 1, "id", 1, "x", "y", "uv")
_IN_PRECOMPILE = (0x20, ACCOUNT, 1, 0xE0, 0x80, 1, "x", "y", 1, "id")
"""`account` is also usePrecompile, and the length of the ids is also requireUV."""


@dataclass(frozen=True, slots=True)
class PasskeyData:
    """A passkey as a session's validator sees it."""

    point: P256Point
    use_precompile: bool
    """Whether P-256 is checked by the chain's precompile at 0x100 (RIP-7212) or by a library."""
    require_user_verification: bool = True

    @property
    def credential_id(self) -> Hash32:
        """keccak256(abi.encode(x, y, account))."""
        return Hash32(keccak256(self.point.encoded + ACCOUNT.to_bytes(32, "big")))


def encode_passkey(data: PasskeyData) -> bytes:
    """Encode WebAuthnValidator's init data for one passkey into 320 bytes.

    Raise ValueError for the one combination that has no such encoding.
    """
    if data.use_precompile and not data.require_user_verification:
        raise ValueError("with the precompile a passkey must verify its user: no shorter encoding exists")
    named = {
        "id": int.from_bytes(data.credential_id, "big"),
        "x": data.point.x,
        "y": data.point.y,
        "uv": int(data.require_user_verification),
    }
    layout = _IN_PRECOMPILE if data.use_precompile else _IN_LIBRARY
    words = [named[word] if isinstance(word, str) else word for word in layout]
    return b"".join(word.to_bytes(32, "big") for word in words)


def decode_passkey(init_data: bytes) -> PasskeyData:
    """Decode what `encode_passkey` makes; raise ValueError for anything else, of which most never works."""
    require_kept(init_data)
    if len(init_data) != MAX_INIT_DATA_BYTES:
        raise ValueError(f"{len(init_data)} bytes of init data, a passkey has {MAX_INIT_DATA_BYTES}")
    words = [int.from_bytes(init_data[start : start + 32], "big") for start in range(0, len(init_data), 32)]
    use_precompile = words[0] == _IN_PRECOMPILE[0]
    layout = _IN_PRECOMPILE if use_precompile else _IN_LIBRARY
    point = P256Point(words[layout.index("x")], words[layout.index("y")])
    data = PasskeyData(point, use_precompile, use_precompile or words[9] == 1)
    if encode_passkey(data) != init_data:
        raise ValueError("the init data holds no passkey, or its id is not made of its point")
    point.require_on_curve()
    return data
