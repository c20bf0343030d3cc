"""`sessionkeeper keys`: make session keys and look at them."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table
from agent.commands.keys import (
    KeyFile,
    KeyFiles,
    key_named,
    keys_in,
    new_keystore,
    new_passkey,
    new_raw_key,
    new_raw_passkey,
    stanza,
)
from agent.domain.units import ChainId

app = typer.Typer(help="Make session keys and look at them.", no_args_is_help=True)

DirectoryOption = Annotated[
    Path | None,
    typer.Option("--directory", "-d", help="Where the keys are; the folder keys/ beside the configuration."),
]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", help="A file with the password, mode 0600.")
]
PasswordFdOption = Annotated[
    int | None, typer.Option("--password-fd", min=0, help="An open descriptor to read the password from.")
]


@app.command("new")
def new(
    name: Annotated[str, typer.Option("--name", "-n", help="Its name in the configuration.")],
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    password_file: PasswordFileOption = None,
    password_fd: PasswordFdOption = None,
    light: Annotated[bool, typer.Option("--light", help="Cheap scrypt: for tests and the devnet.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="A bare key file, on chain 31337 alone.")] = False,
    passkey: Annotated[
        bool, typer.Option("--passkey", help="A P-256 key, for a session of a WebAuthn passkey.")
    ] = False,
    chain_id: Annotated[int, typer.Option("--chain-id", help="The chain of a --raw key.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a session key; print its address and the lines for sessionkeeper.yaml."""
    root = _root(config)
    folder = root / "keys" if directory is None else directory
    if passkey and raw:
        key = new_raw_passkey(_files(), folder, name, ChainId(chain_id))
    elif passkey:
        key = new_passkey(_files(), folder, name, password_file, password_fd)
    elif raw:
        key = new_raw_key(_files(), folder, name, ChainId(chain_id))
    else:
        key = new_keystore(_files(), folder, name, password_file, password_fd, light=light)
    lines = stanza(key, root, password_file, protected=not raw)
    if as_json:
        point = key.public_key
        public = {} if point is None else {"public_key": "0x" + point.encoded.hex()}
        show_json(_document(key) | public | {"yaml": lines})
        return
    show(str(key.address))
    say(f"written to {key.path}; put this into sessionkeeper.yaml:\n\n{lines}")


@app.command("list")
def list_command(
    config: ConfigOption = None, directory: DirectoryOption = None, as_json: JsonOption = False
) -> None:
    """List the keys of the folder."""
    keys = keys_in(_files(), _folder(config, directory))
    if as_json:
        show_json({"keys": [_document(key) for key in keys]})
        return
    show_table(["NAME", "ADDRESS", "FILE"], [[key.name, key.address, key.path] for key in keys])
    for key in keys:
        if key.problem:
            say(f"{key.name}: {key.problem}")


@app.command("address")
def address_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    config: ConfigOption = None,
    directory: DirectoryOption = None,
    password_file: PasswordFileOption = None,
    password_fd: PasswordFdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a key's address; with its password the keystore is opened to prove it."""
    files = _files()
    key = key_named(files, _folder(config, directory), name)
    proven = key.path.suffix == ".key"
    if password_file is not None or password_fd is not None:
        found = files.proven_address(key.path, files.password(password_file, password_fd))
        key, proven = KeyFile(key.name, key.path, found), True
    if as_json:
        show_json(_document(key) | {"proven": proven})
    else:
        show(str(key.address))


def _files() -> KeyFiles:
    from agent.bootstrap import key_files

    return key_files()


def _folder(config: Path | None, directory: Path | None) -> Path:
    return _root(config) / "keys" if directory is None else directory


def _root(config: Path | None) -> Path:
    from agent.settings import read_settings

    path = config or read_settings().config
    return path if path.is_dir() else path.parent


def _document(key: KeyFile) -> dict[str, object]:
    return {
        "name": key.name,
        "address": None if key.address is None else str(key.address),
        "file": str(key.path),
        "problem": key.problem or None,
    }
