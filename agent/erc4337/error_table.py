"""What the EntryPoint, accounts, modules and tokens refuse with: cause, action and remedy of each.

The one place to add another; what bundlers say in their own words is in `answer_table`.
"""

from dataclasses import dataclass

from agent.erc4337.bundler_actions import (
    LATER_S,
    Action,
    Fail,
    Hold,
    LookUp,
    OtherBundler,
    Part,
    Rebuild,
    RetryAfter,
    SameBytes,
    Scope,
    Stop,
)

FUND = "send native currency to the account, or deposit for it in the EntryPoint"
GRANT = "ask the owner to grant the session: sessions new, then sessions grant"
ROOM = "see what is used: sessions usage; ask the owner to grant more: sessions new"
SIGNER = "compare the session with the chain: sessions status"
PAYMASTER = "look at the paymaster's deposit and policy"
ENDPOINT = "look at the bundler's address in the configuration: doctor"
PLACE = "compare chain, EntryPoint and account with the configuration: doctor"
FUNDS = "look at the account's balance and approvals"
WINDOW = "see the session's time window: sessions status"
NODE = "see whether the node is in step: doctor"
REPORT = "report this as a bug, with this text"
NOTHING = ""
"""Goes away by itself, or the agent sees to it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What to do about a refusal, its cause as it concerns us, and the remedy to print."""

    action: Action
    cause: str
    remedy: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class AACode(Row):
    """A code of the EntryPoint, with the words that follow it."""

    text: str
    code: str = ""
    """What it is journaled and shown under, where not under the code itself."""


JOB = Stop(Scope.JOB)
GAS = Rebuild(Part.GAS)
SPONSOR = Rebuild(Part.PAYMASTER)
OURS = (Fail(), "we encoded it wrongly", REPORT)
THEIRS = (OtherBundler(), "the bundler's fault", ENDPOINT)

AA_CODES = {
    "AA10": AACode(
        Rebuild(Part.FACTORY), "factory left in after deployment", text="sender already constructed"
    ),
    "AA13": AACode(Hold(), "the factory or the delegation failed", PLACE, text="initCode failed or OOG"),
    "AA14": AACode(Fail(), "wrong factory", PLACE, text="initCode must return sender"),
    "AA15": AACode(Fail(), "wrong factory", PLACE, text="initCode must create sender"),
    "AA20": AACode(LookUp(), "wrong chain or address, or a node behind", PLACE, text="account not deployed"),
    # Held it would wait for a person; sent again it goes through as soon as there are funds.
    "AA21": AACode(
        SameBytes(LATER_S),
        "the account cannot pay for gas",
        FUND,
        text="didn't pay prefund",
        code="low_gas_funds",
    ),
    "AA22": AACode(RetryAfter(LATER_S), "outside the session's window", WINDOW, text="expired or not due"),
    "AA23": AACode(Hold(), "the account or its validator refused", SIGNER, text="reverted"),
    "AA24": AACode(JOB, "wrong key, hash, chain or permission", SIGNER, text="signature error"),
    "AA25": AACode(LookUp(), "already used, a gap, or a node behind", NODE, text="invalid account nonce"),
    "AA26": AACode(GAS, "verification gas estimated too low", text="over verificationGasLimit"),
    "AA30": AACode(Hold(), "wrong paymaster or chain", PAYMASTER, text="paymaster not deployed"),
    "AA31": AACode(SPONSOR, "the paymaster has run dry", PAYMASTER, text="paymaster deposit too low"),
    "AA32": AACode(SPONSOR, "stale paymaster data", text="paymaster expired or not due"),
    "AA33": AACode(SPONSOR, "the paymaster refused", PAYMASTER, text="reverted"),
    "AA34": AACode(SPONSOR, "stale paymaster data or changed fields", PAYMASTER, text="signature error"),
    "AA36": AACode(GAS, "paymaster gas estimated too low", text="over paymasterVerificationGasLimit"),
    "AA40": AACode(GAS, "verification gas estimated too low", text="over verificationGasLimit"),
    "AA41": AACode(GAS, "verification gas estimated too low", text="too little verificationGas"),
    "AA50": AACode(SPONSOR, "the paymaster failed after execution", PAYMASTER, text="postOp reverted"),
    "AA51": AACode(GAS, "more was used than was declared", text="prefund below actualGasCost"),
    "AA90": AACode(*THEIRS, text="invalid beneficiary"),
    "AA91": AACode(*THEIRS, text="failed send to beneficiary"),
    "AA92": AACode(*THEIRS, text="internal call only"),
    "AA93": AACode(*OURS, text="invalid paymasterAndData"),
    "AA94": AACode(Fail(), "a hostile or broken estimate", ENDPOINT, text="gas values overflow"),
    "AA95": AACode(RetryAfter(LATER_S), "the bundle had too little gas", text="out of gas"),
    "AA96": AACode(JOB, "validation returned an aggregator", SIGNER, text="invalid aggregator"),
    "AA97": AACode(*THEIRS, text="only EntryPoint"),
    "AA98": AACode(*OURS, text="invalid paymaster"),
    "AA99": AACode(*OURS, text="initCode too small"),
}

_ENABLE = "the enable flow is wrong: its signature, nonce, session or chain"
_POLICY = "a policy's configuration is wrong"
_SETUP = "the session or a module is set up wrongly"

INNER_ERRORS = {
    "FailedOp(uint256,string)": Row(Hold(), "the EntryPoint refused"),
    "FailedOpWithRevert(uint256,string,bytes)": Row(Hold(), "the EntryPoint refused"),
    "Error(string)": Row(Hold(), "a contract refused", FUNDS),
    "Panic(uint256)": Row(Hold(), "arithmetic overflowed or an index was out of range", REPORT),
    "InvalidPermissionId(bytes32)": Row(
        JOB, "the session is not enabled, was removed, or is elsewhere", GRANT
    ),
    "PolicyViolation(bytes32,address)": Row(Hold(), "a policy said no: limit, usage, value, list", ROOM),
    "NoPoliciesSet(bytes32)": Row(JOB, "the action is not granted", GRANT),
    "SignerNotFound(bytes32,address)": Row(JOB, "the session has no validator", GRANT),
    "PolicyCheckReverted(bytes32)": Row(Hold(), "a policy reverted: overflow or short calldata", ROOM),
    "UnsupportedExecutionType()": Row(*OURS),
    "UnsupportedCallType(bytes1)": Row(*OURS),
    "UnsupportedSmartSessionMode(uint8)": Row(JOB, _ENABLE, GRANT),
    "InvalidSelfCall()": Row(Fail(), "the account would call itself: treat it as an attack", REPORT),
    "InvalidTarget()": Row(Fail(), "a forbidden target: treat it as an attack", REPORT),
    "InvalidEnableSignature(address,bytes32)": Row(JOB, _ENABLE, GRANT),
    "HashMismatch(bytes32,bytes32)": Row(JOB, _ENABLE, GRANT),
    "ChainIdMismatch(uint64)": Row(JOB, _ENABLE, GRANT),
    "PaymasterValidationNotEnabled(bytes32)": Row(SPONSOR, "the session permits no paymaster", GRANT),
    "InvalidISessionValidator(address)": Row(Hold(), _SETUP, GRANT),
    "UnsupportedPolicy(address)": Row(Hold(), _POLICY, GRANT),
    "InvalidActionId()": Row(Hold(), _SETUP, GRANT),
    "InvalidUserOpSender(address)": Row(Hold(), "validation was asked from another account", REPORT),
    "NoExecutionsInBatch()": Row(*OURS),
    "ForbiddenValidationData()": Row(Hold(), "a policy answered what it may not", GRANT),
    "InvalidSession(bytes32)": Row(Hold(), _SETUP, GRANT),
    "InvalidMode()": Row(Hold(), _SETUP, GRANT),
    "SmartSessionModuleAlreadyInstalled(address)": Row(Hold(), _SETUP, SIGNER),
    "PolicyNotInitialized(bytes32,address,address)": Row(JOB, "a policy was enabled without its data", GRANT),
    "ValueLimitExceeded(bytes32,uint256,uint256)": Row(Hold(), "above the value a use may carry", ROOM),
    "ValidatorNotInstalled(address)": Row(JOB, "the account does not have the module", SIGNER),
    "InvalidValidator()": Row(Hold(), "the account does not let the module do this", SIGNER),
    "InvalidModule(address)": Row(Hold(), _SETUP, SIGNER),
    "InvalidCaller()": Row(Hold(), _SETUP, SIGNER),
    "OnlyExecuteUserOp()": Row(Hold(), "the account wants its hook's call form", SIGNER),
    "InvalidSignature()": Row(Hold(), "a malformed signature", SIGNER),
    "InvalidUserOperationData()": Row(Hold(), "the first operation must set the account up", SIGNER),
    "NotInitialized(address)": Row(Hold(), _SETUP, SIGNER),
    "InvalidNonce()": Row(Hold(), "the module refused the nonce", SIGNER),
    "InvalidData()": Row(Hold(), _SETUP, SIGNER),
    "AssociatedArray_OutOfBounds(uint256)": Row(Hold(), _SETUP, SIGNER),
    "ERC20InsufficientBalance(address,uint256,uint256)": Row(Hold(), "too few tokens", FUNDS),
    "ERC20InsufficientAllowance(address,uint256,uint256)": Row(Hold(), "too little approved", FUNDS),
    "ECDSAInvalidSignatureLength(uint256)": Row(Hold(), "a malformed signature", SIGNER),
    "SignatureValidationFailed(uint256)": Row(Hold(), "a signature was refused", SIGNER),
    "InvalidTokenAddress(address)": Row(Hold(), _POLICY, GRANT),
    "InvalidLimit(uint256)": Row(Hold(), _POLICY, GRANT),
    "InvalidInitDataLength()": Row(Hold(), _POLICY, GRANT),
    "InvalidInitData()": Row(Hold(), _POLICY, GRANT),
    "DecodingError()": Row(*OURS),
    "ERC7579DecodingError()": Row(*OURS),
    "ExecutionFailed()": Row(Hold(), "the account hides why", SIGNER),
    "PostOpReverted(bytes)": Row(Hold(), "the paymaster failed after execution", PAYMASTER),
    "EmptyExpressionTree()": Row(Hold(), _POLICY, GRANT),
    "NotSorted()": Row(Hold(), "the owners are not sorted", GRANT),
    "Reentrancy()": Row(*THEIRS),
}
"""By signature; its hash begins with the selector. What is not ours to decide pauses the run."""

EMPTY_REVERT = AACode(
    GAS,
    "no reason given: most often too little verification gas",
    SIGNER,
    text="reverted",
    code="aa23_no_reason",
)
"""A bare AA23: the module itself was asked before, so that a bad signature is unlikely.

A bundler that estimates on top of what waits in its pool (of the lane, or with the same paymaster) finds the
storage warm, and names too little for the operation alone.
"""
UNKNOWN_INNER = Row(Hold(), "an unknown error", SIGNER)
