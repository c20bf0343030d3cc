"""What `devnet up` leaves behind for `status` and `down`: one file for each running chain."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.devnet.devnet import Devnet
from agent.devnet.identity import ProcessIdentity, identity
from agent.devnet.keys import FundedKey
from agent.devnet.paths import devnet_dir

END_TIMEOUT_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """One local chain that `up` started: its processes and what `up` printed."""

    file: Path
    owner: ProcessIdentity
    programs: Mapping[str, ProcessIdentity]
    document: Mapping[str, Any]

    def alive(self) -> list[ProcessIdentity]:
        """Return those of its processes that still run, the one that ends the others first."""
        return [process for process in (self.owner, *self.programs.values()) if process.is_alive]


def document(devnet: Devnet) -> dict[str, Any]:
    """Return what a user needs to know of a running chain; the keys in it are public test keys."""
    return {
        "rpc_url": devnet.rpc_url,
        "bundler_url": devnet.bundler_url,
        "strict_bundler_url": devnet.strict_bundler_url,
        "chain_id": devnet.chain_id,
        "entry_points": {str(version): str(at) for version, at in devnet.entry_points.items()},
        "contracts": {name: str(at) for name, at in sorted(devnet.contracts.items())},
        "deployer": _key(devnet.deployer),
        "funded_keys": [_key(key) for key in devnet.funded_keys],
        "log_folder": str(devnet.log_folder),
        "pid": os.getpid(),
    }


@contextmanager
def recorded(devnet: Devnet, facts: Mapping[str, Any], build: Path | None = None) -> Iterator[None]:
    """Keep a record of this process's chain, and what was said of it, for as long as the block runs."""
    file = _folder(build) / f"{os.getpid()}.json"
    content = {
        "owner": asdict(identity(os.getpid())),
        "programs": {name: asdict(process) for name, process in devnet.programs.items()},
        "document": facts,
    }
    file.write_text(json.dumps(content))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running(build: Path | None = None) -> list[Record]:
    """Return the chains of which at least one process still runs; forget the others."""
    found = []
    for file in sorted(_folder(build).glob("*.json")):
        record = _read(file)
        if record is not None and record.alive():
            found.append(record)
        else:
            file.unlink(missing_ok=True)
    return found


def end(record: Record) -> list[int]:
    """End exactly the processes of this record and return their ids."""
    ended = [process.pid for process in record.alive()]
    if record.owner.is_alive:
        _signal(record.owner, signal.SIGTERM)
        _wait_until_gone(record)
    for process in record.alive():
        _signal(process, signal.SIGKILL)
    record.file.unlink(missing_ok=True)
    return ended


def _signal(process: ProcessIdentity, number: signal.Signals) -> None:
    # It may have ended since it was looked at.
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _wait_until_gone(record: Record) -> None:
    deadline = time.monotonic() + END_TIMEOUT_S
    while record.alive() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _read(file: Path) -> Record | None:
    try:
        content = json.loads(file.read_text())
        programs = {name: ProcessIdentity(**process) for name, process in content["programs"].items()}
        owner = ProcessIdentity(**content["owner"])
        return Record(file=file, owner=owner, programs=programs, document=content["document"])
    except (OSError, ValueError, KeyError, TypeError):
        # Half written by a process that was killed.
        return None


def _key(key: FundedKey) -> dict[str, str]:
    return {"address": str(key.address), "private_key": key.private_key}


def _folder(build: Path | None) -> Path:
    folder = devnet_dir(build) / "running"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
