"""Raw key files: 0x and 64 digits, for the local devnet alone."""

import secrets
from pathlib import Path

from agent.adapters.key_file import KeyFileError, read_private, write_private
from agent.adapters.signer_local import LocalSigner, signer_for
from agent.domain.units import Address, ChainId, bytes_from_hex
from agent.telemetry.secrets import REDACTOR

DEVNET = ChainId(31337)


def open_raw_key(path: Path, chain_id: ChainId, expected: Address | None) -> LocalSigner:
    """Open a raw key file; raises KeyFileError, WrongKey."""
    only_on_devnet(chain_id)
    content = read_private(path)
    REDACTOR.register(content.strip())
    try:
        secret = bytes_from_hex(content.decode("ascii").strip())
    except ValueError:
        raise KeyFileError(f"{path} is not 0x and 64 hex digits") from None
    return signer_for(secret, str(path), expected)


def create_raw_key(path: Path, chain_id: ChainId) -> Address:
    """Make a new key and write it; raises KeyFileError."""
    only_on_devnet(chain_id)
    secret = secrets.token_bytes(32)
    address = signer_for(secret, str(path), None).address
    write_private(path, f"0x{secret.hex()}\n".encode())
    return address


def only_on_devnet(chain_id: ChainId) -> None:
    """Raise KeyFileError on every chain where a key that nothing protects would matter."""
    if chain_id != DEVNET:
        raise KeyFileError(
            f"unprotected key files are for chain {DEVNET} alone, this is chain {chain_id}",
            "make one with a password: sessionkeeper keys new --name NAME --password-file FILE",
        )
