"""Whatever URL the files name: its key is masked in all output from then on."""

from dataclasses import fields
from pathlib import Path

import pytest

from agent.cli import loading
from agent.definitions.records import ChainDefinition
from agent.telemetry.secrets import Redactor
from tests.unit.definitions.files import edited, load_files

BUNDLER = '    bundler: "http://127.0.0.1:4337"'
LOUD, STREAM, PRIVATE = "the-key-of-the-bundler", "the-key-of-the-stream", "the-key-of-the-private-bundler"
MORE = (
    f'    bundler: "http://127.0.0.1:4337/{LOUD}"\n'
    f'    rpc_ws: "wss://node.example.org/v2/{STREAM}"\n'
    f'    private_bundler: ["https://quiet.example.org/{PRIVATE}"]'
)


def test_the_key_in_every_url_of_a_chain_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor()
    monkeypatch.setattr(loading, "REDACTOR", redactor)
    found = load_files(tmp_path, edited("sessionkeeper.yaml", BUNDLER, MORE))

    loading.mask_secrets(found)

    for secret in (LOUD, STREAM, PRIVATE):
        assert secret not in redactor.redact_text(f"a peer says {secret}!")
    urls = {field.name for field in fields(ChainDefinition) if "url" in field.name}
    assert urls == {"rpc_urls", "bundler_urls", "private_bundler_urls", "stream_url"}, "mask it too"
