"""A session signer whose key is in this process."""

from agent.adapters.key_file import KeyFileError
from agent.adapters.session_key import SessionKey
from agent.domain.errors import ConfigError
from agent.domain.units import Address, Hash32


class WrongKey(ConfigError):
    """The key file holds the key of another address."""

    code = "key_address"
    remedy = "name the right file, or correct `address` if the owner granted the session to the other one"

    def __init__(self, where: str, expected: Address, actual: Address) -> None:
        super().__init__(f"{where} holds the key of {actual}, the configuration expects {expected}")
        self.expected = expected
        self.actual = actual


class LocalSigner:
    """Signs in this process; one signature takes some 30 microseconds, so no thread is used."""

    __slots__ = ("_key",)

    def __init__(self, key: SessionKey) -> None:
        self._key = key

    @property
    def address(self) -> Address:
        return self._key.address

    async def sign_hash(self, user_op_hash: Hash32) -> bytes:
        return self._key.sign(user_op_hash)

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"


def signer_for(secret: bytes, where: str, expected: Address | None) -> LocalSigner:
    """Make the signer of a secret; raises WrongKey when it is not the expected address's."""
    try:
        key = SessionKey(secret)
    except ValueError:
        # The cause is dropped: a library may quote the secret in it.
        raise KeyFileError(f"{where} holds no valid secp256k1 key") from None
    # A key with a digit missing is a valid key of a stranger.
    if expected is not None and key.address != expected:
        raise WrongKey(where, expected, key.address)
    return LocalSigner(key)
