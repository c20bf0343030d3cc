"""What the jobs of one file have in common: kind, chain, schedule, caps, retries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.definitions.config import FeeFields
from agent.definitions.digests import digest_of, terms_text
from agent.definitions.job_file import TermFields
from agent.definitions.mistakes import did_you_mean
from agent.definitions.references import Checker, References
from agent.definitions.schedules import schedule_from
from agent.definitions.source import Document, Report, Tree, Within
from agent.definitions.validation import validate
from agent.domain.job import FeeCaps
from agent.domain.schedule import Retry, Schedule
from agent.domain.units import Hash32
from jobs.kind import AnyKind

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


def terms_from(tree: dict[str, Tree], document: Document, known: References, report: Report) -> Terms:
    """Return what can be read of a job file's terms; note every mistake."""
    checker = Checker(known, document, report)
    fields = validate(TermFields, {name: tree[name] for name in tree.keys() & _TERMS}, document, report)
    chain_id, kind = fields.get("chain"), known.kinds.get(fields.get("kind", ""))
    if "kind" in fields and kind is None:
        fix = did_you_mean(fields["kind"], known.kinds)
        checker.refuse("kind", "unknown_kind", f"there is no job kind {fields['kind'][:64]!r}", fix)
    checker.chain(chain_id)
    schedule = _schedule(tree, document, kind, report)
    fees = _fees(tree, document, known.fees.get(chain_id or 0), report)
    retry = _retry(fields, checker)
    sound = fees is not None and retry is not None and "catch_up" in fields
    digest = digest_of(terms_text(schedule, fees, retry, fields["catch_up"])) if sound else None  # type: ignore[arg-type]
    return Terms(chain_id, kind, schedule, fees, retry, fields, digest)


def _schedule(
    tree: dict[str, Tree], document: Document, kind: AnyKind | None, report: Report
) -> Schedule | None:
    if "schedule" in tree:
        return schedule_from(tree["schedule"], Within(document, ("schedule",)), report)
    if kind is not None and kind.scheduled:
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
    )


def _first(own: Any, default: Any) -> Any:  # noqa: ANN401 - Wei or Gas
    return default if own is None else own


def _retry(fields: Mapping[str, Any], checker: Checker) -> Retry | None:
    if "retry" not in fields or "grace" not in fields:
        return None
    retry = Retry(fields["retry"], fields["grace"])
    if sum(retry.delays_s) > retry.grace_s:
        message = f"the retries take {sum(retry.delays_s)} s in all, the grace ends after {retry.grace_s} s"
        checker.refuse("retry", "retry_beyond_grace", message, "write a longer grace, or fewer retries")
    return retry
