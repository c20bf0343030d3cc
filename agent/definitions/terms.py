"""What the jobs of one file have in common: kind, chain, schedule, caps, retries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.definitions.config import FeeFields
from agent.definitions.digests import digest_of, terms_text
from agent.definitions.job_file import TermFields
from agent.definitions.mistakes import did_you_mean
from agent.definitions.paymaster_files import PayersOfChain, order_of
from agent.definitions.references import JobChecker, References
from agent.definitions.schedules import schedule_from
from agent.definitions.source import Document, Report, Tree, Within
from agent.definitions.validation import validate
from agent.domain.job import FeeCaps, SendBy
from agent.domain.schedule import Retry, Schedule
from agent.domain.units import Hash32
from jobs.kind import AnyKind, Timing

LEAST_RAISE_AFTER_S = 10
_TERMS = frozenset(TermFields.model_fields) - {"schedule", "fees"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the jobs of one file have in common; None where the file holds a mistake."""

    chain_id: int | None
    kind: AnyKind | None
    schedule: Schedule | None
    fees: FeeCaps | None
    retry: Retry | None
    fields: Mapping[str, Any]
    digest: Hash32 | None
    pay_gas_by: tuple[str, ...] | None
    has_schedule: bool
    """Whether the file has one, right or wrong."""


def terms_from(tree: dict[str, Tree], document: Document, known: References, report: Report) -> Terms:
    """Return what can be read of a job file's terms; note every mistake."""
    checker = JobChecker(known, document, report)
    fields = validate(TermFields, {name: tree[name] for name in tree.keys() & _TERMS}, document, report)
    chain_id, kind = fields.get("chain"), known.kinds.get(fields.get("kind", ""))
    if "kind" in fields and kind is None:
        fix = did_you_mean(fields["kind"], known.kinds)
        checker.refuse(("kind",), "unknown_kind", f"there is no job kind {fields['kind'][:64]!r}", fix)
    checker.chain(chain_id)
    _check_sender(fields, checker)
    schedule = _schedule(tree, document, kind, report)
    fees = _fees(tree, document, known.fees.get(chain_id or 0), report)
    retry = _retry(fields, checker)
    sound = fees is not None and retry is not None and {"catch_up", "send_by"} <= fields.keys()
    digest = digest_of(terms_text(schedule, fees, retry, fields["catch_up"])) if sound else None  # type: ignore[arg-type]
    payers = _payers(fields, document, known.payers.get(chain_id or 0), report)
    return Terms(chain_id, kind, schedule, fees, retry, fields, digest, payers, "schedule" in tree)


def _check_sender(fields: Mapping[str, Any], checker: JobChecker) -> None:
    chain_id, known = fields.get("chain"), checker.references
    is_private = fields.get("send_by") is SendBy.PRIVATE
    if is_private and chain_id in known.tokens and chain_id not in known.private:
        message = f"chain {chain_id} has no bundler that keeps operations to itself"
        checker.refuse(("send_by",), "no_private_bundler", message, "add private_bundler: to the chain")


def _payers(
    fields: Mapping[str, Any], document: Document, chain: PayersOfChain | None, report: Report
) -> tuple[str, ...] | None:
    if chain is None or "pay_gas_by" not in fields:
        return None
    return order_of(fields["pay_gas_by"], chain, fields["chain"], document, report)


def _schedule(
    tree: dict[str, Tree], document: Document, kind: AnyKind | None, report: Report
) -> Schedule | None:
    if "schedule" in tree:
        if kind is not None and kind.timing is Timing.TRIGGER:
            message = f"a {kind.name} is due when the chain says so, not by a calendar"
            report.add(
                document.key_place(("schedule",)), "schedule_not_for_kind", message, "remove schedule:"
            )
        return schedule_from(tree["schedule"], Within(document, ("schedule",)), report)
    if kind is not None and kind.timing is Timing.SCHEDULE:
        fix = "add schedule: with calendar:, cron: or interval:"
        report.add(document.place(()), "missing_key", "'schedule' is missing", fix)
    return None


def _fees(
    tree: dict[str, Tree], document: Document, default: FeeCaps | None, report: Report
) -> FeeCaps | None:
    own = validate(FeeFields, tree.get("fees", {}), Within(document, ("fees",)), report)
    if default is None or len(own) < len(FeeFields.model_fields):
        return None
    caps = merged_caps(own, default)
    if caps.patience_s < LEAST_RAISE_AFTER_S:
        message = f"{caps.patience_s} s are less than a bundler needs to include anything"
        fix = f"write at least {LEAST_RAISE_AFTER_S}s"
        report.add(document.place(("fees", "raise_after")), "raised_too_soon", message, fix)
    for name, cap in (("max_fee_per_gas", caps.max_fee_per_gas_wei), ("max_cost", caps.max_cost_wei)):
        if cap is None:
            message = f"neither the job nor its chain caps {name}"
            report.add(
                document.place(("fees",)), "no_fee_cap", message, f"add fees: {{{name}: …}} to one of them"
            )
    return caps


def merged_caps(own: Mapping[str, Any], default: FeeCaps) -> FeeCaps:
    """Return the caps of FeeFields, each missing one taken from `default`."""
    return FeeCaps(
        max_fee_per_gas_wei=_first(own.get("max_fee_per_gas"), default.max_fee_per_gas_wei),
        max_priority_fee_per_gas_wei=_first(
            own.get("max_priority_fee_per_gas"), default.max_priority_fee_per_gas_wei
        ),
        max_cost_wei=_first(own.get("max_cost"), default.max_cost_wei),
        max_gas=_first(own.get("max_gas"), default.max_gas),
        raise_after_s=_first(own.get("raise_after"), default.raise_after_s),
        give_up=_first(own.get("give_up"), default.give_up),
    )


def _first(own: Any, default: Any) -> Any:  # noqa: ANN401 - Wei or Gas
    return default if own is None else own


def _retry(fields: Mapping[str, Any], checker: JobChecker) -> Retry | None:
    if "retry" not in fields or "grace" not in fields:
        return None
    retry = Retry(fields["retry"], fields["grace"])
    if sum(retry.delays_s) > retry.grace_s:
        message = f"the retries take {sum(retry.delays_s)} s in all, the grace ends after {retry.grace_s} s"
        checker.refuse(("retry",), "retry_beyond_grace", message, "write a longer grace, or fewer retries")
    return retry
