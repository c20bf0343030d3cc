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
AllowLintOption = Annotated[
    list[str] | None,
    typer.Option("--allow-lint", metavar="RULE", help="A lint rule that may be broken; once for each rule."),
]
LintReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why they may be; kept in the session's file."),
]
UsesOption = Annotated[
    int | None,
    typer.Option("--uses", min=1, help="How often a job without a schedule may act; as it says if left out."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="DATE",
        help="Up to when a job without a schedule may act: 2026-12-31 (UTC) or 2026-12-31T12:00:00Z.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
