"""The AA codes of the EntryPoint, why we would see them and what to do then."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What to do about a refusal. None of them chooses a new nonce key."""

    SAME = "same"
    """Resend identical bytes."""
    BUMP = "bump"
    """Sign the same nonce again, both fees raised by at least a tenth."""
    WAIT = "wait"
    """Keep it and look again."""
    RECONCILE = "reconcile"
    """Ask the chain before anything else."""
    REBUILD = "rebuild"
    """Estimate and sign the same nonce again."""
    OTHER_BUNDLER = "other_bundler"
    """The fault is the bundler's: try another one."""
    OTHER_PAYMASTER = "other_paymaster"
    """The fault is the paymaster's: try another one."""
    HOLD = "hold"
    """Pause this job."""
    STOP = "stop"
    """Stop the job for good until a person looks."""
    FAIL = "fail"
    """Terminal for the occurrence."""


@dataclass(frozen=True, slots=True)
class AACode:
    """One code: the cause as it concerns us, the action, and the remedy to print."""

    text: str
    cause: str
    action: Action


AA_CODES = {
    "AA10": AACode("sender already constructed", "factory left in after deployment", Action.REBUILD),
    "AA13": AACode("initCode failed or OOG", "the factory or the delegation failed", Action.HOLD),
    "AA14": AACode("initCode must return sender", "wrong factory", Action.FAIL),
    "AA15": AACode("initCode must create sender", "wrong factory", Action.FAIL),
    "AA20": AACode("account not deployed", "wrong chain or address, or a node behind", Action.RECONCILE),
    "AA21": AACode("didn't pay prefund", "the account has too little native currency", Action.HOLD),
    "AA22": AACode("expired or not due", "outside the session's time window", Action.WAIT),
    "AA23": AACode("reverted", "the account or its validator refused", Action.HOLD),
    "AA24": AACode("signature error", "wrong key, hash, chain or permission", Action.STOP),
    "AA25": AACode("invalid account nonce", "already used, a gap, or a node behind", Action.RECONCILE),
    "AA26": AACode("over verificationGasLimit", "verification gas estimated too low", Action.REBUILD),
    "AA30": AACode("paymaster not deployed", "wrong paymaster or chain", Action.HOLD),
    "AA31": AACode("paymaster deposit too low", "the paymaster has run dry", Action.OTHER_PAYMASTER),
    "AA32": AACode("paymaster expired or not due", "stale paymaster data", Action.REBUILD),
    "AA33": AACode("reverted", "the paymaster refused", Action.OTHER_PAYMASTER),
    "AA34": AACode("signature error", "stale paymaster data or changed fields", Action.REBUILD),
    "AA36": AACode("over paymasterVerificationGasLimit", "paymaster gas estimated too low", Action.REBUILD),
    "AA40": AACode("over verificationGasLimit", "verification gas estimated too low", Action.REBUILD),
    "AA41": AACode("too little verificationGas", "verification gas estimated too low", Action.REBUILD),
    "AA50": AACode("postOp reverted", "the paymaster failed after execution", Action.OTHER_PAYMASTER),
    "AA51": AACode("prefund below actualGasCost", "the paymaster used more than it declared", Action.REBUILD),
    "AA90": AACode("invalid beneficiary", "bundler's fault", Action.OTHER_BUNDLER),
    "AA91": AACode("failed send to beneficiary", "bundler's fault", Action.OTHER_BUNDLER),
    "AA92": AACode("internal call only", "bundler's fault", Action.OTHER_BUNDLER),
    "AA93": AACode("invalid paymasterAndData", "we encoded it wrongly", Action.FAIL),
    "AA94": AACode("gas values overflow", "a hostile or broken estimate", Action.FAIL),
    "AA95": AACode("out of gas", "the bundle had too little gas", Action.WAIT),
    "AA96": AACode("invalid aggregator", "validation returned an aggregator", Action.STOP),
    "AA97": AACode("only EntryPoint", "bundler's fault", Action.OTHER_BUNDLER),
    "AA98": AACode("invalid paymaster", "we encoded it wrongly", Action.FAIL),
    "AA99": AACode("initCode too small", "we encoded it wrongly", Action.FAIL),
}
