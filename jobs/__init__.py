"""The job kinds that come with the agent; others join by the entry point group `sessionkeeper.jobs`."""

from collections.abc import Mapping
from types import MappingProxyType

from jobs.contract_call import CONTRACT_CALL
from jobs.dca import DCA
from jobs.kind import AnyKind
from jobs.limit_order import LIMIT_ORDER
from jobs.loan_repay import LOAN_REPAY
from jobs.stop_loss import STOP_LOSS
from jobs.subscription import SUBSCRIPTION
from jobs.top_up import TOP_UP
from jobs.trailing_stop import TRAILING_STOP
from jobs.twap import TWAP

ENTRY_POINT_GROUP = "sessionkeeper.jobs"
KINDS: Mapping[str, AnyKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            CONTRACT_CALL,
            SUBSCRIPTION,
            TOP_UP,
            LOAN_REPAY,
            LIMIT_ORDER,
            STOP_LOSS,
            TRAILING_STOP,
            DCA,
            TWAP,
        )
    }
)
