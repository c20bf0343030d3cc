"""Keys in geth keystore files (Web3 Secret Storage, version 3)."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from agent.adapters.key_file import KeyFileError, read_private, write_private
from agent.adapters.signer_local import LocalSigner, signer_for
from agent.domain.errors import ConfigError
from agent.domain.units import Address

SCRYPT_STRONG = 2**18
"""geth's standard: 256 MiB and about a second."""
SCRYPT_LIGHT = 2**12
"""geth's light mode: 4 MiB, for tests and the devnet."""
SCRYPT_MAX = 2**20


class WrongPassword(ConfigError):
    """The password does not open the keystore."""

    code = "key_password"
    remedy = "check the password file; a trailing line break does not count"


def open_keystore(path: Path, password: bytes, expected: Address | None) -> LocalSigner:
    """Decrypt a keystore; raises KeyFileError, WrongPassword, WrongKey."""
    document = _parse(path, read_private(path))
    try:
        with _recursion_limit_kept():
            from eth_account import Account

            secret = bytes(Account.decrypt(document, _text(password)))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise WrongPassword(f"the password does not open {path}") from None
        raise KeyFileError(f"{path} is not a version 3 keystore") from None
    except (KeyError, TypeError, NotImplementedError):
        raise KeyFileError(f"{path} is not a version 3 keystore") from None
    return signer_for(secret, str(path), expected)


def create_keystore(path: Path, password: bytes, *, light: bool = False) -> Address:
    """Make a new key and write it encrypted; raises KeyFileError."""
    secret = secrets.token_bytes(32)
    address = signer_for(secret, str(path), None).address
    with _recursion_limit_kept():
        from eth_account import Account

        document = Account.encrypt(
            secret, _text(password), kdf="scrypt", iterations=SCRYPT_LIGHT if light else SCRYPT_STRONG
        )
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")
    return address


def keystore_address(path: Path) -> Address:
    """Return the address a keystore names, without opening it; raises KeyFileError."""
    address = _parse(path, read_private(path)).get("address")
    try:
        return Address.from_hex("0x" + str(address).removeprefix("0x"))
    except ValueError:
        raise KeyFileError(f"{path} names no address") from None


def _text(password: bytes) -> str:
    try:
        return password.decode()
    except UnicodeDecodeError:
        raise WrongPassword("the password is not UTF-8 text") from None


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        # Unlike json it refuses deep nesting by itself, whatever the recursion limit is.
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise KeyFileError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise KeyFileError(f"{path} is not a keystore")
    _check_work(path, document)
    return document


def _check_work(path: Path, document: dict[str, Any]) -> None:
    crypto = document.get("crypto", document.get("Crypto"))
    parameters = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    work = parameters.get("n", 0) if isinstance(parameters, dict) else 0
    if not isinstance(work, int) or work > SCRYPT_MAX:
        raise KeyFileError(f"{path} asks for scrypt n={work}, the most is {SCRYPT_MAX}")


@contextmanager
def _recursion_limit_kept() -> Iterator[None]:
    # py_ecc, which eth_account imports, raises the limit to 100,000 for the whole process:
    # a deeply nested file would then cost seconds instead of one clean error.
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
