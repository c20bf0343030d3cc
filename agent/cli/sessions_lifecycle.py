"""`sessions edit`, `revoke`, `rotate` and the grant of many: the life of a session after it is made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import (
    AllowLintOption,
    ConfigOption,
    JsonOption,
    LintReasonOption,
    UntilOption,
    UsesOption,
)
from agent.cli.output import show, show_json
from agent.cli.owner_keys import OwnerKeys

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The session's name in sessions/.")]
OwnerKeyOption = Annotated[
    Path | None,
    typer.Option("--owner-key", metavar="FILE", help="The owner's bare key: send it, on chain 31337 alone."),
]
PeriodsOption = Annotated[
    int | None, typer.Option("--periods", min=1, help="Periods to allow from now on; all if left out.")
]
HeadroomOption = Annotated[
    int | None, typer.Option("--headroom", min=0, help="Spare operations; as before if left out.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("edit")(edit_command)
    app.command("revoke")(revoke_command)
    app.command("rotate")(rotate_command)


def grant_many(config: Path | None, names: Sequence[str] | None, keys: OwnerKeys, *, as_json: bool) -> None:
    """Write what each account's owner has to call; with keys of the local chain, do it."""
    from agent.cli.session_batching import batched
    from agent.cli.session_life_documents import batches_document, batches_lines

    found = batched(config, names, keys)
    if as_json:
        show_json(batches_document(found))
        return
    for line in batches_lines(found):
        show(line)


def edit_command(
    name: NameArgument,
    periods: PeriodsOption = None,
    headroom: HeadroomOption = None,
    for_job: Annotated[
        Path | None,
        typer.Option("--for-job", metavar="FILE", help="A file of jobs/; every job of it if left out."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="The new session as JSON, in place of what the jobs need."
        ),
    ] = None,
    is_trial: Annotated[bool, typer.Option("--dry-run", help="Show the change and write nothing.")] = False,
    uses: UsesOption = None,
    until: UntilOption = None,
    allow_lint: AllowLintOption = None,
    reason: LintReasonOption = None,
    although_not_covered: Annotated[
        bool, typer.Option("--although-not-covered", help="Take from its jobs what they could still do.")
    ] = False,
    owner_key: OwnerKeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a session other limits under the same permission id, and say what gets wider and narrower.

    Nothing is written that the lint rules refuse or that does not cover its jobs: leave with 6.
    """
    from agent.cli.session_editing import EditRequest, edited
    from agent.cli.session_life_documents import edit_document, edit_lines
    from agent.cli.session_wishes import wish_of

    if source is not None and (periods, headroom, uses, until, for_job) != (None,) * 5:
        raise typer.BadParameter("--from stands alone: the file says everything")
    wish = wish_of(periods, headroom, allow_lint, reason, uses, until)
    request = EditRequest(
        name,
        wish,
        for_job,
        source,
        is_trial=is_trial,
        owner_key=owner_key,
        although_not_covered=although_not_covered,
    )
    found = edited(config, request)
    if as_json:
        show_json(edit_document(found))
        return
    for line in edit_lines(found):
        show(line)


def revoke_command(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the session's file.")] = "",
    owner_key: OwnerKeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a session back: no job may use it any more, and its owner removes it for good."""
    from agent.cli.session_life_documents import revoke_document, revoke_lines
    from agent.cli.session_revoking import revoked

    found = revoked(config, name, reason, owner_key)
    if as_json:
        show_json(revoke_document(found))
        return
    for line in revoke_lines(found):
        show(line)


def rotate_command(
    name: NameArgument,
    key: Annotated[str | None, typer.Option("--key", help="The new key; needed to begin.")] = None,
    successor: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the new session.")
    ] = None,
    periods: PeriodsOption = None,
    headroom: HeadroomOption = None,
    uses: UsesOption = None,
    until: UntilOption = None,
    allow_lint: AllowLintOption = None,
    reason: LintReasonOption = None,
    is_restarted: Annotated[
        bool, typer.Option("--restarted", help="The worker was started since the new session was granted.")
    ] = False,
    owner_key: OwnerKeyOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a session's jobs a new key, step by step; run it again to see what comes next.

    No successor is written that the lint rules refuse: leave with 6.
    """
    from agent.cli.session_life_documents import rotate_document, rotate_lines
    from agent.cli.session_rotating import RotateRequest, rotated
    from agent.cli.session_wishes import wish_of

    wish = wish_of(periods, headroom, allow_lint, reason, uses, until)
    request = RotateRequest(name, key, successor, wish, is_restarted, owner_key)
    found = rotated(config, request)
    if as_json:
        show_json(rotate_document(found))
        return
    for line in rotate_lines(found):
        show(line)
