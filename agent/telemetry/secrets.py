"""The last filter before anything is printed: names that hold secrets, and secret values themselves."""

import base64
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

MASK = "****"
SHORTEST = 6
"""Shorter values are not masked: they would blot out half of every line."""
SHORTEST_IN_QUERY = 8
SHORTEST_IN_PATH = 16
"""A path also holds names, such as the chain's, which are to be read."""
_SECRET_NAME = re.compile(
    r"private_?key|secret|password|passphrase|mnemonic|seed_phrase|api_?key|authorization|cookie|credential",
    re.IGNORECASE,
)
_URL_NAME = re.compile(r"(^|_)ur[li]$", re.IGNORECASE)
_HEX_DATA = re.compile(r"\b0x((?:[0-9a-fA-F]{2})+)\b")
# A name and a password before the host, in any text.
_URL_USER = re.compile(rb"([a-z][a-z0-9+.-]{0,20}://)([^\s/@\"'<>\\]+)@", re.IGNORECASE)


class Redactor:
    """Knows secret values and takes them out of rendered text in every form they may have there."""

    def __init__(self) -> None:
        self._forms: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None

    def register(self, secret: str | bytes) -> None:
        """Mask this value from now on; values under six characters are left alone."""
        text = secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
        raw = secret if isinstance(secret, bytes) else secret.encode()
        if len(raw) < SHORTEST:
            return
        self._forms |= _forms(text, raw)
        # Longest first, or the rest of a long secret would stay behind its masked beginning.
        ordered = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, ordered)))

    def register_url(self, url: str) -> None:
        """Mask a URL's password and, for HTTP, what else may be a key: long path segments, query values."""
        parts = urlsplit(url)
        candidates = [parts.password or ""]
        if parts.scheme in ("http", "https", "ws", "wss"):
            values = [value for _, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
            candidates += [
                parts.username or "",
                *(value for value in values if len(value) >= SHORTEST_IN_QUERY),
            ]
            candidates += [part for part in parts.path.split("/") if len(part) >= SHORTEST_IN_PATH]
        for candidate in candidates:
            self.register(candidate)
            self.register(unquote(candidate))

    def redact(self, rendered: bytes) -> bytes:
        """Return the text with every registered value and every URL's credentials masked."""
        if b"://" in rendered:
            rendered = _URL_USER.sub(rb"\1" + MASK.encode() + b"@", rendered)
        if self._pattern is None:
            return rendered
        return self._pattern.sub(MASK.encode(), rendered)

    def redact_text(self, text: str) -> str:
        """Do the same to a string."""
        return self.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def redact_hex(self, text: str) -> str:
        """Mask what the hex in a text stands for; it keeps its length, so that it decodes as before."""
        return _HEX_DATA.sub(self._blotted, text)

    def _blotted(self, found: re.Match[str]) -> str:
        data = bytes.fromhex(found[1])
        kept = _URL_USER.sub(lambda user: user[1] + _stars(user[2]) + b"@", data)
        if self._pattern is not None:
            kept = self._pattern.sub(lambda secret: _stars(secret[0]), kept)
        return found[0] if kept == data else "0x" + kept.hex()


REDACTOR = Redactor()
"""The one of this process: a secret is a secret whoever prints it."""


def mask_url(url: str) -> str:
    """Return scheme and host of a URL, the only parts that are never secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def without_secrets(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields with those masked whose name says they are secret, at any depth."""
    return {name: _masked(name, value) for name, value in fields.items()}


def _masked(name: str, value: object) -> object:
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str) and _URL_NAME.search(name):
        return mask_url(value)
    if isinstance(value, Mapping):
        return {key: _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(name, item) for item in value]
    return value


def _stars(secret: bytes) -> bytes:
    return b"*" * len(secret)


def _forms(text: str, raw: bytes) -> set[bytes]:
    hexadecimal = text.removeprefix("0x") if _is_hex(text) else raw.hex()
    forms = {
        raw,
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        repr(text)[1:-1].encode(),
        repr(raw)[2:-1].encode(),
        quote(text, safe="").encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        hexadecimal.lower().encode(),
        hexadecimal.upper().encode(),
    }
    if _is_hex(text):
        key = bytes.fromhex(hexadecimal)
        forms |= {key, str(int(hexadecimal, 16)).encode(), repr(key)[2:-1].encode(), base64.b64encode(key)}
    return {form for form in forms if len(form) >= SHORTEST}


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"(0x)?([0-9a-fA-F]{2}){16,}", text) is not None
