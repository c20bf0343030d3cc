"""What Prometheus scrapes. One object per worker, with a registry of its own."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from agent.telemetry.limit_gauges import LimitGauges, LimitLabels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENESS_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
REORG_BUCKETS = (1, 2, 3, 5, 8, 16, 32, 64, 128, 256)


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
        self._heads = Counter(
            "sessionkeeper_heads",
            "New heads by what told of them: a stream, or a poll",
            ["chain", "source"],
            registry=self.registry,
        )
        self._reorg_depth = Histogram(
            "sessionkeeper_reorg_depth_blocks",
            "Blocks that had been seen and left the chain, for each time some did",
            ["chain"],
            buckets=REORG_BUCKETS,
            registry=self.registry,
        )
        endpoint = ("chain", "kind", "endpoint")
        self._endpoint_healthy = self._gauge(
            "endpoint_healthy", "1 while the node or bundler is asked in its turn", *endpoint
        )
        self._endpoint_failures = self._gauge(
            "endpoint_failures", "Requests without a usable answer since the start", *endpoint
        )
        self._endpoint_dissents = self._gauge(
            "endpoint_dissents", "Answers unlike those of nodes that had to agree, since the start", *endpoint
        )
        self._gas_funds = self._gauge(
            "gas_funds_wei", "Native balance plus EntryPoint deposit of the account", "chain", "account"
        )
        paymaster = ("chain", "paymaster", "unit", "account")
        self._paymaster = {
            what: self._gauge(f"paymaster_day_{what}", text, *paymaster)
            for what, text in (
                ("limit", "What the paymaster may pay, or take from an account, in a UTC day"),
                ("used", "What it paid or took today, by the agent's own count"),
                ("reserved", "What operations in flight may still use of the day"),
            )
        }
        self._job_cap = {
            what: self._gauge(f"job_cap_{what}", text, "job", "cap", "unit")
            for what, text in (
                ("limit", "What the job's own cap allows, in base units: in a UTC day, or in all"),
                ("used", "What the job used of its cap, by the agent's own count"),
                ("reserved", "What the job's operations in flight may still use of the cap"),
            )
        }
        self._swept = self._gauge("drift_sweep_block", "Block of the newest drift sweep", "chain")
        self._holds = self._gauge("session_holds", "Causes for which a session is held", "session")
        self._stops = self._gauge("holds", "1 for each scope and code that sends nothing", "scope", "code")
        self._trips = Counter(
            "sessionkeeper_breaker_trips", "Breakers that stopped something", ["code"], registry=self.registry
        )
        self._findings = self._gauge(
            "session_findings", "What the lint rules find about the session, by level", "session", "level"
        )
        self._drifts = Counter(
            "sessionkeeper_session_drifts",
            "Changes of sessions found on chain, by kind",
            ["session", "code"],
            registry=self.registry,
        )
        self._watched = self._gauge("watched_jobs", "Jobs that the chain makes due", "chain")
        self._watch_block = self._gauge("watch_block", "Newest block that was judged for them", "chain")
        self._watch_alarms = self._gauge(
            "watch_alarms", "Watched jobs that cannot see what they protect, by reason", "chain", "code"
        )
        self._firings = Counter(
            "sessionkeeper_firings", "Occurrences that the chain made due", ["kind"], registry=self.registry
        )
        self._occurrences = self._gauge("occurrences", "Occurrences in the journal by state", "state")

    def limit_observed(
        self,
        labels: LimitLabels,
        *,
        limit: int,
        used: int,
        reserved: int,
        burned: int = 0,
        epoch: int = 1,
    ) -> None:
        """Note what a limit allows, what the chain counted (`burned` of it in vain), what is in flight."""
        self.limits.set(labels, limit=limit, used=used, reserved=reserved, burned=burned, epoch=epoch)

    def session_expiry_observed(self, session: str, expires_at: int) -> None:
        """Note when a session ends."""
        self._expiry.labels(session).set(expires_at)

    def sweep_observed(self, chain: str, block: int) -> None:
        """Note which block the newest sweep of a chain's sessions looked at."""
        self._swept.labels(chain).set(block)

    def session_holds_observed(self, session: str, count: int) -> None:
        """Note for how many causes a session is held."""
        self._holds.labels(session).set(count)

    def holds_observed(self, stops: Iterable[tuple[str, str]]) -> None:
        """Note every scope that sends nothing, with the code of the hold."""
        self._stops.clear()
        for scope, code in stops:
            self._stops.labels(scope, code).set(1)

    def breaker_tripped(self, code: str) -> None:
        """Count a breaker that stopped something."""
        self._trips.labels(code).inc()

    def session_findings_observed(self, session: str, level: str, count: int) -> None:
        """Note how many findings of a level the lint rules have about a session."""
        self._findings.labels(session, level).set(count)

    def drift_seen(self, session: str, code: str) -> None:
        """Count a change of a session."""
        self._drifts.labels(session, code).inc()

    def operation_finished(self, kind: str, outcome: str) -> None:
        """Count an operation: `final_ok`, `failed`, `skipped`, `held`, `rejected` …."""
        self._operations.labels(kind, outcome).inc()

    def occurrence_started(self, lateness_s: float) -> None:
        """Note how long after its due time an occurrence was taken up."""
        self._lateness.observe(max(0.0, lateness_s))

    def watch_observed(self, chain: str, block: int, jobs: int, alarms: Mapping[str, int]) -> None:
        """Note which block was judged for how many jobs, and how many of them alarm, by code."""
        self._watched.labels(chain).set(jobs)
        self._watch_block.labels(chain).set(block)
        for code, count in alarms.items():
            if code:
                self._watch_alarms.labels(chain, code).set(count)

    def fired(self, kind: str) -> None:
        """Count an occurrence that the chain made due."""
        self._firings.labels(kind).inc()

    def head_observed(self, chain: str, number: int, lag_s: float) -> None:
        """Note the newest block of a chain and its age."""
        self._head_number.labels(chain).set(number)
        self._head_lag.labels(chain).set(max(0.0, lag_s))

    def head_moved(self, chain: str, source: str) -> None:
        """Count a new head; `source` is `stream` or `poll`."""
        self._heads.labels(chain, source).inc()

    def reorg_seen(self, chain: str, depth: int) -> None:
        """Note that so many blocks left the chain at once."""
        self._reorg_depth.labels(chain).observe(depth)

    def endpoint_observed(
        self, endpoint: tuple[str, str, str], *, healthy: bool, failures: int, dissents: int
    ) -> None:
        """Note how a node or bundler (chain, kind, name without URL) answers; counts are since the start."""
        self._endpoint_healthy.labels(*endpoint).set(healthy)
        self._endpoint_failures.labels(*endpoint).set(failures)
        self._endpoint_dissents.labels(*endpoint).set(dissents)

    def gas_funds_observed(self, chain: str, account: str, funds_wei: int) -> None:
        """Note what an account can pay for gas."""
        self._gas_funds.labels(chain, account).set(funds_wei)

    def paymasters_observed(
        self, chain: str, days: Iterable[tuple[tuple[str, str, str], int, int, int]]
    ) -> None:
        """Note limit, use and reservations of today by (paymaster, unit, account); others are of the past."""
        for gauge in self._paymaster.values():
            gauge.remove_by_labels({"chain": chain})
        for labels, *values in days:
            for what, value in zip(("limit", "used", "reserved"), values, strict=True):
                self._paymaster[what].labels(chain, *labels).set(value)

    def job_caps_observed(self, caps: Iterable[tuple[tuple[str, str, str], int, int, int]]) -> None:
        """Note limit, use and reservations of every cap by (job, cap, unit); others are gone."""
        for gauge in self._job_cap.values():
            gauge.clear()
        for labels, *values in caps:
            for what, value in zip(("limit", "used", "reserved"), values, strict=True):
                self._job_cap[what].labels(*labels).set(value)

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
