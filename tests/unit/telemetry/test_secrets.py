import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.telemetry.secrets import MASK, Redactor, mask_url, without_secrets

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
PASSWORD = 'p"a\\ss wörd\n'


def masked(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        KEY[2:],
        KEY[2:].upper(),
        str(int(KEY, 16)),
        repr(bytes.fromhex(KEY[2:])),
        base64.b64encode(bytes.fromhex(KEY[2:])).decode(),
    ],
)
def test_key_is_masked_in_every_form(shown: str) -> None:
    redacted = masked(KEY).redact_text(f"before {shown} after")

    assert MASK in redacted
    assert shown.strip("b'=") not in redacted
    assert redacted.startswith("before ")


@pytest.mark.parametrize(
    "shown",
    [
        PASSWORD,
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        repr(PASSWORD),
        repr(PASSWORD.encode()),
        quote(PASSWORD, safe=""),
        base64.b64encode(PASSWORD.encode()).decode(),
        PASSWORD.encode().hex(),
    ],
)
def test_password_is_masked_in_every_form(shown: str) -> None:
    assert masked(PASSWORD).redact_text(shown).strip("\"'b=") == MASK


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_what_hex_stands_for_is_masked_and_keeps_its_length(case: Callable[[str], str]) -> None:
    told = f"no credit on {PASSWORD} of https://me:hunter22@node".encode()
    stars = f"no credit on {'*' * len(PASSWORD.encode())} of https://{'*' * len('me:hunter22')}@node".encode()

    shown = masked(PASSWORD).redact_hex(f"AA23 reverted 0x{case(told.hex())}: really")

    assert shown == f"AA23 reverted 0x{stars.hex()}: really"


def test_the_bytes_that_a_hex_key_stands_for_are_masked_too() -> None:
    word = "11" * 4 + KEY[2:] + "22" * 4
    assert masked(KEY).redact_hex("0x" + word) == "0x" + "11" * 4 + "2a" * 32 + "22" * 4


def test_hex_that_stands_for_no_secret_stays_as_it_is() -> None:
    text = f"0x{'Ab' * 40} 0x1 0x {'00' * 40} 0x123456789a"
    # Its digits are those of a secret; the bytes are not.
    assert masked("12345678").redact_hex(text) == text


@given(st.text(min_size=6, max_size=40, alphabet=st.characters(codec="utf-8")), st.text())
def test_no_rendered_json_holds_a_registered_value(secret: str, around: str) -> None:
    redacted = masked(secret).redact(json.dumps({"x": around + secret}).encode())

    assert json.dumps(secret)[1:-1].encode() not in redacted.replace(MASK.encode(), b"")


def test_longer_secret_is_masked_whole_when_a_shorter_one_begins_it() -> None:
    assert masked("abcdef", "abcdefghij").redact_text("abcdefghij") == MASK


def test_short_value_is_left_alone() -> None:
    assert masked("abc").redact_text("abc") == "abc"


@pytest.mark.parametrize(
    ("url", "credential"),
    [
        ("https://rpc.example/v2/s3cr3t-ap1-key-0123", "s3cr3t-ap1-key-0123"),
        ("https://rpc.example/?apikey=s3cr3t-ap1-key-0123", "s3cr3t-ap1-key-0123"),
        ("https://operator:s3cr3t-ap1-key-0123@rpc.example/", "s3cr3t-ap1-key-0123"),
    ],
)
def test_credentials_of_a_url_are_masked_anywhere(url: str, credential: str) -> None:
    redactor = Redactor()
    redactor.register_url(url)

    assert credential not in redactor.redact_text(f"cannot connect to {url}: path {credential}")


def test_names_in_a_path_stay_readable() -> None:
    redactor = Redactor()
    redactor.register_url("https://rpc.example/ethereum/mainnet/")
    redactor.register_url("sqlite:////var/lib/sessionkeeper/journal-of-everything.db")

    text = "ethereum mainnet /var/lib/sessionkeeper/journal-of-everything.db"
    assert redactor.redact_text(text) == text


def test_password_of_a_database_is_masked_anywhere() -> None:
    redactor = Redactor()
    redactor.register_url("postgresql://agent:hunter22@db/journal")

    assert redactor.redact_text("hunter22 of agent in journal") == "**** of agent in journal"


def test_user_and_password_of_an_unknown_url_are_masked() -> None:
    text = "postgresql+psycopg://agent:hunter2@db:5432/journal is down"

    assert Redactor().redact_text(text) == "postgresql+psycopg://****@db:5432/journal is down"


def test_url_field_shows_scheme_and_host_alone() -> None:
    fields = without_secrets(
        {"rpc_url": "https://u:p@rpc.example:8443/v2/key?x=y", "url": "http://127.0.0.1:8545"}
    )

    assert fields == {"rpc_url": "https://rpc.example:8443", "url": "http://127.0.0.1:8545"}
    assert mask_url("wss://host/path") == "wss://host"


@pytest.mark.parametrize(
    "name", ["private_key", "privateKey", "password", "key_password", "API_KEY", "authorization"]
)
def test_field_named_like_a_secret_is_masked_at_any_depth(name: str) -> None:
    fields = without_secrets({"outer": {"list": [{name: "x"}]}, name: "x"})

    assert fields == {"outer": {"list": [{name: MASK}]}, name: MASK}


@pytest.mark.parametrize("name", ["nonce_key", "limit_key", "signature", "user_op_hash", "key_file"])
def test_field_that_is_no_secret_is_shown(name: str) -> None:
    assert without_secrets({name: "0x01"}) == {name: "0x01"}
