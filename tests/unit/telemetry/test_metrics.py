import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from agent.telemetry.limit_gauges import LimitGauges, LimitLabels
from agent.telemetry.metrics import Metrics


def a_metrics() -> Metrics:
    return Metrics(version="0.1.0", mode="live")


def samples(page: bytes) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def spending(session: str = "billing") -> LimitLabels:
    return LimitLabels(session, "ERC20SpendingLimit", "USDC", "base units")


def test_limit_is_four_samples_with_the_same_labels() -> None:
    metrics = a_metrics()

    metrics.limit_observed(spending(), limit=100, used=30, reserved=10)

    labels = "{limit=USDC,policy=ERC20SpendingLimit,session=billing,unit=base units}"
    page = samples(metrics.render())
    assert page["sessionkeeper_limit" + labels] == 100
    assert page["sessionkeeper_limit_used" + labels] == 30
    assert page["sessionkeeper_limit_reserved" + labels] == 10
    assert page["sessionkeeper_limit_remaining" + labels] == 60


def test_amounts_are_exact_to_the_last_unit() -> None:
    metrics = a_metrics()
    amount = 2**256 - 1

    metrics.limit_observed(spending(), limit=amount, used=1, reserved=0)

    text = metrics.render().decode()
    assert re.search(rf"^sessionkeeper_limit_remaining\{{.*\}} {amount - 1}$", text, re.MULTILINE)


def test_remaining_is_never_below_zero() -> None:
    gauges = LimitGauges()

    gauges.set(spending(), limit=10, used=8, reserved=5)

    assert gauges.render().decode().splitlines()[-1].endswith(" 0")


def test_newer_values_replace_older_ones() -> None:
    gauges = LimitGauges()

    gauges.set(spending(), limit=10, used=1, reserved=0)
    gauges.set(spending(), limit=10, used=2, reserved=0)

    assert gauges.render().decode().count("sessionkeeper_limit_used{") == 1
    assert (
        samples(gauges.render())[
            "sessionkeeper_limit_used{limit=USDC,policy=ERC20SpendingLimit,session=billing,unit=base units}"
        ]
        == 2
    )


def test_forgotten_session_leaves_the_page() -> None:
    gauges = LimitGauges()
    gauges.set(spending("old"), limit=10, used=1, reserved=0)
    gauges.set(spending("kept"), limit=10, used=1, reserved=0)

    gauges.forget_session("old")

    assert "old" not in gauges.render().decode()
    assert "kept" in gauges.render().decode()


ROWS = st.tuples(st.text(), st.text(), st.integers(0, 2**53))


@given(st.lists(ROWS, unique_by=lambda row: row[:2]))
def test_page_equals_what_the_library_renders(rows: list[tuple[str, str, int]]) -> None:
    labels = ["session", "policy", "limit", "unit"]
    gauges = LimitGauges()
    family = GaugeMetricFamily("sessionkeeper_limit_used", "x", labels=labels)
    for session, limit, used in rows:
        gauges.set(LimitLabels(session, "p", limit, "wei"), limit=0, used=used, reserved=0)
        family.add_metric([session, "p", limit, "wei"], used)

    class Peer(Collector):
        def collect(self) -> list[GaugeMetricFamily]:
            return [family]

    registry = CollectorRegistry()
    registry.register(Peer())

    def used_only(page: bytes) -> dict[str, float]:
        return {
            name: value
            for name, value in samples(page).items()
            if name.startswith("sessionkeeper_limit_used")
        }

    assert used_only(gauges.render()) == used_only(generate_latest(registry))


def test_page_has_every_promised_metric() -> None:
    metrics = a_metrics()
    metrics.limit_observed(spending(), limit=1, used=0, reserved=0)
    metrics.session_expiry_observed("billing", 1_800_000_000)
    metrics.operation_finished("subscription", "final_ok")
    metrics.occurrence_started(0.2)
    metrics.head_observed("devnet", 42, 1.5)
    metrics.gas_funds_observed("devnet", "0x00", 10**18)
    metrics.occurrences_observed({"sent": 2, "final_ok": 5})

    page = samples(metrics.render())

    assert page["sessionkeeper_build_info{mode=live,version=0.1.0}"] == 1
    assert page["sessionkeeper_session_expiry_timestamp_seconds{session=billing}"] == 1_800_000_000
    assert page["sessionkeeper_operations_total{kind=subscription,outcome=final_ok}"] == 1
    assert page["sessionkeeper_occurrence_lateness_seconds_bucket{le=0.25}"] == 1
    assert page["sessionkeeper_chain_head_number{chain=devnet}"] == 42
    assert page["sessionkeeper_chain_head_lag_seconds{chain=devnet}"] == 1.5
    assert page["sessionkeeper_gas_funds_wei{account=0x00,chain=devnet}"] == 10**18
    assert page["sessionkeeper_occurrences{state=sent}"] == 2


def test_state_nobody_is_in_any_more_leaves_the_page() -> None:
    metrics = a_metrics()
    metrics.occurrences_observed({"sent": 2})

    metrics.occurrences_observed({"final_ok": 2})

    assert "sessionkeeper_occurrences{state=sent}" not in samples(metrics.render())


def test_two_workers_in_one_process_do_not_share_a_registry() -> None:
    first, second = a_metrics(), a_metrics()

    first.operation_finished("subscription", "failed")

    assert "failed" not in second.render().decode()
