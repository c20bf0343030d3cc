"""Reading `sessionkeeper.yaml` as far as it is right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agent.definitions.chain_files import DEVNET, check_chain
from agent.definitions.config import AgentFields, ChainFields, ClockKind, KeyFields, WebFields
from agent.definitions.mistakes import did_you_mean
from agent.definitions.source import Document, Report, Source, Within, items
from agent.definitions.validation import validate
from agent.domain.units import Address


@dataclass(frozen=True, slots=True)
class AgentFile:
    """The right fields of the file, and the names of what may still be wrong."""

    document: Document
    fields: Mapping[str, Any]
    chains: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Right fields of each chain whose id could be read."""

    @property
    def key_names(self) -> frozenset[str]:
        """Names under `keys:`, be the keys right or wrong."""
        root = self.document.root
        keys = root.get("keys") if isinstance(root, dict) else None
        return frozenset(keys if isinstance(keys, dict) else ())

    @property
    def keys(self) -> Mapping[str, KeyFields]:
        """The keys, none while one of them is wrong."""
        found: Mapping[str, KeyFields] = self.fields.get("keys", {})
        return found


def agent_file(document: Document, context: object, report: Report) -> AgentFile | None:
    """Return what can be read of the file; None when it is no mapping."""
    root = document.root
    if not isinstance(root, dict):
        report.add(
            document.place(()), "wrong_shape", "a mapping belongs here", "write schema_version: and so on"
        )
        return None
    known = AgentFields.model_fields.keys() | {"chains"}
    for name in root.keys() - known:
        fix = did_you_mean(name, known)
        report.add(document.key_place((name,)), "unknown_key", f"nothing is called {name!r} here", fix)
    own = {name: value for name, value in root.items() if name in AgentFields.model_fields}
    file = AgentFile(
        document,
        validate(AgentFields, own, document, report, context),
        _chains(root, document, context, report),
    )
    _check(file, report)
    return file


def _chains(
    root: Mapping[str, Any], document: Document, context: object, report: Report
) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    if not isinstance(root.get("chains"), list) or not root["chains"]:
        place = document.place(("chains",))
        report.add(
            place, "missing_key", "there is no list of chains", "add chains: with an id, rpc and bundler"
        )
    for index, item in enumerate(items(root.get("chains"))):
        source = Within(document, ("chains", index))
        fields = validate(ChainFields, item, source, report, context)
        check_chain(fields, source, report)
        if fields.get("id") in found:
            message = f"chain {fields['id']} stands here again"
            report.add(source.place(("id",)), "duplicate_chain", message, "keep one of them")
        elif "id" in fields:
            found[fields["id"]] = fields
    return found


def _check(file: AgentFile, report: Report) -> None:
    document, chains = file.document, file.chains
    if file.fields.get("clock") is ClockKind.CHAIN and set(chains) - {DEVNET}:
        message = "chain time may decide on the devnet alone"
        report.add(document.place(("clock",)), "clock_not_allowed", message, "write clock: wall")
    owners: dict[Address, str] = {}
    for name, key in file.keys.items():
        _check_key(name, key, Within(document, ("keys", name)), report)
        _check_passkey(name, key, Within(document, ("keys", name)), report)
        if key.unprotected and DEVNET not in chains:
            message = f"the key {name} is a bare file, which only the devnet may use"
            fix = "make a keystore: sessionkeeper keys new"
            where = "raw" if key.raw is not None else "passkey"
            report.add(document.place(("keys", name, where)), "raw_key_off_devnet", message, fix)
        if owners.setdefault(key.address, name) != name:
            message = f"the keys {owners[key.address]} and {name} have one address"
            report.add(document.place(("keys", name)), "duplicate_key_address", message, "name each key once")
    if "web" in file.fields:
        _check_web(file.fields["web"], document, report)


def _check_key(name: str, key: KeyFields, source: Source, report: Report) -> None:
    if [key.keystore, key.raw, key.passkey].count(None) != 2:
        message = f"the key {name} has not one source"
        report.add(source.place(()), "key_source", message, "give keystore:, passkey: or raw:")
    if key.keystore is not None and key.password is None:
        message = f"the keystore of {name} needs a password"
        report.add(source.place(()), "key_password", message, "add password: file:PATH or fd:N")


def _check_passkey(name: str, key: KeyFields, source: Source, report: Report) -> None:
    if (key.passkey is None) != (key.public_key is None):
        message = f"passkey: and public_key: of {name} go together"
        report.add(source.place(()), "passkey_public_key", message, "give both, as keys new prints them")
    elif key.public_key is not None and key.public_key.address != key.address:
        message = f"the public key of {name} has the address {key.public_key.address}"
        report.add(source.place(("public_key",)), "passkey_address", message, "correct one of the two")


def _check_web(web: WebFields, document: Document, report: Report) -> None:
    place = document.place(("web", "host"))
    try:
        local = web.host == "localhost" or ip_address(web.host).is_loopback
    except ValueError:
        report.add(place, "bad_host", f"{web.host[:80]!r} is no address", "write 127.0.0.1 or ::1")
        return
    if not local and not web.allow_remote:
        message = f"{web.host} is open to other machines"
        report.add(place, "web_not_local", message, "write 127.0.0.1, or add allow_remote: true")
    if web.port > 65_535:
        report.add(
            document.place(("web", "port")), "bad_port", f"there is no port {web.port}", "write 0 to 65535"
        )


def kill_file(fields: Mapping[str, Any], root: Path) -> Path | None:
    """Return the kill switch's file, a relative path taken from the folder of the files."""
    name: str | None = fields.get("kill_file")
    return None if name is None else root / name


def store_url(fields: Mapping[str, Any], root: str) -> SecretStr:
    """Return the store's URL, a relative sqlite path taken from the folder of the files."""
    url: str = fields["store"].get_secret_value()
    prefix, separator, path = url.partition(":///")
    if prefix == "sqlite" and separator and not path.startswith("/"):
        return SecretStr(f"{prefix}:///{root}/{path}")
    return SecretStr(url)
