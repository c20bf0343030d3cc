"""An enable grant as the JSON document that is kept beside its session's file."""

from collections.abc import Mapping
from typing import Any

from agent.domain.units import UINT256_MAX, ChainId, Hash32, bytes_from_hex, hex_from_bytes
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.enabling import EnableGrant

_FIELDS = frozenset({
    "mode", "nonce", "chain_digest_index", "hashes_and_chain_ids", "permission_enable_signature",
    "after_removal",
})  # fmt: skip
UINT64_MAX = 2**64 - 1
_MODES = {"enable": Mode.ENABLE, "unsafe-enable": Mode.UNSAFE_ENABLE}


def enable_grant_to_json(enable: EnableGrant) -> dict[str, Any]:
    """Write an enable grant so that `enable_grant_from_json` reads the same one."""
    return {
        "mode": next(name for name, mode in _MODES.items() if mode is enable.mode),
        "nonce": str(enable.nonce),
        "chain_digest_index": enable.chain_digest_index,
        "hashes_and_chain_ids": [
            {"chain_id": item.chain_id, "session_digest": str(item.session_digest)}
            for item in enable.hashes_and_chain_ids
        ],
        "permission_enable_signature": hex_from_bytes(enable.permission_enable_signature),
        "after_removal": enable.after_removal,
    }


def enable_grant_from_json(form: object) -> EnableGrant:
    """Read an enable grant; raise ValueError saying what is wrong."""
    if not isinstance(form, Mapping) or set(form) != _FIELDS:
        raise ValueError(f"expected the fields {', '.join(sorted(_FIELDS))}")
    try:
        found = EnableGrant(
            mode=_MODES[form["mode"]],
            nonce=_whole(form["nonce"], UINT256_MAX),
            chain_digest_index=_whole(form["chain_digest_index"], UINT64_MAX),
            hashes_and_chain_ids=tuple(map(_chain_digest, form["hashes_and_chain_ids"])),
            permission_enable_signature=bytes_from_hex(form["permission_enable_signature"]),
            after_removal=_flag(form["after_removal"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        # The cause is dropped: it may quote the signature.
        raise ValueError("a value is of another kind") from None
    if not 0 <= found.chain_digest_index < len(found.hashes_and_chain_ids):
        raise ValueError(
            f"entry {found.chain_digest_index} of {len(found.hashes_and_chain_ids)} is not there"
        )
    if not found.permission_enable_signature:
        raise ValueError("the signature is empty")
    return found


def _chain_digest(form: Mapping[str, Any]) -> ChainDigest:
    return ChainDigest(ChainId(_whole(form["chain_id"], UINT64_MAX)), Hash32.from_hex(form["session_digest"]))


def _whole(value: object, most: int) -> int:
    # An int of Python also takes 1.9, True and "1_0".
    is_text = isinstance(value, str) and value.isascii() and value.isdigit()
    if not is_text and type(value) is not int:
        raise TypeError
    number = int(value)  # type: ignore[call-overload]  # a text of digits or an int by now
    if not 0 <= number <= most:
        raise ValueError
    return int(number)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value
