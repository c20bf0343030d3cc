"""What trips which breaker, at which number exactly, and with which scope."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from agent.domain.breaker_facts import FactReader, is_error
from agent.domain.breakers import (
    CLOCK,
    ERRORS,
    FEES,
    OPERATIONS,
    REVERTS,
    SPEND,
    BreakerLimits,
    Fact,
    FactKind,
    Resets,
    Trip,
    duration_text,
    trips,
)
from agent.domain.budget import LimitKey
from agent.domain.head_breakers import FEES_NEEDED, HeadHistory, HeadSeen, head_trips
from agent.domain.hold import AccountScope, ChainScope, JobScope
from agent.domain.journal import JournalEntry
from agent.domain.paymaster import PaymasterKey
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, ChainId, Timestamp, Wei
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash, an_occurrence

USDC = Token("USDC", Address(b"\x0c" * 20), 6)
OTHER = Address(b"\x0d" * 20)
OFF = BreakerLimits((), 0, 3_600, 0, 3_600, 0, 600)
HOUR_S = 3_600


def facts(
    kind: FactKind,
    count: int,
    *,
    job: str = "rent",
    account: Address = ACCOUNT,
    ago_s: int = 1,
    usdc: int = 0,
) -> list[Fact]:
    spent = {USDC.address: usdc} if usdc else {}
    at = Timestamp(NOW - ago_s)
    return [Fact(at, kind, CHAIN_ID, account, job, spent, "aa23" * (kind is FactKind.ERROR))] * count


def tripped(found: Sequence[Fact], limits: BreakerLimits, resets: Resets | None = None) -> list[Trip]:
    return list(trips(found, {CHAIN_ID: limits}, resets or {}, NOW))


class TestSpend:
    LIMITS = replace(OFF, spend=(TokenAmount(USDC, 500_000_000),), operations=3)

    def test_an_account_that_signs_more_away_than_is_usual_is_stopped(self) -> None:
        most = facts(FactKind.SIGNED, 1, usdc=250_000_000) + facts(
            FactKind.SIGNED, 1, job="gym", usdc=250_000_000
        )
        assert tripped(most, self.LIMITS) == []
        (trip,) = tripped([*most, *facts(FactKind.SIGNED, 1, job="gym", usdc=1)], self.LIMITS)
        assert (trip.scope, trip.code) == (AccountScope(CHAIN_ID, ACCOUNT), SPEND)
        assert trip.sentence == "500.000001 USDC signed away within 1h, at most 500 USDC are usual"

    def test_other_accounts_tokens_chains_and_hours_do_not_count(self) -> None:
        (much,) = facts(FactKind.SIGNED, 1, usdc=10**12)
        others = [
            replace(much, spent={None: 10**12}),
            replace(much, chain_id=ChainId(10)),
            replace(much, at=Timestamp(NOW - HOUR_S)),
            replace(much, kind=FactKind.INCLUDED),
        ]
        assert tripped(others, self.LIMITS) == []

    def test_a_job_that_signs_too_often_is_stopped_by_itself(self) -> None:
        assert tripped(facts(FactKind.SIGNED, 3), self.LIMITS) == []
        (trip,) = tripped(facts(FactKind.SIGNED, 4) + facts(FactKind.SIGNED, 3, job="gym"), self.LIMITS)
        assert (trip.scope, trip.code) == (JobScope("rent"), OPERATIONS)
        assert trip.sentence == "4 operations signed within 1h, at most 3 are usual"


class TestReverts:
    LIMITS = replace(OFF, reverts=3)

    def test_a_job_whose_operations_revert_is_stopped(self) -> None:
        seen = facts(FactKind.REVERTED, 3) + facts(FactKind.INCLUDED, 3)
        (trip,) = tripped(seen, self.LIMITS)
        assert (trip.scope, trip.code) == (JobScope("rent"), REVERTS)
        assert trip.sentence == "3 of 6 operations reverted within 1h, 3 stop a job"

    def test_few_and_rare_reverts_are_usual(self) -> None:
        assert tripped(facts(FactKind.REVERTED, 2), self.LIMITS) == []
        assert tripped(facts(FactKind.REVERTED, 3) + facts(FactKind.INCLUDED, 4), self.LIMITS) == []

    def test_what_was_before_a_reset_does_not_count_again(self) -> None:
        seen = facts(FactKind.REVERTED, 3, ago_s=10)
        resets: Resets = {(JobScope("rent"), REVERTS): Timestamp(NOW - 10)}
        assert tripped(seen, self.LIMITS, resets) == []
        assert len(tripped(seen + facts(FactKind.REVERTED, 3), self.LIMITS, resets)) == 1


class TestErrors:
    LIMITS = replace(OFF, errors=4)

    def test_a_burst_of_one_job_stops_that_job_alone(self) -> None:
        found = facts(FactKind.ERROR, 4) + facts(FactKind.ERROR, 3, job="gym")
        (trip,) = tripped(found, self.LIMITS)
        assert (trip.scope, trip.code) == (JobScope("rent"), ERRORS)
        assert trip.sentence == "4 refusals within 10m, 4 of them aa23; 4 stop it"

    def test_a_burst_over_an_account_s_jobs_stops_the_account(self) -> None:
        found = facts(FactKind.ERROR, 2) + facts(FactKind.ERROR, 2, job="gym")
        found += facts(FactKind.ERROR, 3, job="tax", account=OTHER)
        assert [trip.scope for trip in tripped(found, self.LIMITS)] == [AccountScope(CHAIN_ID, ACCOUNT)]

    def test_a_burst_over_accounts_stops_the_chain(self) -> None:
        found = facts(FactKind.ERROR, 2) + facts(FactKind.ERROR, 2, job="tax", account=OTHER)
        assert [trip.scope for trip in tripped(found, self.LIMITS)] == [ChainScope(CHAIN_ID)]

    def test_a_reset_of_the_smaller_scope_does_not_trip_the_larger(self) -> None:
        found = facts(FactKind.ERROR, 4, ago_s=10) + facts(FactKind.ERROR, 1, job="gym")
        assert tripped(found, self.LIMITS, {(JobScope("rent"), ERRORS): Timestamp(NOW - 5)}) == []


def test_zero_turns_every_breaker_off() -> None:
    every = [fact for kind in FactKind for fact in facts(kind, 1_000, usdc=10**30)]
    assert tripped(every, OFF) == []


def a_head(base_fee_wei: int = 10**9, skew_s: int = 0) -> HeadSeen:
    return HeadSeen(Wei(base_fee_wei), Timestamp(NOW - skew_s), NOW)


def heads(*seen: HeadSeen, usual_wei: int = 10**9, known: int = FEES_NEEDED) -> list[str]:
    """Return what the newest of these heads trips, after as many usual ones."""
    history, limits = HeadHistory((Wei(usual_wei),) * known), BreakerLimits()
    for head in seen:
        history = history.after(head, limits)
    return [
        f"{trip.scope} {trip.code} {trip.sentence}"
        for trip in head_trips(history, seen[-1], CHAIN_ID, limits)
    ]


class TestFees:
    def test_a_spike_that_stays_stops_the_chain(self) -> None:
        spike = a_head(10**10 + 1)
        assert heads(spike, spike) == []
        assert heads(spike, spike, spike) == [
            f"chain:31337 {FEES} a base fee of 10000000001 wei, over 10 times the usual 1000000000 wei"
        ]

    @pytest.mark.parametrize(
        ("spike", "usual_wei", "known"),
        [(10**10, 10**9, FEES_NEEDED), (10**9 - 1, 10**6, FEES_NEEDED), (10**12, 10**9, FEES_NEEDED - 3)],
        ids=["ten times", "below the floor", "nothing is usual yet"],
    )
    def test_what_is_no_spike(self, spike: int, usual_wei: int, known: int) -> None:
        assert heads(*[a_head(spike)] * 3, usual_wei=usual_wei, known=known) == []

    def test_one_usual_block_between_ends_it(self) -> None:
        spike = a_head(10**12)
        assert heads(spike, spike, a_head(), spike, spike) == []


class TestClock:
    @pytest.mark.parametrize(("skew_s", "side"), [(601, "behind"), (-601, "ahead of")])
    def test_new_blocks_far_from_this_machine_s_time_stop_the_chain(self, skew_s: int, side: str) -> None:
        assert heads(*[a_head(skew_s=skew_s)] * 2) == []
        assert heads(*[a_head(skew_s=skew_s)] * 3) == [
            f"chain:31337 {CLOCK} new blocks are 601 s {side} this machine, 600 s are tolerated"
        ]

    def test_a_node_that_catches_up_is_waited_for(self) -> None:
        behind = [a_head(skew_s=7_200 - 20 * number) for number in range(300)]
        assert heads(*behind) == []
        assert len(heads(*behind, *[a_head(skew_s=1_220)] * 3)) == 1

    def test_a_clock_that_is_off_and_wavers_stops_the_chain(self) -> None:
        assert len(heads(a_head(skew_s=3_603), a_head(skew_s=3_600), a_head(skew_s=3_601))) == 1

    def test_a_little_skew_is_usual(self) -> None:
        assert heads(*[a_head(skew_s=600)] * 9) == []


class TestFacts:
    KEY = LimitKey(CHAIN_ID, a_hash(1), a_hash(2), Address(b"\x01" * 20), str(USDC.address))

    def read(self, *told: tuple[str, Mapping[str, object]]) -> list[Fact]:
        reader, run = FactReader(), an_occurrence()
        entries = [
            JournalEntry(number, NOW, run.id, event, "", "", json.dumps(data), "", "")
            for number, (event, data) in enumerate(told)
        ]
        return [fact for entry in entries if (fact := reader.read(entry, run)) is not None]

    def test_what_was_reserved_counts_when_it_is_signed(self) -> None:
        plan = {
            "reservations": {str(self.KEY): "7", "other": "9"},
            "facts": {"token": "native", "amount": "5"},
        }
        (fact,) = self.read(("plan", plan), ("sign", {}), ("send", {}))
        assert (fact.kind, fact.spent) == (FactKind.SIGNED, {USDC.address: 7, None: 5})

    def test_all_that_may_leave_of_a_token_counts_together(self) -> None:
        transfers, fees = (
            str(self.KEY),
            str(PaymasterKey(CHAIN_ID, "usdc", "2026-03-01", USDC.address, OTHER)),
        )
        approvals = str(replace(self.KEY, config_id=a_hash(3)))
        gas = str(PaymasterKey(CHAIN_ID, "usdc", "2026-03-01"))
        plan = {
            "reservations": {
                transfers: "7",
                approvals: "5",
                fees: "1",
                gas: "900",
                "job/rent/sold/total": "8",
            },
            "facts": {"token": str(USDC.address), "amount": "6"},
        }
        (fact,) = self.read(("plan", plan), ("sign", {}))
        assert fact.spent == {USDC.address: 13}

    def test_the_coin_that_a_call_sends_along_counts(self) -> None:
        plan = {"facts": {"to": str(OTHER), "value": "9", "text": "call poke()"}}
        (fact,) = self.read(("plan", plan), ("sign", {}))
        assert fact.spent == {None: 9}

    def test_what_was_planned_and_not_signed_does_not_count(self) -> None:
        assert self.read(("plan", {"facts": {"token": "native", "amount": "5"}}), ("unplan", {})) == []

    def test_inclusions_and_refusals(self) -> None:
        found = self.read(
            ("see_ok", {}),
            ("see_fail", {}),
            ("answer", {"code": "accepted"}),
            ("answer", {"code": "aa24"}),
            ("postpone", {"code": "insufficient_balance"}),
            ("hold", {"code": "internal_error"}),
            ("finalize", {}),
        )
        assert [fact.kind for fact in found] == [
            FactKind.INCLUDED,
            FactKind.REVERTED,
            FactKind.ERROR,
            FactKind.ERROR,
        ]
        assert [fact.code for fact in found] == ["", "", "aa24", "internal_error"]

    @pytest.mark.parametrize(
        "code",
        [
            "paymaster_refused",
            "paymaster_signature",
            "aa33",
            "execution_reverted",
            "execution_reverted_erc20insufficientbalance",
        ],
    )
    def test_what_is_waited_for_counts_for_what_was_signed_alone(self, code: str) -> None:
        told = {"code": code}
        assert self.read(("postpone", told), ("unplan", told)) == []
        assert [fact.code for fact in self.read(("answer", told), ("hold", told))] == [code, code]

    def test_a_bare_refusal_of_what_was_signed_is_given_more_gas_and_counted_by_nobody(self) -> None:
        told = {"code": "aa23_no_reason"}
        assert self.read(("answer", told)) == []
        assert [fact.kind for fact in self.read(("postpone", told))] == [FactKind.ERROR]

    @pytest.mark.parametrize("code", ["", "accepted", "unknown", "aa25", "throttled", "held", "fee_too_low"])
    def test_what_load_fees_and_races_bring_is_no_error(self, code: str) -> None:
        assert not is_error(code)


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45s"), (600, "10m"), (7_200, "2h"), (86_400, "1d"), (0, "0s")]
)
def test_durations_read_as_in_the_files(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text
