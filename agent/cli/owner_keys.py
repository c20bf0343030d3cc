"""`--owner-key FILE` and `--owner-key ACCOUNT=FILE`: whose key file is for which account."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from agent.cli.arguments import address
from agent.domain.units import Address


@dataclass(frozen=True, slots=True)
class OwnerKeys:
    """The files of owners' keys; nothing here has been read."""

    every: Path | None = None
    """For the accounts that are not named."""
    named: Mapping[Address, Path] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether any is given."""
        return self.every is not None or bool(self.named)

    def of(self, account: Address) -> Path | None:
        """Return the file for an account; None where nobody gave one."""
        return self.named.get(account, self.every)

    def without(self, accounts: Iterable[Address]) -> tuple[Address, ...]:
        """Return those of the accounts that no file is for, each once."""
        return tuple(item for item in dict.fromkeys(accounts) if self.of(item) is None)

    def strangers(self, accounts: Iterable[Address]) -> tuple[Address, ...]:
        """Return the accounts that are named here and are none of these."""
        known = set(accounts)
        return tuple(item for item in self.named if item not in known)


def owner_keys(texts: Sequence[str] | None) -> OwnerKeys:
    """Read the options; raise BadParameter when two are for the same accounts."""
    every: Path | None = None
    named: dict[Address, Path] = {}
    for text in texts or ():
        account, sign, file = text.partition("=")
        if not (sign and account.startswith("0x")):
            if every is not None:
                raise typer.BadParameter("two --owner-key for every account: write ACCOUNT=FILE")
            every = Path(text)
        elif (known := address(account)) in named:
            raise typer.BadParameter(f"two --owner-key for {known}")
        else:
            named[known] = Path(file)
    return OwnerKeys(every, named)
