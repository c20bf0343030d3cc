"""Show how much of its own caps each job has used."""

from collections.abc import Iterable, Mapping

from agent.domain.job_caps import cap_uses
from agent.domain.units import Timestamp
from agent.pipeline.context import JobContext
from agent.telemetry.metrics import Metrics


def observe_job_caps(
    metrics: Metrics,
    jobs: Iterable[JobContext],
    now: Timestamp,
    spent: Mapping[str, int],
    reserved: Mapping[str, int],
) -> None:
    """Note what the journal counts for the caps of these jobs, today's and those over their lives."""
    metrics.job_caps_observed(
        ((use.key.job_id, use.cap.name, use.cap.unit), use.cap.limit, use.used, use.reserved)
        for job in jobs
        for use in cap_uses(job.definition.id, job.kind.caps(job.definition.spec), now, spent, reserved)
    )
