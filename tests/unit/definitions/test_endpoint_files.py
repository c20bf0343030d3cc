"""Nodes and bundlers in the configuration."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.definitions.records import ChainDefinition
from agent.domain.job import SendBy
from agent.domain.units import ChainId
from tests.unit.definitions.files import edited, load_files, mistakes_in

RPC = 'rpc: "http://127.0.0.1:8545/${RPC_KEY}"'
TWO = 'rpc: ["http://127.0.0.1:8545/${RPC_KEY}", "http://127.0.0.1:8546"]'


def with_rpc(text: str) -> dict[str, str]:
    return edited("sessionkeeper.yaml", RPC, text)


def chain_of(tmp_path: Path, files: Mapping[str, str]) -> ChainDefinition:
    return load_files(tmp_path, files).chains[ChainId(31_337)]


def test_one_node_is_believed_and_of_several_two_must_agree(tmp_path: Path) -> None:
    assert chain_of(tmp_path / "one", {}).quorum == 1
    assert chain_of(tmp_path / "two", with_rpc(TWO)).quorum == 2


def test_the_operator_may_take_one_nodes_word(tmp_path: Path) -> None:
    assert chain_of(tmp_path, with_rpc(TWO + "\n    quorum: 1")).quorum == 1


@pytest.mark.parametrize("quorum", [0, 3])
def test_more_nodes_than_there_are_cannot_agree_and_none_need_not(tmp_path: Path, quorum: int) -> None:
    [mistake] = mistakes_in(tmp_path, with_rpc(f"{TWO}\n    quorum: {quorum}"))

    assert (mistake.code, mistake.place.file) == ("bad_quorum", "sessionkeeper.yaml")


def test_a_head_is_stale_after_thirty_blocks_and_never_within_a_minute(tmp_path: Path) -> None:
    slow = with_rpc(RPC + "\n    block_time: 12s")

    assert chain_of(tmp_path / "quick", {}).max_head_age_s == 60
    assert chain_of(tmp_path / "slow", slow).max_head_age_s == 360
    assert chain_of(tmp_path / "own", with_rpc(RPC + "\n    max_head_age: 5m")).max_head_age_s == 300


def test_a_websocket_tells_of_new_heads_where_one_is_named(tmp_path: Path) -> None:
    named = with_rpc(RPC + '\n    rpc_ws: "ws://127.0.0.1:8546/${RPC_KEY}"')

    assert chain_of(tmp_path / "none", {}).stream_url is None
    url = chain_of(tmp_path / "one", named).stream_url
    assert url is not None
    assert url.get_secret_value().startswith("ws://127.0.0.1:8546/")
    assert "${" not in url.get_secret_value()
    assert url.get_secret_value() not in repr(url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:8545/secret-key", "bad_url"),
        ("wss:///secret-key", "bad_url"),
        ("ws://169.254.169.254/secret-key", "forbidden_host"),
    ],
)
def test_another_address_tells_of_none(tmp_path: Path, url: str, code: str) -> None:
    [mistake] = mistakes_in(tmp_path, with_rpc(f'{RPC}\n    rpc_ws: "{url}"'))

    assert mistake.code == code
    assert "secret-key" not in str(mistake)


@pytest.mark.parametrize("scheme", ["ws", "wss", "ftp", "unix"])
def test_other_schemes_are_refused(tmp_path: Path, scheme: str) -> None:
    [mistake] = mistakes_in(tmp_path, with_rpc(f'rpc: "{scheme}://127.0.0.1:8545/secret-key"'))

    assert mistake.code == "bad_url"
    assert "secret-key" not in str(mistake)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "metadata.google.internal",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_hosts_that_give_away_a_machines_secrets_are_refused(tmp_path: Path, host: str) -> None:
    [mistake] = mistakes_in(tmp_path, with_rpc(f'rpc: "http://{host}/secret-key"'))

    assert mistake.code == "forbidden_host"
    assert "secret-key" not in str(mistake)


PRIVATE = '    bundler: "http://127.0.0.1:4337"'
SENT_PRIVATELY = edited("jobs/rent.yaml", "kind: subscription", "kind: subscription\nsend_by: private")


def with_private(text: str) -> dict[str, str]:
    return edited("sessionkeeper.yaml", PRIVATE, f"{PRIVATE}\n    private_bundler: {text}")


def test_a_job_may_send_by_the_chains_private_bundler(tmp_path: Path) -> None:
    files = {**with_private('"http://127.0.0.1:4338"'), **SENT_PRIVATELY}
    found = load_files(tmp_path, files)
    assert found.jobs["rent"].send_by is SendBy.PRIVATE
    [url] = found.chains[ChainId(31_337)].private_bundler_urls
    assert url.get_secret_value() == "http://127.0.0.1:4338"


def test_whom_a_job_shows_its_operations_is_part_of_what_it_is(tmp_path: Path) -> None:
    files = with_private('"http://127.0.0.1:4338"')
    public = load_files(tmp_path / "public", files).jobs["rent"]
    private = load_files(tmp_path / "private", {**files, **SENT_PRIVATELY}).jobs["rent"]
    assert public.send_by is SendBy.PUBLIC
    assert public.identity_digest == private.identity_digest
    assert public.digest != private.digest
    assert public.digest == load_files(tmp_path / "plain", {}).jobs["rent"].digest


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (SENT_PRIVATELY, "no_private_bundler"),
        ({**with_private("[]"), **SENT_PRIVATELY}, "no_endpoint"),
        (edited("jobs/rent.yaml", "kind: subscription", "kind: subscription\nsend_by: pigeon"), "not_one_of"),
    ],
)
def test_a_private_job_without_a_private_bundler_is_refused(
    tmp_path: Path, files: Mapping[str, str], code: str
) -> None:
    assert code in {mistake.code for mistake in mistakes_in(tmp_path, files)}
