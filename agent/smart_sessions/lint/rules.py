"""All rules by their codes."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from agent.smart_sessions.lint import amounts, bounds, build, keys, purpose, reach
from agent.smart_sessions.lint.finding import Finding
from agent.smart_sessions.lint.subject import Check, Subject

RULES: Mapping[str, Check] = {
    "L01": reach.any_call,
    "L02": reach.own_sessions,
    "L03": reach.power_over_account,
    "L04": reach.ownership,
    "L05": reach.unlimited_moves,
    "L06": bounds.end,
    "L07": bounds.gas,
    "L08": bounds.gas_share,
    "L09": bounds.any_paymaster,
    "L10": bounds.idle_paymaster,
    "L11": amounts.recipients,
    "L12": amounts.shared_limits,
    "L13": amounts.excessive_limits,
    "L14": reach.allowances,
    "L15": reach.allowance_loop,
    "L16": reach.uncounted,
    "L17": reach.third_parties,
    "L18": amounts.odd_tokens,
    "L19": amounts.native_value,
    "L20": purpose.off_chain,
    "L21": amounts.uses,
    "L22": amounts.arguments,
    "L23": reach.whitelist_alone,
    "L24": build.unknown_contracts,
    "L25": build.drift,
    "L26": purpose.enabling,
    "L27": purpose.left_behind,
    "L28": purpose.unsafe_enable,
    "L29": keys.shared_key,
    "L30": keys.salt,
    "L31": keys.signers,
    "L32": build.removal,
    "L33": purpose.unneeded,
    "L34": amounts.left_for_next,
    "L35": build.module,
    "L36": bounds.paymaster_fees,
    "L37": keys.owners,
    "L38": keys.data_size,
}
"""A code never gets another meaning."""


def lint(subject: Subject, allowed: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return every finding about a session of SmartSession, in the order of the rules (L01 to L38).

    Findings of `allowed` rules are returned and refuse nothing.
    """
    return tuple(
        replace(finding, allowed=finding.rule in allowed)
        for check in RULES.values()
        for finding in check(subject)
    )
