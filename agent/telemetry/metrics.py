"""What Prometheus scrapes. One object per worker, with a registry of its own."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from agent.telemetry.limit_gauges import LimitGauges, LimitLabels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENESS_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)


class Metrics:
    """The worker notes here what it sees; amounts are ints in base units, times seconds since 1970."""

    def __init__(self, version: str, mode: str) -> None:
        self.registry = CollectorRegistry()
        self.limits = LimitGauges()
        build = Gauge("sessionkeeper_build_info", "Always 1", ["version", "mode"], registry=self.registry)
        build.labels(version, mode).set(1)
        self._expiry = self._gauge(
            "session_expiry_timestamp_seconds", "When the session ends, seconds since 1970", "session"
        )
        self._operations = Counter(
            "sessionkeeper_operations",
            "Operations by job kind and outcome",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self._lateness = Histogram(
            "sessionkeeper_occurrence_lateness_seconds",
            "From the due time of an occurrence to the start of its work",
            buckets=LATENESS_BUCKETS_S,
            registry=self.registry,
        )
        self._head_lag = self._gauge(
            "chain_head_lag_seconds", "Age of the newest block the node shows", "chain"
        )
        self._head_number = self._gauge("chain_head_number", "Number of the newest block", "chain")
        self._gas_funds = self._gauge(
            "gas_funds_wei", "Native balance plus EntryPoint deposit of the account", "chain", "account"
        )
        self._occurrences = self._gauge("occurrences", "Occurrences in the journal by state", "state")

    def limit_observed(self, labels: LimitLabels, *, limit: int, used: int, reserved: int) -> None:
        """Note what a limit allows, what the chain counted, and what is in flight."""
        self.limits.set(labels, limit=limit, used=used, reserved=reserved)

    def session_expiry_observed(self, session: str, expires_at: int) -> None:
        """Note when a session ends."""
        self._expiry.labels(session).set(expires_at)

    def operation_finished(self, kind: str, outcome: str) -> None:
        """Count an operation: `final_ok`, `failed`, `skipped`, `held`, `rejected` …."""
        self._operations.labels(kind, outcome).inc()

    def occurrence_started(self, lateness_s: float) -> None:
        """Note how long after its due time an occurrence was taken up."""
        self._lateness.observe(max(0.0, lateness_s))

    def head_observed(self, chain: str, number: int, lag_s: float) -> None:
        """Note the newest block of a chain and its age."""
        self._head_number.labels(chain).set(number)
        self._head_lag.labels(chain).set(max(0.0, lag_s))

    def gas_funds_observed(self, chain: str, account: str, funds_wei: int) -> None:
        """Note what an account can pay for gas."""
        self._gas_funds.labels(chain, account).set(funds_wei)

    def occurrences_observed(self, counts: Mapping[str, int]) -> None:
        """Note how many occurrences are in each state; states left out are none."""
        self._occurrences.clear()
        for state, count in counts.items():
            self._occurrences.labels(state).set(count)

    def render(self) -> bytes:
        """Return the whole page in the text format 0.0.4."""
        return generate_latest(self.registry) + self.limits.render()

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"sessionkeeper_{name}", text, labels, registry=self.registry)
