"""Making session keys and looking at them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.domain.errors import AgentError, ConfigError, NotFound
from agent.domain.p256 import P256Point
from agent.domain.units import Address, ChainId

_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


class KeyFiles(Protocol):
    """Where keys are kept. Every method raises ConfigError for a file that is missing, malformed or open."""

    def new_keystore(self, path: Path, password: bytes, *, light: bool) -> Address:
        """Make a key in a keystore; `path` has no suffix."""
        ...

    def new_raw(self, path: Path, chain_id: ChainId) -> Address:
        """Make a bare key, on the devnet alone; `path` has no suffix."""
        ...

    def new_passkey(self, path: Path, password: bytes) -> P256Point:
        """Make an encrypted passkey; `path` has no suffix."""
        ...

    def new_raw_passkey(self, path: Path, chain_id: ChainId) -> P256Point:
        """Make a passkey without a password, on the devnet alone; `path` has no suffix."""
        ...

    def listing(self, folder: Path) -> tuple[Path, ...]:
        """Return the key files of a folder."""
        ...

    def address(self, path: Path) -> Address:
        """Return the address a key file names."""
        ...

    def proven_address(self, path: Path, password: bytes) -> Address:
        """Open a keystore and return its key's address."""
        ...

    def password(self, file: Path | None, descriptor: int | None) -> bytes:
        """Read a password from a private file or an open descriptor."""
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key on disk; `problem` says why it cannot be used."""

    name: str
    path: Path
    address: Address | None
    problem: str = ""
    public_key: P256Point | None = None
    """Of a passkey just made."""


def new_keystore(
    files: KeyFiles,
    folder: Path,
    name: str,
    password_file: Path | None,
    password_fd: int | None,
    *,
    light: bool,
) -> KeyFile:
    """Make a key in a keystore under this name."""
    _check(name)
    password = files.password(password_file, password_fd)
    address = files.new_keystore(folder / name, password, light=light)
    return KeyFile(name, folder / f"{name}.json", address)


def new_raw_key(files: KeyFiles, folder: Path, name: str, chain_id: ChainId) -> KeyFile:
    """Make a bare key under this name; raises ConfigError on every chain but the devnet."""
    _check(name)
    address = files.new_raw(folder / name, chain_id)
    return KeyFile(name, folder / f"{name}.key", address)


def new_passkey(
    files: KeyFiles,
    folder: Path,
    name: str,
    password_file: Path | None,
    password_fd: int | None,
) -> KeyFile:
    """Make a P-256 key, encrypted, under this name."""
    _check(name)
    point = files.new_passkey(folder / name, files.password(password_file, password_fd))
    return KeyFile(name, folder / f"{name}.pem", point.address, public_key=point)


def new_raw_passkey(files: KeyFiles, folder: Path, name: str, chain_id: ChainId) -> KeyFile:
    """Make a P-256 key without a password; raises ConfigError on every chain but the devnet."""
    _check(name)
    point = files.new_raw_passkey(folder / name, chain_id)
    return KeyFile(name, folder / f"{name}.pem", point.address, public_key=point)


def keys_in(files: KeyFiles, folder: Path) -> tuple[KeyFile, ...]:
    """Return every key of the folder, unusable ones with their problem."""
    return tuple(_looked_at(files, path) for path in files.listing(folder))


def key_named(files: KeyFiles, folder: Path, name: str) -> KeyFile:
    """Return the key of this name; raises NotFound."""
    found = [path for path in files.listing(folder) if path.stem == name]
    if not found:
        raise NotFound(f"there is no key {name!r} in {folder}")
    return KeyFile(name, found[0], files.address(found[0]))


def stanza(key: KeyFile, relative_to: Path, password_file: Path | None, *, protected: bool = True) -> str:
    """Return the lines of sessionkeeper.yaml that name the key."""
    where = _shown(key.path, relative_to)
    lines = ["keys:", f"  {key.name}:", f'    address: "{key.address}"']
    if key.path.suffix == ".key":
        return "\n".join([*lines, f"    raw: {where}"])
    source = f"file:{_shown(password_file, relative_to)}" if password_file else "file:PATH"
    password = f"    password: {source}"
    if key.public_key is None:
        return "\n".join([*lines, f"    keystore: {where}", password])
    lines += [f"    passkey: {where}", f'    public_key: "0x{key.public_key.encoded.hex()}"']
    return "\n".join([*lines, password] if protected else lines)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be a name: use 1 to 64 small letters, digits and dashes")


def _looked_at(files: KeyFiles, path: Path) -> KeyFile:
    try:
        return KeyFile(path.stem, path, files.address(path))
    except AgentError as error:
        return KeyFile(path.stem, path, None, str(error))


def _shown(path: Path, relative_to: Path) -> str:
    absolute, root = path.resolve(), relative_to.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
