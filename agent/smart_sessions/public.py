"""The public names of `agent.smart_sessions`, in one list; import them from the package."""

from agent.domain.budget import Blocked, Cleared, LimitUse, Verdict, Violation
from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.compare import Difference, differences
from agent.smart_sessions.digest import ChainDigest, Mode, multichain_digest, session_digest
from agent.smart_sessions.encoding import (
    decode_session,
    disable_action_call,
    disable_action_policies_call,
    disable_erc1271_policies_call,
    disable_user_op_policies_call,
    enable_action_policies_call,
    enable_erc1271_policies_call,
    enable_sessions_call,
    enable_user_op_policies_call,
    encode_session,
    install_data,
    permit_paymaster_call,
    remove_session_call,
    revoke_enable_signature_call,
)
from agent.smart_sessions.grant import Counters, Grant, counters, reads
from agent.smart_sessions.ids import action_config_id, action_id, permission_id, user_op_config_id
from agent.smart_sessions.lint import Finding, Subject, lint
from agent.smart_sessions.model import Model
from agent.smart_sessions.on_chain import OnChainSession
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from agent.smart_sessions.policies import UnknownPolicy
from agent.smart_sessions.policies.arg import ArgRules
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.expression import And, Not, Or, compiled
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit
from agent.smart_sessions.policy_codec import SUDO, policy_config, policy_data
from agent.smart_sessions.preflight import earliest_expiry, limits, preflight
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.session_json import session_from_json, session_to_json
from agent.smart_sessions.session_reads import read_plan, session_from_answers
from agent.smart_sessions.signature import (
    EnableSession,
    SignatureFlavour,
    enable_signature,
    first_use_signature,
    owners_init_data,
    signed_hash,
    use_signature,
)
from agent.smart_sessions.signature_decoding import DecodedEnable, DecodedUse, decode_signature
from agent.smart_sessions.typed_data import Entry, multichain_document
from agent.smart_sessions.worst_case import Allowance, Outflow, WorstCase, worst_case

__all__ = [
    "OWNABLE_VALIDATOR",
    "SMART_SESSION",
    "SUDO",
    "ActionData",
    "Address",
    "Allowance",
    "And",
    "ArgRules",
    "Blocked",
    "ChainDigest",
    "Checker",
    "Cleared",
    "Condition",
    "ContractWhitelist",
    "Counters",
    "DecodedEnable",
    "DecodedUse",
    "Difference",
    "ERC7739Context",
    "ERC7739Data",
    "EnableSession",
    "Entry",
    "Finding",
    "Grant",
    "Hash32",
    "LimitUse",
    "Mode",
    "Model",
    "Not",
    "OnChainSession",
    "Or",
    "Outflow",
    "PasskeyData",
    "PolicyData",
    "Revert",
    "Rule",
    "Session",
    "SignatureFlavour",
    "SimpleGas",
    "SpendingLimits",
    "Subject",
    "TimeFrame",
    "TokenLimit",
    "UniAction",
    "UnknownPolicy",
    "UsageLimit",
    "ValueLimit",
    "Verdict",
    "Violation",
    "WorstCase",
    "action_config_id",
    "action_id",
    "compiled",
    "counters",
    "decode_session",
    "decode_signature",
    "differences",
    "disable_action_call",
    "disable_action_policies_call",
    "disable_erc1271_policies_call",
    "disable_user_op_policies_call",
    "earliest_expiry",
    "enable_action_policies_call",
    "enable_erc1271_policies_call",
    "enable_sessions_call",
    "enable_signature",
    "enable_user_op_policies_call",
    "encode_passkey",
    "encode_session",
    "first_use_signature",
    "install_data",
    "limits",
    "lint",
    "multichain_digest",
    "multichain_document",
    "owners_init_data",
    "permission_id",
    "permit_paymaster_call",
    "policy_config",
    "policy_data",
    "preflight",
    "read_plan",
    "reads",
    "remove_session_call",
    "revoke_enable_signature_call",
    "session_digest",
    "session_from_answers",
    "session_from_json",
    "session_to_json",
    "signed_hash",
    "use_signature",
    "user_op_config_id",
    "worst_case",
]
