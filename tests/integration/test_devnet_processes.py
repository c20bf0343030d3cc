"""The local chain's processes: where they listen and that none of them is left."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.devnet import rpc
from agent.devnet.defi.morpho_build import morpho_contracts
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.errors import DevnetError
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import build_dir
from agent.devnet.processes import held_port
from agent.devnet.setup import set_up
from tests.devnet import a_nexus_account

LOOPBACK = "0100007F"
"""127.0.0.1 as /proc/net/tcp writes it."""
START_TIMEOUT_S = 180
END_TIMEOUT_S = 90
LISTEN = "0A"

Started = tuple[subprocess.Popen[str], dict[str, Any]]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def listeners(port: int) -> list[str]:
    """Return the local addresses, as hex, on which anybody listens at this port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, hex_port = address.partition(":")
            if state == LISTEN and int(hex_port, 16) == port:
                found.append(host)
    return found


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent", "devnet", *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A cache folder of its own that borrows what is installed, so that other chains are not touched."""
    # Another process may be installing it right now, and the lock against that is in the shared folder.
    set_up()
    home = tmp_path / "build" / "devnet"
    home.mkdir(parents=True)
    for name in ("npm", "artifacts"):
        (home / name).symlink_to(build_dir() / "devnet" / name)
    for name in ("contracts", "morpho"):
        (build_dir() / name).mkdir(exist_ok=True)
        (tmp_path / "build" / name).symlink_to(build_dir() / name)
    return {**os.environ, "SESSIONKEEPER_BUILD_DIR": str(tmp_path / "build")}


@contextmanager
def started(
    environment: dict[str, str], *words: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run `devnet up --json` and read its document."""
    with subprocess.Popen(
        command("up", "--json", *words), env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), env=environment, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
    )


def is_listening(document: dict[str, Any]) -> bool:
    ports = [urlsplit(document[name]).port for name in ("rpc_url", "bundler_url")]
    return any(listeners(port) for port in ports if port)


async def until_nobody_listens(document: dict[str, Any]) -> None:
    async with asyncio.timeout(END_TIMEOUT_S):
        while is_listening(document):
            await asyncio.sleep(0.05)


@linux_only
@pytest.mark.parametrize("url", ["rpc_url", "bundler_url"])
async def test_node_and_bundler_listen_on_the_loopback_interface_only(devnet: Devnet, url: str) -> None:
    port = urlsplit(getattr(devnet, url)).port
    assert port is not None
    assert listeners(port) == [LOOPBACK]


@linux_only
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
async def test_no_process_is_left_when_up_is_stopped(
    environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    with started(environment) as (process, document):
        assert is_listening(document)
        process.send_signal(number)
        assert process.wait(END_TIMEOUT_S) == code
        await until_nobody_listens(document)


@linux_only
async def test_down_ends_what_up_started(environment: dict[str, str]) -> None:
    with started(environment, "--block-time", "0.5") as (process, document):
        shown = json.loads(run(environment, "status", "--json").stdout)
        ended = json.loads(run(environment, "down", "--json").stdout)["ended"]
        assert [row["rpc_url"] for row in shown] == [document["rpc_url"]]
        assert process.pid in ended[document["rpc_url"]]
        assert process.wait(END_TIMEOUT_S) == 143
        assert not is_listening(document)
    assert json.loads(run(environment, "status", "--json").stdout) == []


async def test_the_market_is_listed_where_it_was_asked_for(environment: dict[str, str]) -> None:
    # As the fixture does with the rest.
    await asyncio.to_thread(morpho_contracts)
    with started(environment, "--with-market") as (process, document):
        addresses = document["market"].values()
        asked = [rpc.Request("eth_getCode", (text, "latest")) for text in addresses if len(text) == 42]
        codes = await rpc.batch(document["rpc_url"], asked)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_TIMEOUT_S) == 143
    assert len(codes) == len(document["market"]) - 1
    assert "0x" not in codes
    assert len(set(addresses)) == len(document["market"])


async def test_down_leaves_a_process_alone_that_got_a_recorded_id_later(environment: dict[str, str]) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        record = Path(environment["SESSIONKEEPER_BUILD_DIR"]) / "devnet" / "running" / "1.json"
        record.parent.mkdir()
        other = {"pid": bystander.pid, "started": "1"}
        record.write_text(
            json.dumps({"owner": other, "programs": {"anvil": other}, "document": {"rpc_url": ""}})
        )
        assert json.loads(run(environment, "down", "--json").stdout) == {"ended": {}}
        assert bystander.poll() is None
        bystander.kill()


@linux_only
async def test_a_detached_chain_runs_until_down(environment: dict[str, str]) -> None:
    document = json.loads(run(environment, "up", "--detach", "--json").stdout)
    assert is_listening(document)
    run(environment, "down")
    assert not is_listening(document)


async def test_up_takes_the_ports_it_is_given_and_shows_them(environment: dict[str, str]) -> None:
    with held_port() as port, started(environment, "--port", str(port)) as (_, document):
        assert document["rpc_url"] == f"http://127.0.0.1:{port}"
        assert document["chain_id"] == 31337
        assert len(document["funded_keys"]) == 4
        assert document["contracts"]["SmartSession"] == "0x00000000008bDABA73cD9815d79069c247Eb4bDA"


async def test_a_taken_port_is_refused(devnet: Devnet) -> None:
    port = urlsplit(devnet.rpc_url).port
    with pytest.raises(DevnetError, match=f"port {port} is taken"):
        async with running_devnet(DevnetOptions(rpc_port=port)):
            pass


async def test_a_fork_uses_the_contracts_that_are_deployed() -> None:
    await asyncio.to_thread(set_up)
    # One that makes no blocks by itself: a node keeps the states of so many blocks, and a fork reads its own.
    quiet = DevnetOptions(block_time_s=0)
    async with running_devnet(quiet) as forked:
        account = await a_nexus_account(forked)
        async with running_devnet(replace(quiet, fork_url=forked.rpc_url)) as fork:
            assert fork.contracts == forked.contracts
            assert (await a_nexus_account(fork, owner_key=account.owner_key)).address == account.address


async def test_a_wrong_contracts_folder_is_a_configuration_error(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "Unknown.json").write_text("{}")
    answer = run(environment, "up", "--contracts", str(tmp_path))
    assert answer.returncode == 3
    assert "unknown contract Unknown.json" in answer.stderr


async def test_the_key_in_a_fork_url_is_not_printed(environment: dict[str, str]) -> None:
    answer = run(environment, "up", "--fork-url", "http://127.0.0.1:9/customer-key-0123456789")
    assert answer.returncode == 7
    assert "anvil ended" in answer.stderr
    assert "customer-key" not in answer.stdout + answer.stderr
