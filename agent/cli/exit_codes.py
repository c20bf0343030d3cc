"""What the command's exit code says. Scripts rely on these: they never change."""

from enum import IntEnum

from agent.domain.errors import (
    AgentError,
    BudgetExceeded,
    BundlerUnavailable,
    ConfigError,
    NotFound,
    Refused,
    Rejected,
    StaleRecord,
    StoreDamaged,
    StoreInUse,
    StoreUnavailable,
    Unavailable,
)


class ExitCode(IntEnum):
    """Every exit code of the command."""

    OK = 0  #: done
    INTERNAL = 1  #: the agent broke; please report it
    USAGE = 2  #: the command line is wrong
    CONFIG = 3  #: a file or a setting is wrong
    CHANGES = 4  #: `plan --exit-code`: the plan differs from what runs
    NOT_FOUND = 5  #: no such job, run, session or key
    REFUSED = 6  #: a guard of ours or the session's scope said no
    CHAIN = 7  #: the node is out of reach or serves another chain
    REJECTED = 8  #: the bundler, the paymaster or the EntryPoint said no
    REVERTED = 9  #: the operation was included and reverted
    SESSION = 10  #: the session has expired, is revoked or not enabled
    LIMIT = 11  #: a limit is used up
    WARNINGS = 12  #: `doctor --strict` found warnings
    RETRY_LATER = 75  #: nothing is wrong with the request; try again later
    INTERRUPTED = 130  #: stopped by SIGINT, after draining
    TERMINATED = 143  #: stopped by SIGTERM, after draining


BY_ERROR: dict[type[AgentError], ExitCode] = {
    AgentError: ExitCode.INTERNAL,
    ConfigError: ExitCode.CONFIG,
    StoreInUse: ExitCode.RETRY_LATER,
    NotFound: ExitCode.NOT_FOUND,
    Refused: ExitCode.REFUSED,
    BudgetExceeded: ExitCode.LIMIT,
    Rejected: ExitCode.REJECTED,
    Unavailable: ExitCode.CHAIN,
    BundlerUnavailable: ExitCode.RETRY_LATER,
    StoreUnavailable: ExitCode.RETRY_LATER,
    StoreDamaged: ExitCode.CONFIG,
    StaleRecord: ExitCode.RETRY_LATER,
}
"""The narrowest class of an error decides, unless its code is in `BY_CODE`."""

BY_CODE: dict[str, ExitCode] = {
    "wrong_chain": ExitCode.CHAIN,
    "session_not_enabled": ExitCode.SESSION,
    "session_expired": ExitCode.SESSION,
    "session_not_started": ExitCode.SESSION,
    "session_changed": ExitCode.SESSION,
    "session_revoked": ExitCode.SESSION,
    "spending_limit": ExitCode.LIMIT,
    "usage_limit": ExitCode.LIMIT,
    "value_limit": ExitCode.LIMIT,
    "gas_limit": ExitCode.LIMIT,
    "cost_limit": ExitCode.LIMIT,
    "argument_limit": ExitCode.LIMIT,
    "reverted": ExitCode.REVERTED,
}


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code of an error that ended the command."""
    if not isinstance(error, AgentError):
        return ExitCode.INTERNAL
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((BY_ERROR[kind] for kind in type(error).__mro__ if kind in BY_ERROR), ExitCode.INTERNAL)
