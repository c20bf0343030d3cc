"""I6: no secret in anything that a run wrote."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.acceptance.oracle.finding import Finding


def examine_outputs(folder: Path, secrets: Mapping[str, str], allowed: Mapping[str, str]) -> list[Finding]:
    """Look for secrets, by name, in every file of a run; `allowed` names the one file that may hold each.

    A secret in hex is looked for as bytes and in base64 too.
    """
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [
        item for file in files for item in _in_file(file, str(file.relative_to(folder)), secrets, allowed)
    ]


def _in_file(
    file: Path, name: str, secrets: Mapping[str, str], allowed: Mapping[str, str]
) -> Iterator[Finding]:
    content = file.read_bytes()
    for secret, text in secrets.items():
        if name != allowed.get(secret) and any(form in content.lower() for form in _lower(text)):
            yield Finding("I6", "", name, f"holds the {secret}")
        elif name != allowed.get(secret) and any(form in content for form in _exact(text)):
            yield Finding("I6", "", name, f"holds the {secret} in another form")


def _lower(text: str) -> tuple[bytes, ...]:
    return (text.removeprefix("0x").lower().encode(),)


def _exact(text: str) -> tuple[bytes, ...]:
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = text.encode()
    # Where base64 begins inside of longer data nobody knows: its middle is the same in one of three.
    padded = [base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)]
    return (raw, repr(raw)[2:-1].encode(), *padded)
