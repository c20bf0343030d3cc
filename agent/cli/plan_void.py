"""How the lifetime of signed operations reads, as JSON values and in words."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.commands.plan_void import Lifetime


def life_document(life: "Lifetime") -> dict[str, Any]:
    """Return when a signed operation becomes void, and whether it can be cancelled until then."""
    ends = None if life.session_ends is None else int(life.session_ends)
    return {"by": str(life.by), "session_ends": ends, "can_cancel": life.can_cancel}


def life_sentence(life: "Lifetime") -> str:
    """Say the same in words."""
    from agent.cli.present import moment
    from agent.commands.plan_void import VoidBy

    until = "is never void by itself"
    if life.session_ends is not None:
        until = f"becomes void when its session ends, {moment(life.session_ends)}"
    if life.by is VoidBy.PAYMASTER:
        until = f"becomes void when its paymaster's offer ends; paid by the account itself it {until}"
    cancel = "can" if life.can_cancel else "cannot"
    return f"a signed operation {until}; until it lands it {cancel} be cancelled"
