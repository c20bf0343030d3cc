"""The job kinds that come with the agent; others join by the entry point group `sessionkeeper.jobs`."""

from collections.abc import Mapping
from types import MappingProxyType

from jobs.kind import AnyKind
from jobs.subscription import SUBSCRIPTION

ENTRY_POINT_GROUP = "sessionkeeper.jobs"
KINDS: Mapping[str, AnyKind] = MappingProxyType({kind.name: kind for kind in (SUBSCRIPTION,)})
