"""The job kinds at hand: the agent's own, and those that other packages bring."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from agent.domain.errors import ConfigError
from jobs import ENTRY_POINT_GROUP, KINDS
from jobs.kind import AnyKind


def available_kinds() -> Mapping[str, AnyKind]:
    """Return the kinds by name; raise ConfigError when a package brings one that is taken or misnamed."""
    kinds = dict(KINDS)
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        kind: AnyKind = entry_point.load()
        if kind.name != entry_point.name or kind.name in kinds:
            raise ConfigError(f"the job kind {entry_point.value} cannot be called {entry_point.name!r}")
        kinds[kind.name] = kind
    return kinds
