"""Every error the agent raises on purpose.

AgentError
├── ConfigError            a file or a setting is wrong
│   ├── SettingsError
│   └── DefinitionError    (agent.definitions adds file, line and column)
├── Refused                we decided not to act
│   ├── PreflightError(violations)
│   ├── BudgetExceeded(limit_key, needed, left)
│   ├── FeeAboveCap(quoted_wei, cap_wei)
│   ├── PaymasterCap(asked, cap)
│   └── JobPaused
│       └── Held(hold)
├── Rejected               somebody answered no
│   ├── EntryPointRejected(code, inner)
│   ├── BundlerRejected(code, message)
│   └── PaymasterRejected(paymaster, code, message)
├── Unavailable            nobody answered
│   ├── ChainUnavailable
│   │   ├── NodesDisagree(about, nodes)
│   │   └── ReadRefused
│   ├── BundlerUnavailable
│   ├── PaymasterUnavailable
│   └── StoreUnavailable
│       └── StoreDamaged
├── NotFound               no such job, run, session or key
├── StaleRecord            somebody else changed the occurrence first
└── Bug
    └── IllegalTransition(state, event)
"""


class AgentError(Exception):
    """The root; `code` is stable and documented, `remedy` says what to do."""

    code = "agent_error"
    remedy = ""


class ConfigError(AgentError):
    """A file or a setting is wrong."""

    code = "config"


class SettingsError(ConfigError):
    """An environment variable or option is wrong."""

    code = "settings"


class Refused(AgentError):
    """The agent decided not to act."""

    code = "refused"


class BudgetExceeded(Refused):
    """A limit has less room than the operation may use."""

    code = "budget_exceeded"
    remedy = "wait for the operations in flight, or ask the owner to grant more: sessions new"

    def __init__(self, limit_key: str, needed: int, left: int) -> None:
        super().__init__(f"limit {limit_key}: {left} left, {needed} needed")
        self.limit_key = limit_key
        self.needed = needed
        self.left = left


class FeeAboveCap(Refused):
    """The chain asks for more than the job may pay."""

    code = "fee_above_cap"
    remedy = "wait for lower fees, or raise the cap in the job's `fees`"

    def __init__(self, what: str, quoted_wei: int, cap_wei: int) -> None:
        super().__init__(f"{what} is {quoted_wei} wei, the cap is {cap_wei} wei")
        self.what = what
        self.quoted_wei = quoted_wei
        self.cap_wei = cap_wei


class PaymasterCap(Refused):
    """A paymaster would pay, or take in tokens, more than the operator allows it."""

    remedy = "wait for lower fees, let another pay (`pay_gas_by`), or raise the paymaster's caps"

    def __init__(self, paymaster: str, code: str, what: str, asked: int, cap: int, remedy: str = "") -> None:
        super().__init__(f"paymaster {paymaster}: {what}: {asked} asked, {cap} allowed")
        self.code = code
        self.remedy = remedy or self.remedy
        self.paymaster = paymaster
        self.asked = asked
        self.cap = cap


class JobPaused(Refused):
    """The job is paused; the journal takes no signature and no send for it."""

    code = "job_paused"
    remedy = "sessionkeeper jobs resume"


class Held(JobPaused):
    """The job, its session, its account or everything is held; what is in flight is still followed."""

    code = "held"
    remedy = "see why: sessionkeeper status; when it is cleared: sessionkeeper sessions release"

    def __init__(self, scope: str, hold_code: str, reason: str) -> None:
        super().__init__(f"{scope} is held: {hold_code}: {reason}")
        self.scope = scope
        self.hold_code = hold_code


class Rejected(AgentError):
    """Somebody answered no."""

    code = "rejected"


class EntryPointRejected(Rejected):
    """`validateUserOp` or the EntryPoint refused the operation."""

    code = "entry_point_rejected"

    def __init__(self, reason: str, inner_name: str = "", inner_data: bytes = b"") -> None:
        super().__init__(f"{reason} {inner_name}".strip())
        self.reason = reason
        self.inner_name = inner_name
        self.inner_data = inner_data


class BundlerRejected(Rejected):
    """The bundler answered with a JSON-RPC error."""

    code = "bundler_rejected"

    def __init__(self, rpc_code: int, message: str, data: object = None, bundler: str = "") -> None:
        super().__init__(f"bundler error {rpc_code}: {message}")
        self.rpc_code = rpc_code
        self.message = message
        self.data = data
        self.bundler = bundler


class PaymasterRejected(Rejected):
    """A paymaster refused to pay, or offered what the operator does not let it."""

    remedy = "let another pay (`pay_gas_by`), or ask whoever runs the paymaster"

    def __init__(self, paymaster: str, code: str, message: str) -> None:
        super().__init__(f"paymaster {paymaster}: {message}")
        self.code = code
        self.paymaster = paymaster


class Unavailable(AgentError):
    """Nobody answered, or the answer was broken."""

    code = "unavailable"


class ChainUnavailable(Unavailable):
    """The RPC node gave no usable answer."""

    code = "chain_unavailable"


class NodesDisagree(ChainUnavailable):
    """Nodes of one chain answered differently, so nobody knows; nothing about money is decided on it."""

    code = "nodes_disagree"
    remedy = "see which node differs: doctor"

    def __init__(self, about: str, nodes: tuple[str, ...]) -> None:
        super().__init__(f"the nodes disagree on {about}: {', '.join(nodes)}")
        self.about = about


class ReadRefused(ChainUnavailable):
    """The RPC node answered that it does not do so much at once."""


class ChainReverted(AgentError):
    """An `eth_call` reverted; `data` is what it returned."""

    code = "chain_reverted"

    def __init__(self, data: bytes, message: str = "") -> None:
        super().__init__(message or f"reverted with 0x{data[:68].hex()}")
        self.data = data


class BundlerUnavailable(Unavailable):
    """The bundler gave no usable answer."""

    code = "bundler_unavailable"


class PaymasterUnavailable(Unavailable):
    """The paymaster's service gave no usable answer."""

    code = "paymaster_unavailable"


class StoreUnavailable(Unavailable):
    """The journal cannot be read or written."""

    code = "store_unavailable"


class StoreDamaged(StoreUnavailable):
    """The journal is not what was written: nothing can be decided by it."""

    code = "store_damaged"
    remedy = (
        "keep the file, then restore the newest backup, or start without a journal: the worker reads from "
        "the chain what was paid (docs/operating.md, When the journal is lost or an old one restored)"
    )


class StoreInUse(ConfigError):
    """Another worker runs on the same store."""

    code = "store_in_use"
    remedy = "stop the other worker first, or give this one a store of its own"


class StoreRefused(ConfigError):
    """The store could lose what it acknowledged, or a newer release wrote it."""

    code = "store_refused"


class NotFound(AgentError):
    """No such job, run, session or key."""

    code = "not_found"


class StaleRecord(AgentError):
    """Somebody else changed the occurrence first; read it again."""

    code = "stale_record"


class DuplicateOperation(AgentError):
    """This nonce or hash is already in the journal for something else."""

    code = "duplicate_operation"


class Bug(AgentError):
    """The agent broke its own rule."""

    code = "bug"


class IllegalTransition(Bug):
    """The state table has no such row."""

    code = "illegal_transition"

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"no transition from {state} on {event}")
        self.state = state
        self.event = event
