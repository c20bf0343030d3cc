"""Options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("sessionkeeper.yaml")

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The configuration; jobs/ and sessions/ are read beside it."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
