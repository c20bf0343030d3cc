"""Rules about what a session is for, and about the signatures that enable it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.smart_sessions.digest import Mode
from agent.smart_sessions.encoding import revoke_enable_signature_call
from agent.smart_sessions.lint.finding import Finding, refuse, warn
from agent.smart_sessions.lint.selectors import function_name
from agent.smart_sessions.lint.subject import Subject
from agent.smart_sessions.policies import sudo

DANGEROUS_CONTENT = ("Permit", "Order")
"""Beginnings of types that pay by a signature alone; PermitSingle and PermitBatch are among them."""


def off_chain(subject: Subject) -> Iterator[Finding]:
    """L20: signatures off chain, which no action policy sees."""
    rights = subject.session.erc7739_policies
    needed = subject.purpose is not None and subject.purpose.signs_off_chain
    remedy = "leave erc7739Policies empty"
    names = [name for context in rights.allowed_erc7739_content for name in context.content_names]
    dangerous = [name for name in names if name.startswith(DANGEROUS_CONTENT) or "Order" in name]
    if dangerous and not needed:
        sentence = f"the key may sign {', '.join(dangerous)} off chain: that pays without any policy"
        yield refuse("L20", sentence, remedy)
    elif any(item.policy == sudo.ADDRESS for item in rights.erc1271_policies) and not needed:
        yield refuse("L20", "the key may sign anything off chain in the account's name", remedy)
    elif names or rights.erc1271_policies:
        sentence = f"the key may sign off chain: {', '.join(names) or 'what its policies let through'}"
        yield warn("L20", sentence, remedy)


def unneeded(subject: Subject) -> Iterator[Finding]:
    """L33: actions that no job uses, with the session that would do."""
    purpose = subject.purpose
    if purpose is None:
        return
    extra = [item for item in subject.actions if not subject.needed(item.target, item.selector)]
    if extra:
        least = ", ".join(
            f"{function_name(item.selector)} of {subject.name_of(item.target)}" for item in purpose.actions
        )
        granted = ", ".join(map(subject.called, extra))
        sentence = f"no job uses {granted}; {len(purpose.actions)} of {len(subject.actions)} actions do"
        yield warn("L33", sentence, f"grant only: {least}")


def enabling(subject: Subject) -> Iterator[Finding]:
    """L26: an enable signature for another time, chain, or for more chains than the jobs need."""
    for item in subject.signatures:
        nonce = subject.on_chain.enable_nonce if subject.on_chain else None
        if nonce is not None and item.nonce != nonce and not (subject.is_revoked or _is_enabled(subject)):
            sentence = f"the enable signature has nonce {item.nonce}, the chain asks for {nonce}"
            remedy = "let the owner sign anew: sessionkeeper sessions grant --typed-data"
            yield replace(refuse("L26", sentence, remedy), is_drift=True)
        strange = [chain for chain in item.chain_ids if subject.chain_ids and chain not in subject.chain_ids]
        if strange:
            sentence = f"the enable signature is good on chains {_list(strange)}, which are not configured"
            yield refuse("L26", sentence, "let the owner sign for the chains of the jobs alone")
        needed = len(item.explained | {subject.chain_id})
        if len(set(item.chain_ids)) > needed and subject.purpose is not None:
            sentence = (
                f"the enable signature is good on {len(set(item.chain_ids))} chains, the files need {needed}"
            )
            yield refuse("L26", sentence, "let the owner sign for the chains of the jobs alone")


def left_behind(subject: Subject) -> Iterator[Finding]:
    """L27: a session taken back that its enable signature can bring back."""
    nonce = subject.on_chain.enable_nonce if subject.on_chain else None
    if subject.is_revoked and any(item.nonce == nonce for item in subject.signatures):
        data = revoke_enable_signature_call(subject.grant.permission_id)
        sentence = "the session was taken back and its enable signature still works"
        remedy = f"let the account call {subject.smart_session} with 0x{data.hex()}"
        yield warn("L27", sentence, remedy)


def unsafe_enable(subject: Subject) -> Iterator[Finding]:
    """L28: the mode that skips the registry."""
    if any(item.mode is Mode.UNSAFE_ENABLE for item in subject.signatures):
        sentence = "the enable signature skips the checks of the module registry"
        yield refuse("L28", sentence, "let the owner sign for mode ENABLE")


def _is_enabled(subject: Subject) -> bool:
    """Say whether the session is live: then a signature that moved the nonce was the one that enabled it."""
    seen = subject.on_chain.counters if subject.on_chain else None
    return seen is not None and seen.enabled


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
