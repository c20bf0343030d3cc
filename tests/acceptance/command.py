"""The command as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import structlog

from agent.cli.root import run

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class Answer:
    """What the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  # a JSON document
        """The document on stdout; fails the test when there is anything else."""
        return json.loads(self.out)


def sessionkeeper(
    *arguments: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    text: str | None = None,
) -> Answer:
    """Run `sessionkeeper` and wait for it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONKEEPER_")}
    done = subprocess.run(
        [sys.executable, "-m", "agent", *map(str, arguments)],
        cwd=folder or ROOT,
        env=clean | {"PYTHONPATH": str(ROOT), **(environment or {})},
        pass_fds=tuple(pass_fds),
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def inside(*arguments: str | Path, folder: Path | None = None) -> Answer:
    """Run `sessionkeeper` in this process, one at a time; saves the second that importing it takes."""
    out, err = BytesIO(), BytesIO()
    out_text, err_text = TextIOWrapper(out, "utf-8"), TextIOWrapper(err, "utf-8")
    try:
        with chdir(folder or ROOT), redirect_stdout(out_text), redirect_stderr(err_text):
            code = run([str(argument) for argument in arguments])
    finally:
        # A process would take its own choice of what is logged with it.
        structlog.reset_defaults()
    out_text.flush()
    err_text.flush()
    return Answer(code, out.getvalue().decode(), err.getvalue().decode())


def beside(*arguments: str | Path) -> Answer:
    """Run `sessionkeeper` in this process where an event loop runs already, which waits for it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(inside, *arguments).result()
