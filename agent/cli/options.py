"""Options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration or its folder; jobs/ and sessions/ are read beside it. "
        "Otherwise SESSIONKEEPER_CONFIG, or sessionkeeper.yaml here.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
