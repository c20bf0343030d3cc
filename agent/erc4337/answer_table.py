"""What bundlers say in JSON-RPC codes and in words of their own (ERC-7769, alto, rundler), quirks included.

The one place to add another; AA codes and revert data are in `error_table`.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.erc4337.bundler_actions import (
    LATER_S,
    MINUTES_S,
    QUIET_S,
    SOON_S,
    Fail,
    Hold,
    LookUp,
    Part,
    Raise,
    Rebuild,
    RetryAfter,
    SameBytes,
    Scope,
    Stop,
)
from agent.erc4337.error_table import (
    ENDPOINT,
    FUND,
    FUNDS,
    JOB,
    PAYMASTER,
    PLACE,
    REPORT,
    SIGNER,
    WINDOW,
    Row,
)

WRONG_HASH = "another hash than ours"
"""How the adapter says that the bundler accepted something else than was sent."""
INVALID_PARAMS = -32602
SILENCE: frozenset[int | None] = frozenset({None})
"""No JSON-RPC answer at all."""
UNSURE: frozenset[int | None] = frozenset({None, 0, 429, -32603, -32000, -32005})
"""Codes that do not say whether the operation was taken. 0 stands for an error without a code."""


class Phase(StrEnum):
    """What the bundler was asked."""

    ESTIMATE = "estimate"
    SEND = "send"
    LOOKUP = "lookup"


class Flavour(StrEnum):
    """A bundler with ways of its own."""

    ALTO = "alto"
    RUNDLER = "rundler"


FLAVOURS = {
    "alto": Flavour.ALTO,
    "pimlico": Flavour.ALTO,
    "rundler": Flavour.RUNDLER,
    "alchemy": Flavour.RUNDLER,
}
"""What in a bundler's host name tells its flavour."""
SURE_AFTER_ALL = {Flavour.RUNDLER: "precheck failed: "}
"""Words that make a flavour's refusal certain, whatever its code: rundler's checks come as -32000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded(Row):
    """A refusal with the stable code it is journaled and shown under."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Coded):
    """A refusal known by its words; a quirk belongs to one flavour and matches any unknown bundler too."""

    pattern: str
    """A regular expression, found anywhere, case aside."""
    rpc_codes: frozenset[int | None] = frozenset()
    """JSON-RPC codes it comes with, None for no JSON-RPC answer; empty for all but UNSURE."""
    flavour: Flavour | None = None
    phases: frozenset[Phase] = frozenset({Phase.ESTIMATE, Phase.SEND})


BUNDLER = Stop(Scope.BUNDLER)
GAS = Rebuild(Part.GAS)
SPONSOR = Rebuild(Part.PAYMASTER)
CALLS = Rebuild(Part.CALLS)
_LOOKUP = frozenset({Phase.LOOKUP})
_FEE = r"max(?:imum )?(?: ?priority)? ?fee ?per ?gas"

SAID = (
    # Already there: nothing to do but wait.
    Said(
        RetryAfter(QUIET_S),
        "the bundler has it already",
        code="already_known",
        pattern=r"already known|already being processed",
    ),
    Said(
        Raise(),
        "another operation waits on this nonce",
        code="replacement_underpriced",
        pattern=r"already present in mempool|replacement (?:op(?:eration)? )?(?:is )?underpriced|"
        r"replacement op must increase|bump the gas price",
    ),
    Said(
        RetryAfter(LATER_S),
        "the sender has as many operations waiting as the bundler allows",
        code="sender_cap",
        pattern=r"maximum number of (?:parallel|queued) user operations|max operations \(\d+\) reached",
    ),
    # Fees: the bundler names its floor.
    Said(
        Raise(),
        "the fee is below the bundler's floor",
        code="fee_too_low",
        pattern=_FEE + r"\b.{0,100}(?:must be at least|is lower than (?:min|base))",
    ),
    # Gas.
    Said(
        GAS,
        "the bundler wants more gas for bundling it",
        code="pre_verification_gas_too_low",
        pattern=r"pre-?verification ?gas\b.{0,100}(?:not enough|at least|lower than|larger than 0)",
    ),
    Said(
        GAS,
        "the bundler wants other gas limits",
        code="gas_limit_too_low",
        pattern=r"(?:call|verification) ?gas ?limit\b.{0,60}(?:at least|larger than 0|buffer)",
    ),
    Said(
        Fail(),
        "it may use more gas than the bundler takes",
        "use another bundler, or let the job do less at once",
        code="gas_above_maximum",
        pattern=r"gas limits? exceed|total gas limit is|gas ?limit\b.{0,60}(?:at most|higher than max)",
    ),
    # Time.
    Said(
        RetryAfter(LATER_S),
        "its time window has not begun",
        WINDOW,
        code="not_due",
        pattern=r"not valid yet",
    ),
    Said(
        Fail(),
        "its time window ends too soon or has ended",
        WINDOW,
        code="expired",
        pattern=r"expires too soon|is expired or will expire",
    ),
    # Money.
    Said(
        SameBytes(LATER_S),
        "the account cannot pay for gas",
        FUND,
        code="low_gas_funds",
        pattern=r"sender balance and deposit together",
    ),
    Said(
        RetryAfter(LATER_S),
        "the paymaster cannot pay for what waits already",
        PAYMASTER,
        code="paymaster_deposit",
        pattern=r"paymaster balance too low|paymaster deposit is",
    ),
    # Whose fault it is.
    Said(
        SPONSOR,
        "the paymaster's signature was refused",
        PAYMASTER,
        code="paymaster_signature",
        pattern=r"invalid paymaster signature|invalid userop paymasterdata",
        rpc_codes=frozenset({-32507}),
    ),
    Said(
        SPONSOR,
        "the bundler takes nothing from this paymaster for now",
        PAYMASTER,
        code="paymaster_throttled",
        pattern=r"^paymaster\b.*(?:throttled|banned)",
        rpc_codes=frozenset({-32504}),
    ),
    Said(
        BUNDLER,
        "the bundler does not serve this EntryPoint",
        ENDPOINT,
        code="entry_point_unsupported",
        pattern=r"entry ?point 0x[0-9a-f]+ not supported|unknown entry ?point",
    ),
    Said(
        Stop(Scope.CHAIN),
        "what stands at the EntryPoint's address is none",
        PLACE,
        code="entry_point_invalid",
        pattern=r"make sure your entrypoint is valid",
    ),
    Said(
        Fail(),
        "a field of the operation is wrong",
        REPORT,
        code="invalid_fields",
        pattern=r"validation error",
        rpc_codes=frozenset({-32601}),
        flavour=Flavour.ALTO,
    ),
    Said(
        Fail(),
        "a field of the operation is wrong",
        REPORT,
        code="invalid_fields",
        pattern=r"\binvalid (?:params|argument|userop|eip-7702|json-rpc)|missing/invalid|missing field",
        rpc_codes=frozenset({INVALID_PARAMS}),
    ),
    Said(
        SameBytes(LATER_S),
        "the bundler's pool took it and let it go",
        code="dropped",
        pattern=r"rejected by mempool|discarded on insert",
    ),
    Said(
        Hold(),
        "the bundler refused it before simulating",
        SIGNER,
        code="precheck_failed",
        pattern=r"precheck failed",
        flavour=Flavour.RUNDLER,
    ),
    # No usable answer.
    Said(
        BUNDLER,
        "the bundler accepted something else than was sent",
        ENDPOINT,
        code="wrong_hash",
        pattern=WRONG_HASH,
        rpc_codes=SILENCE,
    ),
    Said(
        SameBytes(QUIET_S),
        "the bundler wants fewer requests",
        ENDPOINT,
        code="rate_limited",
        pattern=r"HTTP 429|too many requests|rate ?limit",
        rpc_codes=UNSURE,
    ),
    Said(
        SameBytes(SOON_S),
        "the bundler's answer is broken",
        ENDPOINT,
        code="broken_answer",
        pattern=r"HTTP 200 without JSON|answered something else|without a result|more than \d+ bytes",
        rpc_codes=SILENCE,
    ),
    # Lookups. What a bundler says of an operation is a hint; our own node's logs decide.
    Said(
        RetryAfter(QUIET_S),
        "not included yet, dropped, or unknown",
        code="pending",
        pattern=r"^receipt null$|^status (?:not_submitted|submitted|queued)$",
        rpc_codes=SILENCE,
        phases=_LOOKUP,
    ),
    Said(
        SameBytes(SOON_S),
        "the bundler does not have it any more",
        code="dropped",
        pattern=r"^status (?:not_found|rejected|failed)$",
        rpc_codes=SILENCE,
        phases=_LOOKUP,
    ),
    Said(
        BUNDLER,
        "the bundler has no such method",
        ENDPOINT,
        code="method_unsupported",
        pattern="",
        rpc_codes=frozenset({-32601, -32600, -32700}),
        phases=_LOOKUP,
    ),
)
"""The first that matches decides, before any AA code in the same text."""

RPC_CODES: dict[int | None, Coded] = {
    -32501: Coded(SPONSOR, "the paymaster refused", PAYMASTER, code="paymaster_refused"),
    -32502: Coded(
        Hold(),
        "it breaks a rule for opcodes, storage or roles; another bundler may be less strict",
        ENDPOINT,
        code="opcode_rule",
    ),
    -32503: Coded(Fail(), "outside its time window", WINDOW, code="expired"),
    -32504: Coded(
        RetryAfter(MINUTES_S),
        "the account or a contract of it is throttled or banned",
        ENDPOINT,
        code="throttled",
    ),
    -32505: Coded(Hold(), "a contract's stake is too low for this bundler", ENDPOINT, code="stake_too_low"),
    -32506: Coded(Fail(), "the bundler supports no such aggregator", SIGNER, code="aggregator"),
    -32507: Coded(JOB, "wrong key, chain, EntryPoint or session", SIGNER, code="signature_refused"),
    -32508: Coded(
        RetryAfter(LATER_S),
        "the paymaster cannot pay for what waits already",
        PAYMASTER,
        code="paymaster_deposit",
    ),
    -32521: Coded(CALLS, "its execution would fail", FUNDS, code="execution_reverted"),
    INVALID_PARAMS: Coded(Fail(), "a field of the operation is wrong", REPORT, code="invalid_fields"),
    -32601: Coded(BUNDLER, "the bundler has no such method", ENDPOINT, code="method_unsupported"),
    -32600: Coded(BUNDLER, "the bundler cannot read the request", ENDPOINT, code="request_refused"),
    -32700: Coded(BUNDLER, "the bundler cannot read the request", ENDPOINT, code="request_refused"),
}
"""What a code alone says."""

SILENT = Row(SameBytes(SOON_S), "nobody knows whether it was taken")
UNKNOWN = Row(SameBytes(LATER_S), "an answer nobody knows")
LOOKED = Row(LookUp(), "what a bundler says of an operation decides nothing")
