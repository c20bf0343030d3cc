"""Typed structured data (EIP-712) as the JSON document that a wallet signs with eth_signTypedData_v4."""

from typing import Any

Document = dict[str, Any]
Types = dict[str, list[dict[str, str]]]


def types_of(encoded: str) -> Types:
    """Return the `types` of a document from types as EIP-712 encodes them, one behind the other."""
    return dict(_type(text) for text in encoded.split(")") if text)


def _type(text: str) -> tuple[str, list[dict[str, str]]]:
    name, _, fields = text.partition("(")
    pairs = [field.split(" ") for field in fields.split(",")]
    return name, [{"name": field_name, "type": field_type} for field_type, field_name in pairs]
