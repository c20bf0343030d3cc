"""Sessions of several keys and of passkeys in the files, and validators that other packages bring."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.definitions.session_validators import available_validators, owner_of
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import ConfigError
from agent.domain.p256 import P256Point
from agent.domain.units import Address
from agent.smart_sessions.addresses import WEB_AUTHN_VALIDATOR
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.owners import VALIDATORS
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from agent.smart_sessions.signature import owners_init_data
from tests.unit.definitions.files import CONFIG, KEY, a_session, load_files, mistakes_in

OTHERS = (Address(b"\x11" * 20), Address(b"\x22" * 20))
NUMBERS = ec.derive_private_key(5, ec.SECP256R1()).public_key().public_numbers()
POINT = P256Point(NUMBERS.x, NUMBERS.y)
SEVERAL = CONFIG + "".join(
    f'  other-{number}:\n    address: "{address}"\n    raw: keys/{number}.hex\n'
    for number, address in enumerate(OTHERS)
)
PASSKEY = f"""\
  phone:
    address: "{POINT.address}"
    passkey: keys/phone.pem
    public_key: "0x{POINT.encoded.hex()}"
"""


def with_owner(validator: Address, init_data: bytes, *names: str) -> SessionDefinition:
    definition = a_session()
    session = replace(definition.session, session_validator=validator, session_validator_init_data=init_data)
    return replace(
        definition,
        session=session,
        permission_id=permission_id(session),
        key=names[0],
        cosigners=names[1:],
    )


def two_of_three(*names: str) -> SessionDefinition:
    owners = owners_init_data(2, sorted((KEY, *OTHERS)))
    return with_owner(a_session().session.session_validator, owners, *names)


def passkey_session() -> SessionDefinition:
    return with_owner(WEB_AUTHN_VALIDATOR, encode_passkey(PasskeyData(POINT, use_precompile=False)), "phone")


def codes(root: Path, session: SessionDefinition, config: str = SEVERAL) -> list[str]:
    found = mistakes_in(root, {"sessionkeeper.yaml": config, "sessions/alice.yaml": session_file(session)})
    return [mistake.code for mistake in found]


def test_a_session_names_several_keys(tmp_path: Path) -> None:
    session = two_of_three("worker", "other-0", "other-1")
    files = {"sessionkeeper.yaml": SEVERAL, "sessions/alice.yaml": session_file(session)}

    loaded = load_files(tmp_path, files).sessions["alice"]

    assert loaded.keys == ("worker", "other-0", "other-1")
    assert owner_of(loaded.session).threshold == 2


def test_as_many_keys_as_the_threshold_are_enough(tmp_path: Path) -> None:
    assert codes(tmp_path, two_of_three("other-1", "worker")) == []


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("worker",), "too_few_session_keys"),
        (("worker", "worker"), "duplicate_session_key"),
        (("worker", "missing"), "unknown_session_key"),
    ],
)
def test_keys_that_cannot_sign_together_are_refused(
    tmp_path: Path, names: tuple[str, ...], code: str
) -> None:
    assert codes(tmp_path, two_of_three(*names)) == [code]


def test_each_key_must_be_an_owner(tmp_path: Path) -> None:
    session = with_owner(
        a_session().session.session_validator, owners_init_data(1, [KEY]), "worker", "other-0"
    )

    assert codes(tmp_path, session) == ["session_of_other_key"]


def test_a_session_names_either_key_or_keys(tmp_path: Path) -> None:
    text = session_file(a_session())
    for wrong in (
        text.replace("key: worker\n", ""),
        text.replace("key: worker", "key: worker\nkeys: [worker]"),
    ):
        found = mistakes_in(tmp_path, {"sessions/alice.yaml": wrong})
        assert "session_key" in [mistake.code for mistake in found]


@pytest.mark.parametrize(
    ("validator", "init_data"),
    [
        (a_session().session.session_validator, owners_init_data(1, [KEY])[:-32]),
        (a_session().session.session_validator, bytes(32) + owners_init_data(1, [KEY])[32:]),
        (WEB_AUTHN_VALIDATOR, bytes(320)),
        (Address(b"\x99" * 20), owners_init_data(1, [KEY])),
    ],
    ids=["cut off", "threshold zero", "no passkey", "unknown validator"],
)
def test_a_session_nobody_can_sign_for_is_refused(
    tmp_path: Path, validator: Address, init_data: bytes
) -> None:
    assert codes(tmp_path, with_owner(validator, init_data, "worker")) == ["session_owner"]


def test_a_passkey_owns_a_session(tmp_path: Path) -> None:
    files = {"sessionkeeper.yaml": CONFIG + PASSKEY, "sessions/alice.yaml": session_file(passkey_session())}

    definitions = load_files(tmp_path, files)

    key = definitions.keys["phone"]
    assert (key.passkey, key.public_key) == (tmp_path / "keys/phone.pem", POINT)
    assert owner_of(definitions.sessions["alice"].session).keys == (POINT.address,)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (f'    public_key: "0x{POINT.encoded.hex()}"\n', "", "passkey_public_key"),
        (str(POINT.address), str(OTHERS[0]), "passkey_address"),
        (POINT.encoded.hex(), "11" * 64, "bad_public_key"),
        ("    passkey: keys/phone.pem", "    passkey: keys/phone.pem\n    raw: keys/phone.hex", "key_source"),
    ],
)
def test_a_passkey_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    found = mistakes_in(tmp_path, {"sessionkeeper.yaml": CONFIG + PASSKEY.replace(old, new)})

    assert [mistake.code for mistake in found] == [code]


def test_a_passkey_without_a_password_is_for_the_devnet(tmp_path: Path) -> None:
    keystore = CONFIG.replace(
        "raw: keys/worker.hex", "keystore: keys/worker.json\n    password: file:password"
    )
    elsewhere = (keystore + PASSKEY).replace("id: 31337", "id: 8453")

    found = mistakes_in(tmp_path, {"sessionkeeper.yaml": elsewhere})

    assert "raw_key_off_devnet" in [mistake.code for mistake in found]
    locked = elsewhere + "    password: file:password\n"
    found = mistakes_in(tmp_path, {"sessionkeeper.yaml": locked})
    assert "raw_key_off_devnet" not in [mistake.code for mistake in found]


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    available_validators.cache_clear()
    yield
    available_validators.cache_clear()


def bring_validator(folder: Path, name: str, address: str) -> None:
    """Lay out an installed package that brings a session validator."""
    info = folder / "more_validators-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-validators\nVersion: 1.0\n")
    entry = f"[sessionkeeper.session_validators]\n{name} = our_validator:VALIDATOR\n"
    (info / "entry_points.txt").write_text(entry)
    (folder / "our_validator.py").write_text(
        "from functools import partial\n"
        "from agent.domain.units import Address\n"
        "from agent.smart_sessions.owners import SessionValidator\n"
        "from agent.smart_sessions.owners.threshold import owner_from\n"
        "from agent.smart_sessions.signature import SignatureFlavour\n"
        "VALIDATOR = SessionValidator(\n"
        f"    {name!r}, Address.from_hex('{address}'), partial(owner_from, SignatureFlavour.RAW)\n"
        ")\n"
    )


@pytest.mark.usefixtures("fresh_registry")
def test_a_package_brings_a_session_validator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Address(b"\x99" * 20)
    bring_validator(tmp_path, "theirs", "0x" + theirs.hex())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "our_validator", raising=False)

    session = with_owner(theirs, owners_init_data(1, [KEY]), "worker").session

    assert owner_of(session).keys == (KEY,)
    assert set(available_validators()) == {theirs, *(item.address for item in VALIDATORS)}


@pytest.mark.usefixtures("fresh_registry")
@pytest.mark.parametrize(
    ("name", "address"),
    [("webauthn", "0x" + "99" * 20), ("theirs", "0x" + WEB_AUTHN_VALIDATOR.hex())],
    ids=["name", "address"],
)
def test_a_package_cannot_replace_a_session_validator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    bring_validator(tmp_path, name, address)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "our_validator", raising=False)

    with pytest.raises(ConfigError, match="session validator"):
        available_validators()
