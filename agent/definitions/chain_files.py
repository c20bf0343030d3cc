"""The chains and keys of `sessionkeeper.yaml`, checked and filled up from the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.definitions import registry
from agent.definitions.breaker_files import check_breakers, limits_of
from agent.definitions.config import EntryPointFields, FeeFields, KeyFields, TokenFields
from agent.definitions.fields import Finality
from agent.definitions.paymaster_files import check_paymasters, paymaster_definitions
from agent.definitions.records import ChainDefinition, KeyDefinition
from agent.definitions.source import Report, Source
from agent.definitions.terms import merged_caps
from agent.domain.job import FeeCaps
from agent.domain.token import Token
from agent.domain.units import ChainId
from agent.erc4337.version import CANONICAL_ENTRY_POINTS

DEVNET = ChainId(31_337)
MAX_DECIMALS = 77
QUORUM = 2
STALE_AFTER_BLOCKS = 30
SHORTEST_MAX_HEAD_AGE_S = 60
"""Where blocks are quick, a short pause is no outage."""


def check_chain(fields: Mapping[str, Any], source: Source, report: Report) -> None:
    """Note what is wrong between the right fields of a chain."""
    known = fields.get("id") in registry.chains()
    for name in ("finality", "block_time"):
        if not known and "id" in fields and fields.get(name, name) is None:
            message = f"the registry does not know chain {fields['id']}"
            report.add(source.place(()), "chain_incomplete", message, f"add {name}:")
    if fields.get("sender_cap") == 0:
        message = "with no operation on its way nothing is ever sent"
        report.add(source.place(("sender_cap",)), "no_turns", message, "write 1 or more")
    for name in ("rpc", "bundler", "private_bundler"):
        if fields.get(name, name) == ():
            report.add(source.place((name,)), "no_endpoint", f"{name} is an empty list", "write a URL")
    _check_quorum(fields, source, report)
    _check_tokens(fields.get("tokens", {}), source, report)
    check_paymasters(fields, tokens_of(fields.get("tokens", {})), source, report)
    check_breakers(fields, tokens_of(fields.get("tokens", {})), source, report)
    if "entry_point" in fields:
        _check_entry_point(fields["entry_point"], source, report)


def _check_quorum(fields: Mapping[str, Any], source: Source, report: Report) -> None:
    quorum, nodes = fields.get("quorum"), fields.get("rpc")
    if quorum is not None and nodes and not 1 <= quorum <= len(nodes):
        message = f"{quorum} nodes must agree, and rpc names {len(nodes)}"
        report.add(source.place(("quorum",)), "bad_quorum", message, f"write 1 to {len(nodes)}")


def _check_tokens(tokens: Mapping[str, TokenFields], source: Source, report: Report) -> None:
    for symbol, token in tokens.items():
        if token.decimals > MAX_DECIMALS:
            place, message = source.place(("tokens", symbol, "decimals")), f"{token.decimals} decimals"
            report.add(place, "bad_decimals", message, f"write 0 to {MAX_DECIMALS}, as the contract says")


def _check_entry_point(entry_point: EntryPointFields, source: Source, report: Report) -> None:
    for version, address in CANONICAL_ENTRY_POINTS.items():
        if entry_point.address == address and version is not entry_point.version:
            message = f"this is the EntryPoint {version}, not {entry_point.version}"
            fix = f"write version: {version}, or {CANONICAL_ENTRY_POINTS[entry_point.version]}"
            report.add(source.place(("entry_point", "address")), "wrong_entry_point", message, fix)


def chain_definition(fields: Mapping[str, Any]) -> ChainDefinition:
    """Return the chain; every field must be right and checked."""
    facts = registry.chains().get(fields["id"])
    entry_point: EntryPointFields = fields["entry_point"]
    tokens = tokens_of(fields["tokens"])
    block_time_s = fields["block_time"] or (facts.block_time_s if facts else 0)
    return ChainDefinition(
        chain_id=ChainId(fields["id"]),
        name=facts.name if facts else f"chain-{fields['id']}",
        rpc_urls=fields["rpc"],
        bundler_urls=fields["bundler"],
        finality=fields["finality"] or (facts.finality if facts else Finality()),
        quorum=fields["quorum"] or min(QUORUM, len(fields["rpc"])),
        block_time_s=block_time_s,
        max_head_age_s=fields["max_head_age"]
        or max(STALE_AFTER_BLOCKS * block_time_s, SHORTEST_MAX_HEAD_AGE_S),
        entry_point=entry_point.address or CANONICAL_ENTRY_POINTS[entry_point.version],
        entry_point_version=entry_point.version,
        multicall=fields["multicall"] or registry.contracts()["multicall3"].address,
        sender_cap=fields["sender_cap"],
        call_gas=fields["call_gas"] or (facts.call_gas if facts else registry.CALL_GAS),
        tokens=tokens,
        fees=caps_of(fields["fees"]),
        paymasters=paymaster_definitions(ChainId(fields["id"]), fields["paymasters"], tokens),
        pay_gas_by=fields["pay_gas_by"],
        code_hashes=fields["code_hashes"],
        breakers=limits_of(fields["breakers"], tokens),
        stream_url=fields["rpc_ws"],
        private_bundler_urls=fields["private_bundler"] or (),
    )


def tokens_of(fields: Mapping[str, TokenFields]) -> Mapping[str, Token]:
    """Return the tokens by symbol."""
    return {symbol: Token(symbol, token.address, token.decimals) for symbol, token in fields.items()}


def caps_of(fees: FeeFields) -> FeeCaps:
    """Return the caps of a chain."""
    return merged_caps(vars(fees), FeeCaps())


def key_definition(name: str, key: KeyFields, root: Path) -> KeyDefinition:
    """Return the key, its files taken from the folder of the files."""
    return KeyDefinition(
        name=name,
        address=key.address,
        keystore=None if key.keystore is None else root / key.keystore,
        password=key.password,
        raw=None if key.raw is None else root / key.raw,
        passkey=None if key.passkey is None else root / key.passkey,
        public_key=key.public_key,
    )
