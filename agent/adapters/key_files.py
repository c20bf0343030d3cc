"""The folder of an operator's key files."""

from pathlib import Path

from agent.adapters.key_file import KeyFileError, read_descriptor, read_private
from agent.adapters.signer_keystore import create_keystore, keystore_address, open_keystore
from agent.adapters.signer_passkey import create_passkey, open_passkey, passkey_point
from agent.adapters.signer_raw import DEVNET, create_raw_key, only_on_devnet, open_raw_key
from agent.definitions.fields import PasswordSource
from agent.definitions.records import KeyDefinition
from agent.domain.p256 import P256Point
from agent.domain.units import Address, ChainId
from agent.ports import SessionSigner
from agent.telemetry.secrets import REDACTOR

KEYSTORE_SUFFIX = ".json"
RAW_SUFFIX = ".key"
PASSKEY_SUFFIX = ".pem"
SUFFIXES = (KEYSTORE_SUFFIX, PASSKEY_SUFFIX, RAW_SUFFIX)


class LocalKeyFiles:
    """Keystores, passkeys and raw keys on this machine's disk."""

    def new_keystore(self, path: Path, password: bytes, *, light: bool) -> Address:
        return create_keystore(path.with_suffix(KEYSTORE_SUFFIX), password, light=light)

    def new_raw(self, path: Path, chain_id: ChainId) -> Address:
        return create_raw_key(path.with_suffix(RAW_SUFFIX), chain_id)

    def new_passkey(self, path: Path, password: bytes) -> P256Point:
        return create_passkey(path.with_suffix(PASSKEY_SUFFIX), password)

    def new_raw_passkey(self, path: Path, chain_id: ChainId) -> P256Point:
        only_on_devnet(chain_id)
        return create_passkey(path.with_suffix(PASSKEY_SUFFIX), None)

    def listing(self, folder: Path) -> tuple[Path, ...]:
        if not folder.is_dir():
            return ()
        return tuple(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES))

    def address(self, path: Path) -> Address:
        if path.suffix == RAW_SUFFIX:
            return open_raw_key(path, DEVNET, None).address
        if path.suffix == PASSKEY_SUFFIX:
            return passkey_point(path).address
        return keystore_address(path)

    def proven_address(self, path: Path, password: bytes) -> Address:
        if path.suffix == PASSKEY_SUFFIX:
            return open_passkey(path, password, None).address
        return open_keystore(path, password, None).address

    def password(self, file: Path | None, descriptor: int | None) -> bytes:
        if file is not None:
            content = read_private(file)
        elif descriptor is not None:
            content = read_descriptor(descriptor)
        else:
            raise KeyFileError("no password given", "name --password-file FILE or --password-fd N")
        password = without_line_break(content)
        if not password:
            raise KeyFileError("the password is empty", "write one into the file")
        REDACTOR.register(password)
        return password


def without_line_break(content: bytes) -> bytes:
    """Return a file's text without the one line break an editor leaves at its end."""
    return content.removesuffix(b"\n").removesuffix(b"\r")


def open_signer(
    key: KeyDefinition, root: Path, chain_id: ChainId, descriptor: int | None = None
) -> SessionSigner:
    """Open a configured key for one chain; raises KeyFileError, WrongPassword, WrongKey.

    `descriptor` holds the password instead of the configured source; a relative password file starts at
    `root`. Decrypting a strong keystore takes about a second.
    """
    if key.raw is not None:
        return open_raw_key(key.raw, chain_id, key.address)
    if key.passkey is not None and key.password is None:
        only_on_devnet(chain_id)
        return open_passkey(key.passkey, None, key.address)
    password = _password(key, root, descriptor)
    if key.passkey is not None:
        return open_passkey(key.passkey, password, key.address)
    if key.keystore is None:
        raise KeyFileError(f"key {key.name} names no keystore, no passkey and no raw file")
    return open_keystore(key.keystore, password, key.address)


def _password(key: KeyDefinition, root: Path, descriptor: int | None) -> bytes:
    source = key.password or PasswordSource()
    if descriptor is None:
        descriptor = source.descriptor
    file = root / source.file if source.file is not None and descriptor is None else None
    return LocalKeyFiles().password(file, descriptor)
